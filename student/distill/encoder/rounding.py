"""Training in the arithmetic of the int8 graph, so that what int8 loses is learned away before it is lost.

Quantization-aware training (Jacob et al. 2018, arXiv 1712.05877) with onnxruntime's dynamic quantization as
`student.distill.export.onnx_graph` asks for it: weights of linear layers in 7 bits by output channel, what goes into
them in 8 bits by text. Gradients pass as if nothing were rounded (Bengio et al. 2013, arXiv 1308.3432).
"""

from typing import Any

import torch
from torch import Tensor

_WEIGHT_LEVELS = 64
"""Either side of 0."""
_INPUT_LEVELS = 255


class RoundedLinear(torch.nn.Linear):  # type: ignore[misc]  # torch is not read by mypy here
    """A linear layer that computes with rounded weights and inputs while it is trained, and as ever otherwise."""

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, ..., I) → (B, ..., O)."""
        if not self.training:
            return super().forward(inputs)
        return torch.nn.functional.linear(round_inputs(inputs), round_weights(self.weight), self.bias)


def train_rounded(model: torch.nn.Module) -> None:
    """Lets every linear layer of a model compute as in int8 while it is trained; the parameters stay the same."""
    for name, child in model.named_children():
        if type(child) is torch.nn.Linear:
            setattr(model, name, _rounded(child))
        else:
            train_rounded(child)


def round_weights(weights: Tensor) -> Tensor:
    """Weights (O, I), each output channel to multiples of a 64th of its largest."""
    with torch.no_grad():
        steps = weights.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / _WEIGHT_LEVELS
    return _Straight.apply(weights, lambda values: torch.round(values / steps) * steps)


def round_inputs(inputs: Tensor) -> Tensor:
    """Inputs (B, ..., I), each of the B to multiples of a 255th of its range with 0."""
    with torch.no_grad():
        inner = tuple(range(1, inputs.dim()))
        lowest = inputs.amin(dim=inner, keepdim=True).clamp_max(0).float()
        highest = inputs.amax(dim=inner, keepdim=True).clamp_min(0).float()
        steps = (highest - lowest).clamp_min(1e-12) / _INPUT_LEVELS
        zeros = torch.round(lowest / steps)
    return _Straight.apply(
        inputs, lambda values: torch.clamp(torch.round(values / steps), zeros, zeros + _INPUT_LEVELS) * steps
    )


class _Straight(torch.autograd.Function):  # type: ignore[misc]
    """Rounds, and lets the gradient through unchanged."""

    @staticmethod
    def forward(context: Any, values: Tensor, rounded: Any) -> Tensor:
        return rounded(values).to(values.dtype)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def _rounded(layer: torch.nn.Linear) -> RoundedLinear:
    with torch.device("meta"):
        rounded = RoundedLinear(layer.in_features, layer.out_features, bias=layer.bias is not None)
    rounded.weight, rounded.bias = layer.weight, layer.bias
    rounded.train(layer.training)
    return rounded
