"""A document's identity and age: kept when it is replaced, moved or its update is refused; dates as it says them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.errors import DocumentUnknown, FormatUnsupported, InputInvalid, RootUnknown
from edge_agent.feedback.log import NewFeedback
from edge_agent.ingest.outcome import Outcome
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from edge_agent.storage.records import Document
from student.artifacts.digests import digest_bytes

MARKDOWN = DocumentFormat.MARKDOWN
TEXT = b"How long are backups kept? Backups are kept for thirty days.\n"


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with Agent(AgentSettings(tmp_path_factory.mktemp("store"))) as opened:
        yield opened


@pytest.fixture(autouse=True)
def empty(agent: Agent) -> None:
    for root in agent.roots():
        agent.forget_root(root.label)
    for file in agent.files("").values():
        agent.delete_document(file.document_id)


def document(agent: Agent, document_id: str) -> Document:
    return agent.store.snapshots.read(lambda snapshot: snapshot.document(document_id))


def test_a_file_is_known_by_its_bytes_and_keeps_its_identity_under_another_name(agent: Agent, tmp_path: Path) -> None:
    root = agent.add_root(tmp_path)
    added = agent.add_document("faq/backups.md", TEXT, MARKDOWN, root=root).document
    before = agent.lookup.search("backups")[0]
    assert agent.files(root)["faq/backups.md"].bytes_sha256 == digest_bytes(TEXT)
    agent.move_document(added.document_id, "guides/copies_of-data.md")
    assert list(agent.files(root)) == ["guides/copies_of-data.md"]
    after = agent.lookup.search("backups")[0]
    assert (after.document_id, after.passage_id, after.quote) == (before.document_id, before.passage_id, before.quote)
    assert (after.source, after.title) == ("guides/copies_of-data.md", "copies of data")
    again = agent.add_document("guides/copies_of-data.md", TEXT, MARKDOWN, root=root)
    assert (again.outcome, again.document.document_id) == (Outcome.UNCHANGED, added.document_id)
    assert agent.lookup.search("copies")[0].document_id == added.document_id
    assert agent.store.check(agent.models.active.student.encoder.dimension) == []


def test_a_title_of_its_own_stays_when_a_document_is_moved(agent: Agent) -> None:
    added = agent.add_document("a.md", b"# Backups\n\nEvery night.", MARKDOWN).document
    agent.move_document(added.document_id, "b.md")
    assert document(agent, added.document_id).title == "Backups"


def test_feedback_follows_a_document_that_was_moved(agent: Agent) -> None:
    added = agent.add_document("a.md", TEXT, MARKDOWN).document
    agent.move_document(added.document_id, "b.md")
    agent.add_feedback(NewFeedback("how long?", source="b.md"))
    said = agent.feedback.read_since(0)[-1]
    assert (said.source, said.document_id) == ("b.md", added.document_id)
    with pytest.raises(DocumentUnknown):
        agent.add_feedback(NewFeedback("how long?", source="a.md"))


def test_documents_are_recommended_from_one_that_was_moved(agent: Agent) -> None:
    added = agent.add_document("a.md", TEXT, MARKDOWN).document
    other = agent.add_document("other.md", b"Backups are made every night at three.", MARKDOWN).document
    agent.move_document(added.document_id, "b.md")
    assert [d.document_id for d in agent.lookup.recommend([], source="b.md")] == [other.document_id]


def test_a_refused_update_marks_the_old_version_until_one_is_accepted(agent: Agent) -> None:
    added = agent.add_document("a.md", TEXT, MARKDOWN).document
    with pytest.raises(FormatUnsupported):
        agent.add_document("a.md", b"%PDF-1.4", MARKDOWN)
    marked = document(agent, added.document_id)
    assert "not what its type 'markdown' promises" in marked.stale_reason
    assert marked.stale_since
    [citation] = agent.questions.query("how long are backups kept?").citations
    assert citation.is_stale
    assert agent.files("")["a.md"].is_stale
    assert agent.add_document("a.md", TEXT, MARKDOWN).outcome is Outcome.UNCHANGED
    assert not document(agent, added.document_id).is_stale
    [citation] = agent.questions.query("how long are backups kept?").citations
    assert not citation.is_stale
    agent.mark_stale("", "a.md", "the file cannot be read")
    replaced = agent.add_document("a.md", b"Backups are kept for ninety days.", MARKDOWN).document
    assert (replaced.document_id, replaced.is_stale) == (added.document_id, False)


def test_a_mark_says_since_when_and_the_latest_reason(agent: Agent) -> None:
    added = agent.add_document("a.md", TEXT, MARKDOWN).document
    agent.mark_stale("", "a.md", "first")
    since = document(agent, added.document_id).stale_since
    agent.mark_stale("", "a.md", "second")
    assert document(agent, added.document_id).stale_reason == "second"
    assert document(agent, added.document_id).stale_since == since
    agent.mark_stale("", "absent.md", "nothing is there to mark")
    with pytest.raises(InputInvalid, match="reason is empty"):
        agent.mark_stale("", "a.md", " ")
    assert agent.store.check(agent.models.active.student.encoder.dimension) == []


def test_a_refused_new_document_marks_nothing(agent: Agent) -> None:
    with pytest.raises(FormatUnsupported):
        agent.add_document("a.md", b"%PDF-1.4", MARKDOWN)
    assert agent.files("") == {}


def test_the_date_of_the_file_is_used_where_the_document_says_none(agent: Agent) -> None:
    plain = agent.add_document("a.md", TEXT, MARKDOWN, file_date="2026-05-01").document
    assert (plain.date, plain.date_origin) == ("2026-05-01", "file")
    assert agent.lookup.search("backups")[0].date == "2026-05-01"
    touched = agent.add_document("a.md", TEXT, MARKDOWN, file_date="2026-06-01")
    assert touched.outcome is Outcome.UNCHANGED
    undated = agent.add_document("b.md", b"Something else.", MARKDOWN).document
    assert (undated.date, undated.date_origin) == ("", "")
    for wrong in ("2026-13-01", "yesterday", "20260501", "2026-05-01T00:00:00"):
        with pytest.raises(InputInvalid, match="expected YYYY-MM-DD"):
            agent.add_document("a.md", TEXT, MARKDOWN, file_date=wrong)


def test_equal_names_of_two_folders_coexist_and_are_told_apart(agent: Agent, tmp_path: Path) -> None:
    labels = []
    for name in ("one", "two"):
        (tmp_path / name / "manuals").mkdir(parents=True)
        labels.append(agent.add_root(tmp_path / name / "manuals"))
        agent.add_document("faq.md", f"The secret word is {name}.".encode(), MARKDOWN, root=labels[-1])
    assert labels == ["manuals", "manuals-2"]
    found = agent.lookup.search("what is the secret word?")
    assert sorted((c.root, c.quote) for c in found) == [
        ("manuals", "The secret word is one."),
        ("manuals-2", "The secret word is two."),
    ]
    agent.add_feedback(NewFeedback("which word?", source="faq.md", root="manuals-2"))
    assert agent.feedback.read_since(0)[-1].document_id == agent.files("manuals-2")["faq.md"].document_id
    with pytest.raises(InputInvalid, match="name the root as well"):
        agent.add_feedback(NewFeedback("which word?", source="faq.md"))
    with pytest.raises(RootUnknown):
        agent.add_document("faq.md", TEXT, MARKDOWN, root="absent")


def test_composed_and_decomposed_names_are_one_document(agent: Agent) -> None:
    first = agent.add_document("devolucio\u0301n.md", TEXT, MARKDOWN)
    second = agent.add_document("devolución.md", TEXT, MARKDOWN)
    assert second.outcome is Outcome.UNCHANGED
    assert first.document.source == second.document.source == "devolución.md"
