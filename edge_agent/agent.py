"""The agent: store, models, ingest, questions and feedback put together. HTTP server and command line both drive it."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self

from edge_agent.answering.lookup import Lookup
from edge_agent.answering.pipeline import Questions
from edge_agent.audit.log import AuditLog
from edge_agent.changes import Changes
from edge_agent.errors import AgentError, InputInvalid
from edge_agent.feedback.log import FeedbackLog, NewFeedback
from edge_agent.feedback.memory import Memory
from edge_agent.forgetting import Asked, Receipt, forget, forget_remembered
from edge_agent.ingest.attachments import RawDocument, ReadDocument
from edge_agent.ingest.folder.gone import find_gone
from edge_agent.ingest.folder.places import absolute
from edge_agent.ingest.jobs import JOBS, Job, OnPassages, delete_job_records
from edge_agent.ingest.outcome import Ingested, Outcome
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.preparation import Preparation
from edge_agent.judging import add_feedback
from edge_agent.models.active_model import ActiveModel
from edge_agent.models.erasure import Erasure
from edge_agent.models.lifecycle import Models
from edge_agent.readiness import Readiness, readiness_of
from edge_agent.reporting.base_report import BaseReport, report_on
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import Store
from edge_agent.storage.overview import ShownDocument, list_documents, show_document, whole_documents
from edge_agent.storage.records import Document, EncodedDocument, Root, StoredFile
from edge_agent.text import checked, checked_source
from student.masking.identifiers import find_identifiers

log = logging.getLogger(__name__)


class Agent:
    """A branch's base at work. Safe to use from several threads; one agent a store (`StoreLock`).

    Attributes:
        store: what is known.
        models: what answers.
        changes: changes documents and roots; `audit` is the log of who did.
        questions: asks for answers; `lookup` for passages, documents and intents.
        feedback: what staff said; `memory` moves documents by it.
    """

    def __init__(self, settings: AgentSettings, *, on_reembedded: Callable[[int], None] = lambda done: None) -> None:
        """Opens store and bundle and loads the index into memory.

        Args:
            settings: see `AgentSettings`.
            on_reembedded: called with the number of passages embedded again, where the bundle has another embedding
                space than the one before and they must be before anything is served.

        Raises:
            BundleError: the bundle cannot be used. AgentError: the store cannot.
        """
        self.settings = settings
        self._preparation = Preparation(settings)
        self.store = Store(settings.store)
        self.feedback = FeedbackLog(self.store.database)
        self.audit = AuditLog(settings.store)
        self.models = Models(settings, self.store, self.audit, on_embedded=on_reembedded)
        self.changes = Changes(self.store, self.models, self.audit)
        self.memory = Memory(self.store.memory, self.models.encoding, is_on=settings.is_remembering)
        reviews = self.feedback if settings.is_reviewing else None
        self.questions = Questions(settings, self.store, self.models, reviews, self.memory)
        self.lookup = Lookup(settings, self.store, self.models, self.memory)
        self._erasure = Erasure(self.store, self.models)
        if outdated := self.outdated_chunking():
            log.warning("%d documents have outdated chunking: another size or rule; ingest them again", len(outdated))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends threads and closes the store."""
        self._preparation.close()
        self._erasure.close()
        self.memory.close()
        self.models.close()
        self.store.close()

    def add_document(
        self,
        source: str,
        content: bytes,
        document_format: DocumentFormat,
        *,
        title: str | None = None,
        tags: Sequence[str] = (),
        root: str = "",
        file_date: str = "",
        on_passages: OnPassages = lambda done, total: None,
    ) -> Ingested:
        """Ingests a document; one of the same root and source is replaced, the same content again changes nothing.

        Files inside it, such as a mail's attachments, become documents of their own (`ingest.attachments`).

        Args:
            source: the caller's name for it, such as a relative path.
            content: its bytes, untrusted.
            document_format: what they are.
            title: for a document that does not carry its own.
            tags: to sort it by, beside those that it carries.
            root: label of the folder that it comes from (`add_root`), "" where it comes from none.
            file_date: of its file, `YYYY-MM-DD`, for a document that does not say its own.
            on_passages: called with the number of passages embedded and that of all; what it raises ends the ingest.

        Guarantees:
            When it returns the document is durable and can be found. When it raises nothing has changed, but that an
            earlier version is marked as stale when this one is refused.

        Raises:
            InputInvalid, TextUndecodable, ContentTooLarge, FormatUnsupported: see `parsing.extraction`.
            DocumentUnreadable: see `parsing.isolation`. RootUnknown: no root has that label.
        """
        raw = self._preparation.check(source, content, document_format, title, tags, root=root, file_date=file_date)
        known = self.store.snapshots.read(lambda snapshot: snapshot.document_of(raw.source, raw.root))
        older = self.store.snapshots.read(lambda snapshot: snapshot.unclaimed(raw.source)) if known is None else None
        if older is not None and older.content_sha256 == raw.digest:
            known = older
        if known is not None and known.container_id is not None:
            raise InputInvalid("an attachment of another document has that source; give this one another")
        if known is not None and known.content_sha256 == raw.digest:
            return Ingested(Outcome.UNCHANGED, self.changes.confirm(known, raw.root, raw.bytes_sha256))
        try:
            read = self._preparation.read(raw, partial(self._is_taken, raw, known))
        except AgentError as error:
            self.changes.note_refusal(known, raw.root, raw.source, str(error))
            raise
        if known is None and older is not None and self._has_text(older, read[0].new.text):
            self.changes.confirm(older, raw.root, raw.bytes_sha256)
        ingested = None
        while ingested is None:  # once more where the model was replaced meanwhile
            model = self.models.active
            ingested = self.changes.put(self._encoded(read, model, on_passages), model)
        return ingested

    def ingest_job(self, job: Job, content: bytes, on_passages: OnPassages) -> Ingested:
        """Ingests the document of a job; see `add_document`."""
        return self.add_document(
            job.source,
            content,
            job.format,
            title=job.title,
            tags=job.tags,
            root=job.root,
            file_date=job.file_date,
            on_passages=on_passages,
        )

    def documents(self, root: str | None = None) -> Iterator[Document]:
        """All documents by root and source, or those of one root."""
        return list_documents(self.store.snapshots, root)

    def shown_document(self, document_id: str) -> ShownDocument:
        """A document with its text and the places of its passages. Raises `DocumentUnknown`."""
        return self.store.snapshots.read(lambda snapshot: show_document(snapshot, document_id))

    def files(self, root: str) -> dict[str, StoredFile]:
        """The documents of a root by source, without the attachments in them."""
        return self.store.snapshots.read(lambda snapshot: snapshot.files(root))

    def move_document(self, document_id: str, source: str) -> None:
        """Gives a document another source: its id and passages stay, and a title made of its name follows the name.

        Raises:
            DocumentUnknown: there is none with that id. InputInvalid: it is an attachment, or another has the source.
        """
        self.changes.move(document_id, checked_source(source))

    def mark_stale(self, root: str, source: str, reason: str) -> None:
        """Says that a document was refused, and why: an earlier version of it that is stored is stale from then on.

        Where documents are masked, nothing is kept of one whose source holds personal data and that is not stored.

        Raises:
            InputInvalid, ContentTooLarge: the reason is empty or too long.
        """
        reason = checked(reason, "reason", max_chars=2000)
        name = checked_source(source)
        known = self.store.snapshots.read(lambda snapshot: snapshot.document_of(name, root))
        if known is None and self.settings.masks_documents and find_identifiers(name):
            return
        self.changes.note_refusal(known, root, name, reason)

    def report(self) -> BaseReport:
        """The state of the base, and what to mend first. Reads all of it: a second for some thousand passages."""
        today = datetime.now(UTC).date()
        gone = find_gone(self.roots(), self.files)
        return report_on(
            whole_documents(self.store.snapshots),
            self.store.refusals.all(),
            self.outdated_chunking(),
            gone,
            today=today,
        )

    def delete_document(self, document_id: str) -> None:
        """Deletes a document and the attachments in it for good.

        Guarantees:
            When it returns no file of the store holds anything of it, unless somebody still reads a moment of before or
            the base is very large; then soon after. The saved graph follows in the background.

        Raises:
            DocumentUnknown: there is none with that id. InputInvalid: it is an attachment.
        """
        document = self.store.snapshots.read(lambda snapshot: snapshot.document(document_id))
        self.changes.delete(document)
        self.erase(lambda job: job.is_of(document))

    def add_root(self, path: Path) -> str:
        """The label of a folder that documents come from: the one that it has, else its name, made unique.

        Raises:
            InputInvalid: it lies in another root.
        """
        return self.changes.add_root(str(absolute(path)))

    def roots(self) -> list[Root]:
        """The folders that documents come from, by label."""
        return self.store.roots.all()

    def move_root(self, label: str, path: Path) -> None:
        """Says that a folder stands elsewhere now; its documents stay. Raises `RootUnknown`, `InputInvalid`."""
        self.changes.move_root(label, str(absolute(path)))

    def forget_root(self, label: str) -> None:
        """Deletes a root and all its documents for good, as `delete_document` does. Raises `RootUnknown`."""
        self.changes.forget_root(label)
        self.erase(lambda job: job.root == label)

    def erase(self, is_meant: Callable[[Job], bool], *, is_trial: bool = False) -> int:
        """Takes what was deleted out of files and memory, with the records of some jobs; returns how many of these."""
        jobs = delete_job_records(self.settings.store / JOBS, is_meant, is_trial=is_trial)
        if not is_trial and (jobs or self.store.database.has_to_erase):
            self.questions.forget_cached()
            self.memory.refresh()
            self._erasure.now()
        return jobs

    def forget(self, asked: Asked) -> Receipt:
        """Forgets a customer or words everywhere; see `forgetting.forget`. Raises `InputInvalid`."""
        return forget(self, asked)

    def outdated_chunking(self) -> list[str]:
        """The sources of documents with outdated chunking; ingesting them again chunks them by the rules of now."""
        return self.store.outdated_chunking(self._preparation.recipe)

    def add_feedback(self, feedback: NewFeedback) -> int:
        """Writes a judgement of an answer, masked; returns its id. It counts from the next question on.

        Raises:
            InputInvalid, ContentTooLarge: a field breaks its rules, or nothing is said.
            DocumentUnknown, ReviewUnknown: there is no such document or review.
        """
        return add_feedback(self, feedback)

    def forget_remembered(self, memory_id: int | None = None) -> int:
        """Deletes what is remembered under an id, or all; see `forgetting.forget_remembered`."""
        return forget_remembered(self, memory_id)

    def readiness(self) -> Readiness:
        """The agreement of index and store, and the result of the probes."""
        return readiness_of(self.settings, self.store, self.models)

    def _encoded(
        self, read: Sequence[ReadDocument], model: ActiveModel, on_passages: OnPassages
    ) -> list[EncodedDocument]:
        """A document and its attachments, chunked and encoded."""
        encoded = []
        for each in read:
            made = self._preparation.encode(each.new, each.extract, model.student.encoder, on_passages)
            encoded.append(EncodedDocument(each.new, made.spans, made.embeddings, made.sentences))
        return encoded

    def _has_text(self, known: Document, text: str) -> bool:
        """Whether a document has the words of a text; markup and spaces were read otherwise by older versions."""
        _, before = self.store.snapshots.read(lambda snapshot: snapshot.document_with_text(known.document_id))
        return re.findall(r"\w+", before) == re.findall(r"\w+", text)

    def _is_taken(self, raw: RawDocument, known: Document | None, source: str) -> bool:
        """Whether a document has a source in the root of another, and is no attachment of that one."""
        with self.store.snapshots.open() as snapshot:
            other = snapshot.document_of(source, raw.root)
            while other is not None and other.container_id is not None:
                if known is not None and other.container_id == known.document_id:
                    return False
                other = snapshot.document(other.container_id)
            return other is not None
