"""The store: documents, passages and embeddings in one SQLite file (WAL), the branch's only truth.

A change is one transaction, durable when the call returns (`synchronous=FULL`), so that what was acknowledged
survives a kill and a power cut, and nothing is ever half there. Keep this interface small: it is the seam at which
another database may stand in one day.
"""

import json
import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from cachetools import TTLCache
from numpy.typing import NDArray

from edge_agent.errors import DocumentUnknown, StoreDamaged
from edge_agent.ingest.chunking import ChunkingRecipe, PassageSpan
from edge_agent.storage.checksums import checksum, passage_checksum, span_checksum
from edge_agent.storage.database import DATABASE, Database, damaged
from edge_agent.storage.embeddings import EmbeddingTable, insert_embeddings
from edge_agent.storage.records import Change, Counts, Document, Filter, NewDocument, Passage, document_id_of
from student.embeddings import Embeddings

NO_FILTER = Filter()
MAX_MATCHES = 2_000
"""Passages that the words of a question may match together, a microsecond each; see `Store.bm25`."""


class Store:
    """Documents, passages and embeddings of an open database."""

    def __init__(self, folder: Path) -> None:
        """Opens the store in a folder, making both when they are missing.

        Raises:
            StoreForeign, StoreTooNew, StoreTooOld, StoreDamaged, StoreFull, StoreUnavailable: see `Database`.
        """
        self.database = Database(folder / DATABASE)
        self.path = self.database.path
        self.embeddings = EmbeddingTable(self.database)
        self._passages_with: TTLCache[str, int] = TTLCache(maxsize=20_000, ttl=600)
        self._vocabulary_lock = threading.Lock()

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
    ) -> Change:
        """Stores a document with its passages, their embeddings (N, D) and their sentences' (K, D each).

        One of the same source is replaced.

        Guarantees:
            Durable and complete when it returns; if it does not return, the store is as before.
        """
        document_id = document_id_of(document.source)
        added_at = datetime.now(UTC).isoformat(timespec="seconds")
        with self.database.transaction() as db:
            removed = _forget_terms(db, document_id)
            db.execute("DELETE FROM documents WHERE id = ?", [document_id])
            described = [document_id, document.source, document.title, document.format, document.language]
            described += [document.content_sha256, added_at]
            db.execute(
                "INSERT INTO documents (id, source, title, format, language, content_sha256, added_at, checksum, text, "
                "text_checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [*described, checksum(*described, *document.tags), document.text, checksum(document.text)],
            )
            _insert_description(db, document_id, document)
            db.executemany(
                'INSERT INTO passages (document_id, ordinal, start, "end", heading, page, checksum) '
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (document_id, n, span.start, span.end, span.heading, span.page, span_checksum(document, span))
                    for n, span in enumerate(spans)
                ],
            )
            added = _passage_ids(db, document_id)
            db.execute(f"INSERT INTO passage_terms (rowid, title, heading, text) {_TEXTS_OF_DOCUMENT}", [document_id])
            insert_embeddings(db, added, embeddings, sentences, embedding_space)
        return Change(removed, added)

    def delete(self, document_id: str) -> Change:
        """Deletes a document.

        Raises:
            DocumentUnknown: there is none with that id.
        """
        with self.database.transaction() as db:
            removed = _forget_terms(db, document_id)
            if not db.execute("DELETE FROM documents WHERE id = ?", [document_id]).rowcount:
                raise _unknown(document_id)
        return Change(removed, [])

    def document_of(self, source: str) -> Document | None:
        """The document with this source, or None."""
        return next(iter(self._documents("d.source = ?", [source])), None)

    def document(self, document_id: str) -> Document:
        """One document. Raises `DocumentUnknown`."""
        documents = self._documents("d.id = ?", [document_id])
        if not documents:
            raise _unknown(document_id)
        return documents[0]

    def document_text(self, document_id: str) -> str:
        """The text of a document, which offsets point into. Raises `DocumentUnknown`."""
        return self.document_with_text(document_id)[1]

    def document_with_text(self, document_id: str) -> tuple[Document, str]:
        """A document and its text, as they were at one moment. Raises `DocumentUnknown`."""
        row = self.database.read_one(
            f"SELECT d.text, d.text_checksum, {_DOCUMENT_COLUMNS} FROM documents d WHERE d.id = ?", [document_id]
        )
        if row is None:
            raise _unknown(document_id)
        text, text_checksum = row.pop("text"), row.pop("text_checksum")
        if checksum(text) != text_checksum:
            raise damaged(self.path, "the text of a document")
        return self._document(row), text

    def documents(self, *, after: str = "", limit: int = 100) -> list[Document]:
        """Documents by source, those after a given source, at most `limit`."""
        return self._documents("d.source > ? ORDER BY d.source LIMIT ?", [after, limit])

    def _documents(self, condition: str, values: list[object]) -> list[Document]:
        rows = self.database.read(f"SELECT {_DOCUMENT_COLUMNS} FROM documents d WHERE {condition}", values)
        return [self._document(row) for row in rows]

    def _document(self, row: dict[str, Any]) -> Document:
        expected = row.pop("checksum")
        d = Document(**row | {"tags": tuple(json.loads(row["tags"]))})
        described = [d.document_id, d.source, d.title, d.format, d.language, d.content_sha256, d.added_at]
        if checksum(*described, *d.tags) != expected:
            raise damaged(self.path, "what is known of a document")
        return d

    def sources(self) -> list[str]:
        """The sources of all documents, ascending."""
        return [row["source"] for row in self.database.read("SELECT source FROM documents ORDER BY source", [])]

    def documents_cut_otherwise(self, recipe: ChunkingRecipe) -> list[str]:
        """The sources of documents whose passages were made by another recipe, ascending."""
        rows = self.database.read(
            "SELECT d.source FROM documents d LEFT JOIN document_chunking c ON c.document_id = d.id "
            "WHERE (c.rules, c.max_tokens, c.overlap_tokens) IS NOT (?, ?, ?) ORDER BY d.source",
            [recipe.rules, recipe.max_tokens, recipe.overlap_tokens],
        )
        return [row["source"] for row in rows]

    def passages(self, passage_ids: Sequence[int]) -> list[Passage]:
        """Passages in the order asked for; ids that are no longer there are left out."""
        marks = ",".join("?" * len(passage_ids))
        rows = self.database.read(
            "SELECT p.id AS passage_id, d.id AS document_id, d.content_sha256, d.source, d.title, d.language, "
            'p.heading, p.page, p.start, p."end", substr(d.text, p.start + 1, p."end" - p.start) AS text, p.checksum '
            f"FROM passages p JOIN documents d ON d.id = p.document_id WHERE p.id IN ({marks})",
            list(passage_ids),
        )
        by_id = {row["passage_id"]: self._passage(row) for row in rows}
        return [by_id[i] for i in passage_ids if i in by_id]

    def _passage(self, row: dict[str, Any]) -> Passage:
        expected = row.pop("checksum")
        passage = Passage(**row)
        if passage_checksum(passage) != expected:
            raise damaged(self.path, "a passage")
        return passage

    def passage_ids(self, where: Filter) -> list[int]:
        """The passages of the documents that a filter lets through."""
        condition, values = _condition(where)
        rows = self.database.read(
            f"SELECT p.id FROM passages p JOIN documents d ON d.id = p.document_id WHERE {condition}", values
        )
        return [row["id"] for row in rows]

    def passages_of(self, document_id: str) -> list[int]:
        """The ids of a document's passages, in order."""
        rows = self.database.read("SELECT id FROM passages WHERE document_id = ? ORDER BY ordinal", [document_id])
        return [row["id"] for row in rows]

    def languages(self, passage_ids: Sequence[int]) -> dict[int, str]:
        """The language of each passage's document; ids that are no longer there are left out."""
        marks = ",".join("?" * len(passage_ids))
        rows = self.database.read(
            "SELECT p.id AS passage_id, d.language FROM passages p JOIN documents d ON d.id = p.document_id "
            f"WHERE p.id IN ({marks})",
            list(passage_ids),
        )
        return {row["passage_id"]: row["language"] for row in rows}

    def bm25(self, terms: Sequence[str], *, limit: int, where: Filter = NO_FILTER) -> dict[int, float]:
        """The passages that words fit best, at most `limit`, with their BM25, higher is better.

        A title or heading counts as one of the text's own words: the three columns weigh the same. Words that very many
        passages hold are left out when rarer ones are asked for too: `MAX_MATCHES` bounds the time, which goes with
        the number of matches.
        """
        terms = self._selective(terms)
        if not terms:
            return {}
        condition, values = _condition(where)
        passages = f"SELECT p.id FROM passages p JOIN documents d ON d.id = p.document_id WHERE {condition}"
        inside = "" if where.is_open else f"AND rowid IN ({passages}) "
        rows = self.database.read(
            f"SELECT rowid AS passage_id, -rank AS bm25 FROM passage_terms WHERE passage_terms MATCH ? {inside}"
            "ORDER BY rank LIMIT ?",
            [match_any(terms), *values, limit],
        )
        return {row["passage_id"]: row["bm25"] for row in rows}

    def _selective(self, terms: Sequence[str]) -> list[str]:
        """The rarest of these words, until together they match `MAX_MATCHES` passages; one at least."""
        counts = self._passages_holding(terms)
        chosen: list[str] = []
        matches = 0
        for term in sorted(counts, key=counts.__getitem__):
            matches += counts[term]
            if chosen and matches > MAX_MATCHES:
                break
            chosen.append(term)
        return [term for term in terms if term in chosen]

    def _passages_holding(self, terms: Sequence[str]) -> dict[str, int]:
        with self._vocabulary_lock:
            counts = {term: self._passages_with[term] for term in terms if term in self._passages_with}
        for term in terms:
            if term not in counts:
                row = self.database.read_one("SELECT doc FROM passage_vocabulary WHERE term = ?", [term])
                counts[term] = int(row["doc"]) if row else 0
                with self._vocabulary_lock:
                    self._passages_with[term] = counts[term]
        return counts

    def counts(self) -> Counts:
        """How many documents and passages there are."""
        row = self.database.read_one(
            "SELECT (SELECT count(*) FROM documents) AS documents, (SELECT count(*) FROM passages) AS passages",
            [],
        )
        assert row is not None  # noqa: S101  (an aggregate always gives a row)
        return Counts(**row)

    def check(self, dimension: int) -> list[str]:
        """What is wrong with the store, in words; empty when it is sound.

        Checks SQLite's own structure and references, that every document has passages whose offsets lie within its
        text and whose embeddings have D numbers, and that texts and passages are what was written.

        Raises:
            StoreDamaged: so broken that not even this can be read.
        """
        checks = {
            "documents without passages": "SELECT count(*) AS n FROM documents d "
            "WHERE NOT EXISTS (SELECT 1 FROM passages p WHERE p.document_id = d.id)",
            "passages outside their document's text": "SELECT count(*) AS n FROM passages p "
            'JOIN documents d ON d.id = p.document_id WHERE p."end" > length(d.text)',
            "passages without an embedding": "SELECT count(*) AS n FROM passages p "
            "WHERE NOT EXISTS (SELECT 1 FROM embeddings e JOIN embedding_spaces s ON s.id = e.space_id "
            "WHERE e.passage_id = p.id AND s.is_active)",
            "embeddings of the wrong size": "SELECT count(*) AS n FROM embeddings e "
            "JOIN embedding_spaces s ON s.id = e.space_id "
            f"WHERE s.is_active AND length(embedding) != {2 * int(dimension)}",
        }
        problems = [row["integrity_check"] for row in self.database.read("PRAGMA integrity_check", [])]
        problems = [problem for problem in problems if problem != "ok"]
        if not self.database.verify("INSERT INTO passage_terms (passage_terms, rank) VALUES ('integrity-check', 1)"):
            problems.append("the words of the passages differ from their texts")
        problems += [
            f"broken reference in {row['table']}" for row in self.database.read("PRAGMA foreign_key_check", [])
        ]
        for name, query in checks.items():
            row = self.database.read_one(query, [])
            if row and row["n"]:
                problems.append(f"{row['n']} {name}")
        return problems + self._check_checksums()

    def _check_checksums(self) -> list[str]:
        """Reads every document and passage."""
        changed_documents = changed_passages = 0
        for document_id in [row["id"] for row in self.database.read("SELECT id FROM documents", [])]:
            try:
                self.document_with_text(document_id)
            except (StoreDamaged, DocumentUnknown):  # unknown where its index is damaged
                changed_documents += 1
            for passage_id in self.passages_of(document_id):
                try:
                    self.passages([passage_id])
                except StoreDamaged:
                    changed_passages += 1
        counts = {"documents": changed_documents, "passages": changed_passages}
        return [f"{count} {what} that are not what was written" for what, count in counts.items() if count]


