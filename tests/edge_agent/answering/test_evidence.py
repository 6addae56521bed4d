"""Answers are made of cited sentences, and their confidence follows the similarities."""

import math

import numpy as np
import pytest

from edge_agent.answering.composition import choose_units
from edge_agent.answering.evidence import (
    Answering,
    Candidate,
    ConfidenceModel,
    Evidence,
    candidate_units,
    weigh_evidence,
)
from edge_agent.answering.scoring import score_units
from edge_agent.storage.records import Passage
from student.embeddings import TokenEmbeddings

UNVERIFIED = ConfidenceModel(passage=2, sentence=3, term=4, verification=0, intercept=-3, threshold=0.5)
VERIFIED = ConfidenceModel(passage=2, sentence=3, term=4, verification=0.5, intercept=-3, threshold=0.8)
ANSWERING = Answering(unverified=UNVERIFIED, verified=VERIFIED, keep_above=0.9, max_units=2)
QUESTION = np.array([1.0, 0.0], dtype=np.float32)


def passage(text: str, *, document_id: str = "d1", start: int = 100) -> Passage:
    return Passage(1, document_id, "ab" * 32, "a.md", "Title", "en", "Heading", 0, start, start + len(text), text)


def evidence_of(candidates: list[Candidate], embeddings: "np.ndarray") -> Evidence:
    """The evidence for a question of one word, which is nothing but its first direction."""
    tokens = TokenEmbeddings(QUESTION[None], np.array([[0, 5]]), np.array([0]))
    return weigh_evidence(candidates, embeddings, QUESTION, "nights", tokens)


def numbers(passage: float, sentence: float, term: float) -> Evidence:
    return Evidence([], np.empty(0, dtype=np.float32), passage, sentence, term)


def test_sentences_keep_their_place_in_the_document() -> None:
    candidates = candidate_units([(passage("First one. Second one."), 0.5)])
    assert [(c.start, c.end, c.text) for c in candidates] == [(100, 110, "First one."), (111, 122, "Second one.")]


def test_the_nearest_sentences_of_one_document_are_cited_in_reading_order() -> None:
    candidates = candidate_units(
        [(passage("Far away.\n\nNear it.\n\nNearest."), 0.6), (passage("Elsewhere.", document_id="d2"), 0.6)]
    )
    embeddings = np.array([[0.1, 0], [0.78, 0], [0.8, 0], [0.79, 0]], dtype=np.float32)
    found = evidence_of(candidates, embeddings)
    citations = choose_units(found, ANSWERING, "nights", score_units(found, ANSWERING, "nights", language=""))
    assert [c.quote for c in citations] == ["Near it.", "Nearest."]
    assert citations[1].similarity == pytest.approx(0.8)


def test_the_best_sentence_is_cited_even_where_nothing_is_near() -> None:
    candidates = candidate_units([(passage("Far.\n\nFarther."), -0.4)])
    embeddings = np.array([[-0.1, 0], [-0.5, 0]], dtype=np.float32)
    found = evidence_of(candidates, embeddings)
    citations = choose_units(found, ANSWERING, "nights", score_units(found, ANSWERING, "nights", language=""))
    assert [c.quote for c in citations] == ["Far."]


def test_evidence_is_the_nearest_passage_the_nearest_sentence_and_the_minimum_term_similarity() -> None:
    candidates = candidate_units([(passage("One. Two."), 0.6), (passage("Three.", document_id="d2"), 0.7)])
    embeddings = np.array([[0.9, 0], [0.2, 0], [0.1, 0]], dtype=np.float32)
    evidence = evidence_of(candidates, embeddings)
    assert (evidence.passage, evidence.sentence, evidence.term) == pytest.approx((0.7, 0.9, 0.9))


def test_confidence_matches_a_hand_computation() -> None:
    confidence = UNVERIFIED.confidence(numbers(0.6, 0.5, 0.25))
    assert confidence == pytest.approx(1 / (1 + math.exp(-(2 * 0.6 + 3 * 0.5 + 4 * 0.25 - 3))))
    assert UNVERIFIED.confidence(numbers(0.6, 0.5, 0.0)) < UNVERIFIED.threshold < confidence


def test_the_verifiers_logit_counts_and_has_its_own_threshold() -> None:
    confidence = VERIFIED.confidence(numbers(0.6, 0.5, 0.25), verification=2.0)
    assert confidence == pytest.approx(1 / (1 + math.exp(-(1.2 + 1.5 + 1.0 + 0.5 * 2.0 - 3))))
    assert VERIFIED.confidence(numbers(0.6, 0.5, 0.25), verification=0.5) < VERIFIED.threshold < confidence


@pytest.mark.parametrize(
    ("text", "question", "is_named"),
    [
        ("Error E-101: open tray one.", "What is E-101?", True),
        ("Error E-1010: wait.", "What is E-101?", False),
        ("Version 4.2.1 runs here.", "Does 4.2.1 run?", True),
        ("Founded in 2025.", "What happened in 2025?", False),
        ("Up to 20GB a month.", "May I upload 20GB?", False),
    ],
)
def test_a_code_that_names_something_speaks_for_an_answer(text: str, question: str, is_named: bool) -> None:
    candidates = candidate_units([(passage(text), 0.5)])
    tokens = TokenEmbeddings(QUESTION[None], np.array([[0, 5]]), np.array([0]))
    found = weigh_evidence(
        candidates, np.array([[0.1, 0]] * len(candidates), dtype=np.float32), QUESTION, question, tokens
    )
    assert found.is_named is is_named
