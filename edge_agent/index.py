"""Nearest passages by cosine similarity: an exact scan, and hnswlib's graph once the base is large.

Both live in memory and are derived from the store. Up to some twenty thousand passages the scan costs a millisecond
at most and is exact (docs/adr/0006); past that the graph is built in the background while the scan keeps answering.
HNSW is Malkov & Yashunin 2018 (arXiv 1603.09320).
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from student.encoder import Embeddings

log = logging.getLogger(__name__)

_EF = 512  # recall@10 of 0.998 over 21,000 passages of real guides in two languages; 128 gives 0.983


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A passage and the cosine of its embedding with the query's, in [-1, 1]."""

    passage_id: int
    similarity: float


class PassageIndex(Protocol):
    """What finds the passages nearest to an embedding."""

    def add(self, passage_ids: Sequence[int], embeddings: Embeddings) -> None:
        """Adds passages (N) with unit-norm embeddings (N, D)."""

    def remove(self, passage_ids: Sequence[int]) -> None:
        """Removes passages; unknown ids are ignored."""

    def search(self, query: Embeddings, count: int) -> list[Neighbor]:
        """The `count` passages nearest to a unit-norm query (D,), nearest first."""

    def __len__(self) -> int: ...


class ExactIndex:
    """Scans all embeddings; recall is 1. Rows (N, D) in an array that doubles as it fills."""

    def __init__(self, dimension: int) -> None:
        self._matrix = np.empty((1024, dimension), dtype=np.float32)
        self._ids = np.empty(1024, dtype=np.int64)
        self._row_of: dict[int, int] = {}

    def add(self, passage_ids: Sequence[int], embeddings: Embeddings) -> None:
        """See `PassageIndex`."""
        first, total = len(self), len(self) + len(passage_ids)
        while total > len(self._ids):
            self._matrix = np.concatenate([self._matrix, np.empty_like(self._matrix)])
            self._ids = np.concatenate([self._ids, np.empty_like(self._ids)])
        self._matrix[first:total] = embeddings
        self._ids[first:total] = passage_ids
        self._row_of.update(zip((int(i) for i in passage_ids), range(first, total), strict=True))

    def remove(self, passage_ids: Sequence[int]) -> None:
        """See `PassageIndex`. The last row takes the place of a removed one."""
        for passage_id in passage_ids:
            row = self._row_of.pop(passage_id, None)
            last = len(self._row_of)
            if row is not None and row != last:
                self._matrix[row], self._ids[row] = self._matrix[last], self._ids[last]
                self._row_of[int(self._ids[row])] = row

    def search(self, query: Embeddings, count: int) -> list[Neighbor]:
        """See `PassageIndex`."""
        total = len(self)
        similarities = self._matrix[:total] @ query  # (N,)
        best = np.argpartition(-similarities, count)[:count] if count < total else np.arange(total)
        best = best[np.argsort(-similarities[best], kind="stable")]
        return [Neighbor(int(self._ids[i]), float(similarities[i])) for i in best]

    def similarities(self, query: Embeddings, passage_ids: Sequence[int]) -> dict[int, float]:
        """The cosine of the query (D,) with each of these passages that is there."""
        known, rows = self.embeddings(passage_ids)
        return {passage_id: float(value) for passage_id, value in zip(known, rows @ query, strict=True)}

    def embeddings(self, passage_ids: Sequence[int]) -> tuple[list[int], Embeddings]:
        """Those of these passages that are there, in the same order, and their embeddings (K, D)."""
        known = [passage_id for passage_id in passage_ids if passage_id in self._row_of]
        return known, self._matrix[[self._row_of[passage_id] for passage_id in known]]

    def rows(self) -> tuple[NDArray[np.int64], Embeddings]:
        """Copies of the ids (N,) and embeddings (N, D)."""
        return self._ids[: len(self)].copy(), self._matrix[: len(self)].copy()

    def __len__(self) -> int:
        return len(self._row_of)


