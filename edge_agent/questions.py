"""What is asked of the base: questions, searches, recommendations, intents. It reads the store and never changes it."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from edge_agent.answer import Answering, Citation, Composed, candidate_sentences, cite, compose
from edge_agent.caches import AnswerCache, Revision, SentenceCache
from edge_agent.checking import checked
from edge_agent.errors import InputInvalid
from edge_agent.index import GrowingIndex
from edge_agent.language import detect_language
from edge_agent.passage_reading import PassageReading
from edge_agent.ranking import diversify
from edge_agent.records import Filter, document_id_of
from edge_agent.results import Answer, BundleIdentity, NearestDocument, Timings
from edge_agent.search import CANDIDATES, Found, best_of_documents, find
from edge_agent.settings import AgentSettings
from edge_agent.store import Store
from student.encoder import Embeddings
from student.heads import Classification
from student.runtime import Student


class Questions:
    """Answers from a store and an index with a student. Safe to use from several threads."""

    def __init__(
        self,
        settings: AgentSettings,
        store: Store,
        student: Student,
        index: Callable[[], GrowingIndex],
        *,
        bundle: BundleIdentity,
        revision: Revision,
    ) -> None:
        """Keeps what it answers from; `index` gives the one in use, `revision` counts the changes of what it reads."""
        self.answering = Answering()
        self._settings, self._store, self._student, self._index = settings, store, student, index
        self._bundle = bundle
        self._answers = AnswerCache(revision)
        self._sentences = SentenceCache(student.encoder.encode)
        self._reading = PassageReading(student.encoder, student.reader) if student.reader else None

    def search(self, text: str, *, count: int, where: Filter, diversity: float) -> list[Citation]:
        """See `Agent.search`."""
        text = self.checked(text)
        embedding = self._student.encoder.encode([text])[0]
        found = find(self._store, self._index(), text, embedding, count, where=where, diversity=diversity)
        return [cite(f.passage, f.passage.start, f.passage.end, f.similarity) for f in found]

    def recommend(
        self, texts: Sequence[str], *, source: str | None, count: int, diversity: float
    ) -> list[NearestDocument]:
        """See `Agent.recommend`."""
        texts = [self.checked(text) for text in texts]
        if not texts and source is None:
            raise InputInvalid("nothing to start from; expected texts, a source, or both")
        latest = " ".join(texts[-1:])
        rows: list[Embeddings] = list(self._student.encoder.encode(texts))
        language: str = detect_language(latest) or ""
        index = self._index()
        if source is not None:
            document = self._store.document(document_id_of(source))
            language = language or document.language
            rows.insert(0, index.embeddings(self._store.passages_of(document.document_id))[1].mean(axis=0))
        found = find(self._store, index, latest, _profile(rows), CANDIDATES, language=language or None)
        offered = best_of_documents([f for f in found if f.passage.source != source])
        known, embeddings = index.embeddings([f.passage.passage_id for f in offered])
        offered = [f for f in offered if f.passage.passage_id in known]  # others were deleted just now
        chosen = diversify([f.score for f in offered], embeddings, count, diversity=diversity)
        return _documents(offered[row] for row in chosen)

    def classify(self, text: str, *, alternatives: int) -> Classification | None:
        """See `Agent.classify`."""
        return self._intent(self._student.encoder.encode([self.checked(text)])[0], alternatives)

    def query(self, text: str) -> Answer:
        """See `Agent.query`."""
        started = time.perf_counter()
        text = " ".join(self.checked(text).split())
        answer, is_repeated = self._answers.get(text, lambda: self._answer(text))
        if is_repeated:
            total_ms = round(1000 * (time.perf_counter() - started), 3)
            answer = replace(answer, is_repeated=True, timings=Timings(0.0, 0.0, 0.0, total_ms))
        return answer

    def checked(self, text: str) -> str:
        """A question or message from outside. Raises `InputInvalid`, `ContentTooLarge`."""
        return checked(text, "text", max_chars=self._settings.limits.max_query_chars)

    def _answer(self, text: str) -> Answer:
        started = time.perf_counter()
        question = self._student.encoder.encode([text])[0]
        encoded = time.perf_counter()
        nearest = find(self._store, self._index(), text, question, 2 * self.answering.passages)
        found = time.perf_counter()
        candidates = candidate_sentences([(f.passage, f.similarity) for f in nearest[: self.answering.passages]])
        composed = Composed([], 0.0, is_withheld=True)
        if candidates:
            embeddings = self._sentences.embeddings(candidates)
            read = [f.passage for f in nearest[: self.answering.read]]
            logits = self._reading.logits(text, read) if self._reading else []
            composed = compose(candidates, embeddings, question, self.answering, logits)
        abstained, citations = composed.is_withheld, composed.citations
        intent = self._intent(question, 3)
        ended = time.perf_counter()
        return Answer(
            answer=None if abstained else " ".join(citation.quote for citation in citations),
            abstained=abstained,
            confidence=round(composed.confidence, 4),
            citations=[] if abstained else citations,
            nearest_documents=_documents(best_of_documents(nearest)[:3]),
            intent=intent,
            bundle=self._bundle,
            is_repeated=False,
            timings=Timings(
                *(round(1000 * s, 3) for s in (encoded - started, found - encoded, ended - found, ended - started))
            ),
        )

    def _intent(self, embedding: Embeddings, alternatives: int) -> Classification | None:
        head = self._student.heads.get("intent")
        return head.classify(embedding, alternatives=alternatives) if head else None


def _profile(rows: Sequence[Embeddings]) -> Embeddings:
    """One embedding (D,) for several, the latest last; each earlier one counts half as much as the one after it."""
    weights = 0.5 ** np.arange(len(rows))[::-1]
    profile = (np.stack(rows) * weights[:, None]).sum(axis=0)
    return np.asarray(profile / np.linalg.norm(profile), dtype=np.float32)


def _documents(found: Iterable[Found]) -> list[NearestDocument]:
    return [NearestDocument(f.passage.document_id, f.passage.source, f.passage.title, f.similarity) for f in found]
