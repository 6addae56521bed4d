"""The query pipeline: from a question to a cited answer, or to none, stage by stage.

    question    checked, its conversation and language known, encoded             `understand`
    retrieved   the passages nearest to it, of one snapshot of the base           `retrieve`
    evidence    their sentences, and how near they come to it                     `gather`
    decision    the confidence, verified where in doubt, and the sentences cited  `decide`
    answer      the cited sentences joined, or none; documents near to it; its intent

Everything is read from one snapshot, so concurrent changes reach no stage, and an answer may be given again for as long
as the snapshot's version is the same.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Hashable, Iterator
from dataclasses import replace
from operator import attrgetter

import numpy as np
from cachetools import LRUCache, cachedmethod

from edge_agent.answering.composition import choose_units, other_versions
from edge_agent.answering.conversation import Conversations
from edge_agent.answering.evidence import Answering, Decision, Evidence, span_to_verify
from edge_agent.answering.gathering import Question, gather, headings, to_read, understand
from edge_agent.answering.recalling import recall
from edge_agent.answering.rendering import answer_markdown, answer_text
from edge_agent.answering.reranking import rerank_passages, rerank_units
from edge_agent.answering.results import Answer, NearestDocument, Timings
from edge_agent.answering.scoring import score_units
from edge_agent.characters import normalize
from edge_agent.errors import StoreDamaged, StoreFull, StoreUnavailable
from edge_agent.feedback.log import FeedbackLog
from edge_agent.feedback.memory import Memory
from edge_agent.models.active_model import ActiveModel
from edge_agent.models.lifecycle import Models
from edge_agent.retrieval.search import Found, Snapshot, best_of_documents, open_snapshot, retrieve
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import Store
from edge_agent.storage.records import NO_FILTER, Filter, Passage
from edge_agent.text import checked, detect_language
from student.bundle.linear_head import Classification
from student.embeddings import Embeddings, TokenEmbeddings

log = logging.getLogger(__name__)

ANSWERS_KEPT = 1_000
TOKEN_BYTES_KEPT = 32_000_000


class Questions:
    """Answers from a store with the active model. Safe to use from several threads; nothing of the base is changed."""

    def __init__(
        self,
        settings: AgentSettings,
        store: Store,
        models: Models,
        reviews: FeedbackLog | None,
        memory: Memory | None = None,
        *,
        token_bytes: int = TOKEN_BYTES_KEPT,
    ) -> None:
        """Opens the pipeline; what it is unsure of goes to `reviews`, and `memory` moves documents, if given."""
        self.answering = Answering()
        self._settings, self._store, self._models, self._reviews = settings, store, models, reviews
        self._memory = memory
        self._conversations = Conversations()
        self._lock = threading.Lock()
        self._answers: LRUCache[Hashable, Answer] = LRUCache(ANSWERS_KEPT)
        self._tokens: LRUCache[Hashable, list[TokenEmbeddings]] = LRUCache(token_bytes, getsizeof=_size_bytes)

    def query(self, text: str, *, session: str | None = None, where: Filter = NO_FILTER) -> Answer:
        """Answers a question from the documents, or abstains.

        Args:
            text: the question.
            session: an id that the client chose; a follow-up is searched together with the session's question before.
            where: which documents to look in.

        Raises:
            InputInvalid, ContentTooLarge: the text breaks its rules.
        """
        started = time.perf_counter()
        as_written = checked(text, "text", max_chars=self._settings.limits.max_query_chars)
        text = " ".join(normalize(as_written).split())
        asked = self._conversations.resolve(checked(session, "session", max_chars=100), text) if session else text
        language = detect_language(text) or ""
        answer = self._answered(asked, language, where)
        if answer.is_repeated:
            answer = replace(answer, timings=Timings(0.0, 0.0, 0.0, _ms(started)))
        answer = replace(answer, is_follow_up=asked != text)
        if self._reviews:
            _queue_if_unsure(self._reviews, as_written, answer)
        return answer

    def cited_documents(self, text: str) -> list[str]:
        """The ids of the documents that the answer to a question cites now."""
        asked = " ".join(normalize(text).split())
        answer = self._answered(asked, detect_language(asked) or "", NO_FILTER)
        return list(dict.fromkeys(citation.document_id for citation in answer.citations))

    def _answered(self, asked: str, language: str, where: Filter) -> Answer:
        """The answer to a question, the one of before where nothing has changed."""
        with open_current(self._models, self._store) as (model, snapshot):
            remembered = self._memory.version if self._memory else 0
            version = (model.bundle.digest, model.head and model.head.identity, snapshot.version, remembered)
            key = (*version, asked, language, where)
            with self._lock:
                answer = self._answers.get(key)
            if answer is not None:
                return replace(answer, is_repeated=True)
            answer = self._answer(model, snapshot, asked, language, where)
            with self._lock:
                self._answers[key] = answer
        return answer

    def forget_cached(self) -> None:
        """Forgets the answers, tokens and conversations that are kept in memory."""
        self._conversations.forget()
        with self._lock:
            self._answers.clear()
            self._tokens.clear()

    def _answer(self, model: ActiveModel, snapshot: Snapshot, text: str, language: str, where: Filter) -> Answer:
        began = time.perf_counter()
        question = understand(model, text, language, where)
        understood = time.perf_counter()
        recalled = recall(self._memory, model.space, snapshot, text, question.encoding, where=where)
        count = 4 * self.answering.passages
        retrieved = retrieve(
            snapshot, text, question.embedding, count, where=where, language=language, moves=recalled.moves
        )
        if model.student.cross_encoder:
            retrieved = rerank_passages(model.student.cross_encoder, text, retrieved, self.answering)
        found = time.perf_counter()
        evidence = gather(model, snapshot, question, to_read(retrieved, self.answering.passages))
        decision = self._decide(model, question, evidence)
        intent = classify(model, question.encoding, text)
        ended = time.perf_counter()
        return Answer(
            answer=answer_markdown(decision.citations, is_disputed=decision.is_disputed)
            if decision.is_answered
            else None,
            answer_text=answer_text(decision.citations, is_disputed=decision.is_disputed)
            if decision.is_answered
            else None,
            abstained=not decision.is_answered,
            confidence=round(decision.confidence, 4),
            citations=decision.citations,
            nearest_documents=[nearest_document(f) for f in best_of_documents(retrieved)[:3]],
            intent=intent,
            intent_head=model.head.identity if model.head else None,
            bundle=model.bundle,
            is_follow_up=False,
            question_language=language,
            answer_language=decision.citations[0].language if decision.is_answered else None,
            is_disputed=decision.is_disputed,
            is_repeated=False,
            timings=Timings(
                *(round(1000 * s, 3) for s in (understood - began, found - understood, ended - found, ended - began))
            ),
            remembered=recalled.ids,
        )

    def _decide(self, model: ActiveModel, question: Question, evidence: Evidence | None) -> Decision:
        """Answers if the evidence is enough, else abstains; in doubt the verifier reads the nearest passage too."""
        if evidence is None:
            return Decision(is_answered=False, confidence=0.0, citations=[])
        judge = self.answering.unverified
        confidence = judge.confidence(evidence)
        low, high = self.answering.doubt
        if model.student.verifier and low <= confidence < high:
            judge = self.answering.verified
            confidence = judge.confidence(evidence, verification=self.verify(model, question, evidence))
        if confidence < judge.threshold:
            return Decision(is_answered=False, confidence=confidence, citations=[])
        scores = score_units(evidence, self.answering, question.text, language=question.language)
        if model.student.cross_encoder:
            scores = rerank_units(model.student.cross_encoder, question.text, evidence, scores, self.answering)
        citations = choose_units(evidence, self.answering, question.text, scores)
        if not citations:
            return Decision(is_answered=False, confidence=0.0, citations=[])
        others = other_versions(evidence, self.answering, question.text, scores, citations)
        versions = sorted([citations, *others], key=lambda version: version[0].date, reverse=True)
        return Decision(
            is_answered=True,
            confidence=confidence,
            citations=[citation for version in versions for citation in version],
            is_disputed=bool(others),
        )

    def verify(self, model: ActiveModel, question: Question, evidence: Evidence) -> float:
        """The verifier's logit: above 0 where the nearest passage more likely answers than not."""
        assert model.student.verifier is not None  # noqa: S101  (the caller has asked)
        return model.student.verifier.logit(question.tokens, *self._encode_span(model, *span_to_verify(evidence)))

    @cachedmethod(
        attrgetter("_tokens"),
        key=lambda self, model, passage, start, end: (model.bundle.digest, passage.passage_id, start, end),
        lock=attrgetter("_lock"),
    )
    def _encode_span(self, model: ActiveModel, passage: Passage, start: int, end: int) -> list[TokenEmbeddings]:
        """The tokens of a passage's headings and of `start:end` of its document's text; good for ever, so cached."""
        text = passage.text[start - passage.start : end - passage.start]
        return model.student.encoder.encode_each_tokens([headings(passage) or "-", text])


