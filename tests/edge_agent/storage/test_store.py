"""The store: real SQLite files, whole or untouched."""

import contextlib
import sqlite3
import threading
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edge_agent.errors import DocumentUnknown, StoreDamaged, StoreForeign, StoreLocked, StoreTooNew
from edge_agent.storage.database import DATABASE, LOG_BYTES
from edge_agent.storage.documents import Store
from edge_agent.storage.lock import StoreLock, holder_url
from edge_agent.storage.records import ChunkingRecipe, NewDocument, PassageSpan, document_id_of
from edge_agent.text import content_terms
from student.embeddings import Embeddings
from tests.edge_agent.stored import text_of

SPACE, OTHER_SPACE = "ab" * 32, "cd" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


def new(source: str, text: str = "Hola, mundo") -> NewDocument:
    return NewDocument(source, "Title", "markdown", "en", "ef" * 32, text, ChunkingRecipe(1, 100))


def rows(count: int) -> Embeddings:
    return np.eye(count, 4, dtype=np.float32)


def sentences(passages: int) -> list[Embeddings]:
    return [rows(2)] * passages


def read_sentences(store: Store, passage_ids: list[int], space: str) -> dict[int, Embeddings]:
    return store.snapshots.read(lambda s: s.sentence_embeddings(passage_ids, space, 384))


SPANS = [PassageSpan(0, 4, ""), PassageSpan(6, 11, "Saludos")]


def test_what_is_put_is_there_after_reopening(store: Store, tmp_path: Path) -> None:
    change = store.put(new("a.md"), SPANS, rows(2), sentences(2), SPACE)
    again = Store(tmp_path)
    passages = again.snapshots.read(lambda s: s.passages(change.added))
    assert [(p.text, p.heading) for p in passages] == [("Hola", ""), ("mundo", "Saludos")]
    ids, embeddings = again.embeddings.all(SPACE, 4)
    assert ids.tolist() == change.added
    np.testing.assert_array_equal(embeddings, rows(2))
    assert again.check(dimension=4) == []
    again.close()


