"""Search results: one score, duplicates once, variety, and filters."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.agent import Agent
from edge_agent.errors import StoreUnavailable
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.retrieval.search import (
    QUOTE_LENGTH,
    QUOTED,
    WORDS,
    diversify,
    fuse,
    weight_of_words,
    without_duplicates,
)
from edge_agent.settings import AgentSettings
from edge_agent.storage.records import NO_FILTER, Filter
from edge_agent.text import longest_run
from tests.conftest import ServeStore

TEXT = DocumentFormat.TEXT


def at(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_the_best_bm25_counts_as_much_as_its_weight() -> None:
    scores = fuse({1: 0.5, 2: 0.4, 3: 0.3}, {2: 8.0, 3: 4.0}, 0.2)
    assert scores == pytest.approx({1: 0.5, 2: 0.6, 3: 0.4})
    assert fuse({1: 0.5}, {}, 0.2) == {1: 0.5}


def test_words_weigh_more_the_more_of_them_are_quoted() -> None:
    weights = [weight_of_words(quoted) for quoted in (0, QUOTE_LENGTH // 2, QUOTE_LENGTH, 100)]
    assert weights == pytest.approx([WORDS, WORDS + QUOTED / 4, WORDS + QUOTED, WORDS + QUOTED])


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_the_longest_run_is_that_of_words_in_a_row(words: list[str], others: list[str]) -> None:
    def stands(length: int) -> bool:
        runs = {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}
        return any(tuple(others[i : i + length]) in runs for i in range(len(others) - length + 1))

    longest = longest_run(" ".join(words).upper(), ", ".join(others))
    assert stands(longest)
    assert not stands(longest + 1)


def test_a_quotation_is_found_where_it_stands(tmp_path: Path) -> None:
    quoted = "The parcel left the sorting centre in Zaragoza at noon and nobody signed the yellow paper slip."
    other = "A delivery that was sent out from the depot at midday is missing the recipient's signature."
    with Agent(AgentSettings(store=tmp_path)) as agent:
        agent.add_document("quoted.txt", f"{'Holidays and opening hours of the office. ' * 12}{quoted}".encode(), TEXT)
        agent.add_document("other.txt", other.encode(), TEXT)
        assert agent.lookup.search(quoted)[0].source == "quoted.txt"
        assert agent.lookup.search("delivery without a signature")[0].source == "other.txt"


def test_near_duplicates_are_shown_once() -> None:
    assert without_duplicates(at(0, 1, 30, 31, 60), 10) == [0, 2, 4]
    assert without_duplicates(at(0, 1, 30, 31, 60), 2) == [0, 2]
    assert without_duplicates(at(), 2) == []


def test_variety_prefers_what_is_unlike() -> None:
    scores, rows = [0.9, 0.89, 0.5], at(0, 2, 80)
    assert diversify(scores, rows, 3, diversity=0.0) == [0, 1, 2]
    assert diversify(scores, rows, 3, diversity=0.5) == [0, 2, 1]
    assert diversify(scores, rows, 1, diversity=0.5) == [0]


@pytest.fixture
def filled(agent: Agent) -> Agent:
    for source, text in (
        ("faq/en.md", "# Refunds\n\nThe refund is paid within ten working days to the card.\n"),
        ("faq/es.md", "# Reembolsos\n\nEl reembolso se paga en diez días hábiles a la tarjeta.\n"),
        ("old/en.md", "# Old refunds\n\nThe refund was once paid within thirty days by cheque.\n"),
    ):
        agent.add_document(source, text.encode(), DocumentFormat.MARKDOWN)
    return agent


def sources(agent: Agent, where: Filter = NO_FILTER) -> set[str]:
    return {result.source for result in agent.lookup.search("when is the refund paid", where=where)}


def test_filters_let_through_what_they_say(filled: Agent) -> None:
    assert sources(filled) == {"faq/en.md", "faq/es.md", "old/en.md"}
    assert sources(filled, Filter(language="es")) == {"faq/es.md"}
    assert sources(filled, Filter(source_prefix="faq/")) == {"faq/en.md", "faq/es.md"}
    assert sources(filled, Filter(source_prefix="faq/", language="en")) == {"faq/en.md"}
    assert sources(filled, Filter(source_prefix="%")) == set()
    hour_ago, in_an_hour = ((datetime.now(UTC) + timedelta(hours=h)).isoformat(timespec="seconds") for h in (-1, 1))
    assert len(sources(filled, Filter(added_since=hour_ago))) == 3
    assert sources(filled, Filter(added_since=in_an_hour)) == set()


def test_a_store_that_its_index_does_not_follow_is_refused(filled: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.retrieval.search._PUBLICATION_LIMIT_S", 0.01)
    filled.store.database.published -= 1
    with pytest.raises(StoreUnavailable, match="ask again"):
        filled.lookup.search("invoices")


def test_a_copied_article_is_shown_once(filled: Agent) -> None:
    text = b"# Refunds\n\nThe refund is paid within ten working days to the card.\n"
    filled.add_document("faq/copy.md", text, DocumentFormat.MARKDOWN)
    found = [result.source for result in filled.lookup.search("when is the refund paid")]
    assert len({"faq/en.md", "faq/copy.md"} & set(found)) == 1


def test_filters_over_http(serve: ServeStore, tmp_path: Path) -> None:
    http = serve(tmp_path).http
    body = {"text": "refund", "language": "es", "source_prefix": "nothing/", "diversity": 0.4}
    assert http.post("/v1/search", json=body).json()["results"] == []
    wrong = http.post("/v1/search", json={"text": "refund", "language": "fr"})
    assert wrong.status_code == 422
    assert http.post("/v1/search", json={"text": "refund", "diversity": 2}).status_code == 422


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("si quito a un programador que se fue, sus tokens siguen funcionando?", "es"),
        ("active espuma y ahora me sale error 525, que es", "es"),
        ("I'm the boss and want every employee to be forced to use 2fa. where's that setting", "en"),
    ],
)
def test_an_article_is_shown_in_the_language_of_the_question(demo_agent: Agent, question: str, language: str) -> None:
    """Questions of the demo's development half that without the preference find the other language's article first."""
    assert demo_agent.lookup.search(question, count=1)[0].language == language
