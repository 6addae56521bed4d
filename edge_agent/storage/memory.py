"""The table of the memory: what feedback says of documents, with the embeddings of its questions.

A row belongs to a row of feedback, where the question stands, masked, and goes with it. It goes with its document too,
but not when that is replaced.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from edge_agent.errors import MemoryUnknown
from edge_agent.storage.database import Database
from edge_agent.storage.embeddings import space_id_of
from edge_agent.storage.filters import condition_of, marks
from edge_agent.storage.records import MAX_ID, Filter
from edge_agent.storage.snapshot import StoreSnapshot
from student.embeddings import Embeddings, Encode

MOST_REMEMBERED = 2_000
"""Rows; beyond them go those that were neither given nor used for longest."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A judgement that is remembered: whether a document is right for a question.

    Attributes:
        memory_id: its id.
        at: when it was given; RFC 3339, UTC.
        text: the question, masked.
        document_id, source, title, root: the document, as it is now.
        is_right: whether the document answers the question.
        customer: the pseudonym that it was given with; None without one.
        uses: questions whose ranking it took part in.
        used_at: when it last did.
    """

    memory_id: int
    at: str
    text: str
    document_id: str
    source: str
    title: str
    root: str
    is_right: bool
    customer: str | None
    uses: int
    used_at: str


class MemoryTable:
    """The memory of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, *, after: int = 0, limit: int = MOST_REMEMBERED) -> list[Remembered]:
        """Rows in the order they were given, those with a later id than `after`, at most `limit`."""
        with self._database.snapshots.open() as snapshot:
            rows = snapshot.rows(f"{_ROWS} WHERE m.id > ? ORDER BY m.id LIMIT ?", [after, limit])
        return [_remembered(row) for row in rows]

    def embedded(self, space: str, dimension: int) -> tuple[list[Remembered], Embeddings]:
        """Rows (M) whose questions have an embedding in a space, by id, and these (M, D)."""
        query = f"{_ROWS} {_SOUND} WHERE s.digest = ? AND length(e.embedding) = ? ORDER BY m.id"
        with self._database.snapshots.open() as snapshot:
            found = snapshot.rows(query.replace(" FROM", ", e.embedding FROM", 1), [space, 2 * dimension])
        content = b"".join(row.pop("embedding") for row in found)
        embeddings = np.frombuffer(content, dtype="<f2").reshape(len(found), dimension)
        return [_remembered(row) for row in found], embeddings.astype(np.float32)

    def embed_missing(self, encode: Encode, space: str, *, batch: int = 64) -> None:
        """Gives every question that has no sound embedding in a space one, a few at a time.

        Args:
            encode: gives embeddings (N, D) of that space.
            space: its digest.
            batch: questions in a transaction.
        """
        with self._database.snapshots.open() as snapshot:
            rows = snapshot.rows(_MISSING, [space])
        for first in range(0, len(rows), batch):
            some = rows[first : first + batch]
            self._put([row["id"] for row in some], encode([row["text"] for row in some]), space)

    def note_uses(self, uses: Mapping[int, int]) -> None:
        """Adds to how often rows were used; the last time is now."""
        if not uses:
            return
        with self._database.transaction() as db:
            db.executemany(
                "UPDATE memory SET uses = uses + ?, used_at = ? WHERE id = ?",
                [(count, _now(), memory_id) for memory_id, count in uses.items()],
            )

    def delete(self, memory_id: int) -> None:
        """Deletes a row for good; the feedback that it came from stays. Raises `MemoryUnknown`."""
        with self._database.transaction() as db:
            is_id = 0 < memory_id <= MAX_ID
            if not (is_id and db.execute("DELETE FROM memory WHERE id = ?", [memory_id]).rowcount):
                raise MemoryUnknown("nothing is remembered under that id; list what is with GET /v1/memory")
            self._database.note_deletion()

    def clear(self) -> int:
        """Deletes all rows for good; returns how many there were."""
        with self._database.transaction() as db:
            deleted = db.execute("DELETE FROM memory").rowcount
            if deleted:
                self._database.note_deletion()
        return deleted

    def _put(self, memory_ids: Sequence[int], embeddings: Embeddings, space: str) -> None:
        """Sets the embeddings (M, D) of those of the rows that are still there."""
        with self._database.transaction() as db:
            space_id = space_id_of(db, space)
            db.executemany(
                "INSERT OR REPLACE INTO memory_embeddings (memory_id, space_id, embedding, checksum) "
                "SELECT id, ?2, ?3, crc32(?3) FROM memory WHERE id = ?1",
                [
                    (memory_id, space_id, np.asarray(row, dtype="<f2").tobytes())
                    for memory_id, row in zip(memory_ids, embeddings, strict=True)
                ],
            )


