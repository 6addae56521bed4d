"""Caches give what would be computed anew, never anything of before a change, and stay within bounds."""

import threading

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.answering.caches import Revision, SentenceCache
from edge_agent.answering.evidence import Candidate, candidate_sentences
from edge_agent.errors import DocumentUnknown
from edge_agent.ingest.parsing.formats import DocumentFormat
from edge_agent.retrieval.search import find

QUESTION = "What is the code of the week?"


def put(agent: Agent, number: int) -> None:
    text = f"# Codes\n\nThe code of the week is K{number}.\n"
    agent.add_document("codes.md", text.encode(), DocumentFormat.MARKDOWN)


def sentences(agent: Agent, text: str) -> list[Candidate]:
    found = find(agent.store, agent.index, text, agent.student.encoder.encode([text])[0], 5)
    return candidate_sentences([(f.passage, f.similarity) for f in found])


def test_what_was_read_under_a_number_holds_nothing_of_before_the_change_that_made_it(agent: Agent) -> None:
    put(agent, 0)
    stop, failures = threading.Event(), list[BaseException]()

    def keep_asking() -> None:
        try:
            while not stop.is_set():
                agent.query(QUESTION)
        except BaseException as error:  # told to the test below
            failures.append(error)

    readers = [threading.Thread(target=keep_asking) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(1, 41):
            put(agent, number)
            assert f"K{number}." in str(agent.query(QUESTION).answer)
    finally:
        stop.set()
        for reader in readers:
            reader.join(timeout=30)
    assert failures == []


def test_a_change_counts_when_it_has_ended_and_also_when_it_fails() -> None:
    revision = Revision()
    with revision.changing():
        assert revision.number == 0
    assert revision.number == 1
    with pytest.raises(ZeroDivisionError), revision.changing():
        raise ZeroDivisionError
    assert revision.number == 2


def test_spaces_do_not_make_another_question_but_words_do(agent: Agent) -> None:
    put(agent, 1)
    assert not agent.query(QUESTION).is_repeated
    assert agent.query("  What is  the code\nof the week? ").is_repeated
    assert not agent.query("What was the code of the week?").is_repeated


def test_a_deleted_document_is_no_longer_cited(agent: Agent) -> None:
    put(agent, 1)
    assert agent.query(QUESTION).answer
    agent.delete_source("codes.md")
    assert agent.query(QUESTION).abstained
    with pytest.raises(DocumentUnknown):
        agent.delete_source("codes.md")


def test_kept_sentences_have_the_embeddings_that_encoding_gives(agent: Agent) -> None:
    for name, text in {"a": "One thing. Another thing.", "b": "A third one!", "c": "Four. Five. Six."}.items():
        agent.add_document(f"{name}.md", text.encode(), DocumentFormat.MARKDOWN)
    encoded: list[str] = []

    def encode(texts: "list[str]") -> "np.ndarray":
        encoded.extend(texts)
        return agent.student.encoder.encode(texts)

    cache = SentenceCache(lambda ids: {}, encode)  # type: ignore[arg-type]
    candidates = sentences(agent, "a thing")
    expected = agent.student.encoder.encode([candidate.text for candidate in candidates])
    for some in (candidates, candidates, candidates[-1:]):
        np.testing.assert_array_equal(cache.embeddings(some)[-1], expected[-1])
    np.testing.assert_array_equal(cache.embeddings(candidates), expected)
    assert len(encoded) == len(candidates)


def test_sentences_are_kept_up_to_a_size(agent: Agent) -> None:
    for number in range(4):
        agent.add_document(f"{number}.md", f"Document {number}.".encode(), DocumentFormat.MARKDOWN)
    encoded: list[str] = []

    def encode(texts: "list[str]") -> "np.ndarray":
        encoded.extend(texts)
        return agent.student.encoder.encode(texts)

    row_bytes = 4 * agent.student.encoder.dimension
    cache = SentenceCache(lambda ids: {}, encode, size_bytes=2 * row_bytes)  # type: ignore[arg-type]
    candidates = sentences(agent, "document")
    for candidate in (*candidates, candidates[-1], candidates[0]):
        cache.embeddings([candidate])
    assert len(encoded) == 5  # the last was kept, the first had to go
