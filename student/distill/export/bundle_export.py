"""Export of a bundle from a pretrained encoder: graph, int8, comparison, intent head, files."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from student.bundle.folder import Bundle, write_bundle
from student.bundle.linear_head import INTENT, LinearHead, pack_head
from student.bundle.query_adapter import QueryAdapter, pack_adapter
from student.distill.encoder.recipe import Bounds
from student.distill.export.fidelity import (
    Fidelity,
    compare_embeddings,
    encode_with_torch,
    require_fidelity,
    require_teacher_similarity,
)
from student.distill.export.manifest_fields import manifest_fields, notice
from student.distill.export.model_card import write_model_card
from student.distill.export.onnx_graph import export_graph, quantize_graph
from student.distill.export.probe_texts import PROBE_TEXTS
from student.distill.export.recipe import ExportRecipe
from student.distill.heads.adapter_distillation import distill_adapter_from_targets
from student.distill.heads.head_distillation import read_soft_labels
from student.distill.heads.intent_head import HeadMetrics, LabelledTexts, read_labelled, read_texts, train_intent_head
from student.distill.pretrained import Pretrained, read_query_adapter, require_exportable
from student.runtime.encoder import Encoder
from student.runtime.probes import write_probes

_ADAPTER_FILE = "adapter.safetensors"
_MAX_SOFT_LABELS = 20_000
_OnStep = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _ExportedEncoder:
    """The int8 graph, its tokenizer, and how close it stays to torch."""

    graph: bytes
    tokenizer: bytes
    against_torch: Fidelity
    int8_against_float: Fidelity


def export_bundle(
    pretrained: Pretrained,
    recipe: ExportRecipe,
    path: Path,
    *,
    now: datetime,
    replace: bool = False,
    on_step: _OnStep = lambda step: None,
) -> Bundle:
    """Makes a bundle.

    Args:
        pretrained: the encoder, verified.
        recipe: what to make of it.
        path: where the bundle goes.
        now: its time of making.
        replace: allow a bundle at `path` to be replaced.
        on_step: called with the name of each step, for a progress display.

    Raises:
        WeightsRefused: no bundle can be made of such an encoder.
        FidelityLost: the student is further from its teacher, or the quantized encoder from the pretrained one, than
            the student's recipe allows; nothing was written.
    """
    require_exportable(pretrained)
    bounds, data = _bounds(pretrained), read_labelled(recipe.intents)
    exported = _export_encoder(pretrained, _comparison_texts(data.texts, recipe.passages), on_step)
    require_fidelity(exported.against_torch, exported.int8_against_float, bounds)
    encoder = _encoder(pretrained, exported.graph, exported.tokenizer)
    on_step(f"training the intent head on {len(data.texts)} texts")
    head, head_metrics = _train_head(recipe, data, encoder)
    adapter = _distill_adapter(recipe, pretrained.dimension, encoder)
    on_step("writing the bundle")
    metrics = {
        "onnx_against_torch": exported.against_torch.as_metrics(),
        "int8_against_onnx": exported.int8_against_float.as_metrics(),
        "intent_head_on_held_out_texts": head_metrics.as_metrics(),
    }
    fields: dict[str, Any] = manifest_fields(pretrained, recipe, head, metrics, now)
    contents = {
        "encoder.onnx": exported.graph,
        "tokenizer.json": exported.tokenizer,
        "intent.safetensors": pack_head(head.weight, head.bias),
        "probes.json": write_probes(PROBE_TEXTS, encoder, {INTENT: head}),
        "LICENSE.txt": (files("student.distill") / "apache-2.0.txt").read_bytes(),
        "NOTICE.txt": notice(pretrained, recipe).encode(),
        "MODEL_CARD.md": write_model_card(fields).encode(),
    }
    if adapter:
        fields["adapter"] = {"file": _ADAPTER_FILE, "rank": len(adapter.a)}
        contents[_ADAPTER_FILE] = pack_adapter(adapter)
    encoder.close()
    return write_bundle(path, fields, contents, replace=replace)


def _bounds(pretrained: Pretrained) -> Bounds:
    """The bounds of the student's recipe, checked against how its run ended; the default ones for another encoder."""
    if not pretrained.distillation:
        return Bounds()
    bounds = Bounds.model_validate(pretrained.distillation["recipe"].get("bounds", {}))
    require_teacher_similarity(pretrained.distillation["log"], bounds)
    return bounds


def _export_encoder(pretrained: Pretrained, texts: list[str], on_step: _OnStep) -> _ExportedEncoder:
    tokenizer = (pretrained.path / "tokenizer.json").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        on_step("exporting to ONNX")
        float_graph = export_graph(pretrained, Path(folder))
        on_step("quantizing to int8")
        graph = quantize_graph(float_graph)
        on_step(f"comparing torch, ONNX and int8 on {len(texts)} texts")
        fidelities = _compare_all(pretrained, float_graph.read_bytes(), graph, tokenizer, texts)
    return _ExportedEncoder(graph, tokenizer, *fidelities)


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


def _train_head(recipe: ExportRecipe, data: LabelledTexts, encoder: Encoder) -> tuple[LinearHead, HeadMetrics]:
    outside = read_texts(recipe.out_of_scope) if recipe.out_of_scope else []
    soft = read_soft_labels(recipe.targets, encoder.encode, count=_MAX_SOFT_LABELS) if recipe.targets else None
    return train_intent_head(data, outside, encoder.encode, soft=soft, seed=recipe.seed)


def _distill_adapter(recipe: ExportRecipe, dimension: int, encoder: Encoder) -> QueryAdapter | None:
    """The bundle's query adapter, distilled from the teacher's on its targets."""
    if recipe.query_adapter is None or recipe.targets is None:
        return None
    of_teacher = read_query_adapter(recipe.query_adapter, dimension)
    return distill_adapter_from_targets(recipe.targets, of_teacher, encoder.encode, count=_MAX_SOFT_LABELS)


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
