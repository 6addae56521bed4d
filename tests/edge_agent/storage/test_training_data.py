"""Reading a store for training: typed rows, nothing changed, failures named, texts embedded once."""

import hashlib
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.errors import AgentError, StoreDamaged, StoreForeign, StoreTooNew, StoreTooOld, StoreUnavailable
from edge_agent.feedback.log import NewFeedback
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from edge_agent.storage.database import DATABASE, SCHEMA_VERSION
from edge_agent.storage.records import document_id_of
from edge_agent.storage.training_data import (
    EmbeddingCache,
    StaffFeedback,
    read_passage_embeddings,
    read_staff_feedback,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two documents and three pieces of feedback, closed."""
    folder = tmp_path_factory.mktemp("training") / "store"
    with Agent(AgentSettings(store=folder)) as agent:
        for name in ("one.txt", "two.txt"):
            agent.add_document(name, f"Document {name} says how a refund is made.".encode(), DocumentFormat.TEXT)
        agent.add_feedback(NewFeedback("my invoice is wrong", intent="invoice_request", customer="c1"))
        agent.add_feedback(NewFeedback("it was fine", is_helpful=True, customer="c1"))
        agent.add_feedback(NewFeedback("how is a refund made?", source="one.txt"))
    return folder


def test_feedback_is_read_oldest_first_and_the_store_stays_as_it_is(store: Path) -> None:
    before = (store / DATABASE).read_bytes()
    assert read_staff_feedback(store) == [
        StaffFeedback("my invoice is wrong", "invoice_request", None, "c1"),
        StaffFeedback("it was fine", None, None, "c1"),
        StaffFeedback("how is a refund made?", None, document_id_of("one.txt"), None),
    ]
    assert (store / DATABASE).read_bytes() == before


def test_a_running_agent_can_be_read_beside_and_new_feedback_is_seen(store: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(store, tmp_path / "store"))
    with Agent(AgentSettings(store=store)) as agent:
        count = len(read_staff_feedback(store))
        agent.add_feedback(NewFeedback("another", intent="other"))
        assert len(read_staff_feedback(store)) == count + 1


def test_passage_embeddings_are_those_that_the_agent_stored_with_their_documents(store: Path) -> None:
    with Agent(AgentSettings(store=store)) as agent:
        student = agent.models.active.student
        space, dimension = student.bundle.manifest.embedding_space, student.encoder.dimension
        expected = agent.store.embeddings.all(space, dimension)[1]
        read = read_passage_embeddings(store, space, dimension=dimension)
        assert len(read_passage_embeddings(store, "0" * 64, dimension=dimension).document_ids) == 0
        with pytest.raises(StoreDamaged, match="another size"):
            read_passage_embeddings(store, space, dimension=dimension + 1)
    assert read.document_ids.tolist() == [document_id_of("one.txt"), document_id_of("two.txt")]
    assert np.array_equal(read.embeddings, expected.astype(np.float32))


def with_version(folder: Path, version: int) -> Path:
    folder.mkdir()
    with sqlite3.connect(folder / DATABASE) as database:
        database.execute("CREATE TABLE feedback (text TEXT)")
        database.execute("INSERT INTO feedback VALUES ('a secret of a customer')")
        database.execute(f"PRAGMA user_version = {version}")
    database.close()
    return folder


@pytest.mark.parametrize(
    ("version", "error"),
    [
        (0, StoreForeign),
        (SCHEMA_VERSION - 1, StoreTooOld),
        (SCHEMA_VERSION + 1, StoreTooNew),
        (SCHEMA_VERSION, StoreDamaged),
    ],
)
def test_what_is_no_store_of_this_version_is_refused_without_quoting_it(
    tmp_path: Path, version: int, error: type[AgentError]
) -> None:
    with pytest.raises(error) as refused:
        read_staff_feedback(with_version(tmp_path / "store", version))
    assert "secret" not in str(refused.value)


def test_a_folder_without_a_store_is_refused_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        read_staff_feedback(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
    (tmp_path / DATABASE).write_bytes(b"not a database, but as long as one" * 100)
    with pytest.raises(StoreDamaged):
        read_staff_feedback(tmp_path)


class CountingEncoder:
    """Counts what it is asked to encode."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.calls = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.seen += texts
        self.calls += 1
        return np.array([[len(text), 1, 0] for text in texts], dtype=np.float32).reshape(len(texts), 3)


def test_a_text_is_embedded_once_in_the_life_of_a_bundle(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    for bundle, texts in (("a", ["x", "yy", "x"]), ("a", ["yy", "zzz"]), ("b", ["x"]), ("b", [])):
        cache = EmbeddingCache(tmp_path / "cache.db", encoder.encode, bundle, dimension=3)
        assert cache(texts)[:, 0].tolist() == [len(text) for text in texts]
        assert cache(texts).shape == (len(texts), 3)
        cache.close()
    assert encoder.seen == ["x", "yy", "zzz", "x"]
    assert encoder.calls == 3, "where nothing is new, no encoder is needed"


def test_a_damaged_cache_says_that_it_may_be_deleted(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_bytes(b"not a database, but as long as one" * 100)
    with pytest.raises(StoreDamaged, match="delete it"):
        EmbeddingCache(tmp_path / "cache.db", CountingEncoder().encode, "a", dimension=3)


def test_what_is_no_longer_trained_on_leaves_the_cache(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    cache = EmbeddingCache(tmp_path / "cache.db", encoder.encode, "a", dimension=3)
    cache(["x", "yy"])
    gone = hashlib.sha256(b"yy").hexdigest().encode()
    assert any(gone in path.read_bytes() for path in tmp_path.iterdir())
    cache.keep_only(["x"])
    assert not any(gone in path.read_bytes() for path in tmp_path.iterdir())
    cache(["x", "yy"])
    cache.close()
    assert encoder.seen == ["x", "yy", "yy"]
