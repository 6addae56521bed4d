"""Answers are made of cited sentences, and their confidence follows the similarities."""

import math

import numpy as np
import pytest

from edge_agent.answer import Answering, Confidence, candidate_sentences, compose
from edge_agent.records import Passage

UNREAD = Confidence(passage=2, sentence=3, reading=0, intercept=-1, threshold=0.5)
READ = Confidence(passage=2, sentence=3, reading=0.5, intercept=-1, threshold=0.8)
ANSWERING = Answering(unread=UNREAD, with_reading=READ, keep_above=0.9, max_sentences=2)


def passage(text: str, *, document_id: str = "d1", start: int = 100) -> Passage:
    return Passage(1, document_id, "a.md", "Title", "en", "Heading", 0, start, start + len(text), text)


def test_sentences_keep_their_place_in_the_document() -> None:
    candidates = candidate_sentences([(passage("First one. Second one."), 0.5)])
    assert [(c.start, c.end, c.text) for c in candidates] == [(100, 110, "First one."), (111, 122, "Second one.")]


def test_the_nearest_sentences_of_one_document_are_cited_in_reading_order() -> None:
    candidates = candidate_sentences(
        [(passage("Far away. Near it. Nearest."), 0.6), (passage("Elsewhere.", document_id="d2"), 0.6)]
    )
    question = np.array([1.0, 0.0], dtype=np.float32)
    embeddings = np.array([[0.1, 0], [0.78, 0], [0.8, 0], [0.79, 0]], dtype=np.float32)
    composed = compose(candidates, embeddings, question, ANSWERING)
    assert [c.quote for c in composed.citations] == ["Near it.", "Nearest."]
    assert composed.citations[1].similarity == pytest.approx(0.8)


def test_confidence_matches_a_hand_computation() -> None:
    candidates = candidate_sentences([(passage("Only one."), 0.6)])
    composed = compose(
        candidates, np.array([[0.5, 0]], dtype=np.float32), np.array([1, 0], dtype=np.float32), ANSWERING
    )
    assert composed.confidence == pytest.approx(1 / (1 + math.exp(-(2 * 0.6 + 3 * 0.5 - 1))))


def test_what_the_reader_says_counts_in_the_confidence_and_has_its_own_threshold() -> None:
    candidates = candidate_sentences([(passage("Only one."), 0.6)])
    embeddings, question = np.array([[0.5, 0]], dtype=np.float32), np.array([1, 0], dtype=np.float32)
    composed = compose(candidates, embeddings, question, ANSWERING, [-3.0, 1.0])
    assert composed.confidence == pytest.approx(1 / (1 + math.exp(-(2 * 0.6 + 3 * 0.5 + 0.5 * 1.0 - 1))))
    assert not composed.is_withheld
    assert compose(candidates, embeddings, question, ANSWERING, [-3.0]).is_withheld
