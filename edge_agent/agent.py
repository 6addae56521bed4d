"""The agent: store, models, ingest, questions and feedback put together. HTTP server and command line both drive it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from edge_agent.answering.lookup import Lookup
from edge_agent.answering.pipeline import Questions, open_current
from edge_agent.feedback.log import FeedbackLog, NewFeedback
from edge_agent.ingest.jobs import Job, OnPassages
from edge_agent.ingest.outcome import Ingested, Outcome
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.preparation import Preparation
from edge_agent.models.identity import BundleIdentity
from edge_agent.models.lifecycle import Models
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import Store
from edge_agent.storage.records import NewDocument, document_id_of
from edge_agent.text import checked, checked_source

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Readiness:
    """The agent's ability to serve, and on what it serves.

    Attributes:
        is_ready: index and store agree.
        documents, passages: in the store.
        indexed_passages: in the index.
        is_search_exact: whether search scans all passages; a graph answers for large bases.
        passages_to_reembed: that a bundle of another embedding space is being prepared for, while the former answers.
        probe_min_similarity: of the bundle's probes on this CPU.
        bundle: that answers.
    """

    is_ready: bool
    documents: int
    passages: int
    indexed_passages: int
    is_search_exact: bool
    passages_to_reembed: int
    probe_min_similarity: float
    bundle: BundleIdentity


class Agent:
    """A branch's base at work. Safe to use from several threads; one agent a store (`StoreLock`).

    Attributes:
        store: what is known.
        models: what answers.
        questions: asks for answers; `lookup` for passages, documents and intents.
        feedback: what staff said.
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
        self.models = Models(settings, self.store, on_embedded=on_reembedded)
        self.questions = Questions(settings, self.store, self.models, self.feedback if settings.is_reviewing else None)
        self.lookup = Lookup(settings, self.store, self.models)
        if stale := self.stale_documents():
            log.warning("%d documents have stale chunking: another size or rule; ingest them again", len(stale))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends threads and closes the store."""
        self._preparation.close()
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
        on_passages: OnPassages = lambda done, total: None,
    ) -> Ingested:
        """Ingests a document; one of the same source is replaced, the same content again changes nothing.

        Args:
            source: the caller's name for it, such as a relative path.
            content: its bytes, untrusted.
            document_format: what they are.
            title: for a document that does not carry its own.
            tags: to sort it by, beside those that it carries.
            on_passages: called with the number of passages embedded and that of all; what it raises ends the ingest.

        Guarantees:
            When it returns the document is durable and can be found. When it raises nothing has changed.

        Raises:
            InputInvalid, TextUndecodable, ContentTooLarge, FormatUnsupported: see `parsing.extraction`.
            DocumentUnreadable: see `parsing.isolation`.
        """
        raw = self._preparation.check(source, content, document_format, title, tags)
        known = self.store.snapshots.read(lambda snapshot: snapshot.document_of(raw.source))
        if known is not None and known.content_sha256 == raw.digest:
            return Ingested(Outcome.UNCHANGED, known)
        document, extract = self._preparation.read(raw)
        ingested = None
        while ingested is None:
            ingested = self._put(document, extract, on_passages)
        return ingested

    def ingest_job(self, job: Job, content: bytes, on_passages: OnPassages) -> Ingested:
        """Ingests the document of a job; see `add_document`."""
        return self.add_document(job.source, content, job.format, tags=job.tags, on_passages=on_passages)

    def delete_document(self, document_id: str) -> None:
        """Deletes a document for good. Raises `DocumentUnknown`."""
        with self.models.changing:
            index = self.models.active.index
            self.store.delete(
                document_id, on_change=lambda change, changes: index.apply(changes, removed=change.removed)
            )

    def sources(self) -> list[str]:
        """The sources of all documents, ascending."""
        return self.store.snapshots.read(lambda snapshot: snapshot.sources())

    def delete_source(self, source: str) -> None:
        """Deletes the document of a source for good. Raises `DocumentUnknown`."""
        self.delete_document(document_id_of(source))

    def stale_documents(self) -> list[str]:
        """The sources of documents with stale chunking; ingesting them again chunks them by the rules of now."""
        return self.store.stale_documents(self._preparation.recipe)

    def add_feedback(self, feedback: NewFeedback) -> int:
        """Writes a judgement of an answer, masked; returns its id.

        Raises:
            InputInvalid, ContentTooLarge: a field breaks its rules, or nothing is said.
            DocumentUnknown, ReviewUnknown: there is no such document or review.
        """
        text = checked(feedback.text, "text", max_chars=self.settings.limits.max_query_chars)
        limits = {"intent": 100, "source": 500, "customer": 100}
        given = {name: getattr(feedback, name) for name in limits if getattr(feedback, name) is not None}
        given = {name: checked(value, name, max_chars=limits[name]) for name, value in given.items()}
        if "source" in given:
            with self.store.snapshots.open() as snapshot:
                snapshot.document(document_id_of(checked_source(given["source"])))
        return self.feedback.add(replace(feedback, text=text, **given), self.models.active.bundle.digest)

    def readiness(self) -> Readiness:
        """The agreement of index and store, and the result of the probes."""
        with open_current(self.models, self.store) as (model, snapshot):
            counts, indexed = snapshot.store.counts(), len(snapshot.index)
        return Readiness(
            is_ready=counts.passages == indexed,
            documents=counts.documents,
            passages=counts.passages,
            indexed_passages=indexed,
            is_search_exact=model.index.is_exact,
            passages_to_reembed=self.models.remaining(),
            probe_min_similarity=round(model.student.probes.min_similarity, 6),
            bundle=model.bundle,
        )

    def _put(self, document: NewDocument, extract: Extract, on_passages: OnPassages) -> Ingested | None:
        """Chunks, encodes and stores a document; None when another model was promoted meanwhile: do it again."""
        model = self.models.active
        encoded = self._preparation.encode(document, extract, model.student.encoder, on_passages)
        with self.models.changing:
            if model is not self.models.active:
                return None
            change = self.store.put(
                document,
                encoded.spans,
                encoded.embeddings,
                encoded.sentences,
                model.space,
                on_change=lambda change, changes: model.index.apply(
                    changes, added=change.added, embeddings=encoded.embeddings, removed=change.removed
                ),
            )
            document_id = document_id_of(document.source)
            stored = self.store.snapshots.read(lambda snapshot: snapshot.document(document_id))  # before it changes
        return Ingested(Outcome.REPLACED if change.removed else Outcome.ADDED, stored)
