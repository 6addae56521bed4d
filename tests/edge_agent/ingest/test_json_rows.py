"""JSON and JSON lines: every value that is written arrives, named by its way."""

import json
from typing import Any

import pytest

from edge_agent.errors import ContentTooLarge, InputInvalid
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits


def read(value: Any, document_format: DocumentFormat = DocumentFormat.JSON) -> Extract:
    text = value if isinstance(value, str) else json.dumps(value)
    return extract(text.encode(), document_format, ParsingLimits())


def texts(made: Extract) -> list[str]:
    return [made.text[block.start : block.end] for block in made.blocks]


PRICES = [
    {"product": "Badge", "price": 12.5, "in_stock": True, "note": None},
    {"product": "Mug", "price": 7, "in_stock": False, "note": None},
]


def test_numbers_booleans_lists_and_objects_of_a_row_are_kept() -> None:
    row = {
        "name": "Badge",
        "price": 12.50,
        "steps": ["Desk 4", "Show id"],
        "owner": {"name": "Front desk", "ext": 5501},
    }
    expected = ["name: Badge | price: 12.5 | steps: Desk 4; Show id | owner › name: Front desk | owner › ext: 5501"]
    assert texts(read([row, row])) == expected * 2
    assert texts(read(json.dumps(row), DocumentFormat.JSONL)) == expected


def test_numbers_stay_as_they_are_written() -> None:
    assert texts(read('[{"a": 12.50, "b": 1e3, "c": 9007199254740993}]')) == ["a: 12.50 | b: 1e3 | c: 9007199254740993"]


@pytest.mark.parametrize("document_format", [DocumentFormat.JSON, DocumentFormat.JSONL])
def test_lists_and_lines_read_alike_whatever_the_suffix(document_format: DocumentFormat) -> None:
    expected = ["product: Badge | price: 12.5 | in stock: true", "product: Mug | price: 7 | in stock: false"]
    assert texts(read(PRICES, document_format)) == expected
    assert texts(read("\n".join(map(json.dumps, PRICES)), document_format)) == expected


def test_questions_and_answers_in_any_nesting_become_those() -> None:
    asked = [{"question": "Who pays?", "answer": "The team."}, {"question": "When?", "answer": "On Monday."}]
    expected = ["Who pays?", "The team.", "When?", "On Monday."]
    assert texts(read(asked)) == expected
    made = read({"title": "Refunds", "updated": "2026-01-02", "faqs": asked})
    assert made.title == "Refunds"
    assert texts(made) == ["title: Refunds | updated: 2026-01-02", "faqs", *expected]
    page = {
        "@type": "FAQPage",
        "mainEntity": [
            {"@type": "Question", "name": q["question"], "acceptedAnswer": {"@type": "Answer", "text": q["answer"]}}
            for q in asked
        ],
    }
    assert texts(read(page))[2:] == expected


def test_lists_of_lists_are_a_table_and_single_values_items() -> None:
    assert texts(read([["City", "Ext"], ["Vigo", 5504], ["Lugo", 5505]])) == [
        "City: Vigo | Ext: 5504",
        "City: Lugo | Ext: 5505",
    ]
    assert texts(read(["Bring the id", 7, True])) == ["- Bring the id", "- 7", "- true"]


def test_one_bad_line_is_named_and_the_others_are_read() -> None:
    made = read('{"a": 1}\nnonsense\n\n{"a": 2}\n"text"\n', DocumentFormat.JSONL)
    assert texts(made) == ["a: 1", "a: 2"]
    assert made.notices == ("line 2 is not a JSON object: left out", "line 5 is not a JSON object: left out")


@pytest.mark.parametrize("text", ["12", '"Hola"', "true", "null", "{", "nonsense"])
def test_one_value_alone_or_no_json_is_refused(text: str) -> None:
    with pytest.raises(InputInvalid, match="not a JSON object or list"):
        read(text)


def test_depth_and_size_are_bounded() -> None:
    deep: Any = "x"
    for _ in range(60):
        deep = {"a": deep}
    with pytest.raises(InputInvalid, match="deeper than 20"):
        read(deep)
    with pytest.raises(InputInvalid, match="deeper than 20"):
        read("[" * 60 + "1" + "]" * 60)
    with pytest.raises(ContentTooLarge, match="200 fields"):
        read({f"f{n}": n for n in range(201)})
    with pytest.raises(ContentTooLarge, match="50000"):
        read("[" + ",".join(['{"a":1}'] * 50_001) + "]")


def test_html_in_values_is_read_as_its_text() -> None:
    row = {
        "question": "Who fills the <em>kit</em>?",
        "answer": "<p>Ana on <b>floor&nbsp;2</b>.</p><ul><li>Plasters</li><li>Gauze</li></ul><script>x()</script>",
    }
    assert texts(read([row])) == ["Who fills the kit?", "Ana on floor 2.\n- Plasters\n- Gauze"]
    assert (
        texts(read([{"rule": "if a < b then <x> wins", "unit": "R&amp;D"}] * 2))
        == ["rule: if a < b then <x> wins | unit: R&D"] * 2
    )


def test_lists_of_a_record_end_with_it() -> None:
    rows = [{"ticket": n, "messages": [{"from": "a", "text": "b"}, {"from": "c", "text": "d"}]} for n in (1, 2)]
    made = extract("\n".join(map(json.dumps, rows)).encode(), DocumentFormat.JSONL, ParsingLimits())
    assert next(b.closes for b in made.blocks if made.text[b.start :].startswith("ticket: 2")) == 2


def test_objects_by_their_keys_are_a_record_each() -> None:
    errors = {"E-1": {"title": "Full", "fix": "Delete."}, "E-2": {"title": "Token", "fix": "Sign in."}}
    for value, text in ((errors, ""), ({"version": 1, "errors": errors}, "version: 1\n\nerrors\n\n")):
        made = extract(json.dumps(value).encode(), DocumentFormat.JSON, ParsingLimits())
        assert made.text == f"{text}E-1 | title: Full | fix: Delete.\nE-2 | title: Token | fix: Sign in."
