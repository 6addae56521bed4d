"""Folds of cross-validation in which near copies stay together, so that no figure is that of a text seen before."""

from collections import Counter, defaultdict

import numpy as np
from numpy.typing import NDArray

from student.embeddings import Embeddings

NEAR_COPY = 0.95
"""Cosine from which two labelled texts count as copies of each other."""
FOLDS = 5


def make_folds(
    embeddings: Embeddings, labels: list[str], languages: list[str], generator: np.random.Generator
) -> NDArray[np.int64]:
    """The fold (N,) of each of N texts; each label and language is spread as evenly as near copies allow.

    Args:
        embeddings: (N, D).
        labels: N.
        languages: N.
        generator: of the order in which texts of a label are spread.
    """
    members = defaultdict(list)
    for row, group in enumerate(_groups(embeddings)):
        members[group].append(row)
    order = sorted(generator.permutation(sorted(members)).tolist(), key=lambda group: -len(members[group]))
    of_label: list[Counter[str]] = [Counter() for _ in range(FOLDS)]
    of_both: list[Counter[tuple[str, str]]] = [Counter() for _ in range(FOLDS)]
    folds, sizes = np.zeros(len(labels), dtype=np.int64), [0] * FOLDS
    for group in order:
        rows = members[group]
        label, both = labels[rows[0]], (labels[rows[0]], languages[rows[0]])
        fold = min(range(FOLDS), key=lambda f: (of_label[f][label], of_both[f][both], sizes[f]))
        folds[rows] = fold
        sizes[fold] += len(rows)
        of_label[fold].update(labels[row] for row in rows)
        of_both[fold].update((labels[row], languages[row]) for row in rows)
    return folds


def _groups(embeddings: Embeddings) -> list[int]:
    """The first row of the near copies that each row belongs to, through others too."""
    first = list(range(len(embeddings)))

    def root(row: int) -> int:
        while first[row] != row:
            first[row] = first[first[row]]
            row = first[row]
        return row

    for row in range(len(embeddings)):
        for other in np.flatnonzero(embeddings[:row] @ embeddings[row] >= NEAR_COPY):
            low, high = sorted((root(int(other)), root(row)))
            first[high] = low
    return [root(row) for row in range(len(embeddings))]
