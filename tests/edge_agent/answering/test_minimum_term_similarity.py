"""The content word of a question that the sentences are least similar to."""

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.answering.evidence import minimum_term_similarity
from student.embeddings import TokenEmbeddings


def tokens(*rows: list[float], offsets: list[tuple[int, int]]) -> TokenEmbeddings:
    embeddings = np.array(rows, dtype=np.float32).reshape(-1, 2)
    return TokenEmbeddings(embeddings, np.array(offsets, dtype=np.int64).reshape(-1, 2), np.arange(len(rows)))


def test_it_is_the_least_over_the_words_of_the_most_over_the_sentences() -> None:
    text = "pay the outlook"
    made = tokens([2, 0], [0, 9], [3, 4], offsets=[(0, 3), (4, 7), (8, 15)])
    sentences = np.array([[1, 0], [-1, 0]], dtype=np.float32)
    assert minimum_term_similarity(text, made, sentences) == pytest.approx(0.6)  # "the" is little and does not count


def test_the_pieces_of_a_word_count_together() -> None:
    made = tokens([1, 0], [0, 1], offsets=[(0, 3), (3, 7)])
    assert minimum_term_similarity("outlook", made, np.array([[1, 0]], dtype=np.float32)) == pytest.approx(0.5)


@pytest.mark.parametrize("text", ["?!", ""])
def test_nothing_speaks_of_a_question_without_words(text: str) -> None:
    assert minimum_term_similarity(text, tokens(offsets=[]), np.array([[1, 0]], dtype=np.float32)) == 0.0


def test_words_beyond_the_tokens_seen_do_not_count() -> None:
    made = tokens([1, 0], offsets=[(0, 3)])
    assert minimum_term_similarity("pay outlook", made, np.array([[1, 0]], dtype=np.float32)) == pytest.approx(1.0)


def test_a_word_that_the_sentences_lack_is_farther_than_words_they_hold(agent: Agent) -> None:
    encoder = agent.models.active.student.encoder
    sentences = encoder.encode(["Backups are taken every night.", "Backups are kept for fourteen days."])
    asked = ["how long are backups kept", "how long are backups kept in Antarctica"]
    known, unknown = (minimum_term_similarity(text, encoder.encode_tokens(text), sentences) for text in asked)
    assert unknown < known - 0.05
