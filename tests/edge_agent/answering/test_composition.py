"""What is cited of the units that were found, and how it reads: rows, codes, answers to questions, versions."""

from dataclasses import replace

import numpy as np
import pytest

from edge_agent.answering.composition import choose_units, other_versions
from edge_agent.answering.evidence import Answering, Evidence, candidate_units
from edge_agent.answering.rendering import answer_text
from edge_agent.answering.results import Citation
from edge_agent.answering.scoring import score_units
from edge_agent.storage.records import Passage, PassageKind

ANSWERING = Answering()
ROW = PassageKind.TABLE_ROW


def passage(text: str, kind: PassageKind = PassageKind.PARAGRAPH, **fields: str | int) -> Passage:
    made = Passage(
        hash((text, str(fields))), "d1", "ab" * 32, "a.md", "Guide", "en", "", 0, 0, len(text), text, kind=kind
    )
    made = replace(made, **fields)  # type: ignore[arg-type]
    return replace(made, end=made.start + len(text))


def evidence(*passages: Passage, near: tuple[float, ...] = ()) -> Evidence:
    """Evidence where every unit is as near, or those of a passage as near as `near` says."""
    similarities = near or (0.6,) * len(passages)
    candidates = candidate_units(list(zip(passages, similarities, strict=True)))
    units = np.array([c.passage_similarity for c in candidates], dtype=np.float32)
    return Evidence(candidates, units, float(units.max()), float(units.max()), 0.5)


def chosen_of(found: Evidence, question: str) -> list[Citation]:
    return choose_units(found, ANSWERING, question, score_units(found, ANSWERING, question, language=""))


def versions_of(found: Evidence, question: str) -> list[list[Citation]]:
    scores = score_units(found, ANSWERING, question, language="")
    return other_versions(found, ANSWERING, question, scores, chosen_of(found, question))


def answer(question: str, *passages: Passage, near: tuple[float, ...] = ()) -> str:
    return answer_text(chosen_of(evidence(*passages, near=near), question))


def test_a_row_is_quoted_without_rows_of_other_things() -> None:
    rows = [passage(f"Item: Chair {n} | Price: {n} € | Delivery: {n} days", ROW, start=100 * n) for n in (1, 12, 13)]
    assert (
        answer("What does Chair 12 cost?", *rows, near=(0.62, 0.6, 0.61))
        == "Item: Chair 12; Price: 12 €; Delivery: 12 days"
    )


def test_rows_that_hold_as_much_of_the_question_are_quoted_together() -> None:
    rows = [passage(f"Plan: {name} | Backups: daily", ROW, start=100 * n) for n, name in enumerate(("A", "B"))]
    assert answer("Which plan has daily backups?", *rows) == "- Plan: A; Backups: daily\n- Plan: B; Backups: daily"


def test_of_a_wide_row_the_cells_are_quoted_that_are_asked_for() -> None:
    row = passage("Office: Lugo | Phone: 9101 | Fax: 9202 | Hours: 9 to 14", ROW)
    assert answer("What is the fax of Lugo?", row) == "Office: Lugo; Fax: 9202"
    assert answer("Tell me about Lugo", row) == "Office: Lugo; Phone: 9101; Fax: 9202; Hours: 9 to 14"


def test_only_what_stands_under_a_code_of_the_question_is_quoted() -> None:
    codes = [
        passage("Restart the pump.", heading="E-4.2.10", document_id="d1", start=10),
        passage("Call a technician.", heading="E-4.2.1", document_id="d1", start=50),
    ]
    assert answer("What does E-4.2.1 mean?", *codes, near=(0.9, 0.5)) == "Call a technician."


def test_a_short_answer_to_a_question_stands_whole() -> None:
    text = "Ask at the desk. Bring a photo."
    made = passage(text, PassageKind.QUESTION_ANSWER, heading="How do I get a badge?")
    assert answer("How do I get a badge?", made) == text


def test_fields_beside_an_answer_are_quoted_when_they_are_named() -> None:
    made = passage("See the price field.", PassageKind.QUESTION_ANSWER, heading="What does the badge cost?")
    fields = passage("price: 12.5 | desk: 4", ROW, heading="What does the badge cost?", start=30)
    assert answer("What does the badge cost?", made, fields, near=(0.9, 0.5)) == "See the price field.\n\nprice: 12.5"


def test_a_question_is_never_quoted_alone() -> None:
    assert answer("Do you open on Sundays?", passage("Do you open on Sundays? Only in December.")) == (
        "Do you open on Sundays? Only in December."
    )


@pytest.mark.parametrize("title", ["Returns ({})", "Returns v{}", "Returns, version of March {}"])
def test_versions_that_differ_are_quoted_with_their_dates_the_newest_first(title: str) -> None:
    old = passage("The customer pays.", title=title.format(2023), document_id="old", date="2023")
    new = passage("The company pays.", title=title.format(2025), document_id="new", date="2025-02-01")
    found = evidence(old, new, near=(0.7, 0.69))
    chosen = chosen_of(found, "Who pays?")
    others = versions_of(found, "Who pays?")
    assert [c.quote for c in chosen] == ["The customer pays."]
    assert [[c.quote for c in version] for version in others] == [["The company pays."]]
    shown = answer_text([*others[0], *chosen], is_disputed=True)
    assert shown == f"{title.format(2025)}: The company pays.\n\n{title.format(2023)}: The customer pays."


def test_a_version_is_named_with_its_date_where_its_title_has_none() -> None:
    undated = passage("The company pays.", title="Returns", date="2025-02-01")
    shown = answer_text(chosen_of(evidence(undated), "Who pays?"), is_disputed=True)
    assert shown == "Returns (2025-02-01): The company pays."


@pytest.mark.parametrize(
    "other",
    [
        {"title": "Returns of gifts"},
        {"heading": "Exceptions"},
        {"language": "es"},
        {"document_id": "old"},
    ],
)
def test_documents_of_other_subjects_are_no_versions(other: dict[str, str]) -> None:
    old = passage("The customer pays.", title="Returns (2023)", document_id="old")
    new = replace(passage("The company pays.", title="Returns (2025)", document_id="new"), **other)  # type: ignore[arg-type]
    found = evidence(old, new, near=(0.7, 0.69))
    assert versions_of(found, "Who pays?") == []


def test_versions_that_say_the_same_are_not_shown_twice() -> None:
    old = passage("The customer pays.", title="Returns (2023)", document_id="old")
    new = passage("The customer pays.", title="Returns (2025)", document_id="new")
    found = evidence(old, new, near=(0.7, 0.69))
    assert versions_of(found, "Who pays?") == []
