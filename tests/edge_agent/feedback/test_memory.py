"""The memory: what people said of a document moves it for the same and similar questions, at once and within bounds."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.errors import InputInvalid, MemoryUnknown
from edge_agent.feedback.log import NewFeedback
from edge_agent.feedback.memory import MOST_MOVED
from edge_agent.forgetting import Asked, expire
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from edge_agent.storage.memory import MOST_REMEMBERED
from edge_agent.storage.records import Filter
from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle, write_bundle
from tests.edge_agent.http.test_deletion import holding

MARKDOWN = DocumentFormat.MARKDOWN
QUESTION, SIMILAR = "When does the office open?", "At what time does the office open in the morning?"
OTHERS = ("How many days until a refund is paid?", "Which phone number has the support?", "Is there parking?")
OTHER_SPACE = "ab" * 32


def fill(agent: Agent) -> Agent:
    for town, hour in (("Madrid", "nine"), ("Lima", "ten"), ("Valencia", "eight")):
        text = f"# Office in {town}\n\nThe office in {town} opens at {hour} in the morning.\n"
        agent.add_document(f"{town}.md", text.encode(), MARKDOWN)
    agent.add_document("refunds.md", b"# Refunds\n\nRefunds are paid within ten working days.\n", MARKDOWN)
    return agent


@pytest.fixture
def filled(agent: Agent) -> Agent:
    return fill(agent)


def sources(agent: Agent, question: str) -> list[str]:
    return [found.source for found in agent.lookup.search(question)]


def moves(agent: Agent, question: str, *, days: float = 0) -> dict[str, float]:
    """Amounts that documents, by source, move by for a question some days from now."""
    model = agent.models.active
    embedding = model.student.encoder.encode([question])[0]
    recalled = agent.memory.recall(question, embedding, model.space, now=datetime.now(UTC) + timedelta(days=days))
    source_of = {document.document_id: document.source for document in agent.documents()}
    return {source_of[document_id]: move for document_id, move in recalled.moves.items()}


def test_the_right_document_comes_first_at_once_for_the_same_and_similar_questions(filled: Agent) -> None:
    before = {question: sources(filled, question) for question in (QUESTION, SIMILAR, *OTHERS)}
    first, second = before[QUESTION][:2]
    answer = filled.questions.query(QUESTION)
    assert (answer.citations[0].source, answer.remembered) == (first, [])
    filled.add_feedback(NewFeedback(QUESTION, source=second))
    for question in (QUESTION, SIMILAR):
        found, remembered = filled.lookup.search_remembering(question)
        assert (found[0].source, remembered) == (second, [1])
    after = filled.questions.query(QUESTION)
    assert (after.citations[0].source, after.remembered, after.is_repeated) == (second, [1], False)
    for question in OTHERS:
        assert filled.lookup.search_remembering(question)[1] == []
        assert sources(filled, question) == before[question]


def test_what_is_remembered_outlives_a_restart(tmp_path: Path) -> None:
    with Agent(AgentSettings(tmp_path)) as agent:
        second = sources(fill(agent), QUESTION)[1]
        agent.add_feedback(NewFeedback(QUESTION, source=second, customer="c-1"))
        assert sources(agent, SIMILAR)[0] == second
    with Agent(AgentSettings(tmp_path)) as agent:
        assert sources(agent, SIMILAR)[0] == second
        (row,) = agent.memory.all()
        assert (row.text, row.source, row.is_right, row.customer, row.uses) == (QUESTION, second, True, "c-1", 1)
        assert agent.store.check(384) == []


def test_a_helpful_answer_speaks_for_what_it_cites_and_another_against_it(filled: Agent) -> None:
    first, second = sources(filled, QUESTION)[:2]
    filled.add_feedback(NewFeedback(QUESTION, is_helpful=False))
    assert moves(filled, QUESTION) == pytest.approx({first: -MOST_MOVED / 2}, rel=1e-3)
    assert filled.questions.query(QUESTION).citations[0].source != first
    filled.forget_remembered()
    cited = [document.document_id for document in filled.documents() if document.source == second]
    filled.add_feedback(NewFeedback(QUESTION, is_helpful=True, cited=cited))
    assert moves(filled, QUESTION) == pytest.approx({second: MOST_MOVED / 2}, rel=1e-3)
    with pytest.raises(InputInvalid, match="expected at most 20"):
        filled.add_feedback(NewFeedback(QUESTION, is_helpful=True, cited=["x"] * 21))
    filled.add_feedback(NewFeedback("something else", is_helpful=True, cited=["no such document"]))
    assert len(filled.memory.all()) == 1


def test_people_who_agree_count_more_and_who_disagree_cancel_out(filled: Agent) -> None:
    for _ in range(3):  # one person, however often
        filled.add_feedback(NewFeedback(QUESTION, source="Lima.md", customer="c-1"))
    assert moves(filled, QUESTION)["Lima.md"] == pytest.approx(MOST_MOVED / 2, rel=1e-3)
    filled.add_feedback(NewFeedback(SIMILAR, source="Lima.md", customer="c-1"))
    assert moves(filled, QUESTION)["Lima.md"] == pytest.approx(MOST_MOVED / 2, rel=1e-3)
    filled.add_feedback(NewFeedback(QUESTION, source="Lima.md", customer="c-2"))
    assert moves(filled, QUESTION)["Lima.md"] == pytest.approx(MOST_MOVED * 2 / 3, rel=1e-3)
    lima = next(document.document_id for document in filled.documents() if document.source == "Lima.md")
    for customer in ("c-3", "c-4"):
        filled.add_feedback(NewFeedback(QUESTION, is_helpful=False, cited=[lima], customer=customer))
    assert moves(filled, QUESTION).get("Lima.md", 0.0) == pytest.approx(0, abs=1e-3)
    filled.add_feedback(NewFeedback(QUESTION, is_helpful=False, cited=[lima], customer="c-1"))  # has another mind now
    assert moves(filled, QUESTION)["Lima.md"] < 0
    assert max(map(abs, moves(filled, QUESTION).values())) < MOST_MOVED


def test_without_a_pseudonym_all_are_one_person(filled: Agent) -> None:
    for text in (QUESTION, SIMILAR, f"{QUESTION} please"):
        filled.add_feedback(NewFeedback(text, source="Lima.md"))
    assert moves(filled, QUESTION)["Lima.md"] == pytest.approx(MOST_MOVED / 2, rel=1e-3)


def test_newer_judgements_count_more_than_older_ones(filled: Agent) -> None:
    filled.add_feedback(NewFeedback(QUESTION, source="Lima.md"))
    now, later = moves(filled, QUESTION)["Lima.md"], moves(filled, QUESTION, days=365)["Lima.md"]
    assert later == pytest.approx(MOST_MOVED / 3, rel=1e-3)  # half the weight: 0.5 / (1 + 0.5)
    assert later < now


def test_another_figure_is_another_question(filled: Agent) -> None:
    filled.add_feedback(NewFeedback("What does error 525 mean in the panel?", source="Lima.md"))
    assert moves(filled, "What does error 525 mean?")
    assert not moves(filled, "What does error 524 mean in the panel?")


def test_memory_adds_nothing_to_the_confidence(filled: Agent) -> None:
    filled.add_document("garden.md", b"# Office in Bogota\n\nThe office has a garden with a lawn.\n", MARKDOWN)
    before = filled.questions.query(QUESTION)
    for customer in map(str, range(5)):
        filled.add_feedback(NewFeedback(QUESTION, source="garden.md", customer=customer))
    after = filled.questions.query(QUESTION)
    assert after.remembered
    assert (before.nearest_documents[0].source, after.nearest_documents[0].source) != ("garden.md", "garden.md")
    assert after.nearest_documents[0].source == "garden.md"
    assert after.confidence < before.confidence


def test_no_agreement_brings_up_what_is_about_something_else(filled: Agent) -> None:
    first = sources(filled, QUESTION)[0]
    for customer in map(str, range(9)):
        filled.add_feedback(NewFeedback(QUESTION, source="refunds.md", customer=customer))
    assert sources(filled, QUESTION)[0] == first


def test_only_documents_that_the_question_looks_in_are_moved(filled: Agent) -> None:
    filled.add_feedback(NewFeedback(QUESTION, source="Lima.md"))
    where = Filter(source_prefix="Madrid")
    answer = filled.questions.query(QUESTION, where=where)
    assert answer.remembered == []
    assert {found.source for found in filled.lookup.search(QUESTION, where=where)} == {"Madrid.md"}


def test_a_replaced_document_stays_remembered_and_a_deleted_one_does_not(filled: Agent) -> None:
    for source in ("Lima.md", "Madrid.md"):
        filled.add_feedback(NewFeedback(QUESTION, source=source, customer=source))
    replaced = filled.add_document("Lima.md", b"# Lima\n\nThe office in Lima opens at noon.\n", MARKDOWN).document
    filled.move_document(replaced.document_id, "offices/Lima.md")
    assert set(moves(filled, QUESTION)) == {"offices/Lima.md", "Madrid.md"}
    filled.delete_document(replaced.document_id)
    assert [row.source for row in filled.memory.all()] == ["Madrid.md"]
    assert set(moves(filled, QUESTION)) == {"Madrid.md"}
    assert len(filled.feedback.read_since(0)) == 2


def test_what_is_deleted_from_memory_moves_nothing_and_its_feedback_stays(filled: Agent) -> None:
    before = sources(filled, QUESTION)
    for customer in ("c-1", "c-2"):
        filled.add_feedback(NewFeedback(QUESTION, source=before[1], customer=customer))
    assert filled.forget_remembered(1) == 1
    assert [row.memory_id for row in filled.memory.all()] == [2]
    for unknown in (1, 0, 2**70):
        with pytest.raises(MemoryUnknown):
            filled.forget_remembered(unknown)
    assert filled.forget_remembered() == 1
    assert filled.memory.all() == []
    assert sources(filled, QUESTION) == before
    assert len(filled.feedback.read_since(0)) == 2


def test_what_is_forgotten_or_too_old_is_remembered_no_more(tmp_path: Path) -> None:
    with Agent(AgentSettings(tmp_path)) as agent:
        fill(agent)
        for customer, word in (("c-1", "quokkasized"), ("c-2", "wherefore"), ("c-3", "hitherto")):
            said = NewFeedback(f"{QUESTION} {word}, write to {word}@mail.example", source="Lima.md", customer=customer)
            agent.add_feedback(said)
        assert holding(tmp_path, "@mail.example") == {}
        assert len(agent.memory.all()) == 3
        agent.forget(Asked(customer="c-1"))
        agent.forget(Asked(words="wherefore", keeps_documents=True))
        assert [row.customer for row in agent.memory.all()] == ["c-3"]
        assert holding(tmp_path, "quokkasized", "wherefore") == {}
        expire(agent, datetime.now(UTC) + timedelta(days=31), keep_days=30)
        assert agent.memory.all() == []
        assert moves(agent, QUESTION) == {}
        assert holding(tmp_path, "hitherto") == {}


def test_turned_off_nothing_is_remembered_nor_used(tmp_path: Path) -> None:
    with Agent(AgentSettings(tmp_path)) as agent:
        before = sources(fill(agent), QUESTION)
        agent.add_feedback(NewFeedback(QUESTION, source=before[1]))
    with Agent(AgentSettings(tmp_path, is_remembering=False)) as agent:
        assert agent.lookup.search_remembering(QUESTION)[1] == []
        assert sources(agent, QUESTION) == before
        agent.add_feedback(NewFeedback(QUESTION, source=before[2]))
        assert [row.source for row in agent.memory.all()] == [before[1]]
        assert agent.forget_remembered() == 1


def test_beyond_the_bound_what_was_not_used_for_longest_goes_first(filled: Agent) -> None:
    lima = next(document.document_id for document in filled.documents() if document.source == "Lima.md")
    with filled.store.database.transaction() as db:
        rows = [(f"q{n}", "2026-01-01T00:00:00+00:00") for n in range(MOST_REMEMBERED)]
        db.executemany("INSERT INTO feedback (at, text, is_helpful, bundle_digest) VALUES (?2, ?1, 1, '')", rows)
        db.execute("INSERT INTO memory SELECT id, id, ?, 1, 0, at FROM feedback", [lima])
    filled.store.memory.note_uses({1: 1})
    filled.store.memory.note_uses({3: 2})
    said = NewFeedback("one more", source="Lima.md")
    filled.feedback.add(said, "ab" * 32, document_id=lima, judged={lima: True})
    ids = [row.memory_id for row in filled.memory.all()]
    assert len(ids) == MOST_REMEMBERED
    assert {1, 3, MOST_REMEMBERED + 1} < set(ids)
    assert 2 not in ids


def test_a_bundle_of_another_space_remembers_the_same(tmp_path: Path) -> None:
    settings = AgentSettings(tmp_path / "store")
    with Agent(settings) as agent:
        second = sources(fill(agent), QUESTION)[1]
        agent.add_feedback(NewFeedback(QUESTION, source=second))
    bundle = open_bundle(DEFAULT_BUNDLE)
    fields = bundle.manifest.model_dump(exclude={"files"}) | {"embedding_space": OTHER_SPACE}
    other = write_bundle(tmp_path / "other", fields, {name: bundle.read(name) for name in bundle.manifest.files})
    with Agent(dataclasses.replace(settings, bundle=other.path)) as agent:
        assert sources(agent, SIMILAR)[0] == second  # whichever bundle answers
        agent.models.wait_until_promoted(timeout_s=120)
        assert agent.models.active.space == OTHER_SPACE
        assert agent.lookup.search_remembering(SIMILAR)[1] == [1]
        assert sources(agent, SIMILAR)[0] == second
        rows, embeddings = agent.store.memory.embedded(OTHER_SPACE, 384)
        assert (len(rows), embeddings.shape) == (1, (1, 384))
        assert agent.store.check(384) == []


def test_a_damaged_embedding_of_a_question_is_made_again(tmp_path: Path) -> None:
    with Agent(AgentSettings(tmp_path)) as agent:
        second = sources(fill(agent), QUESTION)[1]
        agent.add_feedback(NewFeedback(QUESTION, source=second))
        with agent.store.database.transaction() as db:
            db.execute("UPDATE memory_embeddings SET embedding = zeroblob(768)")
        assert agent.store.check(384) == ["1 embeddings that are not what was written"]
    with Agent(AgentSettings(tmp_path)) as agent:
        assert sources(agent, SIMILAR)[0] == second
        assert agent.store.check(384) == []
