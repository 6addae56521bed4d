"""Distillation of a query adapter: it moves its own encoder's questions as another one moves those of its encoder.

Both encoders share a space, but do not embed every word alike, so an adapter learned on one's embeddings is not quite
right on the other's. From public texts: with x the learner's embeddings, m the moves that the other makes of its own,

    M = argmin |x M - m|^2 + penalty |M|^2,   then the map of rank r nearest to it on these texts

(reduced-rank ridge regression, Izenman 1975), which is solved in closed form.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from student.artifacts.json_lines import is_held_out
from student.bundle.query_adapter import QueryAdapter
from student.distill.targets import read_shards, read_targets_manifest
from student.embeddings import Embeddings

_PENALTY = 0.01
"""Of the mean variance of a direction."""


def distill_adapter(learner: Embeddings, other: Embeddings, adapter: QueryAdapter) -> QueryAdapter:
    """Distills an adapter.

    Args:
        learner: of N texts, by the encoder that the new adapter is for (N, D).
        other: of the same texts, by the encoder that `adapter` is for (N, D).
        adapter: the other's, of rank r.

    Returns:
        An adapter of rank r.
    """
    x, rank = learner.astype(np.float64), len(adapter.a)
    moves = adapter.adapt(other).astype(np.float64) - other
    gram = x.T @ x + _PENALTY * len(x) / x.shape[1] * np.eye(x.shape[1])
    full = np.linalg.solve(gram, x.T @ moves)  # (D, D)
    directions = np.linalg.svd(x @ full, full_matrices=False)[2][:rank]  # (r, D)
    return QueryAdapter((full @ directions.T).T.astype(np.float32), directions.astype(np.float32))


def distill_adapter_from_targets(
    targets: Path, adapter: QueryAdapter, encode: Callable[[list[str]], Embeddings], *, count: int
) -> QueryAdapter:
    """An adapter distilled from a teacher's on about `count` texts of its targets; `encode` is the learner's encoder.

    Raises:
        TargetsRefused: the targets cannot be read.
    """
    by_teacher, by_learner = read_both(targets, encode, count=count)
    return distill_adapter(by_learner, by_teacher, adapter)


def read_both(targets: Path, encode: Callable[[list[str]], Embeddings], *, count: int) -> tuple[Embeddings, Embeddings]:
    """About `count` texts of targets, chosen by digest, as the teacher and as `encode` embeds them, (N, D) each."""
    share = count / sum(shard.rows for shard in read_targets_manifest(targets)[0].shards)
    by_teacher, encoded = [], []
    for shard in read_shards(targets):
        rows = [i for i, text in enumerate(shard.texts) if is_held_out(f"absorb:{text}", share)]
        by_teacher.append(shard.embeddings[rows].astype(np.float32))
        encoded.append(encode([shard.texts[i] for i in rows]))
    return np.concatenate(by_teacher), np.concatenate(encoded)
