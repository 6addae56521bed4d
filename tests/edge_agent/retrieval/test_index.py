"""The index against brute force, while it grows, shrinks and hands over to hnswlib."""

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.retrieval.index import GrowingIndex
from edge_agent.retrieval.vectors import Rows
from student.embeddings import Embeddings

DIMENSION = 16


def unit_rows(count: int, generator: np.random.Generator) -> Embeddings:
    rows = generator.normal(size=(count, DIMENSION)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def nearest_ids(index: Any, query: Embeddings, count: int) -> list[int]:
    return [neighbor.passage_id for neighbor in index.search(query, count)]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=80), st.integers(1, 12))
def test_rows_agrees_with_brute_force_after_any_changes(changes: list[tuple[bool, int]], count: int) -> None:
    generator = np.random.default_rng(len(changes))
    index, held = Rows(DIMENSION), {}
    for is_add, passage_id in changes:
        if is_add and passage_id not in held:
            held[passage_id] = unit_rows(1, generator)[0]
            index.add([passage_id], held[passage_id][None])
        elif not is_add:
            held.pop(passage_id, None)
            index.remove([passage_id])
    query = unit_rows(1, generator)[0]
    expected = sorted(held, key=lambda i: -float(held[i] @ query))[:count]
    assert len(index) == len(held)
    assert nearest_ids(index, query, count) == expected


def test_rows_grows_past_its_first_size() -> None:
    generator = np.random.default_rng(0)
    rows = unit_rows(3000, generator)
    index = Rows(DIMENSION)
    for first in range(0, 3000, 700):
        index.add(range(first, min(first + 700, 3000)), rows[first : first + 700])
    assert nearest_ids(index, rows[2500], 1) == [2500]


def test_empty_index_finds_nothing() -> None:
    index = GrowingIndex(DIMENSION, exact_below=10, threads=1)
    assert index.search(unit_rows(1, np.random.default_rng(0))[0], 5) == []


def test_large_index_hands_over_to_hnswlib_and_keeps_the_recall() -> None:
    pytest.importorskip("hnswlib", reason="the extra hnsw is not installed")
    generator = np.random.default_rng(1)
    rows = unit_rows(3000, generator)
    index = GrowingIndex(DIMENSION, exact_below=2000, threads=2)
    index.add(range(1500), rows[:1500])
    assert index.is_exact
    index.add(range(1500, 2500), rows[1500:2500])
    index.remove(range(100))  # while the graph may still be building
    index.add(range(2500, 3000), rows[2500:])
    index.wait_until_built(timeout_s=60)
    assert not index.is_exact
    index.remove(range(100, 200))
    index.add([9001], rows[:1])
    held = {**{i: rows[i] for i in range(200, 3000)}, 9001: rows[0]}
    ids = np.array(list(held))
    matrix = np.stack(list(held.values()))
    found = 0
    for query in unit_rows(100, generator):
        expected = ids[np.argsort(-(matrix @ query))[:10]]
        found += len(set(nearest_ids(index, query, 10)) & set(expected.tolist()))
    assert found / 1000 >= 0.97
    assert nearest_ids(index, rows[0], 1) == [9001]
    assert len(index) == len(held)
    index.close()


def test_hnsw_similarities_are_cosines() -> None:
    pytest.importorskip("hnswlib", reason="the extra hnsw is not installed")
    rows = unit_rows(500, np.random.default_rng(2))
    index = GrowingIndex(DIMENSION, exact_below=500, threads=1)
    index.add(range(500), rows)
    index.wait_until_built(timeout_s=60)
    best = index.search(rows[7], 2)
    assert best[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert best[1].similarity == pytest.approx(float(rows[best[1].passage_id] @ rows[7]), abs=1e-5)
    index.close()


def test_what_goes_while_the_graph_is_built_is_gone_from_it() -> None:
    pytest.importorskip("hnswlib", reason="the extra hnsw is not installed")
    rows = unit_rows(20_000, np.random.default_rng(3))
    index = GrowingIndex(DIMENSION, exact_below=20_000, threads=1)
    index.add(range(20_000), rows)
    time.sleep(0.1)
    assert index.is_exact  # a graph of twenty thousand takes longer
    index.remove(range(50))
    index.add([90_000], rows[:1])
    index.wait_until_built(timeout_s=60)
    assert not index.is_exact
    assert nearest_ids(index, rows[0], 1) == [90_000]
    for removed in range(50):
        assert removed not in nearest_ids(index, rows[removed], 3)
    index.close()
