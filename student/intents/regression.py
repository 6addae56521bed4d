"""Multinomial logistic regression with a penalty, by L-BFGS in numpy: scipy is no part of the base install.

    loss = mean over texts of weight * CE(label, softmax(F w)) + penalty |w|^2 / 2

The loss is convex, so its minimum does not depend on a seed. L-BFGS as in Nocedal & Wright, Algorithm 7.4, with a line
search that halves the step until the loss has fallen enough (Armijo).
"""

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from student.bundle.linear_head import softmax

Matrix = NDArray[np.float64]

_MEMORY = 8
_MAX_STEPS = 200
_TOLERANCE = 1e-4
_SUFFICIENT = 1e-4
_MAX_HALVINGS = 30


def fit(
    features: NDArray[np.float32],
    targets: NDArray[np.int64],
    weights: Matrix,
    *,
    classes: int,
    penalty: float,
    fixed: Matrix,
) -> Matrix:
    """The weights (F, C) that minimize the loss.

    Args:
        features: (N, F).
        targets: (N,), in [0, C + K).
        weights: (N,), how much each text counts; their sum is taken as one.
        classes: C.
        penalty: > 0.
        fixed: logits (N, K) of further classes that are not learned; K may be zero.
    """
    ones = np.eye(classes + fixed.shape[1])[targets]
    share = (weights / weights.sum())[:, None]

    def loss(flat: Matrix) -> tuple[float, Matrix]:
        w = flat.reshape(features.shape[1], classes)
        probabilities = softmax(np.hstack([features @ w.astype(np.float32), fixed]))
        chosen = np.log(probabilities[np.arange(len(targets)), targets] + 1e-300)
        residuals = (share * (probabilities - ones))[:, :classes].astype(np.float32)
        gradient = features.T @ residuals + penalty * w
        return float(-(share[:, 0] * chosen).sum() + penalty / 2 * (flat @ flat)), gradient.ravel()

    return minimize(loss, np.zeros(features.shape[1] * classes)).reshape(features.shape[1], classes)


def minimize(loss: Callable[[Matrix], tuple[float, Matrix]], start: Matrix) -> Matrix:
    """The minimum of a smooth convex function that also returns its gradient; stops where this is a thousandth."""
    x, (value, gradient) = start, loss(start)
    first = float(np.linalg.norm(gradient))
    pairs: deque[tuple[Matrix, Matrix, float]] = deque(maxlen=_MEMORY)
    for _ in range(_MAX_STEPS):
        if np.linalg.norm(gradient) <= _TOLERANCE * max(first, 1e-12):
            break
        direction = -_times_inverse_hessian(gradient, pairs)
        slope = float(direction @ gradient)
        step = 1.0 if pairs else 1 / max(first, 1e-12)
        for _ in range(_MAX_HALVINGS):
            moved = x + step * direction
            new_value, new_gradient = loss(moved)
            if new_value <= value + _SUFFICIENT * step * slope:
                break
            step /= 2
        else:
            break  # no step is better: the numbers' precision is reached
        s, y = moved - x, new_gradient - gradient
        if (curvature := float(s @ y)) > 0:
            pairs.append((s, y, curvature))
        x, value, gradient = moved, new_value, new_gradient
    return x


def _times_inverse_hessian(gradient: Matrix, pairs: deque[tuple[Matrix, Matrix, float]]) -> Matrix:
    q, shares = gradient.copy(), []
    for s, y, curvature in reversed(pairs):
        shares.append(float(s @ q) / curvature)
        q -= shares[-1] * y
    if pairs:
        _, y, curvature = pairs[-1]
        q *= curvature / float(y @ y)
    for (s, y, curvature), share in zip(pairs, reversed(shares), strict=True):
        q += s * (share - float(y @ q) / curvature)
    return q
