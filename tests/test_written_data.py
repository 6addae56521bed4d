"""Messages and questions that were written for training and evaluation: in order, no copies, true to what they name."""

import json
import re
import tomllib
import unicodedata
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

INTENTS = ROOT / "teacher" / "data" / "intents.jsonl"
ANSWERS = ROOT / "benchmarks" / "questions" / "answers.jsonl"
BASES = {
    "m365": "help_m365_es/articles.jsonl",
    "bc": "help_bc/articles.jsonl",
    "bank": "tau2_banking_documents/documents.jsonl",
    "hetzner": "help_hetzner/articles.jsonl",
    "adobe": "help_adobe_commerce/articles.jsonl",
}
DATA = ROOT.parent / "shared" / "data"


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def plain(text: str) -> str:
    letters = unicodedata.normalize("NFD", text.lower())
    return re.sub(r"\W+", " ", "".join(c for c in letters if not unicodedata.combining(c))).strip()


def test_every_intent_has_enough_messages_in_both_languages() -> None:
    labels = tomllib.loads((ROOT / "teacher" / "data" / "intents.toml").read_text(encoding="utf-8"))
    counts = Counter((row["label"], row["language"]) for row in read(INTENTS))
    assert {label for label, _ in counts} == {*labels, "out_of_scope"}
    for label in (*labels, "out_of_scope"):
        assert min(counts[label, "en"], counts[label, "es"]) >= 60, label
    assert all(set(described) == {"en"} for described in labels.values())


def test_no_message_stands_twice() -> None:
    said = Counter((row["language"], plain(row["text"])) for row in read(INTENTS))
    assert [text for text, count in said.items() if count > 1] == []


def test_no_message_of_the_demo_is_among_those_to_learn_from() -> None:
    tickets = {plain(row["text"]) for row in read(ROOT / "demo" / "tickets.jsonl")}
    common = {plain(row["text"]) for row in read(INTENTS)} & tickets
    assert [text for text in common if len(text.split()) > 3] == []


def test_every_base_has_questions_of_all_kinds() -> None:
    rows = read(ANSWERS)
    assert len({row["id"] for row in rows}) == len({plain(row["question"]) for row in rows}) == len(rows)
    counts = Counter((row["base"], row["kind"]) for row in rows)
    for base in BASES:
        assert [counts[base, kind] for kind in ("answerable", "near_miss", "foreign")] == [60, 30, 20]


@pytest.mark.parametrize("base", list(BASES))
def test_what_answers_lies_where_the_question_says(base: str) -> None:
    path = DATA / BASES[base]
    if not path.exists():
        pytest.skip(f"needs {path}")
    bodies = {row["id"]: row["body_markdown"] for row in read(path)}
    for row in read(ANSWERS):
        for answer in row.get("answers", []) if row["base"] == base else []:
            body = bodies[answer["source"]]
            assert sha256(body.encode()).hexdigest() == answer["body_sha256"], row["id"]
            assert answer["units"], row["id"]
            for start, end in answer["units"]:
                assert body[start:end].strip(), row["id"]
                assert 0 <= start < end <= len(body), row["id"]
