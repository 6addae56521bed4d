"""Reading the store: one moment of it (`StoreSnapshot`), every text compared with its checksum before it is given out.

A snapshot is an SQLite read transaction: whatever is committed while it is open, all its reads see the same changes.
SQLite has no checksums of its own, so each row carries one (`checksums.py`).
"""

import contextlib
import json
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from edge_agent.errors import DocumentUnknown, InputInvalid
from edge_agent.storage.checksums import checksum, document_checksum, passage_checksum
from edge_agent.storage.failures import damaged, named_failure
from edge_agent.storage.filters import condition_of, marks
from edge_agent.storage.quantization import dequantize, quantized_type
from edge_agent.storage.records import NO_FILTER, Counts, Document, Filter, Passage, PassageKind, StoredFile
from edge_agent.storage.term_counts import TermCounts
from student.embeddings import Embeddings

Result = TypeVar("Result")

_MAX_IDLE = 8  # connections kept open for the next readers; each has a cache of its own


class StoreSnapshot:
    """One moment of the store. For one thread at a time, until the block that opened it ends.

    Attributes:
        changes: how many changes are in it; grows with every one that is committed.
        path: of the file.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, terms: TermCounts) -> None:
        self._connection, self.path, self._terms = connection, path, terms
        self._passages: dict[int, Passage] = {}
        self.changes = int(self.rows("SELECT count FROM changes", [])[0]["count"])

    def rows(self, query: str, values: Sequence[object]) -> list[dict[str, Any]]:
        """The rows of a query, by column."""
        try:
            return [dict(row) for row in self._connection.execute(query, values)]
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise named_failure(error, self.path) from None

    def counts(self) -> Counts:
        """How many documents and passages there are."""
        query = "SELECT (SELECT count(*) FROM documents) AS documents, (SELECT count(*) FROM passages) AS passages"
        return Counts(**self.rows(query, [])[0])

    def count_documents(self, root: str) -> int:
        """How many documents a root has, with attachments."""
        return int(self.rows("SELECT count(*) AS documents FROM documents WHERE root = ?", [root])[0]["documents"])

    def document_of(self, source: str, root: str = "") -> Document | None:
        """The document of this name in a root (those given by the API have the root ""), or None."""
        return next(iter(self._documents("d.root = ? AND d.source = ?", [root, source])), None)

    def unclaimed(self, source: str) -> Document | None:
        """The document of this name from before there were roots that no root has yet, or None."""
        condition = "d.source = ? AND d.root = '' AND d.bytes_sha256 = '' AND d.container_id IS NULL"
        return next(iter(self._documents(condition, [source])), None)

    def document_named(self, source: str, root: str | None = None) -> Document:
        """The one document with this source, in a root or, where that is None, wherever it is.

        Raises:
            DocumentUnknown: there is none. InputInvalid: several roots have one.
        """
        found = self._documents("d.source = ? AND (?2 IS NULL OR d.root = ?2)", [source, root])
        if not found:
            raise DocumentUnknown("no document has that source; list them with GET /v1/documents")
        if len(found) > 1:
            raise InputInvalid(f"documents of {len(found)} roots have that source; name the root as well")
        return found[0]

    def document(self, document_id: str) -> Document:
        """One document. Raises `DocumentUnknown`."""
        documents = self._documents("d.id = ?", [document_id])
        if not documents:
            raise unknown_document()
        return documents[0]

    def document_with_text(self, document_id: str) -> tuple[Document, str]:
        """A document and its text, which offsets point into. Raises `DocumentUnknown`."""
        query = f"SELECT d.text, d.text_checksum, {_DOCUMENT_COLUMNS} FROM documents d WHERE d.id = ?"
        rows = self.rows(query, [document_id])
        if not rows:
            raise unknown_document()
        text, text_checksum = rows[0].pop("text"), rows[0].pop("text_checksum")
        if checksum(text) != text_checksum:
            raise damaged(self.path, "the text of a document")
        return self._document(rows[0]), text

    def documents(
        self, *, after: tuple[str, str] = ("", ""), limit: int = 100, root: str | None = None
    ) -> list[Document]:
        """Documents by root and source, those after a given pair of them, at most `limit`; of one root where given."""
        return self._documents(
            "(d.root, d.source) > (?, ?) AND (?3 IS NULL OR d.root = ?3) ORDER BY d.root, d.source LIMIT ?4",
            [*after, root, limit],
        )

    def attachments(self, container_id: str) -> list[Document]:
        """The documents that are attachments of this one, by source; not those of their own attachments."""
        return self._documents("d.container_id = ? ORDER BY d.source", [container_id])

    def files(self, root: str) -> dict[str, StoredFile]:
        """The documents of a root by source, without attachments."""
        query = (
            "SELECT source, id AS document_id, bytes_sha256, stale_reason != '' AS is_stale, format, content_sha256, "
            f"{_TAGS} FROM documents d WHERE root = ? AND container_id IS NULL ORDER BY source"
        )
        files = {}
        for row in map(dict, self.rows(query, [root])):
            row |= {"is_stale": bool(row["is_stale"]), "tags": tuple(json.loads(row["tags"]))}
            source = row.pop("source")
            files[source] = StoredFile(**row)
        return files

    def passages(self, passage_ids: Sequence[int]) -> list[Passage]:
        """Passages in the order asked for; each is read once, and ids that are not there are left out."""
        missing = [passage_id for passage_id in passage_ids if passage_id not in self._passages]
        if missing:
            rows = self.rows(
                f"SELECT {_PASSAGE_COLUMNS} FROM passages p JOIN documents d ON d.id = p.document_id "
                f"WHERE p.id IN ({marks(missing)})",
                missing,
            )
            self._passages |= {row["passage_id"]: self._passage(row) for row in rows}
        return [self._passages[i] for i in passage_ids if i in self._passages]

    def passages_of(self, document_id: str) -> list[int]:
        """The ids of a document's passages, in order."""
        rows = self.rows("SELECT id FROM passages WHERE document_id = ? ORDER BY ordinal", [document_id])
        return [row["id"] for row in rows]

    def passage_ids(self, where: Filter) -> list[int]:
        """The passages of the documents that a filter lets through."""
        condition, values = condition_of(where)
        query = f"SELECT p.id FROM passages p JOIN documents d ON d.id = p.document_id WHERE {condition}"
        return [row["id"] for row in self.rows(query, values)]

    def languages(self, passage_ids: Sequence[int]) -> dict[int, str]:
        """The language of each passage's document; ids that are not there are left out."""
        rows = self.rows(
            "SELECT p.id AS passage_id, d.language FROM passages p JOIN documents d ON d.id = p.document_id "
            f"WHERE p.id IN ({marks(passage_ids)})",
            list(passage_ids),
        )
        return {row["passage_id"]: row["language"] for row in rows}

    def bm25(self, terms: Sequence[str], *, limit: int, where: Filter = NO_FILTER) -> dict[int, float]:
        """The passages that words fit best, at most `limit`, with their BM25, higher is better.

        A title or heading counts as one of the text's own words: the three columns weigh the same. Words that very many
        passages hold are left out when rarer ones are asked for too: `MAX_MATCHES` bounds the time, which goes with
        the number of matches.
        """
        terms = self._terms.selective(self.rows, terms)
        return self._match(terms, limit=limit, where=where) if terms else {}

    def _match(self, phrases: Sequence[str], *, limit: int, where: Filter) -> dict[int, float]:
        condition, values = condition_of(where)
        passages = f"SELECT p.id FROM passages p JOIN documents d ON d.id = p.document_id WHERE {condition}"
        inside = "" if where == NO_FILTER else f"AND rowid IN ({passages}) "
        rows = self.rows(
            f"SELECT rowid AS passage_id, -rank AS bm25 FROM passage_terms WHERE passage_terms MATCH ? {inside}"
            "ORDER BY rank LIMIT ?",
            [match_any(phrases), *values, limit],
        )
        return {row["passage_id"]: row["bm25"] for row in rows}

    def holding(self, phrases: Sequence[str], *, limit: int, where: Filter = NO_FILTER) -> list[int]:
        """Passages that hold any of some phrases word for word, best first, at most `limit`.

        Phrases of which every word stands in more than `MAX_MATCHES` passages are left out: they tell nothing apart.
        """
        rare = [phrase for phrase in phrases if self._terms.is_rare(self.rows, phrase)]
        if not rare:
            return []
        return list(self._match(rare, limit=limit, where=where))

    def sentence_embeddings(self, passage_ids: Sequence[int], space: str, dimension: int) -> dict[int, Embeddings]:
        """The embeddings (K, D) of the sentences of those of the passages that have any in a space."""
        rows = self.rows(
            "SELECT e.passage_id, e.embeddings FROM sentence_embeddings e JOIN embedding_spaces s ON s.id = e.space_id "
            f"WHERE s.digest = ? AND e.passage_id IN ({marks(passage_ids)})",
            [space, *passage_ids],
        )
        return {
            row["passage_id"]: dequantize(row["embeddings"], dimension)
            for row in rows
            if len(row["embeddings"]) % quantized_type(dimension).itemsize == 0
        }

    def _documents(self, condition: str, values: list[object]) -> list[Document]:
        rows = self.rows(f"SELECT {_DOCUMENT_COLUMNS} FROM documents d WHERE {condition}", values)
        return [self._document(row) for row in rows]

    def _document(self, row: dict[str, Any]) -> Document:
        expected = row.pop("checksum")
        with contextlib.suppress(ValueError, TypeError):  # JSON that was damaged
            document = Document(**row | {name: tuple(json.loads(row[name])) for name in ("tags", "notices")})
            if document_checksum(document) == expected:
                return document
        raise damaged(self.path, "what is known of a document")

    def _passage(self, row: dict[str, Any]) -> Passage:
        expected = row.pop("checksum")
        kind = _KINDS.get(row["kind"])
        if kind is not None:
            passage = Passage(**row | {"kind": kind, "is_stale": bool(row["is_stale"])})
            if passage_checksum(passage) == expected:
                return passage
        raise damaged(self.path, "a passage")


