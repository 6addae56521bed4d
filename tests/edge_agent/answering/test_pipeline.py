"""The query pipeline reads one snapshot: never anything of before a change that was acknowledged, never half of one."""

import threading

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.answering.evidence import candidate_units
from edge_agent.answering.gathering import embed_sentences
from edge_agent.answering.pipeline import open_current
from edge_agent.errors import DocumentUnknown
from edge_agent.feedback.log import NewFeedback
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.retrieval.search import retrieve
from edge_agent.storage.records import NO_FILTER, document_id_of

QUESTION = "What is the code of the week?"


def put(agent: Agent, number: int) -> None:
    text = f"# Codes\n\nThe code of the week is K{number}.\n"
    agent.add_document("codes.md", text.encode(), DocumentFormat.MARKDOWN)


def test_an_answer_after_a_change_holds_nothing_of_before_it_whoever_asks_meanwhile(agent: Agent) -> None:
    put(agent, 0)
    stop, failures = threading.Event(), list[BaseException]()

    def keep_asking() -> None:
        try:
            while not stop.is_set():
                agent.questions.query(QUESTION)
        except BaseException as error:  # the test below fails with it
            failures.append(error)

    readers = [threading.Thread(target=keep_asking) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(1, 41):
            put(agent, number)
            assert f"K{number}." in str(agent.questions.query(QUESTION).answer)
    finally:
        stop.set()
        for reader in readers:
            reader.join(timeout=30)
    assert failures == []


def test_spaces_do_not_make_another_question_but_words_do(agent: Agent) -> None:
    put(agent, 1)
    assert not agent.questions.query(QUESTION).is_repeated
    assert agent.questions.query("  What is  the code\nof the week? ").is_repeated
    assert not agent.questions.query("What was the code of the week?").is_repeated


def test_a_deleted_document_is_no_longer_cited(agent: Agent) -> None:
    put(agent, 1)
    assert agent.questions.query(QUESTION).answer
    agent.delete_document(document_id_of("codes.md"))
    assert agent.questions.query(QUESTION).abstained
    with pytest.raises(DocumentUnknown):
        agent.delete_document(document_id_of("codes.md"))


def test_a_snapshot_holds_its_moment_while_documents_change(agent: Agent) -> None:
    put(agent, 1)
    with open_current(agent.models, agent.store) as (model, snapshot):
        embedding = model.student.encoder.encode([QUESTION])[0]
        before = retrieve(snapshot, QUESTION, embedding, 5)
        put(agent, 2)
        agent.add_document("other.md", b"Another document.", DocumentFormat.MARKDOWN)
        agent.delete_document(document_id_of("codes.md"))
        assert retrieve(snapshot, QUESTION, embedding, 5) == before
        assert "K1." in before[0].passage.text
    with open_current(agent.models, agent.store) as (_, later):
        assert later.version > snapshot.version
        assert [f.passage.source for f in retrieve(later, QUESTION, embedding, 5)] == ["other.md"]


def test_store_and_index_of_a_snapshot_hold_the_same_passages_whatever_changes(agent: Agent) -> None:
    stop, failures = threading.Event(), list[BaseException]()

    def keep_comparing() -> None:
        try:
            while not stop.is_set():
                with open_current(agent.models, agent.store) as (_, snapshot):
                    assert sorted(snapshot.store.passage_ids(NO_FILTER)) == sorted(snapshot.index.ids().tolist())
        except BaseException as error:  # the test below fails with it
            failures.append(error)

    readers = [threading.Thread(target=keep_comparing) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(60):
            put(agent, number)
            agent.add_feedback(NewFeedback(f"question {number}", is_helpful=True))
            if number % 5 == 4:
                agent.delete_document(document_id_of("codes.md"))
    finally:
        stop.set()
        for reader in readers:
            reader.join(timeout=30)
    assert failures == []


def test_feedback_makes_no_new_version(agent: Agent) -> None:
    put(agent, 1)
    agent.questions.query(QUESTION)
    agent.add_feedback(NewFeedback("where?", is_helpful=True))
    assert agent.questions.query(QUESTION).is_repeated


def test_sentences_without_stored_embeddings_are_encoded(agent: Agent) -> None:
    put(agent, 1)
    with agent.store.database.transaction() as db:
        db.execute("DELETE FROM sentence_embeddings")
    with open_current(agent.models, agent.store) as (model, snapshot):
        found = retrieve(snapshot, QUESTION, model.student.encoder.encode([QUESTION])[0], 5)
        candidates = candidate_units([(f.passage, f.similarity) for f in found])
        expected = model.student.encoder.encode([candidate.text for candidate in candidates])
        np.testing.assert_array_equal(embed_sentences(model, snapshot, candidates), expected)
