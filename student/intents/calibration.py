"""Calibration: one temperature for the logits (Guo et al. 2017, arXiv 1706.04599), and how well probabilities hold."""

import numpy as np
from numpy.typing import NDArray

from student.bundle.linear_head import softmax

_TEMPERATURES = np.geomspace(0.1, 5, 60)


def best_temperature(logits: NDArray[np.floating], targets: NDArray[np.int64]) -> tuple[float, float]:
    """The lowest mean negative log-likelihood over temperatures, and its temperature.

    Args:
        logits: (N, C).
        targets: (N,).
    """
    losses = []
    for temperature in _TEMPERATURES:
        probabilities = softmax(np.asarray(logits / temperature, dtype=np.float64))
        loss = -np.log(probabilities[np.arange(len(targets)), targets] + 1e-12).mean()
        losses.append((float(loss), round(float(temperature), 4)))
    return min(losses)


def refusal_threshold(confidence: NDArray[np.float64], false_refusals: float) -> float:
    """The probability under which at most a share of messages (N,) lies that ought not to be refused."""
    return float(np.floor(np.quantile(confidence, false_refusals, method="lower") * 1e6) / 1e6)


def calibration_error(confidence: NDArray[np.float64], is_right: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017): mean |accuracy - confidence| over equal-width bins."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for index in range(bins):
        inside = bin_of == index
        if inside.any():
            error += inside.mean() * abs(is_right[inside].mean() - confidence[inside].mean())
    return float(error)