class SnapshotPool:
    """Opens snapshots of one store file, several at a time: each has a connection of its own while it lasts."""

    def __init__(self, path: Path, require_same: Callable[[], None]) -> None:
        """Opens nothing yet.

        Args:
            path: of the file.
            require_same: raises where that is no longer the file that was opened.
        """
        self._path, self._lock, self._require_same = path, threading.Lock(), require_same
        self._idle: list[sqlite3.Connection] = []
        self._is_closed = False
        self._terms = TermCounts()

    @contextlib.contextmanager
    def open(self) -> Iterator[StoreSnapshot]:
        """The store as it is now, for as long as the block lasts.

        Raises:
            StoreDamaged, StoreFull, StoreUnavailable: it cannot be read.
        """
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        try:
            if connection is None:
                self._require_same()
                connection = connect(self._path)
            connection.execute("BEGIN")
        except sqlite3.DatabaseError as error:
            raise named_failure(error, self._path) from None
        try:
            yield StoreSnapshot(connection, self._path, self._terms)
        finally:
            self._give_back(connection)

    def read(self, read: Callable[[StoreSnapshot], Result]) -> Result:
        """The result of one read of the store as it is now."""
        with self.open() as snapshot:
            return read(snapshot)

    def close(self) -> None:
        """Closes the connections; those that are lent, when they come back."""
        with self._lock:
            self._is_closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("ROLLBACK")  # nothing was written
        except sqlite3.DatabaseError:
            connection.close()
            return
        with self._lock:
            if self._is_closed or len(self._idle) == _MAX_IDLE:
                connection.close()
            else:
                self._idle.append(connection)


