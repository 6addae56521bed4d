"""Makes a bundle from a pretrained encoder: export, quantize, compare, train the intent head, write."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from student.artifacts.digests import digest_file
from student.bundle.folder import Bundle, write_bundle
from student.bundle.linear_head import INTENT, LinearHead, pack_head
from student.bundle.manifest import created_at
from student.bundle.query_adapter import QueryAdapter, pack_adapter
from student.distill.encoder.recipe import Bounds
from student.distill.export.fidelity import (
    Fidelity,
    compare_embeddings,
    encode_with_torch,
    require_fidelity,
    require_teacher_similarity,
)
from student.distill.export.model_card import write_model_card
from student.distill.export.onnx_graph import export_graph, export_plain_graph, quantize_graph
from student.distill.heads.adapter_distillation import distill_adapter_from_targets
from student.distill.heads.head_distillation import read_soft_labels
from student.distill.heads.intent_head import read_labelled, read_texts, train_intent_head
from student.distill.pretrained import Pretrained, read_query_adapter
from student.distill.targets import TARGETS_MANIFEST, read_targets_manifest
from student.errors import OrillaError
from student.runtime.encoder import Encoder
from student.runtime.probes import write_probes

PROBE_TEXTS = [
    "How do I reset my password?",
    "¿Cómo restablezco mi contraseña?",
    "refund",
    "factura??",
    "The site is down since this morning and nobody answers, this is unacceptable!!",
    "la pagina no carga desde ayer, porfa ayuda",
    "Necesito el CFDI de octubre para mi contador, el PDF que bajé no trae el RFC.",
    "My certificate expired and the browser says the connection is not private.",
    "DNS A 192.0.2.17 TTL 3600",
    "I was charged twice for the same invoice, 14.90 € each, on the 3rd and on the 5th.",
    "Backups are taken every night at 02:00 and kept for fourteen days. You can restore files, databases and "
    "mailboxes by yourself from the control panel; a restore takes between five and sixty minutes, depending on "
    "the number of files, and never deletes what was added to the folder after the backup was taken.",
    "Los cambios de servidores de nombres pueden tardar hasta 48 horas en verse en todo el mundo, porque cada "
    "operador guarda la respuesta anterior durante el tiempo que indica el TTL. Mientras tanto, unos visitantes "
    "verán el servidor antiguo y otros el nuevo, así que conviene dejar los dos encendidos.",
]
MIN_PROBE_SIMILARITY = 0.995
_ADAPTER_FILE = "adapter.safetensors"
_MAX_SOFT_LABELS = 20_000


class OutputExists(OrillaError):
    """Something is where an export should go."""


@dataclass(frozen=True, slots=True)
class ExportRecipe:
    """What goes into a bundle.

    Attributes:
        name, serial: the bundle's own.
        intents: JSON lines of labelled texts for the intent head, and where they come from.
        out_of_scope: JSON lines of texts of no intent, to measure; or None.
        passages: Markdown files or folders; their paragraphs are compared too, besides the labelled texts.
        targets: of a teacher with an intent head, which the head then learns from too; or None.
        query_adapter: file of the teacher's, which the bundle's then learns from `targets`; or None.
        seed: of the split of the labelled texts.
    """

    name: str
    serial: int
    intents: Path
    intents_name: str
    intents_license: str
    out_of_scope: Path | None
    passages: tuple[Path, ...]
    targets: Path | None = None
    query_adapter: Path | None = None
    seed: int = 0


def export_bundle(
    pretrained: Pretrained,
    recipe: ExportRecipe,
    path: Path,
    *,
    now: datetime,
    replace: bool = False,
    on_step: Callable[[str], None] = lambda step: None,
) -> Bundle:
    """Makes a bundle.

    Args:
        pretrained: the encoder, verified.
        recipe: what to make of it.
        path: where the bundle goes.
        now: its time of making.
        replace: allow a bundle at `path` to be replaced.
        on_step: told what is being done, for a progress display.

    Raises:
        FidelityLost: the student is further from its teacher, or the quantized encoder from the pretrained one, than
            the student's recipe allows; nothing was written.
    """
    bounds = _bounds(pretrained)
    data = read_labelled(recipe.intents)
    texts = _comparison_texts(data.texts, recipe.passages)
    with tempfile.TemporaryDirectory() as folder:
        on_step("exporting to ONNX")
        float_graph = export_graph(pretrained, Path(folder))
        on_step("quantizing to int8")
        graph = quantize_graph(float_graph)
        tokenizer = (pretrained.path / "tokenizer.json").read_bytes()
        on_step(f"comparing torch, ONNX and int8 on {len(texts)} texts")
        exported, quantized = _compare_all(pretrained, float_graph.read_bytes(), graph, tokenizer, texts)
    require_fidelity(exported, quantized, bounds)
    encoder = _encoder(pretrained, graph, tokenizer)
    on_step(f"training the intent head on {len(data.texts)} texts")
    outside = read_texts(recipe.out_of_scope) if recipe.out_of_scope else []
    soft = read_soft_labels(recipe.targets, encoder.encode, count=_MAX_SOFT_LABELS) if recipe.targets else None
    head, head_metrics = train_intent_head(data, outside, encoder.encode, soft=soft, seed=recipe.seed)
    adapter = _distill_adapter(recipe, pretrained.dimension, encoder)
    on_step("writing the bundle")
    metrics = {
        "onnx_against_torch": exported.as_metrics(),
        "int8_against_onnx": quantized.as_metrics(),
        "intent_head_on_held_out_texts": head_metrics.as_metrics(),
    }
    fields = _manifest_fields(pretrained, recipe, head, metrics, now)
    contents = {
        "encoder.onnx": graph,
        "tokenizer.json": tokenizer,
        "intent.safetensors": pack_head(head.weight, head.bias),
        "probes.json": write_probes(PROBE_TEXTS, encoder, {INTENT: head}),
        "LICENSE.txt": (files("student.distill") / "apache-2.0.txt").read_bytes(),
        "NOTICE.txt": _notice(pretrained, recipe).encode(),
        "MODEL_CARD.md": write_model_card(fields).encode(),
    }
    if adapter:
        fields["adapter"] = {"file": _ADAPTER_FILE, "rank": len(adapter.a)}
        contents[_ADAPTER_FILE] = pack_adapter(adapter)
    encoder.close()
    return write_bundle(path, fields, contents, replace=replace)


def _distill_adapter(recipe: ExportRecipe, dimension: int, encoder: Encoder) -> QueryAdapter | None:
    """The bundle's query adapter, as the teacher's teaches it on its targets."""
    if recipe.query_adapter is None or recipe.targets is None:
        return None
    taught = read_query_adapter(recipe.query_adapter, dimension)
    return distill_adapter_from_targets(recipe.targets, taught, encoder.encode, count=_MAX_SOFT_LABELS)


def export_onnx(pretrained: Pretrained, folder: Path) -> Path:
    """Writes a sentence-transformers folder with its encoder as plain float32 ONNX in `onnx/model.onnx`.

    sentence-transformers (`backend="onnx"`), optimum and any ONNX runtime load it.

    Raises:
        OutputExists: the folder is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise OutputExists(f"{folder} is not empty; name another folder")
    with tempfile.TemporaryDirectory() as made:
        graph = export_plain_graph(pretrained, Path(made))
        shutil.copytree(pretrained.path, folder, dirs_exist_ok=True)
        (folder / "onnx").mkdir(exist_ok=True)
        shutil.copyfile(graph, folder / "onnx" / "model.onnx")
    return folder


