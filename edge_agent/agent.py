"""The agent: store, student and index put together. The HTTP server and the command line both drive this class."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Self

import numpy as np

from edge_agent.answer import Answering, Citation, candidate_sentences, cite, compose
from edge_agent.chunking import PassageSpan, chunk
from edge_agent.errors import ContentTooLarge, InputInvalid, StoreDamaged
from edge_agent.feedback import FeedbackLog, NewFeedback
from edge_agent.index import GrowingIndex
from edge_agent.language import detect_language
from edge_agent.masking import mask
from edge_agent.ranking import diversify, fuse, without_duplicates
from edge_agent.reading.blocks import Extract
from edge_agent.reading.extraction import extract
from edge_agent.reading.formats import DocumentFormat
from edge_agent.reading.isolation import IsolatedReader
from edge_agent.records import Counts, Filter, NewDocument, Passage, document_id_of
from edge_agent.results import Answer, BundleIdentity, Ingested, NearestDocument, Outcome, Readiness, Timings
from edge_agent.settings import AgentSettings
from edge_agent.store import NO_FILTER, Store
from edge_agent.terms import content_terms, match_any
from student.digests import digest_json
from student.encoder import Embeddings
from student.heads import Classification
from student.runtime import Student, load_student

log = logging.getLogger(__name__)

OTHER_LANGUAGE_PENALTY = 0.15
"""Cosine; chosen on the development half of the demo's questions."""
TERMS_WEIGHT = 0.25
"""Of the words beside the meaning; see `edge_agent.ranking`. Chosen on development questions (`benchmarks hybrid`)."""
CANDIDATES = 60
"""Passages that meaning and words each propose."""


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
        self.answering = Answering()
        self.student: Student = load_student(settings.bundle, workers=settings.workers)
        manifest = self.student.bundle.manifest
        self.bundle = BundleIdentity(manifest.name, manifest.serial, self.student.bundle.digest)
        self._space = manifest.embedding_space
        self._ingesting = threading.Lock()
        self._reader = IsolatedReader(settings.limits.reading)
        try:
            self.store = Store(settings.store)
            self.feedback = FeedbackLog(self.store.database)
            self._embed_missing(on_reembedded)
            self.index = self._load_index()
        except BaseException:
            self.student.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends threads and closes the store."""
        self._reader.close()
        self.index.close()
        self.student.close()
        self.store.close()

    def add_document(
        self, source: str, content: bytes, document_format: DocumentFormat, *, title: str | None = None
    ) -> Ingested:
        """Takes in a document; one of the same source is replaced, the same content again changes nothing.

        Args:
            source: the caller's name for it, such as a relative path.
            content: its bytes, untrusted.
            document_format: what they are.
            title: for a document that does not carry its own.

        Guarantees:
            When it returns the document is durable and can be found. When it raises nothing has changed.

        Raises:
            InputInvalid, TextNotUtf8, ContentTooLarge, FormatUnsupported: see `edge_agent.reading.extraction`.
            DocumentUnreadable: see `edge_agent.reading.isolation`.
        """
        source = _checked(source, "source", max_chars=500)
        title = _checked(title, "title", max_chars=300) if title is not None else None
        digest = digest_json([self._recipe(), document_format, title, content.hex()])
        if self.store.content_digest(source) == digest:
            return Ingested(Outcome.UNCHANGED, self.store.document(document_id_of(source)))
        made = self._read(content, document_format)
        title = title or made.title or PurePosixPath(source).stem
        spans = chunk(made, self.student.encoder.token_starts(made.text), max_tokens=self.settings.chunking.max_tokens)
        embeddings = self._encode_passages(title, made, spans)
        with self._ingesting:  # store and index change together, in one order
            change = self.store.put(
                NewDocument(source, title[:300], document_format, detect_language(made.text) or "", digest, made.text),
                spans,
                embeddings,
                self._space,
            )
            self.index.remove(change.removed)
            self.index.add(change.added, embeddings)
        outcome = Outcome.REPLACED if change.removed else Outcome.ADDED
        return Ingested(outcome, self.store.document(document_id_of(source)))

    def delete_document(self, document_id: str) -> None:
        """Deletes a document for good. Raises `DocumentUnknown`."""
        with self._ingesting:
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
            diversity: in [0, 1]; above 0, unlike passages are preferred to the next best (`edge_agent.ranking`).

        Raises:
            InputInvalid, ContentTooLarge: the text breaks its rules.
        """
        text = self._checked_query(text)
        embedding = self.student.encoder.encode([text])[0]
        nearest = self.nearest(text, embedding, count, where=where, diversity=diversity)
        return [cite(p, p.start, p.end, similarity) for p, similarity in nearest]

    def recommend(
        self, texts: Sequence[str], *, source: str | None = None, count: int = 5, diversity: float = 0.2
    ) -> list[NearestDocument]:
        """The documents to offer next to a ticket, a customer's history, or a document.

        Args:
            texts: what was written, the latest last; each earlier one counts half as much as the one after it.
            source: of a document to start from, which is not offered itself.
            count: at most so many.
            diversity: in [0, 1]; see `edge_agent.ranking.diversify`.

        Raises:
            InputInvalid, ContentTooLarge: a text breaks its rules, or there is nothing to start from.
            DocumentUnknown: no document has that source.
        """
        checked = [self._checked_query(text) for text in texts]
        if not checked and source is None:
            raise InputInvalid("nothing to start from; expected texts, a source, or both")
        rows = list(self.student.encoder.encode(checked))
        if source is not None:
            document_id = self.store.document(document_id_of(source)).document_id
            rows.insert(0, self.index.embeddings(self.store.passages_of(document_id))[1].mean(axis=0))
        weights = 0.5 ** np.arange(len(rows))[::-1]
        profile = (np.stack(rows) * weights[:, None]).sum(axis=0)
        profile = (profile / np.linalg.norm(profile)).astype(np.float32)
        nearest = self.nearest(" ".join(checked[-1:]), profile, CANDIDATES)
        best: dict[str, tuple[Passage, float]] = {}
        for passage, similarity in nearest:
            if passage.source != source:
                best.setdefault(passage.document_id, (passage, similarity))
        offered = list(best.values())
        _, embeddings = self.index.embeddings([passage.passage_id for passage, _ in offered])
        scores = [similarity for _, similarity in offered]
        chosen = diversify(scores, embeddings, count, diversity=diversity) if len(embeddings) == len(offered) else []
        return [
            NearestDocument(p.document_id, p.source, p.title, similarity)
            for p, similarity in (offered[row] for row in chosen)
        ]

    def classify(self, text: str, *, alternatives: int = 3) -> Classification | None:
        """The intent of a message; None when the bundle has no intent head."""
        return self._intent(self.student.encoder.encode([self._checked_query(text)])[0], alternatives)

    def query(self, text: str) -> Answer:
        """Answers a question from the documents, or abstains. Raises `InputInvalid`, `ContentTooLarge`."""
        started = time.perf_counter()
        text = self._checked_query(text)
        question = self.student.encoder.encode([text])[0]
        encoded = time.perf_counter()
        nearest = self.nearest(text, question, 2 * self.answering.passages)
        found = time.perf_counter()
        candidates = candidate_sentences(nearest[: self.answering.passages])
        confidence, citations = 0.0, []
        if candidates:
            embeddings = self.student.encoder.encode([candidate.text for candidate in candidates])
            composed = compose(candidates, embeddings, question, self.answering)
            confidence, citations = composed.confidence, composed.citations
        abstained = confidence < self.answering.threshold
        intent = self._intent(question, 3)
        if self.settings.is_reviewing:
            self._queue_if_unsure(text, abstained, confidence, intent)
        ended = time.perf_counter()
        return Answer(
            answer=None if abstained else " ".join(citation.quote for citation in citations),
            abstained=abstained,
            confidence=round(confidence, 4),
            citations=[] if abstained else citations,
            nearest_documents=_nearest_documents(nearest),
            intent=intent,
            bundle=self.bundle,
            timings=Timings(
                *(round(1000 * s, 3) for s in (encoded - started, found - encoded, ended - found, ended - started))
            ),
        )

    def add_feedback(self, feedback: NewFeedback) -> int:
        """Writes what someone says of an answer, masked; returns its id.

        Raises:
            InputInvalid, ContentTooLarge: a field breaks its rules, or nothing is said. ReviewUnknown: see there.
        """
        checked = NewFeedback(
            text=self._checked_query(feedback.text),
            is_helpful=feedback.is_helpful,
            intent=_checked(feedback.intent, "intent", max_chars=100) if feedback.intent is not None else None,
            source=_checked(feedback.source, "source", max_chars=500) if feedback.source is not None else None,
            customer=_checked(feedback.customer, "customer", max_chars=100) if feedback.customer is not None else None,
            review_id=feedback.review_id,
        )
        if checked.source is not None:
            self.store.document(document_id_of(checked.source))
        if checked.customer is not None and mask(checked.customer) != checked.customer:
            raise InputInvalid("customer is an e-mail, phone, card or identity number; expected a pseudonym")
        return self.feedback.add(checked, self.bundle.digest)

    def nearest(
        self, text: str, embedding: Embeddings, count: int, *, where: Filter = NO_FILTER, diversity: float = 0.0
    ) -> list[tuple[Passage, float]]:
        """The `count` passages that fit a text with embedding (D,) best, the best first, with their similarity.

        By meaning and by words together, near-duplicates once (`edge_agent.ranking`). A passage in the text's language
        goes before one in another that fits better by less than `OTHER_LANGUAGE_PENALTY`: the same article in two
        languages has nearly the same embedding.
        """
        similarities, bm25 = self.candidates(text, embedding, max(CANDIDATES, 3 * count), where=where)
        scores = fuse(similarities, bm25, TERMS_WEIGHT)
        language, languages = detect_language(text), self.store.languages(list(scores))
        for passage_id, its_language in languages.items():
            if language and its_language not in (language, ""):
                scores[passage_id] -= OTHER_LANGUAGE_PENALTY
        ranked = sorted(languages, key=scores.__getitem__, reverse=True)
        ranked, rows = self.index.embeddings(ranked)
        if diversity:
            chosen = diversify([scores[i] for i in ranked], rows, count, diversity=diversity)
        else:
            chosen = without_duplicates(rows, count)
        best = [ranked[row] for row in chosen]
        return [(passage, similarities[passage.passage_id]) for passage in self.store.passages(best)]

    def candidates(
        self, text: str, embedding: Embeddings, count: int, *, where: Filter = NO_FILTER
    ) -> tuple[dict[int, float], dict[int, float]]:
        """What meaning and words each propose for a text with embedding (D,): cosines of all, BM25 of some."""
        if where.is_open:
            similarities = {n.passage_id: n.similarity for n in self.index.search(embedding, count)}
        else:  # a graph would search long for the few that are let through
            inside = self.index.similarities(embedding, self.store.passage_ids(where))
            similarities = dict(sorted(inside.items(), key=lambda item: -item[1])[:count])
        terms = content_terms(text)
        bm25 = self.store.bm25(match_any(terms), limit=count, where=where) if terms else {}
        return similarities | self.index.similarities(embedding, [i for i in bm25 if i not in similarities]), bm25

    def readiness(self) -> Readiness:
        """Whether index and store agree and the probes held."""
        counts = self.counts()
        return Readiness(
            is_ready=counts.passages == len(self.index),
            documents=counts.documents,
            passages=counts.passages,
            indexed_passages=len(self.index),
            is_search_exact=self.index.is_exact,
            probe_min_similarity=round(self.student.probes.min_similarity, 6),
            bundle=self.bundle,
        )

    def counts(self) -> Counts:
        """How many documents and passages the store holds."""
        return self.store.counts()

    def _recipe(self) -> dict[str, object]:
        """What, besides the content, decides a document's passages; a change makes them be cut anew."""
        return {"chunking": 2, "max_tokens": self.settings.chunking.max_tokens}

    def _read(self, content: bytes, document_format: DocumentFormat) -> Extract:
        """Plain text here; formats whose parsers are large or native in a process of their own."""
        if document_format in (DocumentFormat.MARKDOWN, DocumentFormat.TEXT):
            return extract(content, document_format, self.settings.limits.reading)
        return self._reader.read(content, document_format)

    def _queue_if_unsure(self, text: str, abstained: bool, confidence: float, intent: Classification | None) -> None:
        likeliest = intent.alternatives[0].label if intent else None
        if abstained:
            self.feedback.queue(text, "abstained", likeliest, confidence, self.bundle.digest)
        elif intent and intent.label is None:
            self.feedback.queue(text, "intent unknown", likeliest, intent.probability, self.bundle.digest)

    def _checked_query(self, text: str) -> str:
        return _checked(text, "text", max_chars=self.settings.limits.max_query_chars)

    def _encode_passages(self, title: str, made: Extract, spans: list[PassageSpan]) -> Embeddings:
        texts = [passage_input(title, span.heading, made.text[span.start : span.end]) for span in spans]
        return self.student.encoder.encode(texts)

    def _intent(self, embedding: Embeddings, alternatives: int) -> Classification | None:
        head = self.student.heads.get("intent")
        return head.classify(embedding, alternatives=alternatives) if head else None

    def _embed_missing(self, on_reembedded: Callable[[int], None]) -> None:
        """Embeds what has no embedding in the bundle's space, a few at a time; a kill loses only the last few."""
        done = 0
        while missing := self.store.passages_without_embedding(self._space, limit=256):
            passages = self.store.passages(missing)
            if len(passages) != len(missing):
                raise StoreDamaged(f"{self.store.path} holds passages without documents; restore it from a backup")
            texts = [passage_input(p.title, p.heading, p.text) for p in passages]
            self.store.put_embeddings(missing, self.student.encoder.encode(texts), self._space)
            done += len(missing)
            on_reembedded(done)

    def _load_index(self) -> GrowingIndex:
        encoder = self.student.encoder
        index = GrowingIndex(encoder.dimension, exact_below=self.settings.exact_below, threads=encoder.workers)
        ids, embeddings = self.store.embeddings(self._space)
        if len(ids):
            if embeddings.shape[1] != encoder.dimension:
                raise StoreDamaged(
                    f"{self.store.path} holds embeddings of {embeddings.shape[1]} numbers, expected "
                    f"{encoder.dimension}; restore it from a backup"
                )
            index.add(ids.tolist(), embeddings)
        return index


def passage_input(title: str, heading: str, text: str) -> str:
    """What the encoder sees of a passage: its title and headings, since it may not name its own subject."""
    return "\n".join(part for part in (title, heading, text) if part)


def _checked(value: str, name: str, *, max_chars: int) -> str:
    """A text from outside, stripped.

    Raises:
        InputInvalid: empty, or with characters that no text has. ContentTooLarge: too long.
    """
    value = value.strip()
    if not value:
        raise InputInvalid(f"{name} is empty; expected some text")
    if len(value) > max_chars:
        raise ContentTooLarge(f"{name} has {len(value)} characters, at most {max_chars} are accepted; shorten it")
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise InputInvalid(f"{name} holds NUL or lone surrogate characters; expected Unicode text")
    return value


def _nearest_documents(nearest: list[tuple[Passage, float]], count: int = 3) -> list[NearestDocument]:
    documents: dict[str, NearestDocument] = {}
    for passage, similarity in nearest:
        if passage.document_id not in documents:
            documents[passage.document_id] = NearestDocument(
                passage.document_id, passage.source, passage.title, similarity
            )
    return list(documents.values())[:count]
