"""The low-rank query adapter, `q' = normalize(q + B A q)`, and the clipped sum of its customers' gradients. No torch.

A (r, D) starts as directions of public text, B (D, r) at zero, so an untrained adapter changes nothing. It is trained
on questions whose right document staff have named, to bring the question nearer to that document's passage than to
other passages of the branch's own documents:

    loss = -log(exp(q' . d_0 / t) / sum_k exp(q' . d_k / t)),  t = 0.05   (InfoNCE, arXiv 1807.03748)

Documents keep their embeddings, so no index is rebuilt. Only A and B, summed over branches under noise, leave.

Guarantees:
    One customer's data moves the sum by at most the bound, whatever the data and the weights.
    An adapter whose B is zero changes no query.
"""

import numpy as np
from numpy.typing import NDArray

from federation.learning.intent_head import check_weights, clip_factors
from student.bundle.linear_head import softmax
from student.embeddings import Embeddings

TEMPERATURE = 0.05
_MIN_NORM = 1e-6
"""A question that the adapter has all but erased gives no direction: its gradient is left out."""


def new_adapter(public: Embeddings, rank: int) -> NDArray[np.float32]:
    """The start, from embeddings (N, D) of public text: weights (2, rank * D), A's rows, then those of B transposed.

    A's rows are the directions of most variance. Random ones would let a twentieth of a question through at this size,
    so that noise would drown what is learned, and mix up questions that are far apart.
    """
    directions = np.linalg.eigh(np.cov(public.T.astype(np.float64)))[1][:, ::-1][:, :rank].T
    return np.stack([directions.reshape(-1), np.zeros(directions.size)]).astype(np.float32)


def adapt(weights: NDArray[np.float32], queries: Embeddings) -> Embeddings:
    """Queries (n, D) as the adapter turns them, unit norm."""
    a, b = _matrices(weights, queries.shape[1])
    moved = queries.astype(np.float64) + queries.astype(np.float64) @ a.T @ b
    norms = np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), _MIN_NORM)
    return np.asarray(moved / norms, dtype=np.float32)


def adapter_sum(
    weights: NDArray[np.float32],
    queries: Embeddings,
    candidates: NDArray[np.float32],
    customers: NDArray[np.int64],
    clip_norm: float,
) -> NDArray[np.float64]:
    """The sum over customers of clip(sum over their questions of the loss's gradient).

    Args:
        weights: (2, rank * D), public.
        queries: (n, D), unit norm.
        candidates: (n, K, D), unit norm; of each, the first is the right one.
        customers: (n,) any numbers, equal for the same customer.
        clip_norm: L2 bound on each customer's part, A and B together.

    Returns:
        (2, rank * D); zeros where there is no example.

    Raises:
        UpdateInvalid: weights that are not finite or past 1e6.
    """
    check_weights(weights, weights.shape)
    q, d = queries.astype(np.float64), candidates.astype(np.float64)
    a, b = _matrices(weights, q.shape[1])
    low = q @ a.T  # (n, r)
    moved = q + low @ b  # (n, D)
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    unit = moved / np.maximum(length, _MIN_NORM)
    residuals = softmax(np.einsum("nkd,nd->nk", d, unit) / TEMPERATURE)  # (n, K)
    residuals[:, 0] -= 1
    to_unit = np.einsum("nk,nkd->nd", residuals, d) / TEMPERATURE
    to_moved = (to_unit - (to_unit * unit).sum(axis=1, keepdims=True) * unit) / np.maximum(length, _MIN_NORM)
    to_moved[length[:, 0] <= _MIN_NORM] = 0
    to_low = to_moved @ b.T  # (n, r): the gradient of A is to_low x q, that of B transposed low x to_moved
    factors = clip_factors([(to_low, q), (low, to_moved)], customers, clip_norm)[:, None]
    return np.stack([(to_low.T @ (q * factors)).reshape(-1), (low.T @ (to_moved * factors)).reshape(-1)])


def _matrices(weights: NDArray[np.float32], dimension: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A (r, D) and B transposed (r, D)."""
    a, b = weights.astype(np.float64).reshape(2, -1, dimension)
    return a, b
