"""Manifest fields and notice of an exported bundle, as its encoder, its recipe and its head give them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from student.artifacts.digests import digest_file
from student.bundle.linear_head import INTENT, LinearHead
from student.bundle.manifest import Origin, created_at
from student.distill.cards import attributions, share_alike
from student.distill.export.recipe import ExportRecipe
from student.distill.licenses import joined, spdx
from student.distill.pretrained import Pretrained
from student.distill.targets import TARGETS_MANIFEST, TargetsManifest, read_targets_manifest

MIN_PROBE_SIMILARITY = 0.995
DISTILLATION_FIELDS = ("recipe", "mix", "log", "teachers", "links")


def manifest_fields(
    pretrained: Pretrained,
    recipe: ExportRecipe,
    head: LinearHead,
    *,
    limits: Mapping[str, Any],
    metrics: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """The manifest of a bundle, without `files` and `adapter`.

    Args:
        pretrained: the encoder.
        recipe: the bundle's.
        head: its intent head.
        limits: of `student.distill.export.limits`.
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
        "limits": dict(limits),
        "metrics": dict(metrics),
        "lineage": _lineage(pretrained, recipe, targets),
        "licenses": [
            {"spdx": joined([pretrained.license]), "applies_to": "encoder.onnx, tokenizer.json", "file": "LICENSE.txt"},
            {"spdx": spdx(recipe.license), "applies_to": "everything else", "file": "LICENSE.txt"},
        ],
        "model_card": "MODEL_CARD.md",
        **({"privacy": list(spent.values())} if spent else {}),
        **(
            {"distillation": {key: distillation[key] for key in DISTILLATION_FIELDS if key in distillation}}
            if distillation
            else {}
        ),
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
        origins.append(_origin("teacher's query adapter", recipe.query_adapter.name, digest, _of_teachers(targets)))
    if targets:
        manifest, digest = targets
        licenses = joined(origin.license for origin in manifest.lineage)
        origins.append(_origin("targets", TARGETS_MANIFEST, digest, licenses))
        origins += [origin.model_dump() for origin in manifest.lineage]
    return list({(o["role"], o["sha256"]): o for o in origins}.values())


def _of_teachers(targets: tuple[TargetsManifest, str] | None) -> str:
    """The licence of what a teacher's folder holds beside its weights."""
    lineage = targets[0].lineage if targets else []
    return joined(origin.license for origin in lineage if origin.role == "teacher")


def _origin(role: str, name: str, sha256: str, spdx: str) -> dict[str, Any]:
    return Origin(role=role, name=name, sha256=sha256, license=spdx).model_dump()


def notice(fields: Mapping[str, Any]) -> str:
    """The bundle's NOTICE.txt: what it holds, what it was made from, and whom the licences ask to name.

    Args:
        fields: of the manifest.
    """
    lineage = fields["lineage"]
    held = next(origin for origin in lineage if origin["role"] == "encoder")
    intents = [f"{o['name']} ({o['license']})" for o in lineage if o["role"] == "intent texts"]
    made_from = [o for o in lineage if o["role"] not in ("encoder", "intent texts")]
    parts = [
        f"This bundle holds {held['name']} ({held['license']}), converted to ONNX and quantized to int8.\n"
        "The licences are in LICENSE.txt.\n",
        f"The intent head was trained on {', '.join(intents)}; the texts themselves\nare not part of the bundle.\n",
    ]
    if made_from:
        lines = "".join(f"  {o['role']}: {o['name']} ({o['license']})\n" for o in made_from)
        parts.insert(1, f"It was made from:\n{lines}The texts themselves are not part of it.\n")
    if bound := share_alike(lineage):
        parts.append(f"{bound}\n")
    if named := attributions(lineage):
        parts.append("Attribution:\n" + "".join(f"  {line}\n" for line in named))
    return "\n".join(parts)
