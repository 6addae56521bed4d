"""One nearest-neighbour engine in a process of its own.

`python -m benchmarks.graph_worker ENGINE EMBEDDINGS QUERIES N`, started fresh by `benchmarks.scale`, so that memory and
threads are its own. All engines build the same kind of graph (HNSW, 32 links a node at the lowest level, 200 candidates
while building) over the same unit-norm embeddings with two threads, are asked one query at a time on one thread, and
are compared with an exact scan. Prints figures as JSON.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import percentiles, resident_bytes
from student.embeddings import Embeddings

COUNT = 10
CANDIDATES_SEARCHED = (32, 64, 128, 256, 512, 1024)
_M, _EF_CONSTRUCTION, _THREADS = 16, 200, 2


@dataclass(frozen=True, slots=True)
class Graph:
    """What an engine can do, by the same names for all."""

    add: Callable[[NDArray[np.int64], Embeddings], object]
    search: Callable[[Embeddings, int], NDArray[np.int64]]  # (D,), candidates searched → ids, nearest first
    remove: Callable[[NDArray[np.int64]], object] | None
    save: Callable[[Path], object]
    load: Callable[[Path], object]


def main() -> None:
    """Measures one engine."""
    engine, embeddings_path, queries_path, size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    queries = np.load(queries_path)
    embeddings = np.load(embeddings_path, mmap_mode="r")[:size]
    truth = _exact(embeddings, queries)
    dimension = embeddings.shape[1]
    np.asarray(embeddings[-1000:]).copy()
    resting = resident_bytes()
    graph = ENGINES[engine](dimension, size)
    ids = np.arange(size, dtype=np.int64)
    singles = min(1000, size // 10)
    started = time.perf_counter()
    for first in range(0, size - singles, 10_000):
        last = min(first + 10_000, size - singles)
        graph.add(ids[first:last], np.array(embeddings[first:last]))
    build_s = time.perf_counter() - started
    insert_s = []
    for row in range(size - singles, size):
        started = time.perf_counter()
        graph.add(ids[row : row + 1], np.array(embeddings[row : row + 1]))
        insert_s.append(time.perf_counter() - started)
    result: dict[str, Any] = {
        "build_s": round(build_s, 2),
        "insert": percentiles(insert_s),
        "memory_mb": round((resident_bytes() - resting) / 1e6, 1),
        "by_candidates_searched": {str(ef): _ask(graph, queries, truth, ef) for ef in CANDIDATES_SEARCHED},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph"
        started = time.perf_counter()
        graph.save(path)
        result["save_s"] = round(time.perf_counter() - started, 3)
        result["file_mb"] = round(path.stat().st_size / 1e6, 1)
        fresh = ENGINES[engine](dimension, size)
        started = time.perf_counter()
        fresh.load(path)
        result["load_s"] = round(time.perf_counter() - started, 3)
        assert (fresh.search(queries[0], 512)[:3] == graph.search(queries[0], 512)[:3]).all()
    if graph.remove:
        gone = ids[::4]
        started = time.perf_counter()
        graph.remove(gone)
        result["remove_ms"] = round(1000 * (time.perf_counter() - started) / len(gone), 4)
        left = np.array(embeddings)
        left[gone] = 0
        result["a_quarter_removed"] = _ask(graph, queries, _exact(left, queries), 512)
    print(json.dumps(result))


def _exact(embeddings: Embeddings, queries: Embeddings) -> NDArray[np.int64]:
    """The ids (Q, COUNT) of each query's nearest, by a scan in blocks."""
    best_ids = np.zeros((len(queries), 0), dtype=np.int64)
    best = np.zeros((len(queries), 0), dtype=np.float32)
    for first in range(0, len(embeddings), 50_000):
        similarities = queries @ np.asarray(embeddings[first : first + 50_000]).T
        best = np.concatenate([best, similarities], axis=1)
        ids = np.broadcast_to(np.arange(first, first + similarities.shape[1]), similarities.shape)
        best_ids = np.concatenate([best_ids, ids], axis=1)
        keep = np.argsort(-best, axis=1, kind="stable")[:, :COUNT]
        best, best_ids = np.take_along_axis(best, keep, 1), np.take_along_axis(best_ids, keep, 1)
    return best_ids


def _ask(graph: Graph, queries: Embeddings, truth: NDArray[np.int64], candidates: int) -> dict[str, float]:
    """Recall@10 and the time of a query."""
    seconds, recalls = [], []
    for query, nearest in zip(queries, truth, strict=True):
        started = time.perf_counter()
        found = graph.search(query, candidates)
        seconds.append(time.perf_counter() - started)
        recalls.append(len(np.intersect1d(found[:COUNT], nearest)) / COUNT)
    return {"recall_at_10": round(float(np.mean(recalls)), 4), **percentiles(seconds)}


def _hnswlib(dimension: int, size: int) -> Graph:
    import hnswlib  # noqa: PLC0415

    index = hnswlib.Index(space="ip", dim=dimension)
    index.init_index(max_elements=size, ef_construction=_EF_CONSTRUCTION, M=_M)

    def search(query: Embeddings, candidates: int) -> NDArray[np.int64]:
        index.set_ef(candidates)
        return np.asarray(index.knn_query(query[None], k=COUNT, num_threads=1)[0][0], dtype=np.int64)

    return Graph(
        add=lambda ids, rows: index.add_items(rows, ids, num_threads=_THREADS),
        search=search,
        remove=lambda ids: [index.mark_deleted(i) for i in ids],
        save=lambda path: index.save_index(str(path)),
        load=lambda path: index.load_index(str(path), max_elements=size),
    )


def _usearch(dtype: str) -> Callable[[int, int], Graph]:
    def open_index(dimension: int, size: int) -> Graph:
        from usearch.index import Index  # noqa: PLC0415

        index: Any = Index(
            ndim=dimension,
            metric="ip",
            dtype=dtype,
            connectivity=_M,
            expansion_add=_EF_CONSTRUCTION,
        )

        def search(query: Embeddings, candidates: int) -> NDArray[np.int64]:
            index.expansion_search = candidates
            return np.asarray(index.search(query, COUNT, threads=1).keys, dtype=np.int64)

        return Graph(
            add=lambda ids, rows: index.add(ids, rows, threads=_THREADS),
            search=search,
            remove=index.remove,
            save=lambda path: index.save(str(path)),
            load=lambda path: index.load(str(path)),
        )

    return open_index


def _faiss(dimension: int, size: int) -> Graph:
    import faiss  # noqa: PLC0415

    faiss.omp_set_num_threads(_THREADS)
    index: Any = faiss.IndexHNSWFlat(dimension, _M, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _EF_CONSTRUCTION
    holder = [index]

    def search(query: Embeddings, candidates: int) -> NDArray[np.int64]:
        faiss.omp_set_num_threads(1)
        holder[0].hnsw.efSearch = candidates
        return np.asarray(holder[0].search(query[None], COUNT)[1][0], dtype=np.int64)

    return Graph(
        add=lambda ids, rows: index.add(rows),  # ids are the rows' numbers
        search=search,
        remove=None,
        save=lambda path: faiss.write_index(holder[0], str(path)),
        load=lambda path: holder.__setitem__(0, faiss.read_index(str(path))),
    )


ENGINES: dict[str, Callable[[int, int], Graph]] = {
    "hnswlib": _hnswlib,
    "usearch": _usearch("f32"),
    "usearch-f16": _usearch("f16"),
    "usearch-i8": _usearch("i8"),
    "faiss": _faiss,
}

if __name__ == "__main__":
    main()
