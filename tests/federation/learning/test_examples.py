"""Examples from a real store and from files: read-only, embedded once, one customer to each."""

from pathlib import Path

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.feedback.log import NewFeedback
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from edge_agent.storage.records import document_id_of
from federation.branch.data import open_data, read_confirmed_intents, read_found_documents
from federation.branch.settings import SETTINGS_FILE, BranchSettings, read_branch_settings
from federation.errors import ExamplesInvalid, NothingToTrain
from federation.learning.examples import NO_CUSTOMER, FoundDocument, LabelledText, bound_contributions, read_tickets
from federation.learning.intent_head import INTENT_HEAD
from federation.learning.query_adapter import make_adapter_examples
from student.bundle.folder import open_bundle
from tests.conftest import ROOT
from tests.federation.lab import build_lab


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with two documents and what staff said, closed."""
    folder = tmp_path / "store"
    with Agent(AgentSettings(store=folder)) as agent:
        for path in sorted((ROOT / "demo" / "knowledge_base" / "en").glob("*.md"))[:6]:
            agent.add_document(path.name, path.read_bytes(), DocumentFormat.MARKDOWN)
        agent.add_feedback(NewFeedback("my invoice is wrong", intent="invoice_request", customer="c1"))
        agent.add_feedback(NewFeedback("it was fine", is_helpful=True, customer="c1"))
        agent.add_feedback(NewFeedback("who may see prices?", source="account-roles-and-owner.md"))
    return folder


def test_right_intents_and_right_documents_are_read_while_the_store_stays_as_it_is(store: Path) -> None:
    before = (store / "orilla.db").read_bytes()
    assert read_confirmed_intents(store) == [LabelledText("my invoice is wrong", "invoice_request", "c1")]
    found = read_found_documents(store)
    assert found == [FoundDocument("who may see prices?", document_id_of("account-roles-and-owner.md"), NO_CUSTOMER)]
    assert (store / "orilla.db").read_bytes() == before


def test_what_is_no_store_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ExamplesInvalid, match="name its folder with --store"):
        read_confirmed_intents(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
    (tmp_path / "orilla.db").write_bytes(b"not a database, but as long as one" * 100)
    with pytest.raises(ExamplesInvalid, match="cannot be read"):
        read_found_documents(tmp_path)


def test_candidates_are_the_branchs_own_passages_the_right_one_first(store: Path, tmp_path: Path) -> None:
    with Agent(AgentSettings(store=store)) as agent:
        agent.add_document("gone.md", b"# Gone\n\nIt is soon deleted.", DocumentFormat.MARKDOWN)
        agent.add_feedback(NewFeedback("is it gone?", source="gone.md"))
        agent.delete_document(document_id_of("gone.md"))
        student = agent.models.active.student
        bundle, encoder = student.bundle, student.encoder
        settings = BranchSettings(bundle=bundle.path, store=store, cache=tmp_path / "cache.db")
        with open_data(settings) as data:
            made = make_adapter_examples(data, candidates=5)
            assert len(make_adapter_examples(data, candidates=10_000).queries) == 0
        stored = agent.store.embeddings.all(bundle.manifest.embedding_space, encoder.dimension)[1]
    assert made.candidates.shape == (1, 5, 384)
    assert made.customers == (NO_CUSTOMER,)
    rows = [int(np.argmax(stored @ candidate)) for candidate in made.candidates[0]]
    assert len(set(rows)) == 5
    similarities = made.candidates[0] @ made.queries[0]
    assert (np.diff(similarities[1:]) <= 1e-6).all()


def test_passages_of_another_embedding_space_are_no_candidates(store: Path, tmp_path: Path) -> None:
    lab = build_lab(tmp_path / "lab", branches=1)
    settings = BranchSettings(bundle=lab.bundle, store=store, cache=tmp_path / "cache.db")
    with open_data(settings) as data:
        assert len(make_adapter_examples(data, candidates=5).queries) == 0


def test_a_branch_without_a_store_has_nothing_to_train_the_adapter_with(tmp_path: Path) -> None:
    lab = build_lab(tmp_path, branches=1)
    with open_data(read_branch_settings(lab.branches[0] / SETTINGS_FILE)) as data:
        assert len(INTENT_HEAD.make_examples(data).labels) == 80
        with pytest.raises(NothingToTrain, match="names no store"):
            make_adapter_examples(data)


def test_labelled_texts_of_store_and_files_become_examples(store: Path, tmp_path: Path, default_bundle: Path) -> None:
    (tmp_path / "t.csv").write_text("text,intent,customer\nabc,billing,c1\nd,email,\n")
    bundle, tickets = open_bundle(default_bundle), (tmp_path / "t.csv",)
    settings = BranchSettings(bundle=default_bundle, cache=tmp_path / "cache.db", store=store, tickets=tickets)
    with open_data(settings) as data:
        made = INTENT_HEAD.make_examples(data)
    assert made.labels == ("invoice_request", "billing", "email")
    assert made.customers == ("c1", "c1", NO_CUSTOMER)
    assert made.embeddings.shape == (3, bundle.manifest.encoder.dimension)
    assert (made.embedding_space, made.part) == (bundle.manifest.embedding_space, "head")


def test_tickets_are_read_from_csv_and_json_lines(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('text,intent,customer\n"a, b",billing,c1\nno label,,c2\nc,email,\n', "utf-8-sig")
    (tmp_path / "t.jsonl").write_text('{"body": "ñ", "tag": "email"}\n\n{"body": "d", "tag": null}\n', "utf-8")
    assert read_tickets(tmp_path / "t.csv") == [
        LabelledText("a, b", "billing", "c1"),
        LabelledText("c", "email", NO_CUSTOMER),
    ]
    assert read_tickets(tmp_path / "t.jsonl", text="body", label="tag") == [LabelledText("ñ", "email", NO_CUSTOMER)]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("t.csv", b"message,label\nx,y\n", r"expected 'text' and 'intent'"),
        ("t.csv", b"\xff\xfe", "CSV in UTF-8"),
        ("t.jsonl", b'{"text": "x"}\n[]\n', "line 2 is not a JSON object"),
        ("t.jsonl", b"{", "line 1 is not a JSON object"),
        ("t.jsonl", b'{"body": "x", "tag": "y"}', "expected 'text' and 'intent'"),
        ("t.jsonl", b"\xff", "JSON lines in UTF-8"),
    ],
)
def test_files_that_are_no_tickets_are_refused(name: str, content: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ExamplesInvalid, match=problem):
        read_tickets(tmp_path / name)
    with pytest.raises(ExamplesInvalid, match="check the file"):
        read_tickets(tmp_path / f"absent-{name}")


def test_a_file_without_a_header_is_refused_without_a_word_of_its_tickets(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("the canary sang,refund,c1\nit sang again,refund,c1,too long\n")
    with pytest.raises(ExamplesInvalid, match="first line") as refusal:
        read_tickets(tmp_path / "t.csv")
    assert "sang" not in str(refusal.value)


def test_contributions_are_bounded_to_the_newest_of_each_customer() -> None:
    customers = ["a", "b", "a", "a", "b", "", ""]
    assert bound_contributions(customers, 2).tolist() == [1, 2, 3, 4, 5, 6]
    assert bound_contributions(customers, 1).tolist() == [3, 4, 6]
    assert bound_contributions([], 3).tolist() == []
