"""Read-only access to an agent's store for training, and the cache of embeddings that a branch trains on.

The federation reads what staff confirmed and what the passages' embeddings are while the agent runs. Each read opens
the store by itself, read-only, and closes it again: nothing waits for the agent, and nothing of the store changes.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import StoreDamaged, StoreUnavailable
from edge_agent.storage.database import DATABASE
from edge_agent.storage.read_only import query_read_only
from student.artifacts.digests import digest_bytes
from student.embeddings import Embeddings


@dataclass(frozen=True, slots=True)
class StaffFeedback:
    """One message with what staff said of it.

    Attributes:
        text: of the message, masked.
        intent: the right one; None where staff named none.
        document_id: of the document that answers it; None where staff named none.
        customer: a pseudonym; None where the message has none.
    """

    text: str
    intent: str | None
    document_id: str | None
    customer: str | None


@dataclass(frozen=True, slots=True)
class PassageEmbeddings:
    """The embeddings (N, D) of a store's passages in one space, oldest first, and the document id of each (N,)."""

    document_ids: NDArray[np.object_]
    embeddings: Embeddings


def read_staff_feedback(store: Path) -> list[StaffFeedback]:
    """All feedback of a store, oldest first.

    Args:
        store: the agent's folder.

    Raises:
        StoreForeign, StoreTooNew, StoreTooOld, StoreDamaged, StoreFull, StoreUnavailable: it cannot be read.
    """
    rows = query_read_only(store, "SELECT text, intent, document_id, customer FROM feedback ORDER BY id")
    return [StaffFeedback(*row) for row in rows]


def read_passage_embeddings(store: Path, embedding_space: str, *, dimension: int) -> PassageEmbeddings:
    """The embeddings of all passages in one embedding space; none where the store has no such space.

    Args:
        store: the agent's folder.
        embedding_space: digest of the space.
        dimension: D of the space.

    Raises:
        StoreForeign, StoreTooNew, StoreTooOld, StoreDamaged, StoreFull, StoreUnavailable: it cannot be read.
    """
    rows = query_read_only(
        store,
        "SELECT p.document_id, e.embedding FROM embeddings e JOIN passages p ON p.id = e.passage_id "
        "JOIN embedding_spaces s ON s.id = e.space_id "
        "WHERE s.digest = ? ORDER BY p.id",
        [embedding_space],
    )
    content = b"".join(embedding for _, embedding in rows)
    if len(content) != 2 * dimension * len(rows):
        raise StoreDamaged(f"{store / DATABASE} holds embeddings of another size than {dimension}; restore a backup")
    stored = np.frombuffer(content, dtype="<f2").reshape(len(rows), dimension)
    return PassageEmbeddings(
        np.array([document_id for document_id, _ in rows], dtype=object), stored.astype(np.float32)
    )


class EmbeddingCache:
    """Encodes texts, each only once in the life of a bundle; its file stays at the branch, like the texts."""

    def __init__(
        self, path: Path, encode: Callable[[Sequence[str]], Embeddings], bundle_digest: str, *, dimension: int
    ) -> None:
        """Opens the file, making it if it is missing; what another bundle has embedded is dropped.

        Args:
            path: of the SQLite file.
            encode: N texts → embeddings (N, `dimension`); called where a text is new, and only then.
            bundle_digest: of the bundle that encodes.
            dimension: D.

        Raises:
            StoreDamaged, StoreUnavailable: the file cannot be used.
        """
        self._path, self._encode, self._dimension = path, encode, dimension
        self._bundle = bundle_digest
        with _named_cache_failures(path):
            self._database = sqlite3.connect(path, timeout=10)
            self._database.execute("PRAGMA secure_delete = ON")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS embeddings "
                "(bundle TEXT, text_sha256 TEXT, embedding BLOB, PRIMARY KEY (bundle, text_sha256)) STRICT"
            )
            self._database.execute("DELETE FROM embeddings WHERE bundle != ?", [bundle_digest])
            self._database.commit()

    def __call__(self, texts: Sequence[str]) -> Embeddings:
        """The embeddings (N, D) of N texts.

        Raises:
            StoreDamaged, StoreUnavailable: the file cannot be used.
        """
        digests = [digest_bytes(text.encode()) for text in texts]
        known = self._read()
        missing = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in known}
        if missing:
            made = self._encode(list(missing.values())).astype("<f4")
            new = {digest: row.tobytes() for digest, row in zip(missing, made, strict=True)}
            self._write(new)
            known |= new
        stored = b"".join(known[digest] for digest in digests)
        return np.frombuffer(stored, dtype="<f4").reshape(len(texts), self._dimension).copy()

    def keep_only(self, texts: Sequence[str]) -> None:
        """Drops the embeddings of all other texts, such as those of feedback that was forgotten.

        Raises:
            StoreDamaged, StoreUnavailable: the file cannot be used.
        """
        kept = {digest_bytes(text.encode()) for text in texts}
        gone = [(digest,) for digest in self._read() if digest not in kept]
        with _named_cache_failures(self._path):
            with self._database:
                self._database.executemany("DELETE FROM embeddings WHERE text_sha256 = ?", gone)
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def _read(self) -> dict[str, bytes]:
        with _named_cache_failures(self._path):
            query = "SELECT text_sha256, embedding FROM embeddings WHERE bundle = ?"
            return dict(self._database.execute(query, [self._bundle]).fetchall())

    def _write(self, embeddings: dict[str, bytes]) -> None:
        with _named_cache_failures(self._path), self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)",
                [(self._bundle, digest, content) for digest, content in embeddings.items()],
            )


@contextlib.contextmanager
def _named_cache_failures(path: Path) -> Iterator[None]:
    """Gives SQLite's failures our names. The cache holds nothing of its own, so a damaged one may be deleted."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "unknown")
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise StoreDamaged(f"the cache {path} is damaged; delete it: its texts are then encoded again") from None
        raise StoreUnavailable(f"the cache {path} cannot be read or written now ({name}); check the disk") from None