def remember(database: Database, db: sqlite3.Connection, feedback_id: int, judged: Mapping[str, bool]) -> None:
    """Remembers what a row of feedback says of documents, within the transaction that writes it.

    It takes the place of what the same customer said before of a document for the same words; without a customer, of
    the same judgement alone.

    Args:
        database: of the transaction.
        db: its connection.
        feedback_id: of the row.
        judged: documents by id, and whether each is right; those that are not there are left out.
    """
    deleted = 0
    for document_id, is_right in judged.items():
        deleted += db.execute(_SAID_BEFORE, [feedback_id, document_id, int(is_right)]).rowcount
        db.execute(
            "INSERT INTO memory (feedback_id, document_id, is_right, uses, used_at) "
            "SELECT ?1, ?2, ?3, 0, ?4 WHERE EXISTS (SELECT 1 FROM documents WHERE id = ?2)",
            [feedback_id, document_id, int(is_right), _now()],
        )
    deleted += db.execute(
        "DELETE FROM memory WHERE id IN "
        "(SELECT id FROM memory ORDER BY used_at DESC, uses DESC, id DESC LIMIT -1 OFFSET ?)",
        [MOST_REMEMBERED],
    ).rowcount
    if deleted:
        database.note_deletion()


def forget_without_document(db: sqlite3.Connection) -> None:
    """Deletes the rows whose documents are gone, within the transaction in which they went."""
    db.execute("DELETE FROM memory WHERE document_id NOT IN (SELECT id FROM documents)")


def documents_within(snapshot: StoreSnapshot, document_ids: Sequence[str], where: Filter) -> set[str]:
    """Those of some documents that a filter lets through."""
    condition, values = condition_of(where)
    query = f"SELECT d.id FROM documents d WHERE d.id IN ({marks(document_ids)}) AND ({condition})"
    return {row["id"] for row in snapshot.rows(query, [*document_ids, *values])}


def passages_of_documents(snapshot: StoreSnapshot, document_ids: Sequence[str], *, limit: int) -> list[int]:
    """The passages of some documents, at most `limit` of each."""
    query = f"SELECT id FROM passages WHERE document_id IN ({marks(document_ids)}) AND ordinal < ?"
    return [row["id"] for row in snapshot.rows(query, [*document_ids, limit])]


def documents_of_passages(snapshot: StoreSnapshot, passage_ids: Sequence[int]) -> dict[int, str]:
    """The document of each passage; ids that are not there are left out."""
    query = f"SELECT id, document_id FROM passages WHERE id IN ({marks(passage_ids)})"
    return {row["id"]: row["document_id"] for row in snapshot.rows(query, list(passage_ids))}


_ROWS = (
    "SELECT m.id AS memory_id, f.at, f.text, m.document_id, d.source, d.title, d.root, m.is_right, f.customer, m.uses, "
    "m.used_at FROM memory m JOIN feedback f ON f.id = m.feedback_id JOIN documents d ON d.id = m.document_id"
)
_SOUND = (
    "JOIN memory_embeddings e ON e.memory_id = m.id AND crc32(e.embedding) = e.checksum "
    "JOIN embedding_spaces s ON s.id = e.space_id"
)
_MISSING = (
    "SELECT m.id, f.text FROM memory m JOIN feedback f ON f.id = m.feedback_id "
    f"WHERE m.id NOT IN (SELECT m.id FROM memory m {_SOUND} WHERE s.digest = ?) ORDER BY m.id"
)
_SAID_BEFORE = (
    "DELETE FROM memory WHERE document_id = ?2 AND EXISTS (SELECT 1 FROM feedback a, feedback b "
    "WHERE a.id = ?1 AND b.id = memory.feedback_id AND b.id != a.id AND b.text = a.text AND b.customer IS a.customer "
    "AND (memory.is_right = ?3 OR a.customer IS NOT NULL))"
)


def _remembered(row: dict[str, Any]) -> Remembered:
    return Remembered(**row | {"is_right": bool(row["is_right"])})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
