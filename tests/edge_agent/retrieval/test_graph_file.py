"""The graph on disk: used when it is whole and fits the store, built again when not; never a wrong answer."""

from pathlib import Path

import numpy as np
import pytest

from edge_agent.retrieval.graph_file import read_graph
from edge_agent.retrieval.index import PassageIndex
from student.embeddings import Embeddings

pytest.importorskip("hnswlib", reason="the extra hnsw is not installed")

DIMENSION, PASSAGES = 16, 2000
SPACE = "ab" * 32
IDS = np.arange(PASSAGES)


@pytest.fixture
def rows() -> Embeddings:
    generator = np.random.default_rng(5)
    rows = generator.normal(size=(PASSAGES, DIMENSION)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def open_index(folder: Path, ids: np.ndarray, rows: Embeddings, space: str = SPACE) -> PassageIndex:
    index = PassageIndex(DIMENSION, exact_below=1000, threads=2, graph_folder=(folder, space))
    index.load(1, ids, rows)
    return index


@pytest.fixture
def folder(tmp_path: Path, rows: Embeddings) -> Path:
    """A folder with the graph of all the passages."""
    index = open_index(tmp_path, IDS, rows)
    index.wait_until_built(timeout_s=60)
    index.close()
    return tmp_path


def nearest(index: PassageIndex, query: Embeddings, count: int = 1) -> list[int]:
    return [neighbor.passage_id for neighbor in index.view().search(query, count)]


def test_a_whole_graph_answers_at_once(folder: Path, rows: Embeddings) -> None:
    index = open_index(folder, IDS, rows)
    assert not index.is_exact
    assert [nearest(index, rows[i])[0] for i in range(0, PASSAGES, 100)] == list(range(0, PASSAGES, 100))
    index.close()


def test_what_came_and_went_since_it_was_saved_is_caught_up(folder: Path, rows: Embeddings) -> None:
    ids = np.append(IDS[100:], 9001)
    index = open_index(folder, ids, np.concatenate([rows[100:], rows[:1]]))
    assert not index.is_exact
    assert nearest(index, rows[0]) == [9001]
    assert not set(nearest(index, rows[50], 20)) & set(range(100))
    index.close()
    again = open_index(folder, ids, np.concatenate([rows[100:], rows[:1]]))  # removed ones are in the file, marked
    assert not again.is_exact
    assert nearest(again, rows[0]) == [9001]
    assert len(again) == len(ids)
    again.close()


def test_a_store_that_is_another_one_altogether_builds_anew(folder: Path, rows: Embeddings) -> None:
    index = open_index(folder, IDS + 50_000, rows)
    assert index.is_exact
    index.wait_until_built(timeout_s=60)
    assert nearest(index, rows[7]) == [50_007]
    index.close()


def test_another_embedding_space_is_not_mixed_in(folder: Path, rows: Embeddings) -> None:
    assert read_graph(folder, "cd" * 32, DIMENSION, IDS) is None
    assert read_graph(folder, SPACE, DIMENSION + 1, IDS) is None


def test_damaged_graphs_are_built_again_and_mended(folder: Path, rows: Embeddings) -> None:
    generator = np.random.default_rng(6)
    for attempt in range(12):
        victim = folder / "graph.json" if attempt % 4 == 3 else next(folder.glob("graph-*.hnsw"))
        content = bytearray(victim.read_bytes())
        position = int(generator.integers(len(content)))
        if attempt % 2:
            content[position] ^= 1 << int(generator.integers(8))
        else:
            del content[position:]
        victim.write_bytes(bytes(content))
        if victim.suffix == ".hnsw":
            assert read_graph(folder, SPACE, DIMENSION, IDS) is None, "one bit may lead a search astray for ever"
        index = open_index(folder, IDS, rows)
        assert nearest(index, rows[attempt]) == [attempt]
        index.wait_until_built(timeout_s=60)
        assert nearest(index, rows[attempt]) == [attempt]
        index.close()
        mended = open_index(folder, IDS, rows)
        assert not mended.is_exact
        mended.close()


def test_a_full_disk_keeps_the_old_graph_and_the_index_serves(folder: Path, rows: Embeddings) -> None:
    index = open_index(folder, IDS, rows)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    index.apply(2, added=[9001], embeddings=-rows[:1])
    (folder / "graph.new").symlink_to("/dev/full")
    index.close()  # writes what has changed
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert nearest(index, -rows[0]) == [9001]


def test_the_search_is_tuned_for_its_recall_and_again_when_the_base_has_doubled(
    tmp_path: Path, rows: Embeddings
) -> None:
    index = open_index(tmp_path, IDS[:1000], rows[:1000])
    index.wait_until_built(timeout_s=60)
    assert index.ef is not None
    generator = np.random.default_rng(7)
    more = generator.normal(size=(1500, DIMENSION)).astype(np.float32)
    more /= np.linalg.norm(more, axis=1, keepdims=True)
    index.apply(2, added=range(5000, 6500), embeddings=more)
    index.wait_until_built(timeout_s=60)
    everything, ids = np.concatenate([rows[:1000], more]), [*range(1000), *range(5000, 6500)]
    found = 0
    for query in rows[1000:1100]:  # that it does not hold
        truth = {ids[row] for row in np.argsort(-(everything @ query))[:10]}
        found += len(truth & set(nearest(index, query, 10)))
    assert found / 1000 >= 0.97
    index.close()
