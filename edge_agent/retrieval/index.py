"""Nearest passages by cosine similarity: an exact scan, and a graph once the base is large.

Both are derived from the store. Up to some twenty thousand passages the scan costs a millisecond at most and is exact
(docs/adr/0006); past that a graph is built in the background while the scan keeps answering, and kept on disk
(docs/adr/0020).
"""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.retrieval.graph import Graph
from edge_agent.retrieval.graph_file import read_snapshot, write_snapshot
from edge_agent.retrieval.vectors import Neighbor, Rows
from student.embeddings import Embeddings

log = logging.getLogger(__name__)

_BATCH = 32  # passages that one search may have to wait for
SAVE_AFTER = 1000
"""Passages that came or went since the last snapshot, or a twentieth of the base if that is more."""
_TUNING_QUERIES, _TUNING_COUNT = 128, 10


class GrowingIndex:
    """An exact scan that hands over to a graph in the background when the base has grown past a size.

    Safe to use from several threads. `is_exact` says which of the two answers at present.
    """

    def __init__(
        self,
        dimension: int,
        *,
        exact_below: int,
        threads: int,
        snapshots: tuple[Path, str] | None = None,
        questions_about: Callable[[Sequence[int]], Embeddings] | None = None,
    ) -> None:
        """An empty index.

        Args:
            dimension: D.
            exact_below: passages under which the scan answers.
            threads: for building the graph.
            snapshots: the folder where the graph is kept and the embedding space it belongs to; None to keep none.
            questions_about: embeddings (Q, D) like those of questions about these passages, to tune the graph with;
                by default the passages' own.
        """
        self._rows = Rows(dimension)
        self._graph: Graph | None = None
        self._dimension, self._exact_below, self._threads = dimension, exact_below, threads
        self._snapshots = snapshots
        self._questions_about = questions_about or (lambda ids: self.embeddings(ids)[1])
        self._lock = threading.Lock()  # held for a search, and for what a search must not see half done
        self._changing = threading.RLock()  # held for as long as the passages must stay the same; taken before _lock
        self._worker: threading.Thread | None = None
        self._unsaved = 0
        self._can_build = True
        self._is_closed = False

    @property
    def is_exact(self) -> bool:
        """Whether the scan answers."""
        return self._graph is None

    @property
    def ef(self) -> int | None:
        """Candidates that a search of the graph keeps, None while the scan answers."""
        return self._graph.ef if self._graph else None

    def fill(self, ids: NDArray[np.int64], embeddings: NDArray[np.floating]) -> None:
        """Takes in the store's passages (N) at start, with the graph of the last snapshot if it still fits."""
        self._rows.add(ids.tolist(), embeddings)
        if len(ids) >= self._exact_below and self._snapshots:
            folder, space = self._snapshots
            graph = read_snapshot(folder, space, self._dimension, ids)
            if graph is not None and len(graph) > 0.8 * len(ids):
                self._unsaved = self._reconcile(graph)
                self._hand_over(graph)
        self._maintain()

    def bring_to(self, ids: NDArray[np.int64], embeddings: NDArray[np.floating]) -> None:
        """Removes and adds what it takes to hold just these passages (N) with these embeddings (N, D)."""
        now = self.ids()
        self.remove(np.setdiff1d(now, ids).tolist())
        is_new = ~np.isin(ids, now)
        self.add(ids[is_new].tolist(), embeddings[is_new])

    def add(self, passage_ids: Sequence[int], embeddings: NDArray[np.floating]) -> None:
        """Adds passages (K) with unit-norm embeddings (K, D); may start work on the graph in the background."""
        with self._changing:
            for first in range(0, len(passage_ids), _BATCH):
                ids, rows = passage_ids[first : first + _BATCH], embeddings[first : first + _BATCH]
                with self._lock:
                    self._rows.add(ids, rows)
                    if self._graph is not None:
                        self._graph.add(ids, rows, threads=self._threads)
            self._unsaved += len(passage_ids)
        self._maintain()

    def remove(self, passage_ids: Sequence[int]) -> None:
        """Removes passages; unknown ids are ignored."""
        with self._changing, self._lock:
            self._rows.remove(passage_ids)
            if self._graph is not None:
                self._graph.remove(passage_ids)
            self._unsaved += len(passage_ids)
        self._maintain()

    def search(self, query: Embeddings, count: int) -> list[Neighbor]:
        """The `count` passages nearest to a unit-norm query (D,), nearest first."""
        with self._lock:
            if not len(self._rows):
                return []
            return self._graph.search(query, count) if self._graph else self._rows.search(query, count)

    def similarities(self, query: Embeddings, passage_ids: Sequence[int]) -> dict[int, float]:
        """The cosine of the query (D,) with each of these passages that is there."""
        with self._lock:
            return self._rows.similarities(query, passage_ids)

    def embeddings(self, passage_ids: Sequence[int]) -> tuple[list[int], Embeddings]:
        """Those of these passages that are there, in the same order, and their embeddings (K, D)."""
        with self._lock:
            return self._rows.embeddings(passage_ids)

    def ids(self) -> NDArray[np.int64]:
        """The passages in it (N,), in no order."""
        with self._lock:
            return self._rows.ids()

    def wait_until_built(self, timeout_s: float) -> None:
        """Waits for work on the graph that is under way."""
        worker = self._worker
        if worker is not None:
            worker.join(timeout_s)

    def close(self) -> None:
        """Stops what is under way and keeps the graph as it is now."""
        self._is_closed = True
        self.wait_until_built(timeout_s=60)
        if self._unsaved and self._graph is not None:
            self._save()

    def __len__(self) -> int:
        return len(self._rows)

    def _task(self) -> Callable[[], None] | None:
        """What is to be done for the graph, the most urgent first."""
        graph, total = self._graph, len(self._rows)
        if graph is None:
            return self._build if total >= self._exact_below and self._can_build else None
        if graph.removed > total // 3:
            return self._build
        if total >= 2 * graph.tuned_at:
            return self._tune_again
        if self._snapshots and self._unsaved >= max(SAVE_AFTER, total // 20):
            return self._save
        return None

    def _maintain(self) -> None:
        """Starts the worker when there is something for it to do."""
        with self._lock:
            if self._is_closed or (self._worker and self._worker.is_alive()) or not self._task():
                return
            self._worker = threading.Thread(target=self._work, name="index", daemon=True)
            self._worker.start()

    def _work(self) -> None:
        while not self._is_closed and (task := self._task()):
            try:
                task()
            except ImportError:
                self._can_build = False
                log.info("hnswlib is not installed; every search scans all passages, which stays exact")

    def _build(self) -> None:
        ids = self.ids()
        graph = Graph.empty(self._dimension, capacity=len(ids) * 5 // 4)
        for first in range(0, len(ids), 1000):
            if self._is_closed:
                return
            known, rows = self.embeddings(ids[first : first + 1000].tolist())
            graph.add(known, rows, threads=self._threads)
        with self._changing:  # catch up with what came and went meanwhile, then hand over
            self._reconcile(graph)
            self._tune(graph)
            self._hand_over(graph)
        log.info("a graph answers searches over %d passages", len(self))
        self._save()

    def _reconcile(self, graph: Graph) -> int:
        """Brings a graph that does not answer yet to the passages there are; returns how many came or went."""
        now, held = self.ids(), graph.ids
        gone, new = np.setdiff1d(held, now), np.setdiff1d(now, held)
        graph.remove(gone.tolist())
        if len(new):
            graph.add(*self.embeddings(new.tolist()), threads=self._threads)
        return len(gone) + len(new)

    def _hand_over(self, graph: Graph) -> None:
        with self._lock:
            self._graph = graph
            self._rows.halve()

    def _tune_again(self) -> None:
        if self._graph is not None:
            with self._changing:
                self._tune(self._graph)

    def _tune(self, graph: Graph) -> None:
        """Chooses how long the graph searches, against a scan."""
        ids = self.ids()
        asked = np.random.default_rng(len(ids)).choice(ids, size=min(_TUNING_QUERIES, len(ids)), replace=False)
        queries = self._questions_about(asked.tolist())
        count = min(_TUNING_COUNT, len(ids))
        nearest = self._rows.nearest(queries, count)
        recall = graph.tune(queries, nearest)
        log.info("the graph searches with ef %d: recall@%d %.3f over %d passages", graph.ef, count, recall, len(ids))

    def _save(self) -> None:
        """Writes a snapshot; a disk that is full costs the next start time, nothing else."""
        if self._snapshots is None or self._graph is None:
            return
        folder, space = self._snapshots
        with self._changing:  # searches go on
            self._unsaved = 0
            try:
                write_snapshot(folder, self._graph, space, self._dimension)
            except OSError as error:
                log.warning("the snapshot of the index was not written: %s", error.strerror or error)
