"""The embeddings of all passages in memory, by passage: what a scan reads, and what candidates are compared with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from student.embeddings import Embeddings

_BLOCK = 8192  # rows made float32 at a time


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A passage and the cosine of its embedding with the query's, in [-1, 1]."""

    passage_id: int
    similarity: float


class Rows:
    """Unit-norm embeddings (N, D) in an array that doubles as it fills; the last one takes the place of a removed one.

    Float32, which a scan reads fastest, until `halve`; float16 from then on.
    """

    def __init__(self, dimension: int) -> None:
        self._matrix: NDArray[np.floating] = np.empty((1024, dimension), dtype=np.float32)
        self._ids = np.empty(1024, dtype=np.int64)
        self._row_of: dict[int, int] = {}

    def add(self, passage_ids: Sequence[int], embeddings: NDArray[np.floating]) -> None:
        """Adds passages (K), none of them there yet, with their embeddings (K, D)."""
        first, total = len(self), len(self) + len(passage_ids)
        if total > len(self._ids):
            capacity = max(total, 2 * len(self._ids))
            self._matrix = _grown(self._matrix, capacity)
            self._ids = _grown(self._ids, capacity)
        self._matrix[first:total] = embeddings
        self._ids[first:total] = passage_ids
        self._row_of.update(zip((int(i) for i in passage_ids), range(first, total), strict=True))

    def remove(self, passage_ids: Sequence[int]) -> None:
        """Removes passages; unknown ids are ignored."""
        for passage_id in passage_ids:
            row = self._row_of.pop(passage_id, None)
            last = len(self._row_of)
            if row is not None and row != last:
                self._matrix[row], self._ids[row] = self._matrix[last], self._ids[last]
                self._row_of[int(self._ids[row])] = row

    def search(self, query: Embeddings, count: int) -> list[Neighbor]:
        """The `count` passages nearest to a unit-norm query (D,), nearest first."""
        size = _BLOCK if self._matrix.dtype == np.float16 else max(1, len(self))
        parts = [block @ query for block in self.blocks(size)]
        similarities = np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)  # (N,)
        best = np.argpartition(-similarities, count)[:count] if count < len(self) else np.arange(len(self))
        best = best[np.argsort(-similarities[best], kind="stable")]
        return [Neighbor(int(self._ids[i]), float(similarities[i])) for i in best]

    def nearest(self, queries: Embeddings, count: int) -> NDArray[np.int64]:
        """The ids (Q, count) of the passages nearest to each of some queries (Q, D), in no order."""
        best = np.empty((len(queries), 0), dtype=np.float32)
        rows = np.empty((len(queries), 0), dtype=np.int64)
        first = 0
        for block in self.blocks(_BLOCK):
            best = np.concatenate([best, queries @ block.T], axis=1)
            here = np.broadcast_to(np.arange(first, first + len(block)), (len(queries), len(block)))
            rows = np.concatenate([rows, here], axis=1)
            first += len(block)
            keep = np.argpartition(-best, count - 1, axis=1)[:, :count]
            best, rows = np.take_along_axis(best, keep, 1), np.take_along_axis(rows, keep, 1)
        return self._ids[rows]

    def blocks(self, size: int) -> Iterator[Embeddings]:
        """All embeddings in order, at most `size` (K, D) at a time."""
        for first in range(0, len(self), size):
            yield np.asarray(self._matrix[first : min(len(self), first + size)], dtype=np.float32)

    def similarities(self, query: Embeddings, passage_ids: Sequence[int]) -> dict[int, float]:
        """The cosine of the query (D,) with each of these passages that is there."""
        known, rows = self.embeddings(passage_ids)
        return {passage_id: float(value) for passage_id, value in zip(known, rows @ query, strict=True)}

    def embeddings(self, passage_ids: Sequence[int]) -> tuple[list[int], Embeddings]:
        """Those of these passages that are there, in the same order, and their embeddings (K, D)."""
        known = [passage_id for passage_id in passage_ids if passage_id in self._row_of]
        return known, np.asarray(self._matrix[[self._row_of[i] for i in known]], dtype=np.float32)

    def ids(self) -> NDArray[np.int64]:
        """A copy of the passages' ids (N,), in no order."""
        return self._ids[: len(self)].copy()

    def halve(self) -> None:
        """Keeps the embeddings as float16 from now on: half the memory; cosines change by less than 0.001."""
        half = np.empty(self._matrix.shape, dtype=np.float16)
        half[: len(self)] = self._matrix[: len(self)]
        self._matrix = half

    def __contains__(self, passage_id: int) -> bool:
        return passage_id in self._row_of

    def __len__(self) -> int:
        return len(self._row_of)


def _grown(array: NDArray[Any], capacity: int) -> NDArray[Any]:
    larger = np.empty((capacity, *array.shape[1:]), dtype=array.dtype)
    larger[: len(array)] = array
    return larger
