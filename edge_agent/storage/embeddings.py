"""Embeddings in the store: one set that is served, and a second one while a bundle of another space is prepared."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import StoreDamaged
from edge_agent.storage.database import Database
from edge_agent.storage.failures import damaged
from edge_agent.storage.quantization import quantize
from edge_agent.storage.snapshot import StoreSnapshot
from student.embeddings import Embeddings

_NORM_TOLERANCE = 5e-3


class EmbeddingTable:
    """Embeddings of passages by embedding space, float16: cosines differ by less than 0.001 from float32."""

    def __init__(self, database: Database) -> None:
        """Reads and writes the tables of an open database."""
        self._database = database

    def active_space(self) -> str | None:
        """The space that is served, None in a store that never had one."""
        rows = self._rows("SELECT digest FROM embedding_spaces WHERE is_active", [])
        return rows[0]["digest"] if rows else None

    def activate(self, space: str) -> None:
        """Serves another space from now on; every passage must have an embedding in it."""
        with self._database.transaction() as db:
            space_id = space_id_of(db, space)
            db.execute("UPDATE embedding_spaces SET is_active = 0 WHERE is_active")
            db.execute("UPDATE embedding_spaces SET is_active = 1 WHERE id = ?", [space_id])

    def forget_others(self, *, batch: int = 2000) -> None:
        """Deletes what the spaces not served have, a few at a time, so that others may write in between."""
        for table in ("embeddings", "sentence_embeddings", "memory_embeddings"):
            deleted = batch
            while deleted == batch:
                with self._database.transaction() as db:
                    deleted = db.execute(
                        f"DELETE FROM {table} WHERE rowid IN (SELECT e.rowid FROM {table} e "
                        "JOIN embedding_spaces s ON s.id = e.space_id WHERE NOT s.is_active LIMIT ?)",
                        [batch],
                    ).rowcount
        with self._database.transaction() as db:
            db.execute("DELETE FROM embedding_spaces WHERE NOT is_active")

    def put(
        self, passage_ids: Sequence[int], embeddings: NDArray[np.floating], sentences: Sequence[Embeddings], space: str
    ) -> list[int]:
        """Sets what `insert_embeddings` does for those of the passages that are still there; returns their ids."""
        marks = ",".join("?" * len(passage_ids))
        with self._database.transaction() as db:
            rows = db.execute(f"SELECT id FROM passages WHERE id IN ({marks})", list(passage_ids))
            there = {row["id"] for row in rows}
            kept = [row for row, passage_id in enumerate(passage_ids) if passage_id in there]
            ids = [passage_ids[row] for row in kept]
            insert_embeddings(db, ids, embeddings[kept], [sentences[row] for row in kept], space)
        return ids

    def all(self, space: str, dimension: int) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        """All passage ids (N,), ascending, and their embeddings (N, D) in a space, now; see `load_embeddings`."""
        with self._database.snapshots.open() as snapshot:
            return load_embeddings(snapshot, space, dimension)

    def missing(self, space: str, *, after: int, limit: int) -> list[int]:
        """Ids, ascending, of passages with a later id than `after` that have no embedding in a space."""
        rows = self._rows(
            "SELECT p.id FROM passages p WHERE p.id > ? AND NOT EXISTS (SELECT 1 FROM embeddings e "
            "JOIN embedding_spaces s ON s.id = e.space_id WHERE e.passage_id = p.id AND s.digest = ?) "
            "ORDER BY p.id LIMIT ?",
            [after, space, limit],
        )
        return [row["id"] for row in rows]

    def count_missing(self, space: str) -> int:
        """How many passages have no embedding in a space."""
        rows = self._rows(
            "SELECT (SELECT count(*) FROM passages) - (SELECT count(*) FROM embeddings e "
            "JOIN embedding_spaces s ON s.id = e.space_id WHERE s.digest = ?) AS missing",
            [space],
        )
        return int(rows[0]["missing"])

    def _rows(self, query: str, values: Sequence[object]) -> list[dict[str, Any]]:
        with self._database.snapshots.open() as snapshot:
            return snapshot.rows(query, values)


def load_embeddings(
    snapshot: StoreSnapshot, space: str, dimension: int
) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
    """All passage ids (N,), ascending, and their embeddings (N, D) in a space.

    Raises:
        StoreDamaged: they are not of this dimension, or not of unit norm as they were written.
    """
    rows = snapshot.rows(
        "SELECT e.passage_id, e.embedding FROM embeddings e JOIN embedding_spaces s ON s.id = e.space_id "
        "WHERE s.digest = ? ORDER BY e.passage_id",
        [space],
    )
    ids = np.array([row["passage_id"] for row in rows], dtype=np.int64)
    found = [row["embedding"] for row in rows]
    if any(not isinstance(embedding, bytes) or len(embedding) != 2 * dimension for embedding in found):
        raise StoreDamaged(
            f"{snapshot.path} holds embeddings of other than {dimension} numbers; restore it from a backup"
        )
    embeddings = np.frombuffer(b"".join(found), dtype="<f2").reshape(len(ids), dimension)
    for first in range(0, len(ids), 8192):
        some = embeddings[first : first + 8192].astype(np.float32)
        if not (np.abs(np.einsum("nd,nd->n", some, some) - 1) < _NORM_TOLERANCE).all():
            raise damaged(snapshot.path, "an embedding")
    return ids, embeddings


def insert_embeddings(
    db: sqlite3.Connection,
    passage_ids: Sequence[int],
    embeddings: NDArray[np.floating],
    sentences: Sequence[Embeddings],
    space: str,
) -> None:
    """Sets the embeddings (N, D) of N passages and of their sentences (K, D each), within a transaction.

    The first space of a store becomes its active one.
    """
    space_id = space_id_of(db, space)
    db.executemany(
        "INSERT OR REPLACE INTO embeddings (passage_id, space_id, embedding, checksum) VALUES (?1, ?2, ?3, crc32(?3))",
        [
            (passage_id, space_id, np.asarray(embedding, dtype="<f2").tobytes())
            for passage_id, embedding in zip(passage_ids, embeddings, strict=True)
        ],
    )
    db.executemany(
        "INSERT OR REPLACE INTO sentence_embeddings (passage_id, space_id, embeddings, checksum) "
        "VALUES (?1, ?2, ?3, crc32(?3))",
        [(passage_id, space_id, quantize(rows)) for passage_id, rows in zip(passage_ids, sentences, strict=True)],
    )


def space_id_of(db: sqlite3.Connection, space: str) -> int:
    """The id of a space, given one within a transaction where it has none; the first of a store is active."""
    db.execute(
        "INSERT OR IGNORE INTO embedding_spaces (digest, is_active) "
        "VALUES (?, NOT EXISTS (SELECT 1 FROM embedding_spaces))",
        [space],
    )
    return int(db.execute("SELECT id FROM embedding_spaces WHERE digest = ?", [space]).fetchone()["id"])
