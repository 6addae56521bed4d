"""Evidence for an answer and the decision on it: units of the documents, such as sentences, or none.

Deciding code: it takes passages, embeddings and numbers, and does no I/O. What is cited is chosen in
`composition.py`.

A whole question is near to a passage when most of it is; the word that makes it another question ("does the mail work
**with Outlook 2003**") is lost in the mean. So each content word is also compared on its own, in the context of its
question, and the least similar one counts.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_agent.answering.results import Citation
from edge_agent.ingest.units import unit_spans
from edge_agent.storage.records import HEADING_GAP, Passage, PassageKind
from edge_agent.text import codes, content_terms, content_words, holds_code
from student.embeddings import Embeddings, TokenEmbeddings

_NAME = re.compile(r"(?!\d+[^\W\d]{1,3}$)(?=.*[^\W\d]|.*[-_./].*[-_./]).*")
"""A code that names something: no bare number such as a year, no measure such as `20gb`."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit of a retrieved passage: `start:end` of the document's text; `moved` as of `Found`."""

    passage: Passage
    passage_similarity: float
    start: int
    end: int
    text: str
    moved: float = 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The units that an answer may be made of, and what speaks for one.

    Attributes:
        candidates: K > 0 units, those of the nearest passage first.
        similarities: of each to the question, (K,).
        passage: similarity of the nearest passage, in [-1, 1].
        sentence: similarity of the nearest unit.
        term: minimum term similarity: of the question's content word that the units are least similar to.
        is_named: whether a unit, or a heading above it, holds all codes of the question that name something, or one
            answers a question of the same words, or is the line of a list that the question names.
        around: passages that stand near those of the candidates in their documents, for what belongs to a unit.
    """

    candidates: Sequence[Candidate]
    similarities: NDArray[np.float32]
    passage: float
    sentence: float
    term: float
    is_named: bool = False
    around: Sequence[Passage] = ()

    def no_surer_than(self, other: "Evidence") -> "Evidence":
        """The same units with what speaks for an answer in other evidence too."""
        return replace(
            self,
            passage=min(self.passage, other.passage),
            sentence=min(self.sentence, other.sentence),
            term=min(self.term, other.term),
            is_named=self.is_named and other.is_named,
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision to answer or to abstain: how sure, and with which units, in the order of the text.

    `is_disputed` where versions of a document say different things; the newest comes first then.
    """

    is_answered: bool
    confidence: float
    citations: list[Citation]
    is_disputed: bool = False


NAMED = 2.5
"""Added to the confidence's logit where a passage holds the question's codes, or answers the very question."""


