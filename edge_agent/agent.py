"""The agent: store, student and index put together. The HTTP server and the command line both drive this class."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

from edge_agent.answering.caches import Revision
from edge_agent.answering.evidence import Citation
from edge_agent.answering.pipeline import Questions
from edge_agent.answering.results import Answer, BundleIdentity, Ingested, NearestDocument, Outcome, Readiness
from edge_agent.errors import StoreDamaged, StoreFull, StoreUnavailable
from edge_agent.feedback.log import FeedbackLog, NewFeedback
from edge_agent.ingest.jobs import Job, OnPassages
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.formats import DocumentFormat
from edge_agent.ingest.preparation import Preparation
from edge_agent.models.active_model import Serving, embed_missing, forget_snapshots
from edge_agent.models.fallback_bundle import keep_bundle
from edge_agent.models.reembedding import Reembedding, open_students
from edge_agent.retrieval.index import GrowingIndex
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import NO_FILTER, Store
from edge_agent.storage.records import Counts, Filter, NewDocument, document_id_of
from edge_agent.text import checked, checked_source
from student.bundle.linear_head import Classification
from student.runtime.student import Student, load_student

log = logging.getLogger(__name__)


class Agent:
    """Answers from a store with a student. Safe to use from several threads; one agent a store (`StoreLock`)."""

    def __init__(self, settings: AgentSettings, *, on_reembedded: Callable[[int], None] = lambda done: None) -> None:
        """Opens store and bundle and brings the index into memory.

        Args:
            settings: see `AgentSettings`.
            on_reembedded: told how many passages were embedded anew, when the bundle has another embedding space
                than the one before.

        Raises:
            BundleError: the bundle cannot be used. AgentError: the store cannot.
        """
        self.settings = settings
        self._ingesting = threading.Lock()
        self.revision = Revision()
        self._preparation = Preparation(settings)
        self.store = Store(settings.store)
        self.feedback = FeedbackLog(self.store.database)
        self._reembedding: Reembedding | None = None
        student, next_space = open_students(settings, self.store)
        try:
            if next_space is None:
                embed_missing(self.store, student, on_done=on_reembedded, should_stop=lambda: False)
            self._serving = Serving.open(settings, self.store, student, self.revision)
            if otherwise := self.documents_cut_otherwise():
                log.warning(
                    "%d documents are cut into passages of another size or rule; ingest them again", len(otherwise)
                )
        except BaseException:
            student.close()
            raise
        if next_space is not None:
            self._reembedding = Reembedding(settings, self.store, next_space, on_ready=self._take_over)
        else:
            self._settle()

    @property
    def student(self) -> Student:
        """The student that answers."""
        return self._serving.student

    @property
    def bundle(self) -> BundleIdentity:
        """The bundle that answers: the former one while a bundle of another embedding space is made ready."""
        return self._serving.bundle

    @property
    def index(self) -> GrowingIndex:
        """The index that answers."""
        return self._serving.index

    @property
    def questions(self) -> Questions:
        """What is asked of student and index."""
        return self._serving.questions

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends threads and closes the store."""
        if self._reembedding:
            self._reembedding.close()
        self._preparation.close()
        self._serving.close()
        self.store.close()

    def wait_until_reembedded(self, timeout_s: float) -> None:
        """Waits until a bundle of another embedding space has taken over, if one is being made ready."""
        if self._reembedding:
            self._reembedding.join(timeout_s)

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
        """Takes in a document; one of the same source is replaced, the same content again changes nothing.

        Args:
            source: the caller's name for it, such as a relative path.
            content: its bytes, untrusted.
            document_format: what they are.
            title: for a document that does not carry its own.
            tags: what to sort it by, beside those that it carries.
            on_passages: told how many of how many passages are embedded; what it raises ends the taking in.

        Guarantees:
            When it returns the document is durable and can be found. When it raises nothing has changed.

        Raises:
            InputInvalid, TextNotUtf8, ContentTooLarge, FormatUnsupported: see `edge_agent.ingest.parsing.extraction`.
            DocumentUnreadable: see `edge_agent.ingest.parsing.isolation`.
        """
        given = self._preparation.check(source, content, document_format, title, tags)
        known = self.store.document_of(given.source)
        if known is not None and known.content_sha256 == given.digest:
            return Ingested(Outcome.UNCHANGED, known)
        document, made = self._preparation.read(given)
        ingested = None
        while ingested is None:
            ingested = self._put(document, made, on_passages)
        return ingested

    def take_in(self, job: Job, content: bytes, on_passages: OnPassages) -> Ingested:
        """Takes in the document of a job; see `add_document`."""
        return self.add_document(job.source, content, job.format, tags=job.tags, on_passages=on_passages)

    def delete_document(self, document_id: str) -> None:
        """Deletes a document for good. Raises `DocumentUnknown`."""
        with self._ingesting, self.revision.changing():
            self.index.remove(self.store.delete(document_id).removed)

    def sources(self) -> list[str]:
        """The sources of all documents, ascending."""
        return self.store.sources()

    def delete_source(self, source: str) -> None:
        """Deletes the document of a source for good. Raises `DocumentUnknown`."""
        self.delete_document(document_id_of(source))

    def search(
        self, text: str, *, count: int = 10, where: Filter = NO_FILTER, diversity: float = 0.0
    ) -> list[Citation]:
        """The passages that fit a text best, each cited whole, best first.

        Args:
            text: a question or a few words.
            count: at most so many.
            where: which documents to look in.
            diversity: in [0, 1]; above 0, unlike passages are preferred to the next best (see `ranking.py`).

        Raises:
            InputInvalid, ContentTooLarge: the text breaks its rules.
        """
        return self.questions.search(text, count=count, where=where, diversity=diversity)

    def recommend(
        self, texts: Sequence[str], *, source: str | None = None, count: int = 5, diversity: float = 0.2
    ) -> list[NearestDocument]:
        """The documents to offer next to a ticket, a customer's history, or a document.

        Args:
            texts: what was written, the latest last; each earlier one counts half as much as the one after it.
            source: of a document to start from, which is not offered itself.
            count: at most so many.
            diversity: in [0, 1]; see `edge_agent.retrieval.ranking.diversify`.

        Raises:
            InputInvalid, ContentTooLarge: a text breaks its rules, or there is nothing to start from.
            DocumentUnknown: no document has that source.
        """
        return self.questions.recommend(texts, source=source, count=count, diversity=diversity)

    def classify(self, text: str, *, alternatives: int = 3) -> Classification | None:
        """The intent of a message; None when the bundle has no intent head."""
        return self.questions.classify(text, alternatives=alternatives)

    def query(self, text: str, *, session: str | None = None, where: Filter = NO_FILTER) -> Answer:
        """Answers a question from the documents, or abstains.

        Args:
            text: the question.
            session: an id that the client chose; a follow-up is searched together with the session's question before.
            where: which documents to look in.

        Raises:
            InputInvalid, ContentTooLarge: the text breaks its rules.
        """
        answer = self.questions.query(text, session=session, where=where)
        if self.settings.is_reviewing:
            self._queue_if_unsure(text, answer)
        return answer

    def add_feedback(self, feedback: NewFeedback) -> int:
        """Writes what someone says of an answer, masked; returns its id.

        Raises:
            InputInvalid, ContentTooLarge: a field breaks its rules, or nothing is said. ReviewUnknown: see there.
        """
        text = self.questions.checked(feedback.text)
        limits = {"intent": 100, "source": 500, "customer": 100}
        given = {name: getattr(feedback, name) for name in limits if getattr(feedback, name) is not None}
        given = {name: checked(value, name, max_chars=limits[name]) for name, value in given.items()}
        if "source" in given:
            self.store.document(document_id_of(checked_source(given["source"])))
        return self.feedback.add(replace(feedback, text=text, **given), self.bundle.digest)

    def readiness(self) -> Readiness:
        """Whether index and store agree and the probes held."""
        counts = self.counts()
        if counts.passages != len(self.index):  # a change may be half made
            with self.revision.steady():
                counts = self.counts()
        return Readiness(
            is_ready=counts.passages == len(self.index),
            documents=counts.documents,
            passages=counts.passages,
            indexed_passages=len(self.index),
            is_search_exact=self.index.is_exact,
            passages_to_reembed=self._reembedding.remaining() if self._reembedding else 0,
            probe_min_similarity=round(self.student.probes.min_similarity, 6),
            bundle=self.bundle,
        )

    def counts(self) -> Counts:
        """How many documents and passages the store holds."""
        return self.store.counts()

    def documents_cut_otherwise(self) -> list[str]:
        """The sources of documents cut into passages as it is no longer done; taking them in again cuts them anew."""
        return self.store.documents_cut_otherwise(self._preparation.recipe)

    def _queue_if_unsure(self, text: str, answer: Answer) -> None:
        """A question is answered whether or not the queue can be written."""
        intent = answer.intent
        likeliest = intent.alternatives[0].label if intent else None
        try:
            if answer.abstained:
                self.feedback.queue(text.strip(), "abstained", likeliest, answer.confidence, self.bundle.digest)
            elif intent and intent.label is None:
                self.feedback.queue(text.strip(), "intent unknown", likeliest, intent.probability, self.bundle.digest)
        except (StoreFull, StoreUnavailable, StoreDamaged) as error:
            log.error("a review could not be queued: %s", error)

    def _put(self, document: NewDocument, made: Extract, on_passages: OnPassages) -> Ingested | None:
        """Cuts, encodes and stores a document; None when another bundle took over meanwhile: do it again."""
        serving = self._serving
        encoded = self._preparation.encode(document, made, serving.student.encoder, on_passages)
        with self._ingesting, self.revision.changing():  # store and index change together, in one order
            if serving is not self._serving:
                return None
            change = self.store.put(document, encoded.spans, encoded.embeddings, encoded.sentences, serving.space)
            serving.index.add(change.added, encoded.embeddings)
            serving.index.remove(change.removed)
            stored = self.store.document(document_id_of(document.source))  # before another change of it
        return Ingested(Outcome.REPLACED if change.removed else Outcome.ADDED, stored)

    def _take_over(self) -> None:
        """Replaces the bundle that answers by the one of the settings, once every passage is embedded for it."""
        student = load_student(self.settings.bundle, workers=self.settings.workers)
        serving = Serving.open(self.settings, self.store, student, self.revision)
        serving.index.wait_until_built(timeout_s=3600)
        with self._ingesting, self.revision.changing():
            embed_missing(self.store, student, on_done=lambda done: None, should_stop=lambda: False)
            ids, embeddings = self.store.embeddings.all(serving.space, student.encoder.dimension)
            serving.index.bring_to(ids, embeddings)
            self.store.embeddings.activate(serving.space)
            self._serving = serving  # who still asks the former one keeps it alive
        log.info("bundle serial %d answers; its embeddings are made", serving.bundle.serial)
        self._settle()

    def _settle(self) -> None:
        """Removes what other embedding spaces left, and keeps the bundle for the day that another comes."""
        keep_bundle(self.settings.store, self.student.bundle)
        self.store.embeddings.activate(self._serving.space)
        self.store.embeddings.forget_others()
        forget_snapshots(self.settings.store, but=self._serving.space)