def _insert_description(db: sqlite3.Connection, document_id: str, document: NewDocument) -> None:
    """What is known of a document beside its text: how it was cut, and its tags."""
    recipe = document.chunking
    db.execute(
        "INSERT INTO document_chunking (document_id, rules, max_tokens, overlap_tokens) VALUES (?, ?, ?, ?)",
        [document_id, recipe.rules, recipe.max_tokens, recipe.overlap_tokens],
    )
    db.executemany(
        "INSERT INTO document_tags (document_id, tag) VALUES (?, ?)", [(document_id, tag) for tag in document.tags]
    )


def _condition(where: Filter) -> tuple[str, list[object]]:
    """A filter as SQL on documents `d`, and its values."""
    conditions: list[tuple[str, list[object]]] = []
    if where.language is not None:
        conditions.append(("d.language = ?", [where.language]))
    if where.source_prefix is not None:
        conditions.append(("substr(d.source, 1, length(?)) = ?", [where.source_prefix] * 2))
    if where.added_since is not None:
        conditions.append(("d.added_at >= ?", [where.added_since]))
    for tag in where.tags:
        conditions.append(("d.id IN (SELECT document_id FROM document_tags WHERE tag = ?)", [tag]))
    values = [value for _, group in conditions for value in group]
    return " AND ".join(condition for condition, _ in conditions) or "1", values


_DOCUMENT_COLUMNS = (
    "d.id AS document_id, d.source, d.title, d.format, d.language, d.content_sha256, d.added_at, d.checksum, "
    "(SELECT count(*) FROM passages p WHERE p.document_id = d.id) AS passages, length(d.text) AS chars, "
    "(SELECT json_group_array(tag) FROM (SELECT tag FROM document_tags t WHERE t.document_id = d.id ORDER BY tag)) "
    "AS tags"
)


_TEXTS_OF_DOCUMENT = (
    "SELECT passage_id, title, heading, text FROM passage_texts "
    "WHERE passage_id IN (SELECT id FROM passages WHERE document_id = ?)"
)


def _forget_terms(db: sqlite3.Connection, document_id: str) -> list[int]:
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


def match_any(terms: Sequence[str]) -> str:
    """An FTS5 expression that matches what holds any of the terms; quoted, so that nothing in them is syntax."""
    return " OR ".join('"' + term.replace('"', '""') + '"' for term in terms)


def _unknown(document_id: str) -> DocumentUnknown:
    return DocumentUnknown(f"no document has the id {document_id[:40]!r}; list them with GET /v1/documents")
