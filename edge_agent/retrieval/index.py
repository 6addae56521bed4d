"""The index of passages by meaning: an exact scan of all embeddings, and an HNSW graph once the base is large.

Both are derived from the store. Up to some twenty thousand passages the scan costs a millisecond at most and is exact
(docs/adr/0006); past that a graph is built in the background while the scan keeps answering, and kept on disk
(docs/adr/0020). The graph follows the changes a little later: what it has not taken up yet is scanned, so that a view
finds the same passages with it as without.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.retrieval.graph import Graph
from edge_agent.retrieval.graph_file import delete_graph, read_graph, write_graph
from edge_agent.retrieval.vectors import Neighbor, VectorTable, VectorView
from student.embeddings import Embeddings

log = logging.getLogger(__name__)

_BATCH = 32  # passages that one search may have to wait for
SAVE_AFTER = 1000
"""Passages that came or went since the graph was last saved, or a twentieth of the base if that is more."""
_TUNING_QUERIES, _TUNING_COUNT = 128, 10


class PassageIndex:
    """Embeddings by version, and from a certain size on a graph beside them. Safe to use from several threads.

    Attributes:
        vectors: the embeddings; whoever searches opens a view of them.
    """

    def __init__(
        self,
        dimension: int,
        *,
        exact_below: int,
        threads: int,
        graph_folder: tuple[Path, str] | None = None,
        sample_queries: Callable[[Sequence[int]], Embeddings] | None = None,
    ) -> None:
        """An empty index.

        Args:
            dimension: D.
            exact_below: passages under which the scan answers.
            threads: for building the graph.
            graph_folder: where the graph is kept, and the embedding space it belongs to; None to keep none.
            sample_queries: embeddings (Q, D) like those of questions about these passages, to tune the graph with;
                by default the passages' own.
        """
        self.vectors = VectorTable(dimension)
        self._dimension, self._exact_below, self._threads = dimension, exact_below, threads
        self._graph_folder = graph_folder
        self._sample_queries = sample_queries or (lambda ids: self.view().embeddings(ids)[1])
        self._graph: Graph | None = None
        self._graph_lock = threading.Lock()  # hnswlib does not search while it changes
        self._state_lock = threading.Lock()  # of the worker and of what it is to do
        self._worker: threading.Thread | None = None
        self._removed_since, self._changed_since_save = list[int](), 0
        self._can_build, self._has_to_erase, self._is_erasing = True, False, False
        self._is_closed = False

    @property
    def is_exact(self) -> bool:
        """Whether the scan answers alone."""
        return self._graph is None

    @property
    def ef(self) -> int | None:
        """Candidates that a search of the graph keeps, None while the scan answers."""
        return self._graph.ef if self._graph else None

    def view(self) -> VectorView:
        """The latest version."""
        view = self.vectors.view()
        assert view is not None  # noqa: S101  (the latest is always there)
        return view

    def load(self, version: int, ids: NDArray[np.int64], embeddings: NDArray[np.floating]) -> None:
        """Fills an empty index with the store's passages (N) at start, and with the saved graph if it still fits."""
        self.vectors.apply(version, ids.tolist(), embeddings, [])
        if len(ids) >= self._exact_below and self._graph_folder:
            folder, space = self._graph_folder
            graph = read_graph(folder, space, self._dimension, ids)
            if graph is not None and len(graph) > 0.8 * len(ids):
                self._has_to_erase = graph.gone > 0
                self._changed_since_save = self._reconcile(graph)
                self._swap_in(graph)
        elif self._graph_folder:
            delete_graph(self._graph_folder[0])  # of when there were more
        self._maintain()

    def apply(
        self,
        version: int,
        *,
        added: Sequence[int] = (),
        embeddings: NDArray[np.floating] | None = None,
        removed: Sequence[int] = (),
    ) -> None:
        """Follows a change of the store; see `VectorTable.apply`. May start work on the graph in the background."""
        rows = np.empty((0, self._dimension)) if embeddings is None else embeddings
        with self._state_lock:
            self.vectors.apply(version, added, rows, removed)
            self._removed_since += removed
            self._has_to_erase = self._has_to_erase or (bool(removed) and self._graph is not None)
            self._changed_since_save += len(added) + len(removed)
        self._maintain()

    def reconcile(self, version: int, ids: NDArray[np.int64], embeddings: NDArray[np.floating]) -> None:
        """Adds and removes what it takes to hold just these passages (N) with these embeddings (N, D)."""
        now = self.view().ids()
        is_new = ~np.isin(ids, now)
        removed = np.setdiff1d(now, ids).tolist()
        self.apply(version, added=ids[is_new].tolist(), embeddings=embeddings[is_new], removed=removed)

    def search(self, view: VectorView, query: Embeddings, count: int) -> list[Neighbor]:
        """The passages of a view nearest to a query, by the graph; what it does not hold as the view does is scanned.

        The graph is of another moment than the view: it may lack the latest passages of it, and passages that were
        removed since, and may hold some that came later. Where these leave too few, or those are too many, all is
        scanned.
        """
        with self._graph_lock:
            graph, first = self._graph, view.unindexed
            if graph is None:
                return view.scan(query, count)
            near = graph.search(query, count + len(self._removed_since))
        removed = self.vectors.removed_since(view.version)  # asked later: whatever the graph lacked is among them
        found = {n.passage_id: n.similarity for n in near if n.passage_id in view}
        if removed is None or (len(found) < count and len(found) < len(view)):
            return view.scan(query, count)
        found |= {n.passage_id: n.similarity for n in view.scan(query, count, first)}
        found |= view.similarities(query, removed)
        best = sorted(found, key=found.__getitem__, reverse=True)[:count]
        return [Neighbor(passage_id, found[passage_id]) for passage_id in best]

    @property
    def has_to_erase(self) -> bool:
        """Whether the saved graph may still hold embeddings of passages that were removed."""
        return self._has_to_erase

    def erase(self) -> None:
        """Lets the saved graph follow the removals in the background, however few they are."""
        with self._state_lock:
            self._is_erasing = self._has_to_erase
        self._maintain()

    def wait_until_built(self, timeout_s: float) -> None:
        """Waits for work on the graph that is under way."""
        worker = self._worker
        if worker is not None:
            worker.join(timeout_s)

    def close(self) -> None:
        """Stops work under way and saves the graph as it is now."""
        self._is_closed = True
        self.wait_until_built(timeout_s=60)
        if (self._changed_since_save or self._has_to_erase) and self._graph is not None:
            self._catch_up()
            self._save()

    def __len__(self) -> int:
        return len(self.vectors)

    def _task(self) -> Callable[[], None] | None:
        """The most urgent work on the graph, or None."""
        view, graph = self.view(), self._graph
        total = len(self.vectors)
        if graph is None:
            return self._build if total >= self._exact_below and self._can_build else None
        if graph.removed > total // 3:
            return self._build
        if self._removed_since or view.unindexed < view.rows:
            return self._catch_up
        if total and total >= 2 * graph.tuned_at:
            return lambda: self._tune(graph)
        if self._graph_folder and (self._is_erasing or self._changed_since_save >= max(SAVE_AFTER, total // 20)):
            return self._save
        return None

    def _maintain(self) -> None:
        """Starts the worker when there is something for it to do."""
        with self._state_lock:
            is_at_work = self._worker is not None and self._worker.is_alive()  # not where a failure ended it
            if not self._is_closed and not is_at_work and self._task():
                self._worker = threading.Thread(target=self._work, name="index", daemon=True)
                self._worker.start()

    def _work(self) -> None:
        while True:
            with self._state_lock:
                task = None if self._is_closed else self._task()
                if task is None:
                    self._worker = None
                    return
            try:
                task()
            except ImportError:
                self._can_build = False
                log.info("hnswlib is not installed; every search scans all passages, which stays exact")

    def _build(self) -> None:
        view = self.view()
        ids = view.ids()
        graph = Graph.empty(self._dimension, capacity=len(ids) * 5 // 4)
        for first in range(0, len(ids), 1000):
            if self._is_closed:
                return
            known, rows = view.embeddings(ids[first : first + 1000].tolist())
            graph.add(known, rows, threads=self._threads)
        self._reconcile(graph)
        self._tune(graph)
        self._swap_in(graph)
        log.info("a graph answers searches over %d passages", len(self))
        self._save()

    def _reconcile(self, graph: Graph) -> int:
        """Brings a graph that does not answer yet to the latest version; returns how many passages came or went."""
        view = self.view()
        gone, new = np.setdiff1d(graph.ids, view.ids()), np.setdiff1d(view.ids(), graph.ids)
        graph.remove(gone.tolist())
        if len(new):
            graph.add(*view.embeddings(new.tolist()), threads=self._threads)
        return len(gone) + len(new)

    def _swap_in(self, graph: Graph) -> None:
        """Lets a graph answer from now on."""
        with self._state_lock, self._graph_lock:
            self._reconcile(graph)  # with what came and went meanwhile
            self._graph, self._removed_since = graph, []
            self.vectors.to_float16()
            self.vectors.mark_indexed(self.view(), self.view().rows)
            self.vectors.neighbors = self

    def _catch_up(self) -> None:
        """Takes passages that came and went into the graph, a few at a time, so that no search waits for long."""
        graph, view = self._graph, self.view()
        if graph is None:
            return
        for first in range(view.unindexed, view.rows, _BATCH):
            ids, rows = view.rows_between(first, min(view.rows, first + _BATCH))
            new = [n for n, passage_id in enumerate(ids) if passage_id not in graph]
            with self._graph_lock:
                graph.add([ids[n] for n in new], rows[new], threads=self._threads)
                self.vectors.mark_indexed(view, min(view.rows, first + _BATCH))
        with self._state_lock, self._graph_lock:
            graph.remove(self._removed_since)
            self._removed_since = []

    def _tune(self, graph: Graph) -> None:
        """Chooses how long the graph searches, by comparison with a scan."""
        view = self.view()
        ids = view.ids()
        if not len(ids):
            return
        asked = np.random.default_rng(len(ids)).choice(ids, size=min(_TUNING_QUERIES, len(ids)), replace=False)
        queries = self._sample_queries(asked.tolist())
        count = min(_TUNING_COUNT, len(ids))
        nearest = view.nearest(queries, count)
        recall = graph.tune(queries, nearest)  # searches go on; nobody else changes a graph
        log.info("the graph searches with ef %d: recall@%d %.3f over %d passages", graph.ef, count, recall, len(ids))

    def _save(self) -> None:
        """Writes the graph; a disk that is full costs the next start time, nothing else. Searches go on."""
        if self._graph_folder is None or self._graph is None:
            return
        folder, space = self._graph_folder
        had_to_erase = self._has_to_erase
        self._changed_since_save, self._has_to_erase, self._is_erasing = 0, False, False
        try:
            write_graph(folder, self._graph, space, self._dimension)
        except OSError as error:
            log.warning("the graph was not saved: %s", error.strerror or error)
            if had_to_erase:
                delete_graph(folder)
