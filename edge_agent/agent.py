"""The agent: store, student and index put together. The HTTP server and the command line both drive this class."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Self

from edge_agent.answer import Answering, Citation, candidate_sentences, cite, compose
from edge_agent.blocks import Extract
from edge_agent.chunking import PassageSpan, chunk
from edge_agent.errors import ContentTooLarge, InputInvalid, StoreDamaged
from edge_agent.extraction import DocumentFormat, extract
from edge_agent.index import GrowingIndex
from edge_agent.language import Language, detect_language
from edge_agent.records import Counts, NewDocument, Passage, document_id_of
from edge_agent.results import Answer, BundleIdentity, Ingested, NearestDocument, Outcome, Readiness, Timings
from edge_agent.settings import AgentSettings
from edge_agent.store import Store
from student.digests import digest_json
from student.encoder import Embeddings
from student.heads import Classification
from student.runtime import Student, load_student

log = logging.getLogger(__name__)

OTHER_LANGUAGE_PENALTY = 0.15
"""Cosine; chosen on the development half of the demo's questions."""


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
        try:
            self.store = Store(settings.store)
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
            InputInvalid, TextNotUtf8, ContentTooLarge, FormatUnsupported: see `edge_agent.extraction`.
        """
        source = _checked(source, "source", max_chars=500)
        title = _checked(title, "title", max_chars=300) if title is not None else None
        digest = digest_json([self._recipe(), document_format, title, content.hex()])
        if self.store.content_digest(source) == digest:
            return Ingested(Outcome.UNCHANGED, self.store.document(document_id_of(source)))
        made = extract(content, document_format, max_bytes=self.settings.limits.max_document_bytes)
        title = title or made.title or PurePosixPath(source).stem
        spans = chunk(made, self.student.encoder.token_starts(made.text), max_tokens=self.settings.chunking.max_tokens)
        embeddings = self._encode_passages(title, made, spans)
        with self._ingesting:  # store and index change together, in one order
            change = self.store.put(
                NewDocument(source, title[:300], document_format, digest, made.text),
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

    def search(self, text: str, *, count: int = 10) -> list[Citation]:
        """The passages nearest to a text, each cited whole, nearest first. Raises `InputInvalid`, `ContentTooLarge`."""
        text = self._checked_query(text)
        nearest = self.nearest(self.student.encoder.encode([text])[0], count, language=detect_language(text))
        return [cite(p, p.start, p.end, similarity) for p, similarity in nearest]

    def classify(self, text: str, *, alternatives: int = 3) -> Classification | None:
        """The intent of a message; None when the bundle has no intent head."""
        return self._intent(self.student.encoder.encode([self._checked_query(text)])[0], alternatives)

    def query(self, text: str) -> Answer:
        """Answers a question from the documents, or abstains. Raises `InputInvalid`, `ContentTooLarge`."""
        started = time.perf_counter()
        text = self._checked_query(text)
        question = self.student.encoder.encode([text])[0]
        encoded = time.perf_counter()
        nearest = self.nearest(question, 2 * self.answering.passages, language=detect_language(text))
        found = time.perf_counter()
        candidates = candidate_sentences(nearest[: self.answering.passages])
        confidence, citations = 0.0, []
        if candidates:
            embeddings = self.student.encoder.encode([candidate.text for candidate in candidates])
            composed = compose(candidates, embeddings, question, self.answering)
            confidence, citations = composed.confidence, composed.citations
        abstained = confidence < self.answering.threshold
        intent = self._intent(question, 3)
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

    def nearest(self, embedding: Embeddings, count: int, *, language: Language | None) -> list[tuple[Passage, float]]:
        """The `count` passages nearest to an embedding (D,), with their similarity, the best to show first.

        A passage in the question's language goes before one in the other that is nearer by less than
        `OTHER_LANGUAGE_PENALTY`: the same article in two languages has nearly the same embedding.
        """
        wider = 3 * count if language else count
        found = {n.passage_id: n.similarity for n in self.index.search(embedding, wider)}

        def score(passage: Passage) -> float:
            is_other = language and detect_language(passage.text) not in (language, None)
            return found[passage.passage_id] - (OTHER_LANGUAGE_PENALTY if is_other else 0)

        passages = sorted(self.store.passages(list(found)), key=score, reverse=True)
        return [(passage, found[passage.passage_id]) for passage in passages[:count]]

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
        return {"chunking": 1, "max_tokens": self.settings.chunking.max_tokens}

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
