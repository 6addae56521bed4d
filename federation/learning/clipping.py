"""Clipping: the factor of each example that keeps every customer's part of a sum within the bound.

The gradient of an example is an outer product, or a few of them side by side. Its norm, and that of a customer's sum,
follow from inner products alone, so that no gradient is ever formed for one customer.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from federation.errors import UpdateInvalid

_LARGEST_WEIGHT = 1e6
_CANCELLATION = 1e-11
"""Of (the sum of a customer's norms)^2: more than float64 can lose where large gradients of one customer cancel."""


def check_weights(weights: NDArray[np.float32], shape: tuple[int, int]) -> None:
    """Refuses weights from the center that could make a gradient something else than a number.

    Raises:
        UpdateInvalid: they are of another shape, not finite or past 1e6.
    """
    if weights.shape != shape or not (np.abs(weights) <= _LARGEST_WEIGHT).all():
        raise UpdateInvalid(
            f"the round's weights are of shape {weights.shape} or hold numbers past {_LARGEST_WEIGHT:g}; "
            f"expected {shape}, finite; the center's run has failed"
        )


def clip_factors(
    parts: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], customers: NDArray[np.int64], clip_norm: float
) -> NDArray[np.float64]:
    """Factors (n,) that each example's gradient is multiplied with, so that no customer's sum is longer than the bound.

    Args:
        parts: the gradient of example i is, part by part, the outer product of row i of both matrices (n, D), (n, C).
        customers: (n,) any numbers; all examples of a customer get the same factor.
        clip_norm: L2 bound on each customer's sum.
    """
    own = np.sqrt(sum((np.square(x).sum(axis=1) * np.square(r).sum(axis=1) for x, r in parts), start=np.zeros(1)))
    norms = own.copy()  # right where a customer has one example
    order = np.argsort(customers, kind="stable")
    _, starts, counts = np.unique(customers[order], return_index=True, return_counts=True)
    for start, count in zip(starts[counts > 1], counts[counts > 1], strict=True):
        rows = order[start : start + count]
        squared = sum(((x[rows] @ x[rows].T) * (r[rows] @ r[rows].T)).sum() for x, r in parts)
        norms[rows] = np.sqrt(max(squared, 0.0) + _CANCELLATION * own[rows].sum() ** 2)
    return np.asarray(np.minimum(1, clip_norm / np.maximum(norms, 1e-300)), dtype=np.float64)
