"""The demo's files hold what its README promises."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits
from tests.conftest import ROOT

DEMO = ROOT / "demo"
LANGUAGES = ("en", "es")
STYLES = {"plain", "typo", "angry", "terse", "rambling", "code_switching", "polite", "technical", "no_accents"}


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DEMO / name).read_text(encoding="utf-8").splitlines()]


def plain(text: str) -> str:
    return " ".join(re.sub(r"[-*`|]", " ", text).split())


def text_of(article: str) -> str:
    return extract((DEMO / "knowledge_base" / article).read_bytes(), DocumentFormat.MARKDOWN, ParsingLimits()).text


def articles(language: str) -> list[Path]:
    return sorted((DEMO / "knowledge_base" / language).glob("*.md"))


def test_every_topic_has_an_article_of_substance_in_both_languages() -> None:
    assert [p.name for p in articles("en")] == [p.name for p in articles("es")]
    for language in LANGUAGES:
        assert len(articles(language)) >= 30
        for path in articles(language):
            assert len(path.read_text(encoding="utf-8").split()) >= 300, path


def test_there_are_enough_messages_of_every_intent_in_both_languages() -> None:
    tickets = read("tickets.jsonl")
    counts = Counter((ticket["intent"], ticket["language"]) for ticket in tickets)
    assert len({intent for intent, _ in counts}) >= 25
    assert min(counts.values()) >= 16
    assert len(counts) == 2 * len({intent for intent, _ in counts})
    for style in STYLES:
        assert sum(style in ticket["style"] for ticket in tickets) >= 20, style


def test_every_ticket_is_well_formed_and_said_once() -> None:
    tickets = read("tickets.jsonl")
    for ticket in tickets:
        assert set(ticket) == {"id", "language", "text", "intent", "style", "split"}
        assert ticket["language"] in LANGUAGES
        assert set(ticket["style"]) <= STYLES
        assert ticket["style"]
        assert ticket["split"] in ("dev", "test")
    said = Counter(re.sub(r"\W+", " ", ticket["text"].lower()).strip() for ticket in tickets)
    assert said.most_common(1)[0][1] == 1
    assert len({ticket["id"] for ticket in tickets}) == len(tickets)


def test_every_question_is_answered_by_a_sentence_of_its_article() -> None:
    questions = read("questions.jsonl")
    assert len(questions) >= 150
    texts = {article: plain(text_of(article)) for article in {question["gold"] for question in questions}}
    for question in questions:
        assert question["gold"].startswith(question["language"] + "/")
        assert plain(question["quote"]) in texts[question["gold"]], question["id"]
    assert len(texts) == len(articles("en")) + len(articles("es"))  # no article without questions


def test_there_are_enough_questions_that_nothing_answers() -> None:
    rows = read("unanswerable.jsonl")
    assert len(rows) >= 60
    assert {row["why"] for row in rows} == {"domain", "neighbour", "elsewhere"}
    known = {question["text"].lower() for question in read("questions.jsonl")}
    assert not known & {row["text"].lower() for row in rows}


def test_both_halves_hold_both_languages_alike() -> None:
    for name in ("tickets.jsonl", "questions.jsonl", "unanswerable.jsonl", "conversations.jsonl"):
        counts = Counter((row["split"], row["language"]) for row in read(name))
        assert max(counts.values()) - min(counts.values()) <= 30, name


def test_conversations_name_articles_that_are_there() -> None:
    rows = read("conversations.jsonl")
    assert {row["kind"] for row in rows} == {"follow-up", "new topic"}
    for row in rows:
        assert row["gold"].startswith(row["language"] + "/")
        assert (DEMO / "knowledge_base" / row["gold"]).is_file(), row["id"]


def test_addresses_are_of_no_real_domain() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in DEMO.rglob("*") if path.is_file())
    addresses = set(re.findall(r"[\w.-]+@([\w.-]+\.\w+)", text))
    assert addresses
    assert all(domain.endswith(".example") for domain in addresses), addresses