def _bounds(pretrained: Pretrained) -> Bounds:
    """Those of the student's recipe, checked against how its run ended; the default ones of another encoder."""
    if not pretrained.distillation:
        return Bounds()
    bounds = Bounds.model_validate(pretrained.distillation["recipe"].get("bounds", {}))
    require_teacher_similarity(pretrained.distillation["log"], bounds)
    return bounds


def _compare_all(
    pretrained: Pretrained, float_graph: bytes, graph: bytes, tokenizer: bytes, texts: list[str]
) -> tuple[Fidelity, Fidelity]:
    """ONNX float32 against torch, and int8 against ONNX float32."""
    torch_embeddings = encode_with_torch(pretrained, texts)
    float_encoder, int8_encoder = (
        _encoder(pretrained, float_graph, tokenizer),
        _encoder(pretrained, graph, tokenizer),
    )
    float_embeddings, int8_embeddings = float_encoder.encode(texts), int8_encoder.encode(texts)
    float_encoder.close()
    int8_encoder.close()
    return compare_embeddings(float_embeddings, torch_embeddings), compare_embeddings(int8_embeddings, float_embeddings)


def _encoder(pretrained: Pretrained, graph: bytes, tokenizer: bytes) -> Encoder:
    return Encoder(graph, tokenizer, dimension=pretrained.dimension, max_tokens=pretrained.max_tokens)


