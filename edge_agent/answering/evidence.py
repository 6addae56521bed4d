"""Answers made only of sentences of the branch's documents, each cited; or none at all.

Deciding code: it takes passages, embeddings and numbers, and does no I/O. A sentence is scored by its own
similarity to the question and by its passage's, since a sentence alone may lack the subject that the passage names.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.storage.records import Passage
from edge_agent.text import OTHER_LANGUAGE_PENALTY, split_sentences
from student.embeddings import Embeddings


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote and where it stands: `quote` equals code points `start:end` of the document's text.

    The document is the one with this `content_sha256`: where it has another by now, it was replaced since.
    `page` counts from 1 where the document has pages, else it is 0; `language` is the document's, "" where unknown.
    """

    document_id: str
    content_sha256: str
    passage_id: int
    source: str
    title: str
    language: str
    heading: str
    page: int
    start: int
    end: int
    quote: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for an answer: similarities to the question, in [-1, 1].

    Attributes:
        passage: of the nearest passage.
        sentence: of the nearest sentence.
        word: of the question's word that is spoken of least (`edge_agent.answering.coverage`).
    """

    passage: float
    sentence: float
    word: float


@dataclass(frozen=True, slots=True)
class Composed:
    """An answer before it is given or withheld; its citations are in the order of the text."""

    citations: list[Citation]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Judgement:
    """How sure an answer is, in [0, 1], and whether that is too little to give it."""

    confidence: float
    is_withheld: bool


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure an answer is: the logistic function of a weighted sum.

    Attributes:
        passage, sentence, word: weights of the evidence.
        reading: weight of the reader's logit for the nearest passage.
        intercept: added.
        threshold: confidence below which the answer is withheld.
    """

    passage: float
    sentence: float
    word: float
    reading: float
    intercept: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Answering:
    """How answers are made and withheld.

    The weights were chosen and the confidences fitted on the development half of the demo's questions, with
    `python -m benchmarks demo --fit`; they belong to one embedding space and to the languages of its bundle.

    Attributes:
        passages: nearest passages whose sentences are looked at.
        max_sentences: most sentences in an answer.
        passage_weight: share of the passage's similarity in a sentence's score, in [0, 1].
        keep_above: further sentences are kept at this share of the best one's score.
        unread, with_reading: the confidence without a reading of the nearest passage and with one.
        doubt: unread confidences from the first to below the second are in doubt: there, and only there, the passage
            is read, where it fits best and where the bundle has a reader.
    """

    passages: int = 4
    max_sentences: int = 3
    passage_weight: float = 0.5
    keep_above: float = 0.8
    unread: Confidence = Confidence(3.03, 6.63, 1.89, 0.0, -4.9, 0.308)
    with_reading: Confidence = Confidence(2.21, 6.23, 0.75, 0.47, -2.82, 0.324)
    doubt: tuple[float, float] = (0.1, 0.6)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence of a retrieved passage: `start:end` of the document's text."""

    passage: Passage
    passage_similarity: float
    start: int
    end: int
    text: str


def candidate_sentences(passages: Sequence[tuple[Passage, float]]) -> list[Candidate]:
    """The sentences of passages, given with their similarity to the question."""
    return [
        Candidate(passage, similarity, passage.start + start, passage.start + end, passage.text[start:end])
        for passage, similarity in passages
        for start, end in split_sentences(passage.text)
    ]


def worth_reading(
    candidates: Sequence[Candidate], embeddings: Embeddings, question: Embeddings
) -> tuple[Passage, int, int]:
    """Where in the nearest passage the answer would be: its sentence that fits best, and those beside it.

    Args:
        candidates: K > 0 sentences, those of the nearest passage first.
        embeddings: theirs, (K, D).
        question: its embedding, (D,).

    Returns:
        The passage, and `start, end` of the document's text.
    """
    passage = candidates[0].passage
    own = [candidate for candidate in candidates if candidate.passage.passage_id == passage.passage_id]
    best = int((embeddings[: len(own)] @ question).argmax())
    beside = own[max(0, best - 1) : best + 2]
    return passage, beside[0].start, beside[-1].end


def compose(
    candidates: Sequence[Candidate],
    embeddings: Embeddings,
    question: Embeddings,
    answering: Answering,
    *,
    word: float,
    language: str = "",
) -> Composed:
    """Picks the sentences that answer.

    Args:
        candidates: K > 0 sentences.
        embeddings: theirs, (K, D).
        question: its embedding, (D,).
        answering: weights and bounds.
        word: the similarity of the word that is spoken of least (`edge_agent.answering.coverage`).
        language: of the question, "" where unknown; sentences in another go after those nearly as good.

    Returns:
        The best sentence and those of the same document nearly as good, in the order of the text.
    """
    similarities = embeddings @ question  # (K,)
    passage_similarities = np.array([candidate.passage_similarity for candidate in candidates])  # (K,)
    weight = answering.passage_weight
    scores = (1 - weight) * similarities + weight * passage_similarities  # (K,)
    others = np.array([language != "" and c.passage.language not in (language, "") for c in candidates])
    scores = scores - OTHER_LANGUAGE_PENALTY * others  # (K,)
    order = np.argsort(-scores, kind="stable")
    best = candidates[order[0]]
    chosen = [
        int(i)
        for i in order
        if scores[i] >= min(answering.keep_above * scores[order[0]], scores[order[0]])  # below 0 too, the best is kept
        and candidates[i].passage.document_id == best.passage.document_id
    ][: answering.max_sentences]
    in_order = sorted(chosen, key=lambda i: candidates[i].start)
    citations = [
        cite(candidates[i].passage, candidates[i].start, candidates[i].end, float(similarities[i])) for i in in_order
    ]
    return Composed(citations, Evidence(float(passage_similarities.max()), float(similarities.max()), word))


def judge(evidence: Evidence, weights: Confidence, *, reading: float = 0.0) -> Judgement:
    """How sure an answer with this evidence is, and a reading (the reader's logit) if there is one."""
    logit = (
        weights.passage * evidence.passage
        + weights.sentence * evidence.sentence
        + weights.word * evidence.word
        + weights.reading * reading
        + weights.intercept
    )
    confidence = 1 / (1 + math.exp(-logit))
    return Judgement(confidence, confidence < weights.threshold)


def cite(passage: Passage, start: int, end: int, similarity: float) -> Citation:
    """Cites `start:end` of the document's text, which lies within a passage."""
    return Citation(
        document_id=passage.document_id,
        content_sha256=passage.content_sha256,
        passage_id=passage.passage_id,
        source=passage.source,
        title=passage.title,
        language=passage.language,
        heading=passage.heading,
        page=passage.page,
        start=start,
        end=end,
        quote=passage.text[start - passage.start : end - passage.start],
        similarity=similarity,
    )
