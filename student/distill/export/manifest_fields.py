"""Manifest fields and notice of an exported bundle, as its encoder, its recipe and its head give them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from student.artifacts.digests import digest_file
from student.bundle.linear_head import INTENT, LinearHead
from student.bundle.manifest import Origin, created_at
from student.distill.export.recipe import ExportRecipe
from student.distill.pretrained import Pretrained
from student.distill.targets import TARGETS_MANIFEST, TargetsManifest, read_targets_manifest

MIN_PROBE_SIMILARITY = 0.995


def manifest_fields(
    pretrained: Pretrained, recipe: ExportRecipe, head: LinearHead, metrics: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """The manifest of a bundle, without `files` and `adapter`.

    Args:
        pretrained: the encoder.
        recipe: the bundle's.
        head: its intent head.
        metrics: groups of figures.
        now: its time of making.
    """
    distillation = pretrained.distillation
    targets = read_targets_manifest(recipe.targets) if recipe.targets else None
    privacy = [*pretrained.privacy, *(targets[0].privacy if targets else [])]
    spent = {each.sha256: each.model_dump() for each in privacy}
    return {
        "name": recipe.name,
        "serial": recipe.serial,
        "created": created_at(now),
        "embedding_space": pretrained.embedding_space,
        "languages": distillation["languages"] if distillation else ["en"],
        "encoder": {
            "graph": "encoder.onnx",
            "tokenizer": "tokenizer.json",
            "dimension": pretrained.dimension,
            "max_tokens": pretrained.max_tokens,
        },
        "heads": {
            INTENT: {
                "file": "intent.safetensors",
                "labels": list(head.labels),
                "temperature": head.temperature,
                "threshold": head.threshold,
            }
        },
        "probes": {"file": "probes.json", "min_similarity": MIN_PROBE_SIMILARITY},
        "limits": _limits(pretrained),
        "metrics": dict(metrics),
        "lineage": _lineage(pretrained, recipe, targets),
        "licenses": [
            {"spdx": pretrained.license, "applies_to": "encoder.onnx, tokenizer.json", "file": "LICENSE.txt"},
            {"spdx": "Apache-2.0", "applies_to": "everything else", "file": "LICENSE.txt"},
        ],
        "model_card": "MODEL_CARD.md",
        **({"privacy": list(spent.values())} if spent else {}),
        **({"distillation": {key: distillation[key] for key in ("recipe", "mix", "log")}} if distillation else {}),
    }


def _lineage(
    pretrained: Pretrained, recipe: ExportRecipe, targets: tuple[TargetsManifest, str] | None
) -> list[dict[str, Any]]:
    """Everything that the bundle is made from, each once."""
    origins = [
        pretrained.as_origin("encoder").model_dump(),
        _origin("intent texts", recipe.intents_name, digest_file(recipe.intents), recipe.intents_license),
        *(pretrained.distillation["lineage"] if pretrained.distillation else []),
    ]
    if recipe.query_adapter:
        digest = digest_file(recipe.query_adapter)
        origins.append(_origin("teacher's query adapter", recipe.query_adapter.name, digest, "Apache-2.0"))
    if targets:
        manifest, digest = targets
        origins.append(_origin("targets", TARGETS_MANIFEST, digest, "Apache-2.0"))
        origins += [origin.model_dump() for origin in manifest.lineage]
    return list({(o["role"], o["sha256"]): o for o in origins}.values())


def _origin(role: str, name: str, sha256: str, spdx: str) -> dict[str, Any]:
    return Origin(role=role, name=name, sha256=sha256, license=spdx).model_dump()


def _limits(pretrained: Pretrained) -> dict[str, Any]:
    """The intended use and the known limits, for the model card."""
    known = [
        "The intents are general ones of customer support, in English; a deployment trains its own.",
        "The intent texts hold many near-copies of each other, so the accuracy below is higher than messages of real "
        "customers will see.",
    ]
    if pretrained.distillation:
        summary = f"{pretrained.name}, distilled from a teacher on public texts, in ONNX, quantized to int8."
        known.append("It learned from help centers and technical documentation; other subjects are understood less.")
    else:
        summary = f"{pretrained.name} in ONNX, quantized to int8, not distilled, with an intent head."
        known.append("The encoder was trained on English; Spanish is found mostly through words both languages share.")
    use = "Finding and citing passages of a branch's own documents, and naming a message's intent."
    return {"summary": summary, "intended_use": use, "known": known}


def notice(pretrained: Pretrained, recipe: ExportRecipe) -> str:
    """The bundle's NOTICE.txt: what it holds and what it was made from."""
    distillation = pretrained.distillation
    made_from = "".join(
        f"  {o['role']}: {o['name']} ({o['license']})\n" for o in (distillation or {}).get("lineage", [])
    )
    return (
        f"This bundle holds {pretrained.name} ({pretrained.license}), converted to ONNX and quantized to int8.\n"
        "The licence is in LICENSE.txt.\n\n"
        + (f"It was distilled from:\n{made_from}The texts themselves are not part of it.\n\n" if made_from else "")
        + f"The intent head was trained on {recipe.intents_name} ({recipe.intents_license}); the texts themselves\n"
        "are not part of the bundle.\n"
    )
