"""Answers are made of cited sentences, and their confidence follows the similarities."""

import math

import numpy as np
import pytest

from edge_agent.answering.evidence import Answering, Confidence, Evidence, candidate_sentences, compose, judge
from edge_agent.storage.records import Passage

UNREAD = Confidence(passage=2, sentence=3, word=4, reading=0, intercept=-3, threshold=0.5)
READ = Confidence(passage=2, sentence=3, word=4, reading=0.5, intercept=-3, threshold=0.8)
ANSWERING = Answering(unread=UNREAD, with_reading=READ, keep_above=0.9, max_sentences=2)


def passage(text: str, *, document_id: str = "d1", start: int = 100) -> Passage:
    return Passage(1, document_id, "ab" * 32, "a.md", "Title", "en", "Heading", 0, start, start + len(text), text)


def test_sentences_keep_their_place_in_the_document() -> None:
    candidates = candidate_sentences([(passage("First one. Second one."), 0.5)])
    assert [(c.start, c.end, c.text) for c in candidates] == [(100, 110, "First one."), (111, 122, "Second one.")]


def test_the_nearest_sentences_of_one_document_are_cited_in_reading_order() -> None:
    candidates = candidate_sentences(
        [(passage("Far away. Near it. Nearest."), 0.6), (passage("Elsewhere.", document_id="d2"), 0.6)]
    )
    question = np.array([1.0, 0.0], dtype=np.float32)
    embeddings = np.array([[0.1, 0], [0.78, 0], [0.8, 0], [0.79, 0]], dtype=np.float32)
    composed = compose(candidates, embeddings, question, ANSWERING, word=0.5)
    assert [c.quote for c in composed.citations] == ["Near it.", "Nearest."]
    assert composed.citations[1].similarity == pytest.approx(0.8)


def test_the_best_sentence_is_cited_even_where_nothing_is_near() -> None:
    candidates = candidate_sentences([(passage("Far. Farther."), -0.4)])
    embeddings = np.array([[-0.1, 0], [-0.5, 0]], dtype=np.float32)
    composed = compose(candidates, embeddings, np.array([1, 0], dtype=np.float32), ANSWERING, word=0.0)
    assert [c.quote for c in composed.citations] == ["Far."]


def test_evidence_is_the_nearest_passage_the_nearest_sentence_and_the_word_spoken_of_least() -> None:
    candidates = candidate_sentences([(passage("One. Two."), 0.6), (passage("Three.", document_id="d2"), 0.7)])
    embeddings = np.array([[0.9, 0], [0.2, 0], [0.1, 0]], dtype=np.float32)
    composed = compose(candidates, embeddings, np.array([1, 0], dtype=np.float32), ANSWERING, word=0.25)
    evidence = composed.evidence
    assert (evidence.passage, evidence.sentence, evidence.word) == pytest.approx((0.7, 0.9, 0.25))


def test_confidence_matches_a_hand_computation() -> None:
    judgement = judge(Evidence(0.6, 0.5, 0.25), UNREAD)
    assert judgement.confidence == pytest.approx(1 / (1 + math.exp(-(2 * 0.6 + 3 * 0.5 + 4 * 0.25 - 3))))
    assert not judgement.is_withheld
    assert judge(Evidence(0.6, 0.5, 0.0), UNREAD).is_withheld


def test_what_the_reader_says_counts_and_has_its_own_threshold() -> None:
    judgement = judge(Evidence(0.6, 0.5, 0.25), READ, reading=2.0)
    assert judgement.confidence == pytest.approx(1 / (1 + math.exp(-(1.2 + 1.5 + 1.0 + 0.5 * 2.0 - 3))))
    assert not judgement.is_withheld
    assert judge(Evidence(0.6, 0.5, 0.25), READ, reading=0.5).is_withheld
