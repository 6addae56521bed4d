"""What a run of the query adapter begins with and is measured by at the center; the head's is in `run_recipe.py`.

The center's validation set is questions, each with the passage that answers it. The figure is the share of questions
whose own passage is nearest among all of them: what an adapter is for, in the smallest form.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from federation.errors import ExamplesInvalid, ParametersInvalid
from federation.learning.examples import read_lines
from federation.learning.features import Weights
from federation.learning.query_adapter import adapt, new_adapter
from student.bundle.folder import Bundle
from student.bundle.query_adapter import QueryAdapter, read_adapter
from student.embeddings import Embeddings


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Questions with their passages, from `{"text": …, "passage": …}` lines.

    Raises:
        ExamplesInvalid: not readable as such, or fewer than two.
    """
    pairs = [(row["text"], row["passage"]) for row in read_lines(path, "text", "passage")]
    if len({passage for _, passage in pairs}) < 2:
        raise ExamplesInvalid(f"{path} holds fewer than two passages; expected questions on several")
    return pairs


def start_of(bundle: Bundle, rank: int, public: Embeddings) -> Weights:
    """The weights (2, r * D) of the first round: the bundle's own adapter, or a new one that changes nothing.

    Args:
        bundle: that branches have.
        rank: of the run.
        public: embeddings (N, D) of public texts, along whose directions a new one looks.

    Raises:
        ParametersInvalid: the bundle's has another rank.
        ExamplesInvalid: fewer public texts than directions.
    """
    adapter = read_adapter(bundle)
    if adapter is None:
        if len(public) <= rank:
            raise ExamplesInvalid(f"{len(public)} public texts have no {rank} directions; add texts, or lower rank")
        return new_adapter(public, rank)
    if len(adapter.a) != rank:
        raise ParametersInvalid(f"the bundle's adapter has rank {len(adapter.a)}, the recipe {rank}; write that rank")
    return np.stack([adapter.a.reshape(-1), adapter.b.reshape(-1)])


def to_adapter(weights: Weights, dimension: int) -> QueryAdapter:
    """The adapter of a run's weights."""
    a, b = weights.reshape(2, -1, dimension)
    return QueryAdapter(a.astype(np.float32), b.astype(np.float32))


def right_first(weights: Weights, questions: Embeddings, passages: Embeddings, targets: NDArray[np.int64]) -> float:
    """The share of questions (n, D) to which, of the passages (m, D), the one of `targets` (n,) is nearest."""
    similarities = adapt(weights, questions) @ passages.T  # (n, m)
    return float((similarities.argmax(axis=1) == targets).mean())
