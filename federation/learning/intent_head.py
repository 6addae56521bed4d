"""The clipped sum of per-customer gradients of the intent head, exact and in closed form. No torch.

The head is a linear map of centered, unit-norm embeddings x (D,) without bias, W (D, C), trained by cross-entropy. The
gradient of example i is the outer product of x_i and r_i = softmax(x_i W) - onehot(y_i); a customer's is the sum over
its examples. Its squared norm is sum_ij (x_i . x_j)(r_i . r_j), so that no gradient is ever formed for one customer
alone: clipping factors weigh the rows of one product of matrices. A test holds the result against Opacus.

Sampling: none. Every customer takes part in every round, so nothing depends on a private count and no amplification is
claimed (docs/adr/0031).

Guarantees:
    One customer's data moves the sum by at most the bound, whatever the data and the weights.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from federation.errors import UpdateInvalid
from student.bundle.linear_head import softmax

Features = NDArray[np.float32]
"""Centered embeddings (n, D), each of unit norm."""
_LARGEST_WEIGHT = 1e6
_CANCELLATION = 1e-11
"""Of (the sum of a customer's norms)^2: more than float64 can lose where large gradients of one customer cancel."""


def head_sum(
    weights: NDArray[np.float32],
    features: Features,
    targets: NDArray[np.int64],
    customers: NDArray[np.int64],
    clip_norm: float,
) -> NDArray[np.float64]:
    """The sum over customers of clip(sum over their examples of the cross-entropy's gradient).

    Args:
        weights: (D, C), public.
        features: (n, D).
        targets: (n,) columns of the weights.
        customers: (n,) any numbers, equal for the same customer.
        clip_norm: L2 bound on each customer's part.

    Returns:
        (D, C); zeros where there is no example.

    Raises:
        UpdateInvalid: weights that are not finite or past 1e6, or shapes that do not fit together.
    """
    check_weights(weights, (features.shape[1], weights.shape[1]))
    x = features.astype(np.float64)
    residuals = softmax(x @ weights.astype(np.float64))  # (n, C)
    residuals[np.arange(len(x)), targets] -= 1
    factors = clip_factors([(x, residuals)], customers, clip_norm)
    return np.asarray(x.T @ (residuals * factors[:, None]), dtype=np.float64)


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
    """What each example's gradient is multiplied with (n,), so that no customer's sum is longer than the bound.

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
