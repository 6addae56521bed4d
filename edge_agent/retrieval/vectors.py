"""Embeddings of all passages in memory, by version: an exact scan reads them, candidates are compared with them.

Rows are only ever appended, or marked with the version that removed them. So a view of a version stays as it is while
later changes come, and nobody waits for anybody: the index's half of a snapshot (docs/adr/0045).
"""

import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from student.embeddings import Embeddings

_BLOCK = 8192  # rows made float32 at a time
_VERSIONS = 4096  # that views can be opened of
_REMOVALS = 4096  # that are remembered
_PRESENT = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A passage and the cosine of its embedding with the query's, in [-1, 1]."""

    passage_id: int
    similarity: float


class NearestNeighbors(Protocol):
    """An approximate search that a view may use instead of its scan."""

    def search(self, view: "VectorView", query: Embeddings, count: int) -> list[Neighbor]:
        """The passages of a view nearest to a query (D,), nearest first."""


@dataclass(slots=True)
class _Arrays:
    """Unit-norm embeddings (capacity, D) and their passages; replaced as a whole when they grow or are compacted.

    Attributes:
        removed_at: version that removed a row; `_PRESENT` for those that are there.
        row_of: row of a passage, also of one removed.
        versions, counts: recent versions and how many rows there were in each.
        removed: rows removed in all.
        indexed: leading rows that the graph has taken up, where there is one.
    """

    matrix: NDArray[np.floating]
    ids: NDArray[np.int64]
    removed_at: NDArray[np.int64]
    row_of: dict[int, int] = field(default_factory=dict)
    versions: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    removed: int = 0
    indexed: int = 0


class VectorView:
    """The embeddings of one version: what was there then, whatever comes later. Safe to use from several threads.

    Attributes:
        version: its number.
        rows: how many there are in it, those of removed passages too.
    """

    def __init__(self, arrays: _Arrays, version: int, count: int, neighbors: NearestNeighbors | None) -> None:
        self.version, self.rows = version, count
        self._arrays, self._neighbors = arrays, neighbors

    def search(self, query: Embeddings, count: int) -> list[Neighbor]:
        """The `count` passages nearest to a unit-norm query (D,), nearest first."""
        if self._neighbors is not None:
            return self._neighbors.search(self, query, count)
        return self.scan(query, count)

    def scan(self, query: Embeddings, count: int, first: int = 0) -> list[Neighbor]:
        """As `search`, exactly, by comparing with every row from the `first` on."""
        parts = [block @ query for block in self.blocks(first)]
        if not parts:
            return []
        similarities = np.concatenate(parts)  # (N,)
        if self._arrays.removed:
            similarities[self._arrays.removed_at[first : self.rows] <= self.version] = -np.inf
        best = np.arange(len(similarities))
        if count < len(best):
            best = np.argpartition(-similarities, count)[:count]
        best = best[np.argsort(-similarities[best], kind="stable")]
        ids = self._arrays.ids[first:]
        return [Neighbor(int(ids[i]), float(similarities[i])) for i in best if similarities[i] > -np.inf]

    def nearest(self, queries: Embeddings, count: int) -> NDArray[np.int64]:
        """The ids (Q, count) of the passages nearest to each of some queries (Q, D), in no order."""
        best = np.empty((len(queries), 0), dtype=np.float32)
        rows = np.empty((len(queries), 0), dtype=np.int64)
        present, first = self._is_present(), 0
        for block in self.blocks():
            here = first + np.flatnonzero(present[first : first + len(block)])
            best = np.concatenate([best, queries @ block[here - first].T], axis=1)
            rows = np.concatenate([rows, np.broadcast_to(here, (len(queries), len(here)))], axis=1)
            first += len(block)
            keep = np.argpartition(-best, min(count, best.shape[1]) - 1, axis=1)[:, :count]
            best, rows = np.take_along_axis(best, keep, 1), np.take_along_axis(rows, keep, 1)
        return self._arrays.ids[rows]

    def similarities(self, query: Embeddings, passage_ids: Sequence[int]) -> dict[int, float]:
        """The cosine of the query (D,) with each of these passages that is there."""
        known, rows = self.embeddings(passage_ids)
        return {passage_id: float(value) for passage_id, value in zip(known, rows @ query, strict=True)}

    def embeddings(self, passage_ids: Sequence[int]) -> tuple[list[int], Embeddings]:
        """Those of these passages that are there, in the same order, and their embeddings (K, D)."""
        known = [passage_id for passage_id in passage_ids if passage_id in self]
        return known, np.asarray(self._arrays.matrix[[self._arrays.row_of[i] for i in known]], dtype=np.float32)

    def ids(self) -> NDArray[np.int64]:
        """The passages there (N,), in no order."""
        return self._arrays.ids[: self.rows][self._is_present()]

    def blocks(self, first: int = 0) -> Iterator[Embeddings]:
        """All rows from the `first` on, removed ones too, as float32 (K, D), some thousands at a time."""
        size = _BLOCK if self._arrays.matrix.dtype == np.float16 else max(1, self.rows)
        for start in range(first, self.rows, size):
            yield np.asarray(self._arrays.matrix[start : min(self.rows, start + size)], dtype=np.float32)

    def rows_between(self, first: int, last: int) -> tuple[list[int], Embeddings]:
        """The passages at rows from `first` to below `last` that are there, and their embeddings (K, D)."""
        return self.embeddings(self._arrays.ids[first:last].tolist())

    @property
    def unindexed(self) -> int:
        """The first row that the graph has not taken up."""
        return min(self._arrays.indexed, self.rows)

    def __contains__(self, passage_id: int) -> bool:
        row = self._arrays.row_of.get(passage_id, self.rows)
        return row < self.rows and bool(self._arrays.removed_at[row] > self.version)

    def __len__(self) -> int:
        return int(self._is_present().sum())

    def _is_present(self) -> NDArray[np.bool_]:
        return self._arrays.removed_at[: self.rows] > self.version


