"""What is asked of the base: questions, searches, recommendations, intents. It reads the store and never changes it."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from edge_agent.answering.caches import AnswerCache, Revision, SentenceCache
from edge_agent.answering.conversation import Sessions
from edge_agent.answering.coverage import least_spoken_of
from edge_agent.answering.evidence import (
    Answering,
    Citation,
    Judgement,
    candidate_sentences,
    cite,
    compose,
    judge,
    worth_reading,
)
from edge_agent.answering.passage_reading import PassageReading
from edge_agent.answering.results import Answer, BundleIdentity, NearestDocument, Timings
from edge_agent.errors import InputInvalid
from edge_agent.retrieval.index import GrowingIndex
from edge_agent.retrieval.ranking import diversify
from edge_agent.retrieval.search import CANDIDATES, Found, best_of_documents, find
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import Store
from edge_agent.storage.records import Document, Filter, document_id_of
from edge_agent.text import checked, checked_source, detect_language
from student.bundle.linear_head import INTENT, Classification
from student.embeddings import Embeddings
from student.runtime.student import Student


class Questions:
    """Answers from a store and an index with a student. Safe to use from several threads."""

    def __init__(
        self,
        settings: AgentSettings,
        store: Store,
        student: Student,
        index: GrowingIndex,
        *,
        bundle: BundleIdentity,
        revision: Revision,
    ) -> None:
        """Keeps what it answers from; `revision` counts the changes of what it reads."""
        self.answering = Answering()
        self._settings, self._store, self._student, self._index = settings, store, student, index
        self._bundle, self._revision = bundle, revision
        self._find = partial(find, store, index, revision=revision)
        self._answers = AnswerCache(revision)
        self._reading = PassageReading(student.encoder, student.verifier) if student.verifier else None
        self._sessions = Sessions()
        self._sentences = SentenceCache(
            lambda ids: store.embeddings.of_sentences(
                ids, student.bundle.manifest.embedding_space, student.encoder.dimension
            ),
            student.encoder.encode,
        )

    def search(self, text: str, *, count: int, where: Filter, diversity: float) -> list[Citation]:
        """See `Agent.search`."""
        text = self.checked(text)
        embedding = self._student.adapt(self._student.encoder.encode([text]))[0]
        found = self._find(text, embedding, count, where=where, diversity=diversity)
        return [cite(f.passage, f.passage.start, f.passage.end, f.similarity) for f in found]

    def recommend(
        self, texts: Sequence[str], *, source: str | None, count: int, diversity: float
    ) -> list[NearestDocument]:
        """See `Agent.recommend`."""
        texts = [self.checked(text) for text in texts]
        if not texts and source is None:
            raise InputInvalid("nothing to start from; expected texts, a source, or both")
        latest = " ".join(texts[-1:])
        rows: list[Embeddings] = list(self._student.adapt(self._student.encoder.encode(texts)))
        language: str = detect_language(latest) or ""
        if source is not None:
            document, embedding = self._embedding_of(checked_source(source))
            language = language or document.language
            rows.insert(0, embedding)
        found = self._find(latest, _profile(rows), CANDIDATES, language=language or None)
        offered = best_of_documents([f for f in found if f.passage.source != source])
        known, embeddings = self._index.embeddings([f.passage.passage_id for f in offered])
        offered = [f for f in offered if f.passage.passage_id in known]  # others were deleted just now
        chosen = diversify([f.score for f in offered], embeddings, count, diversity=diversity)
        return _documents(offered[row] for row in chosen)

    def classify(self, text: str, *, alternatives: int) -> Classification | None:
        """See `Agent.classify`."""
        return self._intent(self._student.encoder.encode([self.checked(text)])[0], alternatives)

    def query(self, text: str, *, session: str | None, where: Filter) -> Answer:
        """See `Agent.query`."""
        started = time.perf_counter()
        text = " ".join(self.checked(text).split())
        asked = self._sessions.resolve(checked(session, "session", max_chars=100), text) if session else text
        language = detect_language(text) or ""
        key = (asked, language, where)
        answer, is_repeated = self._answers.get(key, lambda: self._answer(asked, language, where))
        answer = replace(answer, is_follow_up=asked != text)
        if is_repeated:
            total_ms = round(1000 * (time.perf_counter() - started), 3)
            answer = replace(answer, is_repeated=True, timings=Timings(0.0, 0.0, 0.0, total_ms))
        return answer

    def checked(self, text: str) -> str:
        """A question or message from outside. Raises `InputInvalid`, `ContentTooLarge`."""
        return checked(text, "text", max_chars=self._settings.limits.max_query_chars)

    def _answer(self, text: str, language: str, where: Filter) -> Answer:
        started = time.perf_counter()
        encoding, tokens = self._student.encoder.encode_with_tokens(text)
        question = self._student.adapt(encoding[None])[0]
        encoded = time.perf_counter()
        nearest = self._find(text, question, 2 * self.answering.passages, where=where, language=language)
        found = time.perf_counter()
        candidates = candidate_sentences([(f.passage, f.similarity) for f in nearest[: self.answering.passages]])
        judgement, citations = Judgement(0.0, is_withheld=True), []
        if candidates:
            embeddings = self._sentences.embeddings(candidates)
            word = least_spoken_of(text, tokens, embeddings)
            composed = compose(candidates, embeddings, question, self.answering, word=word, language=language)
            judgement, citations = judge(composed.evidence, self.answering.unread), composed.citations
            low, high = self.answering.doubt
            if self._reading and low <= judgement.confidence < high:
                reading = self._reading.logit(tokens, *worth_reading(candidates, embeddings, question))
                judgement = judge(composed.evidence, self.answering.with_reading, reading=reading)
        abstained = judgement.is_withheld
        intent = self._intent(encoding, 3)
        ended = time.perf_counter()
        return Answer(
            answer=None if abstained else " ".join(citation.quote for citation in citations),
            abstained=abstained,
            confidence=round(judgement.confidence, 4),
            citations=[] if abstained else citations,
            nearest_documents=_documents(best_of_documents(nearest)[:3]),
            intent=intent,
            bundle=self._bundle,
            is_follow_up=False,
            question_language=language,
            answer_language=None if abstained else citations[0].language,
            is_repeated=False,
            timings=Timings(
                *(round(1000 * s, 3) for s in (encoded - started, found - encoded, ended - found, ended - started))
            ),
        )

    def _embedding_of(self, source: str) -> tuple[Document, Embeddings]:
        """A document and the mean (D,) of its passages' embeddings. Raises `DocumentUnknown`."""
        with self._revision.steady():
            document = self._store.document(document_id_of(source))
            _, rows = self._index.embeddings(self._store.passages_of(document.document_id))
        return document, np.asarray(rows, dtype=np.float32).mean(axis=0)

    def _intent(self, embedding: Embeddings, alternatives: int) -> Classification | None:
        head = self._student.heads.get(INTENT)
        return head.classify(embedding, alternatives=alternatives) if head else None


def _profile(rows: Sequence[Embeddings]) -> Embeddings:
    """One embedding (D,) for several, the latest last; each earlier one counts half as much as the one after it."""
    weights = 0.5 ** np.arange(len(rows))[::-1]
    profile = (np.stack(rows) * weights[:, None]).sum(axis=0)
    return np.asarray(profile / np.linalg.norm(profile), dtype=np.float32)


def _documents(found: Iterable[Found]) -> list[NearestDocument]:
    return [NearestDocument(f.passage.document_id, f.passage.source, f.passage.title, f.similarity) for f in found]
