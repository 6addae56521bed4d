"""Export of a trained verifier to the file in a bundle: one question and one passage a run, no padding, int8."""

import tempfile
import warnings
from pathlib import Path

import torch
from torch import Tensor

from student.distill.export.onnx_graph import quantize_graph
from student.distill.verifier.model import Tokens, VerifierModel
from student.runtime.verifier import OUTPUT, PARTS


class _OnePassage(torch.nn.Module):  # type: ignore[misc]  # torch is not read by mypy here
    """The verifier without batch and padding: embeddings (T, D) and ids (T,) of each part → logit ()."""

    def __init__(self, model: VerifierModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *parts: Tensor) -> Tensor:
        tokens = [
            Tokens(embeddings.unsqueeze(0), ids.unsqueeze(0), torch.ones_like(ids, dtype=torch.bool).unsqueeze(0))
            for embeddings, ids in zip(parts[::2], parts[1::2], strict=True)
        ]
        logit, _ = self.model(*tokens)
        return logit.squeeze(0)


def export_verifier(model: VerifierModel, dimension: int) -> bytes:
    """The int8 ONNX graph of a verifier, with the inputs and the output of `student.runtime.verifier`."""
    example: list[Tensor] = []
    for length in (7, 5, 11):
        example += [torch.randn(length, dimension), torch.arange(length)]
    inputs = [name for part in PARTS for name in (part, f"{part}_ids")]
    axes = {name: {0: f"{name.removesuffix('_ids')}_tokens"} for name in inputs}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer; the bundle's probes compare what comes out
        path = Path(folder) / "verifier.onnx"
        torch.onnx.export(
            _OnePassage(model).eval(),
            tuple(example),
            path,
            input_names=inputs,
            output_names=[OUTPUT],
            dynamic_axes=axes,
            opset_version=18,
            dynamo=False,
        )
        return quantize_graph(path)
