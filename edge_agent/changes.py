"""Changes of a base's documents and roots: one transaction each, recorded before it counts, followed by the index."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.audit.lines import Action, shown_root
from edge_agent.audit.log import AuditLog
from edge_agent.errors import AgentError
from edge_agent.ingest.outcome import Ingested, Outcome
from edge_agent.ingest.parsing.titles import title_from_name
from edge_agent.models.active_model import ActiveModel
from edge_agent.models.lifecycle import Models
from edge_agent.storage.documents import Store
from edge_agent.storage.records import Change, Document, EncodedDocument, OnChange, Record, record_nothing

log = logging.getLogger(__name__)


class Changes:
    """Changes a base. Safe to use from several threads.

    Guarantees:
        What was changed is in the audit log. A line may stand for a change that failed at that moment.
    """

    def __init__(self, store: Store, models: Models, audit: AuditLog) -> None:
        self._store, self._models, self._audit = store, models, audit

    def put(self, encoded: Sequence[EncodedDocument], model: ActiveModel) -> Ingested | None:
        """Stores a document and the attachments after it; None where another model than theirs is active by now."""
        first, attachments = encoded[0], encoded[1:]

        def record(change: Change) -> None:
            action = Action.DOCUMENT_REPLACED if change.is_replacement else Action.DOCUMENT_ADDED
            new = first.document
            self._audit.record(action, change.document_id, root=shown_root(new.root), digest=new.content_sha256)

        with self._models.changing:
            if model.index is not self._models.active.index:
                return None
            change = self._store.put(
                first.document,
                first.spans,
                first.embeddings,
                first.sentences,
                model.space,
                attachments=attachments,
                record=record,
                on_change=self._followed(np.concatenate([each.embeddings for each in encoded])),
            )
            stored = self._document(change.document_id)  # as it was put
        return Ingested(Outcome.REPLACED if change.is_replacement else Outcome.ADDED, stored)

    def confirm(self, known: Document, root: str, bytes_sha256: str) -> Document:
        """A document that came again as it is known: whatever was refused meanwhile, it is the version of now."""
        if not known.is_stale and (known.root, known.bytes_sha256) == (root, bytes_sha256):
            return known
        with self._models.changing:
            self._store.confirm(
                known.document_id,
                root,
                bytes_sha256,
                record=self._recorded(Action.DOCUMENT_MOVED, known, root) if known.root != root else record_nothing,
                on_change=self._followed(),
            )
            return self._document(known.document_id)

    def note_refusal(self, known: Document | None, root: str, source: str, reason: str) -> None:
        """Marks a document whose update was refused, or keeps why there is none; the refusal itself counts more."""
        if known is not None and known.stale_reason == reason:
            return
        try:
            with self._models.changing:
                if known is None:
                    self._store.refusals.add(root, source, reason)
                else:
                    self._store.mark_stale(known.document_id, reason, on_change=self._followed())
        except AgentError as error:
            log.warning("a refusal could not be noted: %s", error)

    def move(self, document_id: str, source: str) -> None:
        """Gives a document another source, and another title where that was made of its name; see `Store.move`."""
        with self._models.changing:
            document = self._document(document_id)
            is_named = document.title == title_from_name(document.source)[:300]
            title = title_from_name(source)[:300] if is_named else document.title
            record = self._recorded(Action.DOCUMENT_MOVED, document, document.root)
            self._store.move(document_id, source, title, record=record, on_change=self._followed())

    def delete(self, document: Document) -> None:
        """Deletes a document and its attachments; see `Store.delete`."""
        record = self._recorded(Action.DOCUMENT_DELETED, document, document.root)
        with self._models.changing:
            self._store.delete(document.document_id, record=record, on_change=self._followed())

    def add_root(self, path: str) -> str:
        """The label of the folder at an absolute path; see `RootTable.add`."""
        return self._store.roots.add(path, record=lambda change: self._record_root(Action.ROOT_ADDED, change))

    def move_root(self, label: str, path: str) -> None:
        """Says that a root stands elsewhere now; see `RootTable.move`."""
        self._store.roots.move(label, path, record=lambda change: self._record_root(Action.ROOT_MOVED, change))

    def forget_root(self, label: str) -> None:
        """Deletes a root and all its documents; see `RootTable.forget`."""
        with self._models.changing:
            self._store.roots.forget(
                label,
                record=lambda change: self._record_root(Action.ROOT_FORGOTTEN, change),
                on_change=self._followed(),
            )

    def _document(self, document_id: str) -> Document:
        return self._store.snapshots.read(lambda snapshot: snapshot.document(document_id))

    def _followed(self, embeddings: NDArray[np.floating] | None = None) -> OnChange:
        """Lets the index follow a change, with the embeddings (N, D) of new passages; `models.changing` is held."""
        index = self._models.active.index
        return lambda change, changes: index.apply(
            changes, added=change.added, embeddings=embeddings, removed=change.removed
        )

    def _recorded(self, action: Action, document: Document, root: str) -> Record:
        return lambda change: self._audit.record(
            action, document.document_id, root=shown_root(root), digest=document.content_sha256
        )

    def _record_root(self, action: Action, change: Change) -> None:
        counts = {"documents": change.documents} if action is Action.ROOT_FORGOTTEN else {}
        self._audit.record(action, shown_root(change.root), counts=counts)
