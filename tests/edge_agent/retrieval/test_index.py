"""The index against brute force, while it grows, shrinks and moves to hnswlib."""

import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.retrieval.index import PassageIndex
from edge_agent.retrieval.vectors import VectorTable, VectorView
from student.embeddings import Embeddings

DIMENSION = 16


def unit_rows(count: int, generator: np.random.Generator) -> Embeddings:
    rows = generator.normal(size=(count, DIMENSION)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def latest(index: PassageIndex | VectorTable) -> VectorView:
    view = index.view()
    assert view is not None
    return view


def nearest_ids(index: PassageIndex | VectorTable, query: Embeddings, count: int) -> list[int]:
    return [neighbor.passage_id for neighbor in latest(index).search(query, count)]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=80), st.integers(1, 12))
def test_a_scan_agrees_with_brute_force_after_any_changes_and_so_do_views_of_before(
    changes: list[tuple[bool, int]], count: int
) -> None:
    generator = np.random.default_rng(len(changes))
    table, held = VectorTable(DIMENSION), dict[int, Embeddings]()
    query = unit_rows(1, generator)[0]
    before: list[tuple[VectorView, list[int]]] = []
    used: set[int] = set()
    for version, (is_add, passage_id) in enumerate(changes, start=1):
        if is_add and passage_id not in used:  # ids are never used again
            used.add(passage_id)
            held[passage_id] = unit_rows(1, generator)[0]
            table.apply(version, [passage_id], held[passage_id][None], [])
        elif not is_add:
            held.pop(passage_id, None)
            table.apply(version, [], np.empty((0, DIMENSION)), [passage_id])
        before.append((latest(table), sorted(held, key=lambda i: -float(held[i] @ query))))
    assert len(table) == len(latest(table)) == len(held)
    for view, expected in before:
        assert [neighbor.passage_id for neighbor in view.search(query, count)] == expected[:count]
        assert sorted(view.ids().tolist()) == sorted(expected)


def test_the_table_grows_past_its_first_size_and_forgets_rows_long_gone() -> None:
    rows = unit_rows(3000, np.random.default_rng(0))
    table = VectorTable(DIMENSION)
    for version, first in enumerate(range(0, 3000, 700), start=1):
        table.apply(version, range(first, min(first + 700, 3000)), rows[first : first + 700], [])
    assert nearest_ids(table, rows[2500], 1) == [2500]
    old = latest(table)
    table.apply(6, [], np.empty((0, DIMENSION)), range(2000))  # so many that their rows are given up
    assert nearest_ids(table, rows[2500], 1) == [2500]
    assert len(table) == 1000
    assert len(old) == 3000  # who holds a view of before still has it
    assert old.search(rows[7], 1)[0].passage_id == 7
    assert table.view(5) is None  # None: whoever asks now takes a later one
    assert table.view(6) is not None


def test_a_view_is_of_the_latest_version_up_to_a_number() -> None:
    rows, table = unit_rows(3, np.random.default_rng(0)), VectorTable(DIMENSION)
    table.apply(4, [1], rows[:1], [])
    table.apply(9, [2, 3], rows[1:], [1])
    sizes = {number: len(view) for number in (0, 3, 4, 8, 9, 100) if (view := table.view(number)) is not None}
    assert sizes == {0: 0, 3: 0, 4: 1, 8: 1, 9: 2, 100: 2}


def test_empty_index_finds_nothing() -> None:
    index = PassageIndex(DIMENSION, exact_below=10, threads=1)
    assert index.view().search(unit_rows(1, np.random.default_rng(0))[0], 5) == []


