"""From what meaning and words propose to what is shown: one score, no near-duplicates, variety when it is asked for."""

from collections.abc import Mapping, Sequence

import numpy as np

from student.embeddings import Embeddings

WORDS, QUOTED, QUOTE_LENGTH = 0.15, 2.4, 16
"""What words weigh beside meaning; how much more when so many in a row are quoted. Chosen by `benchmarks hybrid`."""
NEAR_DUPLICATE = 0.98
"""Cosine of two passages of one language that say the same, but for a word or two."""


def weight_of_words(quoted: int) -> float:
    """How much the words of a question weigh beside its meaning, for `fuse`.

    A question in one's own words is found by what it means. One that a passage holds word for word is a quotation (a
    title, an error message, a sentence seen somewhere), and then no meaning tells better where it stands.

    Args:
        quoted: how many words of the question stand in a row in the passage that its words fit best.
    """
    return WORDS + QUOTED * min(1.0, quoted / QUOTE_LENGTH) ** 2


def fuse(similarities: Mapping[int, float], bm25: Mapping[int, float], weight: float) -> dict[int, float]:
    """Scores of passages by meaning and by words.

    A weighted sum of scores rather than of ranks: Bruch et al. 2023 (arXiv 2210.11934) find it better than reciprocal
    rank fusion once its one weight is tuned on a few questions.

    Args:
        similarities: cosine to the question of every candidate.
        bm25: of those that hold words of the question, higher is better.
        weight: of the words: the best BM25 of the question counts as much as a cosine of so much.
    """
    best = max(bm25.values(), default=0.0)
    scale = weight / best if best > 0 else 0.0
    return {passage: similarity + scale * bm25.get(passage, 0.0) for passage, similarity in similarities.items()}


def without_duplicates(embeddings: Embeddings, count: int, *, above: float = NEAR_DUPLICATE) -> list[int]:
    """The first `count` rows of embeddings (N, D) that are no near-duplicates of an earlier one taken."""
    kept: list[int] = []
    for row in range(len(embeddings)):
        if len(kept) == count:
            break
        if not kept or float((embeddings[kept] @ embeddings[row]).max()) < above:
            kept.append(row)
    return kept


def diversify(scores: Sequence[float], embeddings: Embeddings, count: int, *, diversity: float) -> list[int]:
    """Rows chosen one by one for their score and for being unlike those chosen before.

    Maximal marginal relevance (Carbonell & Goldstein 1998): the next row has the highest
    `(1 - diversity) · score - diversity · highest cosine with a chosen one`.

    Args:
        scores: N, best first.
        embeddings: theirs, (N, D).
        count: at most so many.
        diversity: in [0, 1]; 0 keeps the order.
    """
    left, chosen = list(range(len(scores))), list[int]()
    nearest = np.zeros(len(scores))
    while left and len(chosen) < count:
        row = max(left, key=lambda i: (1 - diversity) * scores[i] - diversity * nearest[i])
        chosen.append(row)
        left.remove(row)
        nearest = np.maximum(nearest, embeddings @ embeddings[row]) if len(chosen) > 1 else embeddings @ embeddings[row]
    return chosen
