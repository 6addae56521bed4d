"""Carrying a bundle's heads over to an encoder that was trained on: they read its embeddings through a map back.

From the same texts, with x their new embeddings and y the old ones,

    M = I + argmin |x M - (y - x)|^2 + penalty |M|^2        (ridge regression towards no change)

so that a head W reads `x (I + M) W^T`, which is a linear head on x again. No text with a label is needed.
"""

from dataclasses import dataclass, replace

import numpy as np

from student.bundle.linear_head import LinearHead
from student.embeddings import Embeddings

_PENALTY = 0.1
"""Of the mean variance of a direction."""
_APART = 5
"""Every so many texts are held out to measure with."""


@dataclass(frozen=True, slots=True)
class CarriedHead:
    """A head for the new encoder, and the share of held-out texts that get the label that they had."""

    head: LinearHead
    agreement: float


def carry_head(head: LinearHead, old: Embeddings, new: Embeddings) -> CarriedHead:
    """Carries a head over.

    Args:
        head: of the old encoder.
        old: of N texts, by the old encoder (N, D).
        new: of the same texts, by the new one (N, D).
    """
    is_apart = np.arange(len(new)) % _APART == 0
    back = map_back(old[~is_apart], new[~is_apart])
    carried = through(head, back)
    labels = [_labels(carried, new[is_apart]), _labels(head, old[is_apart])]
    return CarriedHead(carried, float(np.mean([mine == theirs for mine, theirs in zip(*labels, strict=True)])))


def through(head: LinearHead, back: Embeddings) -> LinearHead:
    """A head that reads embeddings through a map back (D, D), as does the basis of its blend."""
    blend = head.blend
    if blend and blend.basis:
        blend = replace(blend, basis=through(blend.basis, back))
    return replace(head, weight=(head.weight @ back.T).astype(np.float32), blend=blend)


def map_back(old: Embeddings, new: Embeddings) -> Embeddings:
    """The matrix (D, D) that leads from new embeddings (N, D) to old ones (N, D)."""
    x, moved = new.astype(np.float64), old.astype(np.float64) - new
    identity = np.eye(x.shape[1])
    gram = x.T @ x
    penalty = _PENALTY * np.trace(gram) / len(gram)
    return np.asarray(identity + np.linalg.solve(gram + penalty * identity, x.T @ moved), dtype=np.float32)


def _labels(head: LinearHead, embeddings: Embeddings) -> list[str | None]:
    return [replace(head, blend=None).classify(embedding).label for embedding in embeddings]