def test_large_index_hands_over_to_hnswlib_and_keeps_the_recall() -> None:
    pytest.importorskip("hnswlib", reason="the extra hnsw is not installed")
    generator = np.random.default_rng(1)
    rows = unit_rows(3000, generator)
    index = PassageIndex(DIMENSION, exact_below=2000, threads=2)
    index.apply(1, added=range(1500), embeddings=rows[:1500])
    assert index.is_exact
    index.apply(2, added=range(1500, 2500), embeddings=rows[1500:2500])
    index.apply(3, removed=range(100))  # while the graph may still be building
    index.apply(4, added=range(2500, 3000), embeddings=rows[2500:])
    index.wait_until_built(timeout_s=60)
    assert not index.is_exact
    index.apply(5, removed=range(100, 200))
    index.apply(6, added=[9001], embeddings=rows[:1])
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
    index = PassageIndex(DIMENSION, exact_below=500, threads=1)
    index.apply(1, added=range(500), embeddings=rows)
    index.wait_until_built(timeout_s=60)
    best = index.view().search(rows[7], 2)
    assert best[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert best[1].similarity == pytest.approx(float(rows[best[1].passage_id] @ rows[7]), abs=1e-5)
    index.close()


def test_what_goes_while_the_graph_is_built_is_gone_from_it() -> None:
    pytest.importorskip("hnswlib", reason="the extra hnsw is not installed")
    rows = unit_rows(20_000, np.random.default_rng(3))
    index = PassageIndex(DIMENSION, exact_below=20_000, threads=1)
    index.apply(1, added=range(20_000), embeddings=rows)
    time.sleep(0.1)
    assert index.is_exact  # a graph of twenty thousand takes longer
    index.apply(2, removed=range(50))
    index.apply(3, added=[90_000], embeddings=rows[:1])
    index.wait_until_built(timeout_s=60)
    assert not index.is_exact
    assert nearest_ids(index, rows[0], 1) == [90_000]
    for removed in range(50):
        assert removed not in nearest_ids(index, rows[removed], 3)
    index.close()


def test_a_view_of_before_finds_with_the_graph_what_it_would_find_without() -> None:
    pytest.importorskip("hnswlib", reason="the extra hnsw is not installed")
    rows = unit_rows(2200, np.random.default_rng(4))
    index = PassageIndex(DIMENSION, exact_below=2000, threads=1)
    index.apply(1, added=range(2100), embeddings=rows[:2100])
    index.wait_until_built(timeout_s=60)
    before = index.view()
    index.apply(2, added=range(2100, 2200), embeddings=rows[2100:], removed=range(50))
    after = index.view()  # the graph may not have followed yet
    for number in (0, 49, 50, 2099):
        assert before.search(rows[number], 1)[0].passage_id == number
    for number in (50, 2099, 2100, 2199):
        assert after.search(rows[number], 1)[0].passage_id == number
    assert after.search(rows[0], 1)[0].passage_id != 0
    assert before.search(rows[2150], 1)[0].passage_id < 2100
    index.wait_until_built(timeout_s=60)
    assert before.search(rows[0], 1)[0].passage_id == 0
    assert after.search(rows[2199], 1)[0].passage_id == 2199
    index.close()


def test_passages_that_came_after_a_view_take_no_places_in_its_search() -> None:
    pytest.importorskip("hnswlib", reason="the extra hnsw is not installed")
    rows = unit_rows(600, np.random.default_rng(3))
    index = PassageIndex(DIMENSION, exact_below=500, threads=1)
    index.apply(1, added=range(600), embeddings=rows)
    index.wait_until_built(timeout_s=60)
    view = index.view()
    index.apply(2, added=range(1000, 1100), embeddings=np.repeat(rows[:1], 100, axis=0))
    index.wait_until_built(timeout_s=60)
    assert {n.passage_id for n in view.search(rows[0], 10)} == {n.passage_id for n in view.scan(rows[0], 10)}
    index.close()


def test_a_view_finds_what_was_removed_since_however_much_that_is() -> None:
    pytest.importorskip("hnswlib", reason="the extra hnsw is not installed")
    rows = unit_rows(6000, np.random.default_rng(4))
    index = PassageIndex(DIMENSION, exact_below=1000, threads=2)
    index.apply(1, added=range(6000), embeddings=rows)
    index.wait_until_built(timeout_s=60)
    view = index.view()
    index.apply(2, removed=range(5000))
    index.wait_until_built(timeout_s=60)
    assert [view.search(rows[i], 1)[0].passage_id for i in (0, 7, 4999, 5999)] == [0, 7, 4999, 5999]
    index.close()


def test_an_index_that_was_emptied_finds_nothing_rests_and_fills_again() -> None:
    pytest.importorskip("hnswlib", reason="the extra hnsw is not installed")
    rows = unit_rows(200, np.random.default_rng(5))
    index = PassageIndex(DIMENSION, exact_below=100, threads=1)
    index.apply(1, added=range(200), embeddings=rows)
    index.wait_until_built(timeout_s=60)
    index.apply(2, removed=range(200))
    index.wait_until_built(timeout_s=60)
    assert not any(thread.name == "index" for thread in threading.enumerate())
    assert index.view().search(rows[0], 5) == []
    index.apply(3, added=range(1000, 1200), embeddings=rows)
    index.wait_until_built(timeout_s=60)
    assert nearest_ids(index, rows[7], 1) == [1007]
    index.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failure_in_the_background_is_tried_again_at_the_next_change() -> None:
    pytest.importorskip("hnswlib", reason="the extra hnsw is not installed")
    rows, asked = unit_rows(300, np.random.default_rng(6)), list[int]()

    def sample_queries(passage_ids: Sequence[int]) -> Embeddings:
        asked.append(len(passage_ids))
        if len(asked) == 1:
            raise RuntimeError("a passage cannot be read")
        return rows[: len(passage_ids)]

    index = PassageIndex(DIMENSION, exact_below=200, threads=1, sample_queries=sample_queries)
    index.apply(1, added=range(299), embeddings=rows[:299])
    index.wait_until_built(timeout_s=60)
    assert index.is_exact
    index.apply(2, added=[299], embeddings=rows[299:])
    index.wait_until_built(timeout_s=60)
    assert not index.is_exact
    index.close()


def test_passages_behind_many_that_were_removed_are_found() -> None:
    pytest.importorskip("hnswlib", reason="the extra hnsw is not installed")
    rows = unit_rows(1200, np.random.default_rng(7))
    index = PassageIndex(DIMENSION, exact_below=300, threads=1)
    for version in range(1, 41):  # the graph follows while it is searched
        first = 30 * (version - 1)
        gone = range(max(0, first - 300), first - 270) if version % 8 else range(first)
        index.apply(version, added=range(first, first + 30), embeddings=rows[first : first + 30], removed=gone)
        view = index.view()
        assert len(view.search(rows[first], 60)) == min(60, len(view))
    index.close()
