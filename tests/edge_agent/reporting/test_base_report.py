"""The base report: what it counts, what it says to mend, and that it shows names as text."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.agent import Agent
from edge_agent.errors import AgentError
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.reporting.base_report import BaseReport
from edge_agent.reporting.duplicates import near_duplicates, resemblance, sketch
from edge_agent.reporting.page import report_page
from edge_agent.reporting.words import WORDS
from edge_agent.settings import AgentSettings

PROSE = " ".join(f"Rule {n}: employees of shift {n} hand in form {n * 7} at desk {n * 3}." for n in range(40))
THIS_YEAR = datetime.now(UTC).year


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseReport]:
    """The report on a base that needs mending everywhere."""
    with Agent(AgentSettings(tmp_path_factory.mktemp("store"))) as agent:

        def add(source: str, text: str, document_format: DocumentFormat = DocumentFormat.MARKDOWN) -> None:
            agent.add_document(source, text.encode(), document_format)

        row = "<tr><td>12</td><td>13</td><td>9</td></tr>"
        add("returns-2023.md", "# Returns (2023)\n\n## Postage\n\nThe customer pays.\n\n## Where\n\nAt the desk.")
        add(f"returns-{THIS_YEAR}.md", f"# Returns ({THIS_YEAR})\n\n## Postage\n\nWe pay.\n\n## Where\n\nAt the desk.")
        add("rules.md", f"# Rules\n\n{PROSE}")
        add("copy/rules.md", f"# House rules\n\n{PROSE} Signed by the manager.")
        add(
            "prices.html",
            f"<table>{row}{row}</table>",
            DocumentFormat.HTML,
        )
        add("hours.md", "# Hours\n\nWe open at\u200b nine.")
        for source in ("hours.md", "lost.md"):
            with pytest.raises(AgentError):
                agent.add_document(source, b"\x89PNG\r\n\x1a\n\0", DocumentFormat.MARKDOWN)
                agent.add_document(source, b"%PDF-1.4 broken", DocumentFormat.PDF)
        yield agent.report()


def test_documents_are_counted(report: BaseReport) -> None:
    assert (report.documents, report.by_format) == (6, {"markdown": 5, "html": 1})
    assert report.by_language["en"] == 5
    assert report.by_age == {str(THIS_YEAR): 1, "2023": 1, "undated": 4}


def test_what_harms_answers_most_comes_first(report: BaseReport) -> None:
    assert report.to_mend == ["contradictions", "stale", "refused", "hard_to_find", "hidden_text", "duplicates"]


def test_versions_that_differ_are_named_with_where(report: BaseReport) -> None:
    (versions,) = report.contradictions
    assert [(each.source, each.remark) for each in versions.documents] == [
        (f"returns-{THIS_YEAR}.md", str(THIS_YEAR)),
        ("returns-2023.md", "2023"),
    ]
    assert versions.headings == ["Postage"]


def test_refused_updates_and_refused_documents_are_two_things(report: BaseReport) -> None:
    assert [each.source for each in report.stale] == ["hours.md"]
    assert [each.source for each in report.refused] == ["lost.md"]
    assert "promises" in report.refused[0].remark


def test_near_duplicates_are_paired(report: BaseReport) -> None:
    (pair,) = report.duplicates
    assert {pair.one.source, pair.other.source} == {"rules.md", "copy/rules.md"}
    assert 0.8 < pair.share <= 1


def test_hidden_characters_and_nameless_tables_are_counted(report: BaseReport) -> None:
    assert [(each.source, each.remark) for each in report.hidden_text] == [("hours.md", "1")]
    assert [each.source for each in report.hard_to_find] == ["prices.html"]


def test_a_refusal_ends_when_the_document_is_ingested(tmp_path: Path) -> None:
    with Agent(AgentSettings(tmp_path)) as agent:
        with pytest.raises(AgentError):
            agent.add_document("a.md", b"\x89PNG\0", DocumentFormat.MARKDOWN)
        assert agent.report().counts["refused"] == 1
        agent.add_document("a.md", b"Now it is text.", DocumentFormat.MARKDOWN)
        assert agent.report().counts["refused"] == 0


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_page_shows_names_as_text_and_loads_nothing(tmp_path: Path, language: str) -> None:
    with Agent(AgentSettings(tmp_path)) as agent:
        text = "# \\<svg onload=alert(1)> (2020)\n\nWe open at nine."
        agent.add_document("<script>.md", text.encode(), DocumentFormat.MARKDOWN)
        page = report_page(agent.report(), language)  # type: ignore[arg-type]
    assert "<svg" not in page
    assert "<script" not in page
    assert "&lt;svg" in page
    assert "&lt;script&gt;" in page
    assert "src=" not in page
    assert "default-src 'none'" in page
    assert WORDS[language]["old"] in page  # type: ignore[index]


def test_both_languages_have_the_same_words() -> None:
    assert WORDS["en"].keys() == WORDS["es"].keys()
    for key, text in WORDS["en"].items():
        assert text.count("{") == WORDS["es"][key].count("{"), key


@given(st.text(alphabet="abc ", max_size=200))
def test_a_text_resembles_itself(text: str) -> None:
    assert resemblance(sketch(text), sketch(text)) == (1.0 if sketch(text) else 0.0)


def test_a_letterhead_makes_no_duplicates() -> None:
    letters = {
        str(n): sketch(f"Malecon hosting limited company of Vigo. {'x' * n} {n} {n + 1} {n * n}") for n in range(80)
    }
    assert near_duplicates(letters) == []