class HnswIndex:
    """hnswlib's graph; approximate. Removed passages stay in the graph, marked, until it is built anew."""

    def __init__(self, hnswlib: Any, dimension: int, capacity: int, *, threads: int) -> None:
        self._graph = hnswlib.Index(space="ip", dim=dimension)
        self._graph.init_index(max_elements=capacity, ef_construction=200, M=16)
        self._graph.set_ef(_EF)
        self._graph.set_num_threads(threads)
        self._ids: set[int] = set()

    def add(self, passage_ids: Sequence[int], embeddings: Embeddings) -> None:
        """See `PassageIndex`."""
        needed = self._graph.get_current_count() + len(passage_ids)
        if needed > self._graph.get_max_elements():
            self._graph.resize_index(max(needed, 2 * self._graph.get_max_elements()))
        self._graph.add_items(embeddings, np.asarray(passage_ids))
        self._ids.update(int(i) for i in passage_ids)

    def remove(self, passage_ids: Sequence[int]) -> None:
        """See `PassageIndex`."""
        for passage_id in self._ids.intersection(passage_ids):
            self._graph.mark_deleted(passage_id)
        self._ids.difference_update(passage_ids)

    def search(self, query: Embeddings, count: int) -> list[Neighbor]:
        """See `PassageIndex`."""
        ids, distances = self._graph.knn_query(query[None], k=min(count, len(self)), num_threads=1)
        return [Neighbor(int(i), 1.0 - float(d)) for i, d in zip(ids[0], distances[0], strict=True)]

    def __len__(self) -> int:
        return len(self._ids)


class GrowingIndex:
    """An exact scan that hands over to hnswlib in the background when the base has grown past a size.

    Safe to use from several threads. `is_exact` says which of the two answers at present.
    """

    def __init__(self, dimension: int, *, exact_below: int, threads: int) -> None:
        self._exact = ExactIndex(dimension)
        self._hnsw: HnswIndex | None = None
        self._dimension = dimension
        self._exact_below = exact_below
        self._threads = threads
        self._lock = threading.Lock()
        self._builder: threading.Thread | None = None
        self._is_closed = False

    @property
    def is_exact(self) -> bool:
        """Whether the scan answers."""
        return self._hnsw is None

    def add(self, passage_ids: Sequence[int], embeddings: Embeddings) -> None:
        """See `PassageIndex`; may start the building of the graph."""
        if not len(passage_ids):
            return
        with self._lock:
            self._exact.add(passage_ids, embeddings)
            if self._hnsw is not None:
                self._hnsw.add(passage_ids, embeddings)
            elif len(self._exact) >= self._exact_below and self._builder is None:
                self._builder = threading.Thread(target=self._build, name="build-index", daemon=True)
                self._builder.start()

    def remove(self, passage_ids: Sequence[int]) -> None:
        """See `PassageIndex`."""
        with self._lock:
            self._exact.remove(passage_ids)
            if self._hnsw is not None:
                self._hnsw.remove(passage_ids)

    def search(self, query: Embeddings, count: int) -> list[Neighbor]:
        """See `PassageIndex`."""
        with self._lock:
            if not len(self._exact):
                return []
            return (self._hnsw or self._exact).search(query, count)

    def similarities(self, query: Embeddings, passage_ids: Sequence[int]) -> dict[int, float]:
        """See `ExactIndex`: also while the graph answers searches."""
        with self._lock:
            return self._exact.similarities(query, passage_ids)

    def embeddings(self, passage_ids: Sequence[int]) -> tuple[list[int], Embeddings]:
        """See `ExactIndex`: also while the graph answers searches."""
        with self._lock:
            return self._exact.embeddings(passage_ids)

    def wait_until_built(self, timeout_s: float) -> None:
        """Waits for a graph that is being built."""
        if self._builder is not None:
            self._builder.join(timeout_s)

    def close(self) -> None:
        """Stops a building that is under way."""
        self._is_closed = True
        self.wait_until_built(timeout_s=10)

    def __len__(self) -> int:
        return len(self._exact)

    def _build(self) -> None:
        try:
            import hnswlib  # noqa: PLC0415  (optional, and needs compiling: the extra "hnsw")
        except ImportError:
            log.info("hnswlib is not installed; every search scans all passages, which stays exact")
            return
        with self._lock:
            ids, embeddings = self._exact.rows()
        graph = HnswIndex(hnswlib, self._dimension, capacity=2 * len(ids), threads=self._threads)
        for first in range(0, len(ids), 1000):
            if self._is_closed:
                return
            graph.add(ids[first : first + 1000].tolist(), embeddings[first : first + 1000])
        with self._lock:  # catch up with what came and went meanwhile, then hand over
            now_ids, now_embeddings = self._exact.rows()
            graph.remove(np.setdiff1d(ids, now_ids).tolist())
            is_new = ~np.isin(now_ids, ids)
            if is_new.any():
                graph.add(now_ids[is_new].tolist(), now_embeddings[is_new])
            self._hnsw = graph
        log.info("hnswlib answers searches over %d passages", len(self))
