"""Rows of a document: inserted, deleted and changed within a transaction, with checksums and search terms."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.errors import InputInvalid
from edge_agent.storage.checksums import document_checksum, passage_checksum
from edge_agent.storage.descriptions import insert_description
from edge_agent.storage.embeddings import insert_embeddings
from edge_agent.storage.records import Document, EncodedDocument, NewDocument, Passage, PassageSpan, document_id_of
from edge_agent.storage.snapshot import StoreSnapshot
from edge_agent.storage.term_counts import TermCounts

_NO_PASSAGE = Passage(0, "", "", "", "", "", "", 0, 0, 0, "")


def insert_document(
    db: sqlite3.Connection, document_id: str, container_id: str | None, encoded: EncodedDocument, space: str
) -> list[int]:
    """Inserts a document with its passages, terms and embeddings; returns the passages' ids.

    Raises:
        InputInvalid: another document has its name.
    """
    new = encoded.document
    if db.execute("SELECT 1 FROM documents WHERE root = ? AND source = ?", [new.root, new.source]).fetchone():
        raise InputInvalid("another document has that source; give this one another")
    insert_description(db, _described(document_id, container_id, new), new.text)
    recipe = new.chunking
    db.execute(
        "INSERT INTO document_chunking (document_id, rules, max_tokens, overlap_tokens) VALUES (?, ?, ?, ?)",
        [document_id, recipe.rules, recipe.max_tokens, recipe.overlap_tokens],
    )
    db.executemany(
        'INSERT INTO passages (document_id, ordinal, start, "end", heading, page, kind, checksum) '
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (document_id, n, s.start, s.end, s.heading, s.page, s.kind, _span_checksum(document_id, new, s))
            for n, s in enumerate(encoded.spans)
        ],
    )
    _insert_terms(db, document_id)
    added = _passage_ids(db, document_id)
    insert_embeddings(db, added, encoded.embeddings, encoded.sentences, space)
    return added


def delete_document(db: sqlite3.Connection, document_id: str) -> tuple[list[int], dict[str, str]]:
    """Deletes a document and all attachments in it; returns the ids of passages, and those of documents by source."""
    rows = db.execute(_WITH_ATTACHMENTS, [document_id]).fetchall()
    removed: list[int] = []
    for row in rows:
        _delete_terms(db, row["id"])
        removed += _passage_ids(db, row["id"])
    db.execute("DELETE FROM documents WHERE id = ?", [document_id])
    return removed, {row["source"]: row["id"] for row in rows}


def move_document(db: sqlite3.Connection, path: Path, document: Document, source: str, title: str) -> None:
    """Gives a document another source and title, and its attachments the sources that follow from it."""
    attached = [row["id"] for row in db.execute(_WITH_ATTACHMENTS, [document.document_id])][1:]
    change_document(db, path, document.document_id, source=source, title=title)
    for document_id in attached:
        before = read_in(db, path).document(document_id)
        change_document(db, path, document_id, source=source + before.source.removeprefix(document.source))


def change_document(db: sqlite3.Connection, path: Path, document_id: str, **changes: str) -> None:
    """Changes columns of a document and makes new checksums for all that shows them.

    What is there is compared with its checksums first, so that damage is never covered by new ones.

    Args:
        db: in a transaction.
        path: of the store, for messages.
        document_id: of the document.
        changes: by column.
    """
    snapshot = read_in(db, path)
    before = snapshot.document(document_id)
    passages = snapshot.passages(snapshot.passages_of(document_id))
    after = replace(before, **changes)  # type: ignore[arg-type]
    if after.title != before.title:
        _delete_terms(db, document_id)
    columns = ", ".join(f"{name} = ?" for name in changes)
    db.execute(
        f"UPDATE documents SET {columns}, checksum = ? WHERE id = ?",
        [*changes.values(), document_checksum(after), document_id],
    )
    shown = {"root": after.root, "source": after.source, "title": after.title, "is_stale": after.is_stale}
    db.executemany(
        "UPDATE passages SET checksum = ? WHERE id = ?",
        [(passage_checksum(replace(passage, **shown)), passage.passage_id) for passage in passages],  # type: ignore[arg-type]
    )
    if after.title != before.title:
        _insert_terms(db, document_id)


def free_id(db: sqlite3.Connection, root: str, source: str) -> str:
    """The id for a new document of this name: one that no document has, even where one was moved away from the name."""
    taken = 0
    while db.execute("SELECT 1 FROM documents WHERE id = ?", [document_id_of(source, root, taken=taken)]).fetchone():
        taken += 1
    return document_id_of(source, root, taken=taken)


def read_in(db: sqlite3.Connection, path: Path) -> StoreSnapshot:
    """The store as a transaction sees it."""
    return StoreSnapshot(db, path, TermCounts())


_WITH_ATTACHMENTS = (
    "WITH RECURSIVE inside (id, source, depth) AS (SELECT id, source, 0 FROM documents WHERE id = ? UNION ALL "
    "SELECT d.id, d.source, depth + 1 FROM documents d JOIN inside i ON d.container_id = i.id) "
    "SELECT id, source FROM inside ORDER BY depth"
)


def _described(document_id: str, container_id: str | None, new: NewDocument) -> Document:
    """A new document as it will be read."""
    return Document(
        document_id=document_id,
        root=new.root,
        source=new.source,
        container_id=container_id,
        title=new.title,
        format=new.format,
        language=new.language,
        encoding=new.encoding,
        date=new.date,
        date_origin=new.date_origin,
        content_sha256=new.content_sha256,
        bytes_sha256=new.bytes_sha256,
        added_at=datetime.now(UTC).isoformat(timespec="seconds"),
        invisible_chars=new.invisible_chars,
        notices=new.notices,
        stale_reason="",
        stale_since="",
        passages=0,
        chars=0,
        tags=new.tags,
    )


def _span_checksum(document_id: str, new: NewDocument, span: PassageSpan) -> int:
    """The `passage_checksum` that a passage of a document will have."""
    return passage_checksum(
        replace(
            _NO_PASSAGE,
            document_id=document_id,
            root=new.root,
            content_sha256=new.content_sha256,
            source=new.source,
            title=new.title,
            language=new.language,
            date=new.date,
            kind=span.kind,
            heading=span.heading,
            page=span.page,
            start=span.start,
            end=span.end,
            text=new.text[span.start : span.end],
        )
    )


def _insert_terms(db: sqlite3.Connection, document_id: str) -> None:
    """Lets a document's passages be found by their words."""
    db.executemany(
        "INSERT INTO passage_terms (rowid, title, heading, text) VALUES (?, ?, ?, ?)", _texts(db, document_id)
    )


def _delete_terms(db: sqlite3.Connection, document_id: str) -> None:
    """Takes the words of a document's passages out of search; before the passages or their title change."""
    db.executemany(
        "INSERT INTO passage_terms (passage_terms, rowid, title, heading, text) VALUES ('delete', ?, ?, ?, ?)",
        _texts(db, document_id),
    )


def _texts(db: sqlite3.Connection, document_id: str) -> list[tuple[int, str, str, str]]:
    """The rows of `passage_texts` for a document; the view goes through all of its text again for each passage."""
    document = db.execute("SELECT title, text FROM documents WHERE id = ?", [document_id]).fetchone()
    if document is None:
        return []
    rows = db.execute('SELECT id, heading, start, "end" FROM passages WHERE document_id = ?', [document_id])
    title, text = document["title"], document["text"]
    return [(row["id"], title, row["heading"], text[row["start"] : row["end"]]) for row in rows]


def _passage_ids(db: sqlite3.Connection, document_id: str) -> list[int]:
    rows = db.execute("SELECT id FROM passages WHERE document_id = ? ORDER BY ordinal", [document_id])
    return [row["id"] for row in rows]
