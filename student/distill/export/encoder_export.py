"""An encoder as it goes into a bundle: float32 ONNX, int8, and how close both stay to torch."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from student.distill.encoder.recipe import Bounds
from student.distill.export.fidelity import (
    Fidelity,
    compare_embeddings,
    encode_with_torch,
    require_fidelity,
    require_teacher_similarity,
)
from student.distill.export.onnx_graph import export_graph, quantize_graph
from student.distill.pretrained import Pretrained, require_exportable
from student.runtime.encoder import Encoder


@dataclass(frozen=True, slots=True)
class ExportedEncoder:
    """The int8 graph, its tokenizer, and how close it stays to torch."""

    graph: bytes
    tokenizer: bytes
    against_torch: Fidelity
    int8_against_float: Fidelity

    def as_metrics(self) -> dict[str, dict[str, float]]:
        """The groups of figures for a manifest."""
        return {
            "onnx_against_torch": self.against_torch.as_metrics(),
            "int8_against_onnx": self.int8_against_float.as_metrics(),
        }


def export_encoder(
    pretrained: Pretrained, texts: Sequence[str], *, on_step: Callable[[str], None] = lambda step: None
) -> ExportedEncoder:
    """Exports and quantizes an encoder.

    Args:
        pretrained: the encoder, verified.
        texts: at least eleven, to compare on.
        on_step: called with the name of each step.

    Raises:
        WeightsRefused: no bundle can be made of such an encoder.
        FidelityLost: the student is further from its teacher, or the quantized encoder from the pretrained one, than
            the student's recipe allows.
    """
    require_exportable(pretrained)
    bounds = _bounds(pretrained)
    tokenizer = (pretrained.path / "tokenizer.json").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        on_step("exporting to ONNX")
        float_graph = export_graph(pretrained, Path(folder))
        on_step("quantizing to int8")
        graph = quantize_graph(float_graph)
        on_step(f"comparing torch, ONNX and int8 on {len(texts)} texts")
        fidelities = _compare_all(pretrained, float_graph.read_bytes(), graph, tokenizer, list(texts))
    require_fidelity(*fidelities, bounds)
    return ExportedEncoder(graph, tokenizer, *fidelities)


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
    pretrained: Pretrained, float_graph: bytes, graph: bytes, tokenizer: bytes, texts: list[str]
) -> tuple[Fidelity, Fidelity]:
    """ONNX float32 against torch, and int8 against ONNX float32."""
    torch_embeddings = encode_with_torch(pretrained, texts)
    encoders = [open_exported(pretrained, each, tokenizer) for each in (float_graph, graph)]
    float_embeddings, int8_embeddings = (encoder.encode(texts) for encoder in encoders)
    for encoder in encoders:
        encoder.close()
    return compare_embeddings(float_embeddings, torch_embeddings), compare_embeddings(int8_embeddings, float_embeddings)