@dataclass(frozen=True, slots=True)
class ConfidenceModel:
    """The confidence of an answer: the logistic function of a weighted sum.

    Attributes:
        passage, sentence, term: weights of the evidence.
        verification: weight of the verifier's logit for the nearest passage.
        intercept: added.
        threshold: confidence below which nothing is answered.
    """

    passage: float
    sentence: float
    term: float
    verification: float
    intercept: float
    threshold: float

    def confidence(self, evidence: Evidence, *, verification: float = 0.0) -> float:
        """The confidence in [0, 1], given the verifier's logit where it was asked."""
        logit = (
            self.passage * evidence.passage
            + self.sentence * evidence.sentence
            + self.term * evidence.term
            + self.verification * verification
            + NAMED * evidence.is_named
            + self.intercept
        )
        return 1 / (1 + math.exp(-logit))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lengths in characters up to which things are quoted whole.

    Attributes:
        paragraph: of a paragraph, and of the sentences quoted of a longer one.
        listed: of a list with its lead-in.
        steps: of steps, from the first.
        answer: of what stands under a question or a code that is asked for.
        lead: of a paragraph that leads to a list and is quoted whole with it, else its last sentence is.
    """

    paragraph: int = 320
    listed: int = 700
    steps: int = 1200
    answer: int = 500
    lead: int = 200


@dataclass(frozen=True, slots=True)
class Answering:
    """How answers are composed and when none is given.

    The weights were chosen and the confidence models fitted on the development half of the demo's questions, with
    `python -m benchmarks demo --fit`; they belong to one embedding space and to the languages of its bundle.

    Attributes:
        passages: nearest passages whose units are looked at.
        max_units: most units in an answer.
        max_chars: further units are added up to this length of all that is quoted.
        company_weight: what a unit gains by each other unit nearly as good that it holds.
        bounds: up to which lengths units are quoted whole.
        passage_weight: share of the passage's similarity in a unit's score, in [0, 1].
        keep_above: further units are kept at this share of the best one's score.
        word_weight: what it adds to a row's score to hold the question's content words: rows look alike.
        reranked_passages, reranked_units: so many of the best are read by the cross-encoder, where the bundle has one.
        rerank_weight, unit_rerank_weight: added to the score of one that certainly answers.
        unverified, verified: the confidence without and with the verifier's logit for the nearest passage.
        doubt: unverified confidences from the first to below the second are in doubt: there, and only there, the
            verifier is asked, where the bundle has one.
    """

    passages: int = 4
    max_units: int = 3
    max_chars: int = 450
    company_weight: float = 1.0
    bounds: Bounds = Bounds()
    passage_weight: float = 0.3
    keep_above: float = 0.8
    word_weight: float = 0.2
    reranked_passages: int = 8
    rerank_weight: float = 0.5
    reranked_units: int = 8
    unit_rerank_weight: float = 0.6
    unverified: ConfidenceModel = ConfidenceModel(4.62, 11.94, 0.75, 0.0, -6.65, 0.361)
    verified: ConfidenceModel = ConfidenceModel(2.81, 9.41, 0.49, 0.64, -4.0, 0.323)
    doubt: tuple[float, float] = (0.1, 0.6)


def candidate_units(passages: Sequence[tuple[Passage, float]]) -> list[Candidate]:
    """The units of passages, given with their similarity to the question."""
    return [
        Candidate(passage, similarity, passage.start + start, passage.start + end, passage.text[start:end])
        for passage, similarity in passages
        for start, end in unit_spans(passage.text, passage.kind)
    ]


def weigh_evidence(
    candidates: Sequence[Candidate],
    embeddings: Embeddings,
    question: Embeddings,
    text: str,
    tokens: TokenEmbeddings,
    *,
    around: Sequence[Passage] = (),
) -> Evidence:
    """The evidence for an answer.

    Args:
        candidates: K > 0 sentences.
        embeddings: theirs, (K, D).
        question: its embedding, (D,).
        text: of the question.
        tokens: its own.
        around: see `Evidence`.
    """
    similarities = embeddings @ question  # (K,)
    passage = float(np.array([candidate.passage_similarity for candidate in candidates]).max())
    names = [code for code in codes(text) if _NAME.fullmatch(code)]
    return Evidence(
        candidates,
        similarities,
        passage,
        float(similarities.max()),
        minimum_term_similarity(text, tokens, embeddings),
        (bool(names) and any(all(names_code(c, code) for code in names) for c in candidates))
        or any(_asks_the_same(c.passage, text) or _asks_for_line(c, text) for c in candidates),
        around,
    )


def _asks_the_same(passage: Passage, text: str) -> bool:
    """Whether a passage answers a question with the very words of this one."""
    asked = passage.heading.rsplit(HEADING_GAP, 1)[-1]
    return passage.kind is PassageKind.QUESTION_ANSWER and set(content_terms(asked)) == set(content_terms(text))


def _asks_for_line(candidate: Candidate, text: str) -> bool:
    """Whether a question names a line of a plain list, `Ripon: 8804`, and says a word that stands elsewhere in it."""
    label, gap, _ = candidate.text.partition(": ")
    passage, asked = candidate.passage, set(content_terms(text))
    named = set(content_terms(label))
    if not gap or not named or not named <= asked or len(_ENTRY.findall(passage.text)) < _FEWEST_ENTRIES:
        return False
    return bool((asked - named) & set(content_terms(f"{passage.title} {passage.heading} {passage.text}")))


_ENTRY = re.compile(r"^[^:.!?\n]{1,60}: [^\n]{1,60}$", re.MULTILINE)
_FEWEST_ENTRIES = 3


def names_code(candidate: Candidate, code: str) -> bool:
    """Whether a unit speaks of a code: it holds it, or its document's title or a heading above it does."""
    passage = candidate.passage
    return any(holds_code(part, code) for part in (candidate.text, passage.heading, passage.title))


def minimum_term_similarity(text: str, tokens: TokenEmbeddings, sentences: Embeddings) -> float:
    """The lowest similarity, in [-1, 1], of a question's content words to the sentence nearest to each.

    Args:
        text: a question.
        tokens: its own; words beyond them, which the encoder does not see, do not count.
        sentences: (K, D), K > 0.

    Returns:
        0 for a question without a word: nothing speaks of it.
    """
    if not len(tokens.embeddings):
        return 0.0
    rows = tokens.embeddings / np.linalg.norm(tokens.embeddings, axis=1, keepdims=True)  # (T, D)
    nearest = (rows @ sentences.T).max(axis=1)  # (T,)
    starts, ends = tokens.offsets.T
    words = [nearest[(starts < end) & (ends > start)] for start, end in content_words(text)]
    return float(min((word.mean() for word in words if len(word)), default=0.0))


def span_to_verify(evidence: Evidence) -> tuple[Passage, int, int]:
    """The place in the nearest passage where the answer would stand: the sentence that fits best, and those beside it.

    Returns:
        The passage, and `start, end` of the document's text.
    """
    passage = evidence.candidates[0].passage
    own = [candidate for candidate in evidence.candidates if candidate.passage.passage_id == passage.passage_id]
    best = int(evidence.similarities[: len(own)].argmax())
    around = own[max(0, best - 1) : best + 2]
    return passage, around[0].start, around[-1].end