def test_embeddings_of_sentences_come_back_nearly_as_they_were(store: Store) -> None:
    generator = np.random.default_rng(3)
    made = generator.normal(size=(5, 384)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    change = store.put(new("a.md"), SPANS[:1], made[:1], [made], SPACE)
    read = partial(read_sentences, store)
    found = read([*change.added, 99_999], SPACE)
    assert list(found) == change.added
    assert ((found[change.added[0]] * made).sum(axis=1) > 0.999).all()
    assert read(change.added, OTHER_SPACE) == {}
    store.delete(document_id_of("a.md"))
    assert read(change.added, SPACE) == {}


def test_offsets_count_code_points_not_bytes(store: Store) -> None:
    text = "ñandú 🚀 cohete"
    change = store.put(new("a.md", text), [PassageSpan(6, 14, "")], rows(1), sentences(1), SPACE)
    assert store.snapshots.read(lambda s: s.passages(change.added))[0].text == text[6:14] == "🚀 cohete"


def test_replacing_takes_the_old_passages_away(store: Store) -> None:
    first = store.put(new("a.md"), SPANS, rows(2), sentences(2), SPACE)
    second = store.put(new("a.md", "Nuevo"), [PassageSpan(0, 5, "")], rows(1), sentences(1), SPACE)
    assert second.removed == first.added
    assert set(second.added).isdisjoint(first.added)
    assert store.snapshots.read(lambda s: s.counts()).passages == 1
    assert store.snapshots.read(lambda s: s.passages(first.added)) == []


def test_deleting_leaves_nothing(store: Store) -> None:
    store.put(new("a.md"), SPANS, rows(2), sentences(2), SPACE)
    store.delete(document_id_of("a.md"))
    counts = store.snapshots.read(lambda s: s.counts())
    assert (counts.documents, counts.passages, len(store.embeddings.all(SPACE, 4)[0])) == (0, 0, 0)
    with pytest.raises(DocumentUnknown, match="no document has that id"):
        store.delete(document_id_of("a.md"))


def test_a_put_that_fails_changes_nothing(store: Store) -> None:
    store.put(new("a.md"), SPANS, rows(2), sentences(2), SPACE)
    with pytest.raises(ValueError, match="zip"):
        store.put(new("a.md", "Otro texto"), SPANS, rows(1), sentences(1), SPACE)  # an embedding is missing
    assert text_of(store, document_id_of("a.md")) == "Hola, mundo"
    assert store.snapshots.read(lambda s: s.counts()).passages == 2
    assert store.check(dimension=4) == []


def test_documents_are_listed_in_pages_by_source(store: Store) -> None:
    for source in ("c.md", "a.md", "b.md"):
        store.put(new(source), SPANS, rows(2), sentences(2), SPACE)
    assert [d.source for d in store.snapshots.read(lambda s: s.documents(limit=2))] == ["a.md", "b.md"]
    assert [d.source for d in store.snapshots.read(lambda s: s.documents(after=("", "b.md")))] == ["c.md"]


def test_a_second_embedding_space_is_filled_beside_the_one_that_serves_and_then_takes_over(store: Store) -> None:
    change = store.put(new("a.md"), SPANS, rows(2), sentences(2), SPACE)
    table, added = store.embeddings, change.added
    assert table.missing(SPACE, after=0, limit=10) == []
    assert table.missing(OTHER_SPACE, after=0, limit=10) == added
    assert table.missing(OTHER_SPACE, after=added[0], limit=10) == added[1:]
    assert table.put([*added, 99_999], rows(3), sentences(3), OTHER_SPACE) == added  # one was deleted meanwhile
    assert table.count_missing(OTHER_SPACE) == 0
    assert table.active_space() == SPACE
    assert len(table.all(SPACE, 4)[0]) == 2  # the old ones go on serving
    table.activate(OTHER_SPACE)
    table.forget_others(batch=1)
    assert table.active_space() == OTHER_SPACE
    assert len(table.all(SPACE, 4)[0]) == 0
    np.testing.assert_array_equal(table.all(OTHER_SPACE, 4)[1], rows(2))


def test_embeddings_of_another_size_are_damage(store: Store) -> None:
    store.put(new("a.md"), SPANS, rows(2), sentences(2), SPACE)
    with pytest.raises(StoreDamaged, match="other than 8 numbers"):
        store.embeddings.all(SPACE, 8)


def test_check_names_what_is_wrong(store: Store) -> None:
    store.put(new("a.md"), SPANS, rows(2), sentences(2), SPACE)
    with sqlite3.connect(store.path) as db:
        db.execute('UPDATE passages SET "end" = 999 WHERE ordinal = 1')
        db.execute("DELETE FROM embeddings WHERE passage_id = 1")
        db.execute(
            "INSERT INTO documents SELECT 'x', root, 's', container_id, title, format, language, encoding, date, "
            "date_origin, content_sha256, bytes_sha256, text, added_at, invisible_chars, notices, stale_reason, "
            "stale_since, checksum, text_checksum FROM documents"
        )
    db.close()
    assert store.check(dimension=8) == [
        "1 documents without passages",
        "1 passages outside their document's text",
        "1 passages without an embedding",
        "1 embeddings of the wrong size",
        "1 documents that are not what was written",
        "1 passages that are not what was written",
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
    with pytest.raises(StoreTooNew, match="version 99; this program reads up to 5"):
        Store(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"not a database" * 100)
    with pytest.raises(StoreDamaged, match=r"SQLITE_NOTADB.*restore the folder from a backup"):
        Store(tmp_path)


def test_a_second_holder_of_a_store_is_told_who_has_it(tmp_path: Path) -> None:
    with StoreLock(tmp_path, url="http://127.0.0.1:1"):
        with pytest.raises(StoreLocked, match=r"in use by process \d+, which serves http://127\.0\.0\.1:1"):
            StoreLock(tmp_path)
        assert holder_url(tmp_path) == "http://127.0.0.1:1"
    StoreLock(tmp_path).release()


def put(store: Store, source: str, text: str) -> None:
    store.put(new(source, text), [PassageSpan(0, len(text), "")], rows(1), sentences(1), SPACE)


def test_documents_with_outdated_chunking_are_listed(store: Store) -> None:
    store.put(new("a.md"), SPANS, rows(2), sentences(2), SPACE)
    store.put(replace(new("b.md"), chunking=ChunkingRecipe(1, 200)), SPANS, rows(2), sentences(2), SPACE)
    store.put(replace(new("c.md"), chunking=ChunkingRecipe(2, 100)), SPANS, rows(2), sentences(2), SPACE)
    assert store.outdated_chunking(ChunkingRecipe(1, 100)) == ["b.md", "c.md"]
    store.put(new("b.md"), SPANS, rows(2), sentences(2), SPACE)
    store.delete(document_id_of("c.md"))
    assert store.outdated_chunking(ChunkingRecipe(1, 100)) == []
    assert store.check(4) == []


def test_words_are_found_whatever_their_case_and_accents(store: Store) -> None:
    put(store, "a.md", "The invoice of May. ¿Cómo pago la FACTURA de teléfono?")
    put(store, "b.md", "Nothing of that kind here.")
    found = store.snapshots.read(lambda s: s.bm25(content_terms("como pagar facturas, telefono, factura"), limit=10))
    assert {p.source for p in store.snapshots.read(lambda s: s.passages(list(found)))} == {"a.md"}
    assert all(value > 0 for value in found.values())


def test_words_of_deleted_and_replaced_documents_are_forgotten(store: Store) -> None:
    put(store, "a.md", "zebra stripes")
    put(store, "a.md", "lion mane")
    assert store.snapshots.read(lambda s: s.bm25(["zebra"], limit=5)) == {}
    assert len(store.snapshots.read(lambda s: s.bm25(["lion"], limit=5))) == 1
    store.delete(document_id_of("a.md"))
    assert store.snapshots.read(lambda s: s.bm25(["lion"], limit=5)) == {}
    assert store.check(4) == []


def test_words_that_differ_from_the_texts_are_reported(store: Store) -> None:
    put(store, "a.md", "zebra stripes")
    with sqlite3.connect(store.path) as db:
        db.execute("INSERT INTO passage_terms (rowid, title, heading, text) VALUES (1, 'x', 'x', 'x')")
    assert "the words of the passages differ from their texts" in store.check(4)


def test_the_log_stays_short_while_somebody_always_reads(store: Store, tmp_path: Path) -> None:
    text, spans, is_done = "word " * 40_000, [PassageSpan(0, 11, "")], threading.Event()

    def read() -> None:
        while not is_done.is_set():
            with store.snapshots.open() as snapshot:
                snapshot.counts()
                time.sleep(0.003)

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    longest = written = 0
    log = tmp_path / f"{DATABASE}-wal"
    while written < 4 * LOG_BYTES:
        store.put(new("a.md", text), spans, rows(1), sentences(1), SPACE)
        written += 2 * len(text)
        longest = max(longest, log.stat().st_size)
    is_done.set()
    for reader in readers:
        reader.join()
    assert longest < 2 * LOG_BYTES


def test_a_reader_that_stays_holds_up_no_change(store: Store) -> None:
    with store.snapshots.open() as snapshot:
        for number in range(80):
            store.put(new("a.md", f"{number} " * 100_000), [PassageSpan(0, 11, "")], rows(1), sentences(1), SPACE)
        assert snapshot.counts().documents == 0
    assert store.check(dimension=4) == []


def test_a_snapshot_that_outlives_the_store_leaves_no_connection(store: Store, tmp_path: Path) -> None:
    store.put(new("a.md"), SPANS, rows(2), sentences(2), SPACE)
    with store.snapshots.open() as snapshot:
        store.close()
        assert snapshot.counts().documents == 1
    assert not (tmp_path / f"{DATABASE}-wal").exists()  # SQLite removes it with the last connection


def test_connections_of_many_readers_at_once_are_not_all_kept(store: Store) -> None:
    def connections() -> int:
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return [str(link.readlink()) for link in links].count(f"{store.database.path}-wal")

    with contextlib.ExitStack() as readers:
        for _ in range(30):
            readers.enter_context(store.snapshots.open()).counts()
        at_once = connections()
    assert at_once >= 30
    assert connections() < at_once / 2


def test_a_check_keeps_nothing_of_what_it_has_read(store: Store) -> None:
    text = "word " * 100_000
    for number in range(30):
        store.put(new(f"{number}.md", text), [PassageSpan(0, len(text), "")], rows(1), sentences(1), SPACE)
    tracemalloc.start()
    assert store.check(dimension=4) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(text)


@pytest.mark.parametrize("table", ["embeddings", "sentence_embeddings"])
def test_check_notices_embeddings_that_were_overwritten_by_others_of_unit_norm(store: Store, table: str) -> None:
    store.put(new("a.md"), SPANS, rows(2), sentences(2), SPACE)
    assert store.check(dimension=4) == []
    column = {"embeddings": "embedding", "sentence_embeddings": "embeddings"}[table]
    with sqlite3.connect(store.path) as db:
        other = db.execute(f"SELECT {column} FROM {table} WHERE passage_id = 2").fetchone()[0]
        flipped = bytes(reversed(other))
        db.execute(f"UPDATE {table} SET {column} = ? WHERE passage_id = 1", [flipped])
    db.close()
    assert store.check(dimension=4) == ["1 embeddings that are not what was written"]


def test_words_that_were_deleted_leave_the_files(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(5):
        put(store, f"{number}.md", f"Nothing but number {number} stands here")
    store.put(
        replace(new("a.md", "xylophone"), title="Kazoo"), [PassageSpan(0, 9, "Vuvuzela")], rows(1), [rows(1)], SPACE
    )
    store.delete(document_id_of("a.md"))
    store.close()
    found = b"".join(path.read_bytes().lower() for path in tmp_path.iterdir())
    assert [word for word in (b"xylophone", b"kazoo", b"vuvuzela") if word in found] == []
    reopened = Store(tmp_path)
    assert len(reopened.snapshots.read(lambda s: s.bm25(["nothing", "number"], limit=10))) == 5
    assert reopened.check(dimension=4) == []
    reopened.close()
