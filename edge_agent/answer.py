"""Answers made only of sentences of the branch's documents, each cited; or none at all.

Deciding code: it takes passages, embeddings and numbers, and does no I/O. A sentence is scored by its own
similarity to the question and by its passage's, since a sentence alone may lack the subject that the passage names.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.records import Passage
from edge_agent.sentences import split_sentences
from student.encoder import Embeddings


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote and where it stands: `quote` equals code points `start:end` of the document's text.

    `page` counts from 1 where the document has pages, else it is 0; `language` is the document's, "" where unknown.
    """

    document_id: str
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
class Composed:
    """An answer, its confidence in [0, 1], and whether that is too low to give it; citations in the text's order."""

    citations: list[Citation]
    confidence: float
    is_withheld: bool


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure an answer is: the logistic function of a weighted sum.

    Attributes:
        passage: weight of the best passage's similarity.
        sentence: of the best sentence's similarity.
        reading: of the reader's highest logit.
        intercept: added.
        threshold: confidence below which the answer is withheld.
    """

    passage: float
    sentence: float
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
        read: so many of the nearest passages are read together with the question, where the bundle has a reader.
        unread, with_reading: the confidence without a reader and with one.
    """

    passages: int = 4
    max_sentences: int = 3
    passage_weight: float = 0.5
    keep_above: float = 0.8
    read: int = 2
    unread: Confidence = Confidence(3.04, 4.45, 0.0, -4.11, 0.22)
    with_reading: Confidence = Confidence(2.92, 3.91, 0.14, -3.5, 0.234)


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


def compose(
    candidates: Sequence[Candidate],
    embeddings: Embeddings,
    question: Embeddings,
    answering: Answering,
    readings: Sequence[float] = (),
) -> Composed:
    """Picks the sentences that answer.

    Args:
        candidates: K > 0 sentences.
        embeddings: theirs, (K, D).
        question: its embedding, (D,).
        answering: weights and bounds.
        readings: the reader's logits of the nearest passages; empty where there is no reader.

    Returns:
        The best sentence and those of the same document nearly as good, in the order of the text.
    """
    similarities = embeddings @ question  # (K,)
    passage_similarities = np.array([candidate.passage_similarity for candidate in candidates])  # (K,)
    weight = answering.passage_weight
    scores = (1 - weight) * similarities + weight * passage_similarities  # (K,)
    order = np.argsort(-scores, kind="stable")
    best = candidates[order[0]]
    chosen = [
        int(i)
        for i in order
        if scores[i] >= answering.keep_above * scores[order[0]]
        and candidates[i].passage.document_id == best.passage.document_id
    ][: answering.max_sentences]
    weights = answering.with_reading if readings else answering.unread
    logit = (
        weights.passage * float(passage_similarities.max())
        + weights.sentence * float(similarities.max())
        + weights.reading * max(readings, default=0.0)
        + weights.intercept
    )
    confidence = 1 / (1 + math.exp(-logit))
    in_order = sorted(chosen, key=lambda i: candidates[i].start)
    citations = [
        cite(candidates[i].passage, candidates[i].start, candidates[i].end, float(similarities[i])) for i in in_order
    ]
    return Composed(citations, confidence, confidence < weights.threshold)


def cite(passage: Passage, start: int, end: int, similarity: float) -> Citation:
    """Cites `start:end` of the document's text, which lies within a passage."""
    return Citation(
        document_id=passage.document_id,
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
