"""Export of a bundle from a pretrained encoder: graph, int8, comparison, intent head, files."""

import dataclasses
from datetime import datetime
from pathlib import Path

from student.artifacts.digests import digest_file
from student.bundle.folder import Bundle, write_bundle
from student.bundle.linear_head import INTENT, LinearHead, pack_head
from student.bundle.query_adapter import QueryAdapter, pack_adapter
from student.distill.export.encoder_export import (
    EXPORT_STEPS,
    OnProgress,
    ShownEncoding,
    export_encoder,
    open_exported,
)
from student.distill.export.limits import INTENT_FIGURES, MESSAGE_FIGURES, bundle_limits
from student.distill.export.manifest_fields import manifest_fields, notice
from student.distill.export.model_card import write_model_card
from student.distill.export.probe_texts import PROBE_TEXTS
from student.distill.export.recipe import ExportRecipe
from student.distill.heads.adapter_distillation import distill_adapter_from_targets
from student.distill.heads.head_distillation import read_soft_labels
from student.distill.heads.intent_head import LabelledTexts, read_inside_and_outside, read_texts, train_intent_head
from student.distill.heads.messages import measure_on_messages, read_messages
from student.distill.licenses import joined, license_texts, spdx
from student.distill.pretrained import Pretrained, read_query_adapter, require_exportable
from student.distill.targets import read_targets_manifest
from student.runtime.encoder import Encoder
from student.runtime.probes import write_probes

_ADAPTER_FILE = "adapter.safetensors"
_MAX_SOFT_LABELS = 20_000


def export_bundle(
    pretrained: Pretrained,
    recipe: ExportRecipe,
    path: Path,
    *,
    now: datetime,
    replace: bool = False,
    on_progress: OnProgress = lambda done, total, what: None,
) -> Bundle:
    """Makes a bundle.

    Args:
        pretrained: the encoder, verified.
        recipe: what to make of it.
        path: where the bundle goes.
        now: its time of making.
        replace: allow a bundle at `path` to be replaced.
        on_progress: progress callback.

    Raises:
        WeightsRefused: no bundle can be made of such an encoder.
        LicenseRefused: a licence of the recipe is no SPDX expression.
        DataRefused: labelled texts or messages cannot be used.
        FidelityLost: the student is further from its teacher, or the quantized encoder from the pretrained one, than
            the student's recipe allows; nothing was written.
    """
    require_exportable(pretrained)
    recipe = dataclasses.replace(
        recipe, license=spdx(recipe.license), intents_license=spdx(recipe.intents_license)
    )  # refused now, not after hours
    data, outside = read_inside_and_outside(recipe.intents)
    outside += read_texts(recipe.out_of_scope) if recipe.out_of_scope else []
    messages = read_messages(recipe.messages, _labels(data, recipe)) if recipe.messages else None
    exported = export_encoder(pretrained, _comparison_texts(data.texts, recipe.passages), on_progress=on_progress)
    encoder = open_exported(pretrained, exported.graph, exported.tokenizer)
    on_progress(4, EXPORT_STEPS, "training the intent head")
    head, figures = _train_head(recipe, data, outside, encoder, on_progress)
    if recipe.messages and messages:
        figures |= {MESSAGE_FIGURES: _measure_messages(recipe.messages, messages, head, encoder)}
    adapter = _distill_adapter(recipe, pretrained.dimension, encoder)
    on_progress(5, EXPORT_STEPS, "writing the bundle")
    metrics = exported.as_metrics() | figures
    limits = bundle_limits(pretrained, exported.tokenizer, head, data, metrics)
    fields = manifest_fields(pretrained, recipe, head, limits=limits, metrics=metrics, now=now)
    contents = {
        "encoder.onnx": exported.graph,
        "tokenizer.json": exported.tokenizer,
        "intent.safetensors": pack_head(head.weight, head.bias),
        "probes.json": write_probes(PROBE_TEXTS, encoder, {INTENT: head}),
        "LICENSE.txt": license_texts(joined([pretrained.license, recipe.license])).encode(),
        "NOTICE.txt": notice(fields).encode(),
        "MODEL_CARD.md": write_model_card(fields).encode(),
    }
    if adapter:
        fields["adapter"] = {"file": _ADAPTER_FILE, "rank": len(adapter.a)}
        contents[_ADAPTER_FILE] = pack_adapter(adapter)
    encoder.close()
    return write_bundle(path, fields, contents, replace=replace)


def _labels(data: LabelledTexts, recipe: ExportRecipe) -> set[str]:
    """The labels that the head will have."""
    of_teacher = read_targets_manifest(recipe.targets)[0].intents if recipe.targets else []
    return {*data.labels, *of_teacher}


def _measure_messages(
    path: Path, messages: LabelledTexts, head: LinearHead, encoder: Encoder
) -> dict[str, float | str | None]:
    return {"file": path.name, "sha256": digest_file(path), **measure_on_messages(head, messages, encoder.encode)}


def _train_head(
    recipe: ExportRecipe, data: LabelledTexts, outside: list[str], encoder: Encoder, on_progress: OnProgress
) -> tuple[LinearHead, dict[str, dict[str, float | str | None]]]:
    """The intent head, and its figures by group."""
    soft = read_soft_labels(recipe.targets, encoder.encode, count=_MAX_SOFT_LABELS) if recipe.targets else None
    shown = ShownEncoding(len(data.texts) + len(outside), "encoding texts for the intent head", on_progress)
    head, measured = train_intent_head(data, outside, shown.of(encoder.encode), soft=soft, seed=recipe.seed)
    return head, {INTENT_FIGURES: {**measured.as_metrics()}}


def _distill_adapter(recipe: ExportRecipe, dimension: int, encoder: Encoder) -> QueryAdapter | None:
    """The bundle's query adapter, distilled from the teacher's on its targets."""
    if recipe.query_adapter is None or recipe.targets is None:
        return None
    of_teacher = read_query_adapter(recipe.query_adapter, dimension)
    return distill_adapter_from_targets(recipe.targets, of_teacher, encoder.encode, count=_MAX_SOFT_LABELS)


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
