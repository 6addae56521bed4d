"""The store: documents, passages and their embeddings in one SQLite file (WAL), the branch's only truth.

A change is one transaction, durable when the call returns (`synchronous=FULL`), so that what was acknowledged
survives a kill and a power cut, and nothing is ever half there. Keep this interface small: it is the seam at which
another database may stand in one day.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.storage.database import DATABASE, Database
from edge_agent.storage.embeddings import EmbeddingTable, insert_embeddings
from edge_agent.storage.integrity import find_problems
from edge_agent.storage.records import (
    Change,
    ChunkingRecipe,
    NewDocument,
    Passage,
    PassageSpan,
    document_id_of,
)
from edge_agent.storage.snapshot import checksum, passage_checksum, unknown_document
from student.embeddings import Embeddings

OnChange = Callable[[Change, int], None]
"""Called with a change of the passages and the number of changes there are with it; see `Database.transaction`."""
_NO_PASSAGE = Passage(0, "", "", "", "", "", "", 0, 0, 0, "")


def _ignore(change: Change, changes: int) -> None:
    """Nobody follows the store."""


class Store:
    """Documents, passages and embeddings of an open database.

    Attributes:
        database: the file; `path` is where it is.
        snapshots: for whoever reads.
        embeddings: the tables of embeddings.
    """

    def __init__(self, folder: Path) -> None:
        """Opens the store in a folder, making both when they are missing.

        Raises:
            StoreForeign, StoreTooNew, StoreTooOld, StoreDamaged, StoreFull, StoreUnavailable: see `Database`.
        """
        self.database = Database(folder / DATABASE)
        self.path = self.database.path
        self.snapshots = self.database.snapshots
        self.embeddings = EmbeddingTable(self.database)

    def close(self) -> None:
        """Closes the database."""
        self.database.close()

    def put(
        self,
        document: NewDocument,
        spans: Sequence[PassageSpan],
        embeddings: NDArray[np.floating],
        sentences: Sequence[Embeddings],
        embedding_space: str,
        *,
        on_change: OnChange = _ignore,
    ) -> Change:
        """Stores a document with its passages, their embeddings (N, D) and their sentences' (K, D each).

        One of the same source is replaced.

        Guarantees:
            Durable and complete when it returns; if it does not return, the store is as before.
        """
        document_id = document_id_of(document.source)
        added_at = datetime.now(UTC).isoformat(timespec="seconds")
        change = Change([], [])
        with self.database.transaction(lambda changes: on_change(change, changes)) as db:
            removed = _delete_terms(db, document_id)
            db.execute("DELETE FROM documents WHERE id = ?", [document_id])
            _insert_document(db, document_id, document, added_at)
            db.executemany(
                'INSERT INTO passages (document_id, ordinal, start, "end", heading, page, checksum) '
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (document_id, n, span.start, span.end, span.heading, span.page, _span_checksum(document, span))
                    for n, span in enumerate(spans)
                ],
            )
            added = _passage_ids(db, document_id)
            db.execute(f"INSERT INTO passage_terms (rowid, title, heading, text) {_TEXTS_OF_DOCUMENT}", [document_id])
            insert_embeddings(db, added, embeddings, sentences, embedding_space)
            change = Change(removed, added)
        return change

    def delete(self, document_id: str, *, on_change: OnChange = _ignore) -> Change:
        """Deletes a document.

        Raises:
            DocumentUnknown: there is none with that id.
        """
        change = Change([], [])
        with self.database.transaction(lambda changes: on_change(change, changes)) as db:
            change = Change(_delete_terms(db, document_id), [])
            if not db.execute("DELETE FROM documents WHERE id = ?", [document_id]).rowcount:
                raise unknown_document(document_id)
        return change

    def stale_documents(self, recipe: ChunkingRecipe) -> list[str]:
        """The sources of documents with stale chunking: their passages were made by another recipe; ascending."""
        with self.snapshots.open() as snapshot:
            rows = snapshot.rows(
                "SELECT d.source FROM documents d LEFT JOIN document_chunking c ON c.document_id = d.id "
                "WHERE (c.rules, c.max_tokens, c.overlap_tokens) IS NOT (?, ?, ?) ORDER BY d.source",
                [recipe.rules, recipe.max_tokens, recipe.overlap_tokens],
            )
        return [row["source"] for row in rows]

    def check(self, dimension: int) -> list[str]:
        """The problems of the store, in words; empty when it is sound. Raises as `integrity.find_problems`."""
        return find_problems(self.database, dimension)


def _insert_document(db: sqlite3.Connection, document_id: str, document: NewDocument, added_at: str) -> None:
    """Inserts a document's row, its chunking recipe and its tags."""
    described = [document_id, document.source, document.title, document.format, document.language]
    described += [document.content_sha256, added_at]
    db.execute(
        "INSERT INTO documents (id, source, title, format, language, content_sha256, added_at, checksum, text, "
        "text_checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [*described, checksum(*described, *document.tags), document.text, checksum(document.text)],
    )
    recipe = document.chunking
    db.execute(
        "INSERT INTO document_chunking (document_id, rules, max_tokens, overlap_tokens) VALUES (?, ?, ?, ?)",
        [document_id, recipe.rules, recipe.max_tokens, recipe.overlap_tokens],
    )
    db.executemany(
        "INSERT INTO document_tags (document_id, tag) VALUES (?, ?)", [(document_id, tag) for tag in document.tags]
    )


def _span_checksum(document: NewDocument, span: PassageSpan) -> int:
    """The `passage_checksum` that a passage of a document will have."""
    return passage_checksum(
        replace(
            _NO_PASSAGE,
            document_id=document_id_of(document.source),
            content_sha256=document.content_sha256,
            source=document.source,
            title=document.title,
            language=document.language,
            heading=span.heading,
            page=span.page,
            start=span.start,
            end=span.end,
            text=document.text[span.start : span.end],
        )
    )


_TEXTS_OF_DOCUMENT = (
    "SELECT passage_id, title, heading, text FROM passage_texts "
    "WHERE passage_id IN (SELECT id FROM passages WHERE document_id = ?)"
)


def _delete_terms(db: sqlite3.Connection, document_id: str) -> list[int]:
    """Takes the words of a document's passages out of search, before they are deleted; returns the passages' ids."""
    db.execute(
        "INSERT INTO passage_terms (passage_terms, rowid, title, heading, text) "
        f"SELECT 'delete', * FROM ({_TEXTS_OF_DOCUMENT})",
        [document_id],
    )
    return _passage_ids(db, document_id)


def _passage_ids(db: sqlite3.Connection, document_id: str) -> list[int]:
    rows = db.execute("SELECT id FROM passages WHERE document_id = ? ORDER BY ordinal", [document_id])
    return [row["id"] for row in rows]
