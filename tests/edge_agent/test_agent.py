"""The agent with the real student: documents in, passages found, answers grounded."""

import dataclasses
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.errors import AgentError, ContentTooLarge, InputInvalid
from edge_agent.ingest.outcome import Outcome
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings, Chunking, Limits
from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle
from tests.conftest import ROOT
from tests.edge_agent.stored import text_of

MARKDOWN = DocumentFormat.MARKDOWN
BACKUPS = b"# Backups\n\nBackups are taken every night at two. They are kept for fourteen days.\n"
REFUNDS = "# Refunds\n\nRefunds are paid back to your card. It takes five to ten days; ¡paciencia! 🚀\n".encode()


def test_the_demo_answers_with_citations_that_reproduce_the_text(agent: Agent) -> None:
    folder = ROOT / "demo" / "knowledge_base" / "en"
    for path in sorted(folder.glob("*.md")):
        agent.add_document(path.name, path.read_bytes(), MARKDOWN)
    answer = agent.questions.query("How long do refunds take to arrive?")
    assert not answer.abstained
    assert answer.answer_text is not None
    quoted = " ".join(c.quote.replace(" | ", "; ") for c in answer.citations).split()
    assert [word for word in answer.answer_text.split() if word != "-"] == quoted[: len(answer.answer_text.split())]
    assert answer.citations[0].source == "refunds.md"
    for citation in answer.citations:
        text = text_of(agent.store, citation.document_id)
        assert text[citation.start : citation.end] == citation.quote
    for result in agent.lookup.search("certificate expired", count=20):
        assert text_of(agent.store, result.document_id)[result.start : result.end] == result.quote
    assert agent.questions.query("What is the capital of France?").abstained
    assert agent.store.check(384) == []


def test_abstaining_offers_the_nearest_documents_and_no_text(agent: Agent) -> None:
    agent.add_document("backups.md", BACKUPS, MARKDOWN)
    answer = agent.questions.query("Who won the football match yesterday?")
    assert (answer.abstained, answer.answer, answer.answer_text, answer.citations) == (True, None, None, [])
    assert [d.title for d in answer.nearest_documents] == ["Backups"]


def test_an_empty_base_abstains(agent: Agent) -> None:
    answer = agent.questions.query("anything")
    assert answer.abstained
    assert answer.confidence == 0
    assert answer.nearest_documents == []


def test_answers_name_the_bundle_and_where_the_time_went(agent: Agent) -> None:
    agent.add_document("backups.md", BACKUPS, MARKDOWN)
    answer = agent.questions.query("how long are backups kept")
    assert answer.bundle.digest == open_bundle(DEFAULT_BUNDLE).digest
    parts = answer.timings.encode_ms + answer.timings.search_ms + answer.timings.answer_ms
    assert answer.timings.total_ms == pytest.approx(parts, abs=0.01)


def test_the_same_content_again_changes_nothing(agent: Agent) -> None:
    first = agent.add_document("backups.md", BACKUPS, MARKDOWN)
    again = agent.add_document("backups.md", BACKUPS, MARKDOWN)
    assert (first.outcome, again.outcome) == (Outcome.ADDED, Outcome.UNCHANGED)
    assert first.document == again.document


def test_new_content_of_a_source_replaces_the_old(agent: Agent) -> None:
    first = agent.add_document("doc.md", BACKUPS, MARKDOWN)
    second = agent.add_document("doc.md", REFUNDS, MARKDOWN)
    assert second.outcome is Outcome.REPLACED
    assert second.document.document_id == first.document.document_id
    assert {r.title for r in agent.lookup.search("backups every night")} == {"Refunds"}
    assert agent.readiness().is_ready


def test_a_deleted_document_is_not_found(agent: Agent) -> None:
    document = agent.add_document("backups.md", BACKUPS, MARKDOWN).document
    agent.add_document("refunds.md", REFUNDS, MARKDOWN)
    agent.delete_document(document.document_id)
    assert {r.source for r in agent.lookup.search("backups")} == {"refunds.md"}
    assert agent.readiness().is_ready


def test_a_refused_document_leaves_the_one_it_would_replace(agent: Agent) -> None:
    agent.add_document("doc.md", BACKUPS, MARKDOWN)
    with pytest.raises(AgentError):
        agent.add_document("doc.md", b"\xff\xfe\x00", MARKDOWN)
    assert agent.lookup.search("backups")[0].title == "Backups"


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    settings = AgentSettings(store=tmp_path)
    with Agent(settings) as agent:
        agent.add_document("backups.md", BACKUPS, MARKDOWN)
        before = agent.lookup.search("how long are backups kept")
    with Agent(settings) as agent:
        assert agent.lookup.search("how long are backups kept") == before


def test_a_change_of_passage_size_makes_chunking_outdated_until_the_documents_are_ingested_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = AgentSettings(store=tmp_path)
    with Agent(settings) as agent:
        agent.add_document("backups.md", BACKUPS, MARKDOWN)
        assert agent.outdated_chunking() == []
    with Agent(dataclasses.replace(settings, chunking=Chunking(max_tokens=8))) as agent:
        assert agent.outdated_chunking() == ["backups.md"]
        assert "1 documents have outdated chunking" in caplog.text
        assert agent.add_document("backups.md", BACKUPS, MARKDOWN).document.passages > 1
        assert agent.outdated_chunking() == []


def test_a_title_and_heading_help_to_find_a_passage_that_does_not_name_its_subject(agent: Agent) -> None:
    agent.add_document("a.md", b"# Invoices\n\n## Corrections\n\nAsk within thirty days.\n", MARKDOWN)
    agent.add_document("b.md", b"# Refunds\n\n## Deadlines\n\nAsk within thirty days.\n", MARKDOWN)
    assert agent.lookup.search("until when can an invoice be corrected?")[0].source == "a.md"
    assert agent.lookup.search("until when can I ask for a refund?")[0].source == "b.md"


@pytest.mark.parametrize("text", ["", "   \n", "a\0b", "\ud800"])
def test_senseless_questions_are_refused(agent: Agent, text: str) -> None:
    for ask in (agent.questions.query, agent.lookup.search, agent.lookup.classify):
        with pytest.raises(InputInvalid, match="expected"):
            ask(text)


def test_long_questions_are_refused(tmp_path: Path) -> None:
    settings = AgentSettings(store=tmp_path, limits=Limits(max_query_chars=10))
    with Agent(settings) as agent, pytest.raises(ContentTooLarge, match="has 11 characters, at most 10"):
        agent.questions.query("a" * 11)


def test_refusals_never_quote_what_was_sent(agent: Agent) -> None:
    account = "ES9121000418450200051332"
    for content in (f"# {account}".encode(), b"\x89PNG" + account.encode()):
        with pytest.raises(AgentError) as refused:
            agent.add_document("doc.md", content, MARKDOWN)
        assert account not in str(refused.value)


def test_intents_come_with_alternatives(agent: Agent) -> None:
    said, _ = agent.lookup.classify("I want to cancel my hosting plan", alternatives=5)
    assert said is not None
    assert said.label == "cancel_service"
    assert len(said.alternatives) == 5
    assert said.alternatives[0].probability == said.probability
