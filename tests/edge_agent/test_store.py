"""The store: real SQLite files, whole or untouched."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_agent.chunking import PassageSpan
from edge_agent.errors import DocumentUnknown, StoreDamaged, StoreForeign, StoreLocked, StoreTooNew
from edge_agent.lock import StoreLock, holder_url
from edge_agent.records import NewDocument, document_id_of
from edge_agent.store import DATABASE, Store
from student.encoder import Embeddings

SPACE, OTHER_SPACE = "ab" * 32, "cd" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


def new(source: str, text: str = "Hola, mundo") -> NewDocument:
    return NewDocument(source, "Title", "markdown", "ef" * 32, text)


def rows(count: int) -> Embeddings:
    return np.eye(count, 4, dtype=np.float32)


SPANS = [PassageSpan(0, 4, ""), PassageSpan(6, 11, "Saludos")]


def test_what_is_put_is_there_after_reopening(store: Store, tmp_path: Path) -> None:
    change = store.put(new("a.md"), SPANS, rows(2), SPACE)
    again = Store(tmp_path)
    passages = again.passages(change.added)
    assert [(p.text, p.heading) for p in passages] == [("Hola", ""), ("mundo", "Saludos")]
    ids, embeddings = again.embeddings(SPACE)
    assert ids.tolist() == change.added
    np.testing.assert_array_equal(embeddings, rows(2))
    assert again.check(dimension=4) == []
    again.close()


def test_offsets_count_code_points_not_bytes(store: Store) -> None:
    text = "ñandú 🚀 cohete"
    change = store.put(new("a.md", text), [PassageSpan(6, 14, "")], rows(1), SPACE)
    assert store.passages(change.added)[0].text == text[6:14] == "🚀 cohete"


def test_replacing_takes_the_old_passages_away(store: Store) -> None:
    first = store.put(new("a.md"), SPANS, rows(2), SPACE)
    second = store.put(new("a.md", "Nuevo"), [PassageSpan(0, 5, "")], rows(1), SPACE)
    assert second.removed == first.added
    assert set(second.added).isdisjoint(first.added)
    assert store.counts().passages == 1
    assert store.passages(first.added) == []


def test_deleting_leaves_nothing(store: Store) -> None:
    store.put(new("a.md"), SPANS, rows(2), SPACE)
    store.delete(document_id_of("a.md"))
    assert (store.counts().documents, store.counts().passages, len(store.embeddings(SPACE)[0])) == (0, 0, 0)
    with pytest.raises(DocumentUnknown, match="no document has the id"):
        store.delete(document_id_of("a.md"))


def test_a_put_that_fails_changes_nothing(store: Store) -> None:
    store.put(new("a.md"), SPANS, rows(2), SPACE)
    with pytest.raises(ValueError, match="zip"):
        store.put(new("a.md", "Otro texto"), SPANS, rows(1), SPACE)  # an embedding is missing
    assert store.document_text(document_id_of("a.md")) == "Hola, mundo"
    assert store.counts().passages == 2
    assert store.check(dimension=4) == []


def test_documents_are_listed_in_pages_by_source(store: Store) -> None:
    for source in ("c.md", "a.md", "b.md"):
        store.put(new(source), SPANS, rows(2), SPACE)
    assert [d.source for d in store.documents(limit=2)] == ["a.md", "b.md"]
    assert [d.source for d in store.documents(after="b.md")] == ["c.md"]


def test_passages_of_another_embedding_space_are_found_and_replaced(store: Store) -> None:
    change = store.put(new("a.md"), SPANS, rows(2), SPACE)
    assert store.passages_without_embedding(SPACE, limit=10) == []
    assert store.passages_without_embedding(OTHER_SPACE, limit=10) == change.added
    store.put_embeddings(change.added, rows(2), OTHER_SPACE)
    assert store.passages_without_embedding(OTHER_SPACE, limit=10) == []
    assert len(store.embeddings(SPACE)[0]) == 0


def test_check_names_what_is_wrong(store: Store) -> None:
    store.put(new("a.md"), SPANS, rows(2), SPACE)
    with sqlite3.connect(store.path) as db:
        db.execute('UPDATE passages SET "end" = 999 WHERE ordinal = 1')
        db.execute("DELETE FROM embeddings WHERE passage_id = 1")
        db.execute("INSERT INTO documents VALUES ('x', 's', 't', 'f', 'c', 'text', 'now')")
    db.close()
    assert store.check(dimension=8) == [
        "1 documents without passages",
        "1 passages outside their document's text",
        "1 passages without an embedding",
        "1 embeddings of the wrong size",
    ]


def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / DATABASE) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = (tmp_path / DATABASE).read_bytes()
    with pytest.raises(StoreForeign, match="not an Orilla store"):
        Store(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == before


def test_a_store_of_a_later_version_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / DATABASE) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreTooNew, match="version 99; this program reads up to 1"):
        Store(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"not a database" * 100)
    with pytest.raises(StoreDamaged, match="restore it from a backup"):
        Store(tmp_path)


def test_a_second_holder_of_a_store_is_told_who_has_it(tmp_path: Path) -> None:
    with StoreLock(tmp_path, url="http://127.0.0.1:1"):
        with pytest.raises(StoreLocked, match=r"in use by process \d+, which serves http://127\.0\.0\.1:1"):
            StoreLock(tmp_path)
        assert holder_url(tmp_path) == "http://127.0.0.1:1"
    StoreLock(tmp_path).release()
