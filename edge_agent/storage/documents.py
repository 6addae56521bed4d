"""The store: documents, passages and their embeddings in one SQLite file (WAL), the branch's only truth.

A change is one transaction, durable when the call returns (`synchronous=FULL`), so that what was acknowledged
survives a kill and a power cut, and nothing is ever half there. Keep this interface small: it is the seam at which
another database may stand in one day.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import InputInvalid
from edge_agent.storage.database import DATABASE, Database
from edge_agent.storage.document_rows import (
    change_document,
    delete_document,
    free_id,
    insert_document,
    move_document,
    read_in,
)
from edge_agent.storage.embeddings import EmbeddingTable
from edge_agent.storage.integrity import find_problems
from edge_agent.storage.memory import MemoryTable, forget_without_document
from edge_agent.storage.records import (
    Change,
    ChunkingRecipe,
    EncodedDocument,
    NewDocument,
    OnChange,
    PassageSpan,
    Record,
    ignore_change,
    record_nothing,
)
from edge_agent.storage.refusals import RefusalTable
from edge_agent.storage.roots import RootTable, unknown_root
from edge_agent.storage.snapshot import unknown_document
from student.embeddings import Embeddings


class Store:
    """Documents, passages and embeddings of an open database.

    Attributes:
        database: the file; `path` is where it is.
        snapshots: for whoever reads.
        embeddings: the tables of embeddings.
        roots: the folders that documents come from; `refusals`: documents that could not be read.
        memory: what feedback says of documents.
    """

    def __init__(self, folder: Path) -> None:
        """Opens the store in a folder, making both when they are missing.

        Raises:
            StoreForeign, StoreTooNew, StoreDamaged, StoreFull, StoreUnavailable: see `Database`.
        """
        self.database = Database(folder / DATABASE)
        self.path = self.database.path
        self.snapshots = self.database.snapshots
        self.embeddings = EmbeddingTable(self.database)
        self.roots = RootTable(self.database)
        self.refusals = RefusalTable(self.database)
        self.memory = MemoryTable(self.database)

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
        attachments: Sequence[EncodedDocument] = (),
        record: Record = record_nothing,
        on_change: OnChange = ignore_change,
    ) -> Change:
        """Stores a document with its passages, their embeddings (N, D) and their sentences' (K, D each).

        One of the same root and source is replaced, with its attachments, and keeps its id.

        Args:
            document: what is known of it.
            spans: of its passages.
            embeddings: of its passages.
            sentences: of its passages.
            embedding_space: of the embeddings.
            attachments: of the document and of each other, each after its container.
            record: see `Record`.
            on_change: called once it is durable; see `Database.transaction`.

        Guarantees:
            Durable and complete when it returns; if it does not return, the store is as before.

        Raises:
            RootUnknown: there is no such root. InputInvalid: the name is one of an attachment, or an attachment's name
                one of another document.
        """
        change = Change([], [])
        with self.database.transaction(lambda changes: on_change(change, changes)) as db:
            if document.root and not db.execute("SELECT 1 FROM roots WHERE label = ?", [document.root]).fetchone():
                raise unknown_root()
            known = read_in(db, self.path).document_of(document.source, document.root)
            if known is not None and known.container_id is not None:
                raise InputInvalid("an attachment of another document has that source; give this one another")
            if known is not None:
                self.database.note_deletion()
            removed, ids = delete_document(db, known.document_id) if known else ([], {})
            added = []
            for each in (EncodedDocument(document, spans, embeddings, sentences), *attachments):
                new = each.document
                if new.source not in ids:
                    ids[new.source] = free_id(db, new.root, new.source)
                added += insert_document(db, ids[new.source], ids.get(new.container), each, embedding_space)
            if known is not None:
                forget_without_document(db)  # attachments that the new version has no more
            change = Change(removed, added, ids[document.source], known is not None)
            record(change)
        return change

    def delete(
        self, document_id: str, *, record: Record = record_nothing, on_change: OnChange = ignore_change
    ) -> Change:
        """Deletes a document and its attachments.

        Raises:
            DocumentUnknown: there is none with that id. InputInvalid: it is an attachment.
        """
        change = Change([], [])
        with self.database.transaction(lambda changes: on_change(change, changes)) as db:
            row = db.execute("SELECT container_id FROM documents WHERE id = ?", [document_id]).fetchone()
            if row is None:
                raise unknown_document()
            if row["container_id"] is not None:
                raise InputInvalid("the document is an attachment; delete the document that holds it")
            self.database.note_deletion()
            removed, _ = delete_document(db, document_id)
            forget_without_document(db)
            change = Change(removed, [], document_id)
            record(change)
        return change

    def move(
        self,
        document_id: str,
        source: str,
        title: str,
        *,
        record: Record = record_nothing,
        on_change: OnChange = ignore_change,
    ) -> None:
        """Gives a document another source and title; its id, passages and embeddings stay, its attachments follow.

        Raises:
            DocumentUnknown: there is none with that id. InputInvalid: it is an attachment, or another has the source.
        """
        with self.database.transaction(lambda changes: on_change(Change([], []), changes)) as db:
            snapshot = read_in(db, self.path)
            document = snapshot.document(document_id)
            if document.container_id is not None:
                raise InputInvalid("the document is an attachment; move the document that holds it")
            if source != document.source and snapshot.document_of(source, document.root) is not None:
                raise InputInvalid("another document has that source; delete that one first, or give this one another")
            self.database.note_deletion()
            move_document(db, self.path, document, source, title)
            record(Change([], [], document_id))

    def mark_stale(self, document_id: str, reason: str, *, on_change: OnChange = ignore_change) -> None:
        """Says that a later version of a document was refused, and why. Raises `DocumentUnknown`."""
        with self.database.transaction(lambda changes: on_change(Change([], []), changes)) as db:
            since = read_in(db, self.path).document(document_id).stale_since
            now = datetime.now(UTC).isoformat(timespec="seconds")
            change_document(db, self.path, document_id, stale_reason=reason, stale_since=since or now)

    def confirm(
        self,
        document_id: str,
        root: str,
        bytes_sha256: str,
        *,
        record: Record = record_nothing,
        on_change: OnChange = ignore_change,
    ) -> None:
        """Says that a document is the version of now, with the root and the bytes that it came with again.

        Raises:
            DocumentUnknown: there is none with that id.
        """
        with self.database.transaction(lambda changes: on_change(Change([], []), changes)) as db:
            known = {"root": root, "bytes_sha256": bytes_sha256}
            change_document(db, self.path, document_id, stale_reason="", stale_since="", **known)
            record(Change([], [], document_id))

    def outdated_chunking(self, recipe: ChunkingRecipe) -> list[str]:
        """The sources of documents with outdated chunking: their passages were made by another recipe; ascending."""
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
