"""An encoder as it goes into a bundle: float32 ONNX, int8, and how close both stay to torch."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from student.distill.encoder.recipe import Bounds
from student.distill.export.fidelity import (
    Fidelity,
    compare_embeddings,
    open_reference,
    require_fidelity,
    require_teacher_similarity,
)
from student.distill.export.finding import Finding, compare_at_finding, require_finding
from student.distill.export.limits import FINDING_FIGURES, TOKENIZER_FIGURES, measure_tokenizer
from student.distill.export.onnx_graph import export_graph, quantize_graph
from student.distill.pretrained import Pretrained, require_exportable
from student.embeddings import Embeddings, Encode
from student.runtime.encoder import Encoder

EXPORT_STEPS = 5
"""Of an export in all, of which the first three are the encoder's."""
_SHOWN_TEXTS = 32
OnProgress = Callable[[int, int, str], None]
"""Called with how much is done, of how much, and of what: the steps of an export, and the texts of a long one."""


@dataclass(frozen=True, slots=True)
class ExportedEncoder:
    """The int8 graph, its tokenizer, and how close it stays to torch."""

    graph: bytes
    tokenizer: bytes
    against_torch: Fidelity
    int8_against_float: Fidelity
    finding: Finding | None
    tokenizer_figures: dict[str, float]

    def as_metrics(self) -> dict[str, Any]:
        """The groups of figures for a manifest."""
        found = {FINDING_FIGURES: self.finding.as_metrics()} if self.finding else {}
        return {
            "onnx_against_torch": self.against_torch.as_metrics(),
            "int8_against_onnx": self.int8_against_float.as_metrics(),
            **found,
            TOKENIZER_FIGURES: self.tokenizer_figures,
        }


def export_encoder(
    pretrained: Pretrained, texts: Sequence[str], *, on_progress: OnProgress = lambda done, total, what: None
) -> ExportedEncoder:
    """Exports and quantizes an encoder.

    Args:
        pretrained: the encoder, verified.
        texts: at least eleven, to compare on.
        on_progress: progress callback.

    Raises:
        WeightsRefused: no bundle can be made of such an encoder.
        FidelityLost: the student is further from its teacher, or the quantized encoder from the pretrained one, than
            the student's recipe allows.
    """
    require_exportable(pretrained)
    bounds = _bounds(pretrained)
    tokenizer = (pretrained.path / "tokenizer.json").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        on_progress(1, EXPORT_STEPS, "exporting to ONNX")
        float_graph = export_graph(pretrained, Path(folder))
        on_progress(2, EXPORT_STEPS, "quantizing to int8")
        graph = quantize_graph(float_graph)
        on_progress(3, EXPORT_STEPS, "comparing torch, ONNX and int8")
        encoders = [open_exported(pretrained, each, tokenizer) for each in (float_graph.read_bytes(), graph)]
    of_float, of_int8 = encoders
    against_torch, int8_against_float, finding = _compare_all(
        open_reference(pretrained), of_float, of_int8, list(texts), on_progress
    )
    require_fidelity(against_torch, int8_against_float, bounds)
    require_finding(finding, bounds)
    figures = measure_tokenizer(tokenizer, texts, max_tokens=pretrained.max_tokens)
    return ExportedEncoder(graph, tokenizer, against_torch, int8_against_float, finding, figures)


def open_exported(pretrained: Pretrained, graph: bytes, tokenizer: bytes) -> Encoder:
    """A graph of an encoder, at work."""
    return Encoder(graph, tokenizer, dimension=pretrained.dimension, max_tokens=pretrained.max_tokens)


def _bounds(pretrained: Pretrained) -> Bounds:
    """The bounds of the student's recipe, checked against how its run ended; the default ones for another encoder."""
    if not pretrained.distillation:
        return Bounds()
    bounds = Bounds.model_validate(pretrained.distillation["recipe"].get("bounds", {}))
    require_teacher_similarity(pretrained.distillation["log"], bounds)
    return bounds


def _compare_all(
    reference: Encode, of_float: Encoder, of_int8: Encoder, texts: list[str], on_progress: OnProgress
) -> tuple[Fidelity, Fidelity, Finding | None]:
    """ONNX float32 against torch, int8 against ONNX float32, and both at finding, by encoders that are closed then."""
    runs = [reference, of_float.encode, of_int8.encode]
    what = f"comparing {len(texts)} texts of torch, ONNX and int8"
    shown = ShownEncoding(len(runs) * len(texts), what, on_progress)
    by_torch, by_float, by_int8 = (shown.of(run)(texts) for run in runs)
    finding = compare_at_finding(texts, of_float.encode, of_int8.encode)
    for encoder in (of_float, of_int8):
        encoder.close()
    return compare_embeddings(by_float, by_torch), compare_embeddings(by_int8, by_float), finding


class ShownEncoding:
    """Encoding of so many texts in all that says how far it is; a text's embedding must not depend on the others."""

    def __init__(self, total: int, what: str, on_progress: OnProgress) -> None:
        self._done, self._total, self._what, self._on_progress = 0, total, what, on_progress

    def of(self, encode: Callable[[list[str]], Embeddings]) -> Encode:
        """The same function, which says how far all texts are."""

        def encode_some_by_some(texts: list[str]) -> Embeddings:
            parts = []
            for first in range(0, len(texts), _SHOWN_TEXTS):
                part = texts[first : first + _SHOWN_TEXTS]
                parts.append(encode(part))
                self._done += len(part)
                self._on_progress(self._done, self._total, self._what)
            return np.concatenate(parts) if parts else encode([])

        return encode_some_by_some