@contextlib.contextmanager
def open_current(models: Models, store: Store) -> Iterator[tuple[ActiveModel, Snapshot]]:
    """The active model and a snapshot of the base for its index."""
    is_current = False
    while not is_current:
        model = models.active
        with open_snapshot(store, model.index) as snapshot:
            is_current = (
                models.active.index is model.index
            )  # else another was promoted: this no longer follows the store
            if is_current:
                yield model, snapshot


def classify(model: ActiveModel, encoding: Embeddings, text: str, *, alternatives: int = 3) -> Classification | None:
    """The intent of a message and its embedding (D,); None when there is no intent head."""
    return model.head.head.classify(encoding, text, alternatives=alternatives) if model.head else None


def _queue_if_unsure(reviews: FeedbackLog, text: str, answer: Answer) -> None:
    """Queues a question for review; it is answered whether or not the queue can be written."""
    intent = answer.intent
    likeliest = intent.alternatives[0].label if intent else None
    try:
        if answer.abstained:
            reviews.queue(text, "abstained", likeliest, answer.confidence, answer.bundle.digest)
        elif intent and intent.label is None:
            reviews.queue(text, "intent unknown", likeliest, intent.probability, answer.bundle.digest)
    except (StoreFull, StoreUnavailable, StoreDamaged) as error:
        log.error("a review could not be queued: %s", error)


def nearest_document(found: Found) -> NearestDocument:
    """A document to look at, by its best passage."""
    p = found.passage
    return NearestDocument(p.document_id, p.source, p.title, found.similarity, p.root)


def _size_bytes(tokens: list[TokenEmbeddings]) -> int:
    return int(np.sum([part.embeddings.nbytes for part in tokens]))


def _ms(started: float) -> float:
    return round(1000 * (time.perf_counter() - started), 3)
