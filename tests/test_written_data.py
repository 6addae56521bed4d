"""Messages and questions that were written for training and evaluation: in order, no copies, true to what they name."""

import json
import re
import tomllib
import unicodedata
from collections import Counter, defaultdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bases import BASES, FILES, QUESTIONS
from tests.conftest import ROOT

INTENTS = ROOT / "teacher" / "data" / "intents.jsonl"
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


def test_no_message_is_a_near_copy_of_a_ticket_or_of_many_others() -> None:
    messages = [words(row["text"]) for row in read(INTENTS)]
    tickets = [words(row["text"]) for row in read(ROOT / "demo" / "tickets.jsonl")]
    long = [text for text in messages if len(text) > 4]
    assert near_copies(long, tickets) == []
    assert len(near_copies(long)) < 0.01 * len(long)


def words(text: str) -> frozenset[str]:
    return frozenset(plain(text).split())


def near_copies(texts: list[frozenset[str]], others: list[frozenset[str]] | None = None) -> list[frozenset[str]]:
    """The texts that have 70 % of their words in common with one of the others, or with another of their own list."""
    among = texts if others is None else others
    holding: dict[str, list[int]] = defaultdict(list)
    for place, found in enumerate(among):
        for word in found:
            holding[word].append(place)
    copies = []
    for own_place, text in enumerate(texts):
        rare = sorted(text, key=lambda word: len(holding.get(word, [])))[: int(0.3 * len(text)) + 1]  # one is shared
        places = {place for word in rare for place in holding.get(word, [])} - (
            {own_place} if others is None else set()
        )
        if any(len(text & among[place]) >= 0.7 * len(text | among[place]) for place in places):
            copies.append(text)
    return copies


def test_every_base_has_questions_of_all_kinds() -> None:
    by_file = {half: read(QUESTIONS / file) for half, file in FILES.items()}
    rows = [row for each in by_file.values() for row in each]
    assert len({row["id"] for row in rows}) == len({plain(row["question"]) for row in rows}) == len(rows)
    counts = Counter(
        (half, row["base"], row["language"], row["kind"]) for half, each in by_file.items() for row in each
    )
    kinds = {"answerable": 60, "near_miss": 30, "foreign": 20}
    assert counts == {(*base, kind): count for base in BASES for kind, count in kinds.items()}


@pytest.mark.parametrize("base", list(BASES))
def test_what_answers_lies_where_the_question_says(base: tuple[str, str, str]) -> None:
    path = DATA / BASES[base]
    if not path.exists():
        pytest.skip(f"needs {path}")
    bodies = {row["id"]: row["body_markdown"] for row in read(path)}
    half, *of = base
    for row in read(QUESTIONS / FILES[half]):
        for answer in row.get("answers", []) if [row["base"], row["language"]] == of else []:
            body = bodies[answer["source"]]
            assert sha256(body.encode()).hexdigest() == answer["body_sha256"], row["id"]
            assert answer["units"], row["id"]
            for start, end in answer["units"]:
                assert body[start:end].strip(), row["id"]
                assert 0 <= start < end <= len(body), row["id"]