class VectorTable:
    """Unit-norm embeddings of passages, by version. One thread changes them at a time, any number look at views.

    Float32, which a scan reads fastest, until `to_float16`.
    """

    def __init__(self, dimension: int) -> None:
        self._lock = threading.Lock()  # of those who change
        self._arrays = _new_arrays(dimension, 1024, np.dtype(np.float32))
        self._arrays.versions.append(0)
        self._arrays.counts.append(0)
        self.neighbors: NearestNeighbors | None = None
        self._removals: list[tuple[int, int]] = []  # the latest (version, passage), ascending

    @property
    def version(self) -> int:
        """The latest."""
        return self._arrays.versions[-1]

    def __len__(self) -> int:
        return self._arrays.counts[-1] - self._arrays.removed

    def view(self, version: int | None = None) -> VectorView | None:
        """A version, the latest by default; None for one that is too long ago.

        Args:
            version: any number; the latest version up to it is meant.
        """
        arrays, neighbors = self._arrays, self.neighbors
        place = len(arrays.versions) if version is None else bisect_right(arrays.versions, version)
        if place == 0:
            return None
        return VectorView(arrays, arrays.versions[place - 1], arrays.counts[place - 1], neighbors)

    def apply(
        self, version: int, added: Sequence[int], embeddings: NDArray[np.floating], removed: Sequence[int]
    ) -> None:
        """Makes the next version.

        Args:
            version: its number, larger than those before.
            added: passages (K) that were never there before.
            embeddings: theirs, of unit norm (K, D).
            removed: passages that are there no more; unknown ids are ignored.
        """
        with self._lock:
            arrays = self._with_room_for(len(added))
            count, total = arrays.counts[-1], arrays.counts[-1] + len(added)
            arrays.matrix[count:total] = embeddings
            arrays.ids[count:total] = added
            arrays.row_of.update(zip((int(i) for i in added), range(count, total), strict=True))
            for passage_id in removed:
                row = arrays.row_of.get(passage_id)
                if row is not None and arrays.removed_at[row] == _PRESENT:
                    arrays.removed_at[row] = version
                    arrays.removed += 1
                    self._removals.append((version, passage_id))
            arrays.counts.append(total)
            arrays.versions.append(version)  # last: from here on views of it can be opened
            del self._removals[:-_REMOVALS]
            if arrays.removed > max(1024, total // 4):
                self._arrays = _compacted(arrays)
            elif len(arrays.versions) > 2 * _VERSIONS:
                versions, counts = arrays.versions[-_VERSIONS:], arrays.counts[-_VERSIONS:]
                self._arrays = replace(arrays, versions=versions, counts=counts)

    def removed_since(self, version: int) -> list[int] | None:
        """The passages that later versions removed; None where these are too many to be remembered."""
        latest = [i for _, i in takewhile(lambda removal: removal[0] > version, reversed(self._removals.copy()))]
        return latest if len(latest) < _REMOVALS else None

    def to_float16(self) -> None:
        """Keeps the embeddings as float16 from now on: half the memory; cosines change by less than 0.001."""
        with self._lock:
            self._arrays = _copied(self._arrays, len(self._arrays.ids), np.dtype(np.float16))

    def mark_indexed(self, view: VectorView, rows: int) -> None:
        """Notes that the graph has taken up the leading `rows` of a view; of no use where rows have moved since."""
        if self._arrays is view._arrays:
            self._arrays.indexed = rows

    def _with_room_for(self, count: int) -> _Arrays:
        total = self._arrays.counts[-1] + count
        if total > len(self._arrays.ids):
            self._arrays = _copied(self._arrays, max(total, 2 * len(self._arrays.ids)), self._arrays.matrix.dtype)
        return self._arrays


def _new_arrays(dimension: int, capacity: int, dtype: np.dtype[Any]) -> _Arrays:
    return _Arrays(
        np.empty((capacity, dimension), dtype=dtype),
        np.empty(capacity, dtype=np.int64),
        np.full(capacity, _PRESENT, dtype=np.int64),
    )


def _copied(old: _Arrays, capacity: int, dtype: np.dtype[Any]) -> _Arrays:
    """The same rows with more room, or of another type; every version of before can be opened."""
    new, count = _new_arrays(old.matrix.shape[1], capacity, dtype), old.counts[-1]
    for name in ("matrix", "ids", "removed_at"):
        getattr(new, name)[:count] = getattr(old, name)[:count]
    new.row_of, new.versions, new.counts = old.row_of, list(old.versions), list(old.counts)
    new.removed, new.indexed = old.removed, old.indexed
    return new


def _compacted(old: _Arrays) -> _Arrays:
    """The rows that are there, and the latest version alone."""
    present = np.flatnonzero(old.removed_at[: old.counts[-1]] == _PRESENT)
    new = _new_arrays(old.matrix.shape[1], max(1024, len(present) * 5 // 4), old.matrix.dtype)
    new.matrix[: len(present)], new.ids[: len(present)] = old.matrix[present], old.ids[present]
    new.row_of = dict(zip(new.ids[: len(present)].tolist(), range(len(present)), strict=True))
    new.versions, new.counts = [old.versions[-1]], [len(present)]
    new.indexed = int((present < old.indexed).sum())
    return new
