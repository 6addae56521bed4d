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


def refusal_threshold(
    confidence: NDArray[np.float64], false_refusals: float, outside: NDArray[np.float64] | None = None
) -> float:
    """The probability under which a message is out of scope.

    The highest under which at most a share of messages lies that ought not to be refused. Where there are messages
    that ought to be, a lower one is taken if it refuses nearly as many of them and fewer of the others: the one of the
    largest difference of the two shares (Youden 1950).

    Args:
        confidence: of messages with a known label (N,).
        false_refusals: share of them that may be refused.
        outside: confidence of messages without one (M,); None or empty where there are none.
    """
    highest = float(np.floor(np.quantile(confidence, false_refusals, method="lower") * 1e6) / 1e6)
    if outside is None or not len(outside):
        return highest
    just_above = np.ceil(outside * 1e6 + 0.5) / 1e6
    tried = np.unique(np.append(just_above[just_above < highest], highest))
    ranked, others = np.sort(outside), np.sort(confidence)
    gain = np.searchsorted(ranked, tried) / len(ranked) - np.searchsorted(others, tried) / len(others)
    return float(tried[gain.argmax()])


def calibration_error(confidence: NDArray[np.float64], is_right: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017): mean |accuracy - confidence| over equal-width bins."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for index in range(bins):
        inside = bin_of == index
        if inside.any():
            error += inside.mean() * abs(is_right[inside].mean() - confidence[inside].mean())
    return float(error)