def connect(path: Path) -> sqlite3.Connection:
    """A connection that leaves transactions to its user and checks references."""
    db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.create_function("crc32", 1, zlib.crc32, deterministic=True)
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, whatever this SQLite was built with
    return db


def match_any(terms: Sequence[str]) -> str:
    """An FTS5 expression that matches what holds any of the terms; quoted, so that nothing in them is syntax."""
    return " OR ".join('"' + term.replace('"', '""') + '"' for term in terms)


def unknown_document() -> DocumentUnknown:
    """The refusal of an id that no document has."""
    return DocumentUnknown("no document has that id; list them with GET /v1/documents")


_KINDS = {kind.value: kind for kind in PassageKind}
_TAGS = (
    "(SELECT json_group_array(tag) FROM (SELECT tag FROM document_tags t WHERE t.document_id = d.id ORDER BY tag)) "
    "AS tags"
)
_DOCUMENT_COLUMNS = (
    "d.id AS document_id, d.root, d.source, d.container_id, d.title, d.format, d.language, d.encoding, d.date, "
    "d.date_origin, d.content_sha256, d.bytes_sha256, d.added_at, d.invisible_chars, d.notices, d.stale_reason, "
    "d.stale_since, d.checksum, "
    "(SELECT count(*) FROM passages p WHERE p.document_id = d.id) AS passages, length(d.text) AS chars, "
    f"{_TAGS}"
)
_PASSAGE_COLUMNS = (
    "p.id AS passage_id, d.id AS document_id, d.root, d.content_sha256, d.source, d.title, d.language, d.date, "
    "d.stale_reason != '' AS is_stale, p.kind, p.heading, p.page, p.start, p.\"end\", "
    'substr(d.text, p.start + 1, p."end" - p.start) AS text, p.checksum'
)
