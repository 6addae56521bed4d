"""Reranking: what the cross-encoder says of the passages that were found, and of the sentences that may be cited.

Embeddings and words find what is near a question; read together with it, the few nearest are put in a better order.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_agent.answering.evidence import Answering, Evidence
from edge_agent.answering.gathering import headings
from edge_agent.retrieval.search import Found
from student.runtime.cross_encoder import CrossEncoder

_SOFTENED = 2.0
"""Logits are divided by it, so that one of 4 and one of 8 differ little."""


def rerank_passages(
    cross_encoder: CrossEncoder, text: str, retrieved: Sequence[Found], answering: Answering
) -> list[Found]:
    """Passages that were retrieved for a question, the best first once the first ones are read.

    Args:
        cross_encoder: of the bundle.
        text: of the question.
        retrieved: best first.
        answering: how many are read, and how much that counts.
    """
    first, rest = retrieved[: answering.reranked_passages], retrieved[answering.reranked_passages :]
    logits = cross_encoder.logits(text, [(headings(found.passage), found.passage.text) for found in first])
    gains = answering.rerank_weight * softened(logits)
    read = [
        replace(found, score=found.score + float(gain), logit=float(logit))
        for found, gain, logit in zip(first, gains, logits, strict=True)
    ]
    return [*sorted(read, key=lambda found: -found.score), *rest]


def rerank_units(
    cross_encoder: CrossEncoder,
    text: str,
    evidence: Evidence,
    scores: NDArray[np.float64],
    answering: Answering,
) -> NDArray[np.float64]:
    """The scores (K,) of units, those of the best changed by what reading them says.

    A unit that is not read counts as one that does not answer.
    """
    best = np.argsort(-scores, kind="stable")[: answering.reranked_units]
    units = [evidence.candidates[int(n)] for n in best]
    logits = cross_encoder.logits(text, [(headings(unit.passage), unit.text) for unit in units])
    changed = scores.copy()
    changed[best] += answering.unit_rerank_weight * softened(logits)
    return changed


def softened(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logits as numbers in [0, 1]."""
    return np.asarray(1 / (1 + np.exp(-logits.astype(np.float64) / _SOFTENED)), dtype=np.float64)
