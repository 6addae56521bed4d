"""Examples from a real store and from files: read-only, embedded once, one customer to each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.feedback.log import NewFeedback
from edge_agent.ingest.parsing.formats import DocumentFormat
from edge_agent.settings import AgentSettings
from federation.errors import ExamplesInvalid
from federation.learning.examples import (
    NO_CUSTOMER,
    EmbeddingCache,
    FoundDocument,
    LabelledText,
    bound_contributions,
    make_adapter_examples,
    make_head_examples,
    read_feedback,
    read_tickets,
)
from tests.conftest import ROOT


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
    labelled, found = read_feedback(store)
    assert labelled == [LabelledText("my invoice is wrong", "invoice_request", "c1")]
    assert found == [FoundDocument("who may see prices?", "account-roles-and-owner.md", NO_CUSTOMER)]
    assert (store / "orilla.db").read_bytes() == before


def test_what_is_no_store_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ExamplesInvalid, match="name its folder with --store"):
        read_feedback(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
    (tmp_path / "orilla.db").write_bytes(b"not a database, but as long as one" * 100)
    with pytest.raises(ExamplesInvalid, match="cannot be read"):
        read_feedback(tmp_path)


def test_candidates_are_the_branchs_own_passages_the_right_one_first(store: Path, tmp_path: Path) -> None:
    with Agent(AgentSettings(store=store)) as agent:
        space, encoder = (
            agent.models.active.student.bundle.manifest.embedding_space,
            agent.models.active.student.encoder,
        )
        cache = EmbeddingCache(tmp_path / "cache.db", encoder.encode, "d" * 64, dimension=384)
        found = [*read_feedback(store)[1], FoundDocument("gone", "no-longer-there.md")]
        made = make_adapter_examples(store, found, cache, space, candidates=5)
        stored = agent.store.embeddings.all(space, encoder.dimension)[1]
        other_space = make_adapter_examples(store, found, cache, "0" * 64, candidates=5)
        cache.close()
    assert made.candidates.shape == (1, 5, 384)
    assert made.customers == (NO_CUSTOMER,)
    rows = [int(np.argmax(stored @ candidate)) for candidate in made.candidates[0]]
    assert len(set(rows)) == 5
    similarities = made.candidates[0] @ made.queries[0]
    assert (np.diff(similarities[1:]) <= 1e-6).all()
    assert len(other_space.queries) == 0


class CountingEncoder:
    """Counts what it is asked to encode."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.calls = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.seen += texts
        self.calls += 1
        return np.array([[len(text), 1, 0] for text in texts], dtype=np.float32).reshape(len(texts), 3)


def test_a_text_is_embedded_once_in_the_life_of_a_bundle(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    for bundle, texts in (("a", ["x", "yy", "x"]), ("a", ["yy", "zzz"]), ("b", ["x"]), ("b", [])):
        cache = EmbeddingCache(tmp_path / "cache.db", encoder.encode, bundle, dimension=3)
        assert cache(texts)[:, 0].tolist() == [len(text) for text in texts]
        assert cache(texts).shape == (len(texts), 3)
        cache.close()
    assert encoder.seen == ["x", "yy", "zzz", "x"]
    assert encoder.calls == 3, "where nothing is new, no encoder is needed"


def test_labelled_texts_become_examples(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "cache.db", CountingEncoder().encode, "a", dimension=3)
    made = make_head_examples([LabelledText("abc", "billing", "c1"), LabelledText("d", "email")], cache, "5" * 64)
    cache.close()
    assert (made.labels, made.customers) == (("billing", "email"), ("c1", NO_CUSTOMER))
    assert made.embeddings[:, 0].tolist() == [3, 1]


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


def test_contributions_are_bounded_to_the_newest_of_each_customer() -> None:
    customers = ["a", "b", "a", "a", "b", "", ""]
    assert bound_contributions(customers, 2).tolist() == [1, 2, 3, 4, 5, 6]
    assert bound_contributions(customers, 1).tolist() == [3, 4, 6]
    assert bound_contributions([], 3).tolist() == []