def _comparison_texts(labelled: list[str], passages: tuple[Path, ...]) -> list[str]:
    """Probe texts, every so many of the labelled texts, and paragraphs of the passages; at most 1,000 or so."""
    documents = [p for path in passages for p in (sorted(path.rglob("*.md")) if path.is_dir() else [path])]
    paragraphs = [
        block.strip()
        for document in documents
        for block in document.read_text(encoding="utf-8").split("\n\n")
        if len(block) > 80
    ]
    texts = PROBE_TEXTS + labelled[:: max(1, len(labelled) // 500)] + paragraphs[:: max(1, len(paragraphs) // 500)]
    return list(dict.fromkeys(texts))


def _manifest_fields(
    pretrained: Pretrained,
    recipe: ExportRecipe,
    head: LinearHead,
    metrics: dict[str, Any],
    now: datetime,
) -> dict[str, Any]:
    distillation, privacy = pretrained.distillation, list(pretrained.privacy)
    origins = [
        {
            "role": "encoder",
            "name": pretrained.name,
            "sha256": pretrained.weights_sha256,
            "license": pretrained.license,
        },
        {
            "role": "intent texts",
            "name": recipe.intents_name,
            "sha256": digest_file(recipe.intents),
            "license": recipe.intents_license,
        },
        *(distillation["lineage"] if distillation else []),
    ]
    if recipe.query_adapter:
        digest = digest_file(recipe.query_adapter)
        origins.append(
            {
                "role": "teacher's query adapter",
                "name": recipe.query_adapter.name,
                "sha256": digest,
                "license": "Apache-2.0",
            }
        )
    if recipe.targets:
        targets, digest = read_targets_manifest(recipe.targets)
        origins += [{"role": "targets", "name": TARGETS_MANIFEST, "sha256": digest, "license": "Apache-2.0"}]
        origins += [origin.model_dump() for origin in targets.lineage]
        privacy += targets.privacy
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
        "metrics": metrics,
        "lineage": list({(o["role"], o["sha256"]): o for o in origins}.values()),
        "licenses": [
            {"spdx": pretrained.license, "applies_to": "encoder.onnx, tokenizer.json", "file": "LICENSE.txt"},
            {"spdx": "Apache-2.0", "applies_to": "everything else", "file": "LICENSE.txt"},
        ],
        "model_card": "MODEL_CARD.md",
        **({"privacy": list(spent.values())} if spent else {}),
        **({"distillation": {key: distillation[key] for key in ("recipe", "mix", "log")}} if distillation else {}),
    }


def _limits(pretrained: Pretrained) -> dict[str, Any]:
    """What the model card says of the bundle's use."""
    known = [
        "The intents are general ones of customer support, in English; a deployment trains its own.",
        "The intent texts hold many near-copies of each other, so the accuracy below is higher than messages of real "
        "customers will see.",
    ]
    if pretrained.distillation:
        summary = f"{pretrained.name}, distilled from a teacher on public texts, in ONNX, quantized to int8."
        known.append("It learned from help centres and technical documentation; other subjects are understood less.")
    else:
        summary = f"{pretrained.name} in ONNX, quantized to int8, not distilled, with an intent head."
        known.append("The encoder was trained on English; Spanish is found mostly through words both languages share.")
    use = "Finding and citing passages of a branch's own documents, and naming a message's intent."
    return {"summary": summary, "intended_use": use, "known": known}


def _notice(pretrained: Pretrained, recipe: ExportRecipe) -> str:
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
