"""Export of a trained cross-encoder to the file in a bundle: one pair a run, no padding, int8."""

import tempfile
import warnings
from pathlib import Path

import torch
from torch import Tensor

from student.distill.cross_encoder.model import CrossEncoderModel
from student.distill.export.onnx_graph import quantize_graph
from student.runtime.cross_encoder import INPUTS, OUTPUT


class _OnePair(torch.nn.Module):  # type: ignore[misc]  # torch is not read by mypy here
    """The cross-encoder without padding: ids and segments (1, T) → logit (1,)."""

    def __init__(self, model: CrossEncoderModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, segment_ids: Tensor) -> Tensor:
        return self.model(input_ids, segment_ids, torch.ones_like(input_ids))


def export_cross_encoder(model: CrossEncoderModel) -> bytes:
    """The int8 ONNX graph of a cross-encoder, with the inputs and the output of `student.runtime.cross_encoder`."""
    ids = torch.arange(2, 14).unsqueeze(0)
    segments = torch.tensor([[0] * 5 + [1] * 7])
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer; the bundle's probes compare what comes out
        path = Path(folder) / "cross_encoder.onnx"
        torch.onnx.export(
            _OnePair(model).eval(),
            (ids, segments),
            path,
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            dynamic_axes={name: {1: "tokens"} for name in INPUTS},
            opset_version=18,
            dynamo=False,
        )
        return quantize_graph(path)
