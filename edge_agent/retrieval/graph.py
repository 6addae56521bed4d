"""The graph that finds nearest passages in large bases: hnswlib's HNSW (Malkov & Yashunin 2018, arXiv 1603.09320).

hnswlib is optional (the extra "hnsw", it is compiled at installation), so it is imported when a graph is first made.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edge_agent.retrieval.vectors import Neighbor
from student.embeddings import Embeddings

LINKS, EF_CONSTRUCTION = 16, 200
EFS = (64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Candidates that a search may keep: the more, the better the recall and the longer the search."""
RECALL = 0.995
"""Of the ten nearest passages, the share that a search is tuned to find; see `Graph.tune`."""


class Graph:
    """Approximate nearest neighbors. Removed passages stay in it, marked, until it is built again.

    Attributes:
        ef: candidates that a search keeps.
        tuned_at: how many passages it held when `ef` was chosen; 0 when it was not.
        gone: how many passages its file held that were removed since it was written.
    """

    def __init__(self, hnsw: Any, ids: set[int], *, ef: int, tuned_at: int, gone: int = 0) -> None:
        self._hnsw, self._ids = hnsw, ids
        self.ef, self.tuned_at, self.gone = ef, tuned_at, gone

    @classmethod
    def empty(cls, dimension: int, capacity: int) -> Self:
        """A graph with room for some passages; it grows. Raises `ImportError` where hnswlib is not installed."""
        hnsw = _new(dimension)
        hnsw.init_index(max_elements=capacity, ef_construction=EF_CONSTRUCTION, M=LINKS)
        return cls(hnsw, set(), ef=max(EFS), tuned_at=0)

    @classmethod
    def load(cls, path: Path, dimension: int, *, alive: NDArray[np.int64], ef: int, tuned_at: int) -> Self:
        """A graph that `save` wrote; its bytes must have been checked.

        Args:
            path: the file.
            dimension: D.
            alive: the passages that there are now; others in the file are removed.
            ef: candidates that a search keeps.
            tuned_at: how many passages it held when that was chosen.

        Raises:
            ImportError: hnswlib is not installed. RuntimeError: the file is not a graph of this dimension.
        """
        hnsw = _new(dimension)
        hnsw.load_index(str(path), max_elements=max(len(alive) * 5 // 4, 1))
        listed = np.array(hnsw.get_ids_list(), dtype=np.int64)
        gone = 0
        for passage_id in np.setdiff1d(listed, alive):
            with contextlib.suppress(RuntimeError):  # was removed before it was written
                hnsw.mark_deleted(passage_id)
                gone += 1
        return cls(hnsw, set(np.intersect1d(listed, alive).tolist()), ef=ef, tuned_at=tuned_at, gone=gone)

    def save(self, path: Path) -> None:
        """Writes the graph.

        Raises:
            OSError: the disk is full; hnswlib itself writes a part and says nothing.
        """
        try:
            self._hnsw.save_index(str(path))
        except RuntimeError as error:
            raise OSError(f"{path} cannot be written: {error}") from error
        if path.stat().st_size != self._hnsw.index_file_size():
            raise OSError(f"{path} was not written whole; is the disk full?")

    def add(self, passage_ids: Sequence[int], embeddings: NDArray[np.floating], *, threads: int) -> None:
        """Adds passages (K) with unit-norm embeddings (K, D). Not while another thread searches."""
        if not len(passage_ids):
            return
        needed = self._hnsw.get_current_count() + len(passage_ids)
        if needed > self._hnsw.get_max_elements():
            self._hnsw.resize_index(max(needed, self._hnsw.get_max_elements() * 3 // 2))
        self._hnsw.add_items(embeddings, np.asarray(passage_ids), num_threads=threads)
        self._ids.update(int(i) for i in passage_ids)

    def remove(self, passage_ids: Sequence[int]) -> None:
        """Removes passages; unknown ids are ignored."""
        for passage_id in self._ids.intersection(passage_ids):
            self._hnsw.mark_deleted(passage_id)
        self._ids.difference_update(passage_ids)

    def search(self, query: Embeddings, count: int) -> list[Neighbor]:
        """The `count` passages nearest to a unit-norm query (D,), nearest first; none where it cannot reach so many."""
        count = min(count, len(self))
        if not count:
            return []
        self._hnsw.set_ef(max(self.ef, count))
        try:
            ids, distances = self._hnsw.knn_query(query[None], k=count, num_threads=1)
        except RuntimeError:  # too many of those on the way were removed
            return []
        return [Neighbor(int(i), 1.0 - float(d)) for i, d in zip(ids[0], distances[0], strict=True)]

    def tune(self, queries: Embeddings, nearest: NDArray[np.int64], wanted: float = RECALL) -> float:
        """Chooses the smallest `ef` that finds enough; returns the recall with it.

        Args:
            queries: (Q, D), like those that will be asked.
            nearest: (Q, K) the ids that are really nearest to each.
            wanted: recall@K; with none that reaches it, the largest `ef` is taken.
        """
        recall = 0.0
        for self.ef in EFS:
            found = [[n.passage_id for n in self.search(query, nearest.shape[1])] for query in queries]
            recall = float(np.mean([np.isin(one, row).mean() for one, row in zip(nearest, found, strict=True)]))
            if recall >= wanted:
                break
        self.tuned_at = len(self)
        return recall

    @property
    def ids(self) -> NDArray[np.int64]:
        """The passages in it (N,), in no order."""
        return np.fromiter(self._ids, dtype=np.int64, count=len(self._ids))

    @property
    def removed(self) -> int:
        """How many removed passages are still in the graph."""
        return int(self._hnsw.get_current_count()) - len(self._ids)

    def __contains__(self, passage_id: int) -> bool:
        return passage_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)


def _new(dimension: int) -> Any:
    import hnswlib  # noqa: PLC0415

    return hnswlib.Index(space="ip", dim=dimension)
