"""Spanish and English are told apart, and the question's language goes first."""

import json

import pytest

from edge_agent.agent import Agent
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.text import detect_language
from tests.conftest import ROOT
from tests.edge_agent.office_texts import ENGLISH, SPANISH


@pytest.mark.parametrize("name", ["questions.jsonl", "unanswerable.jsonl", "tickets.jsonl"])
def test_hardly_any_message_of_the_demo_is_taken_for_the_other_language(name: str) -> None:
    rows = [json.loads(line) for line in (ROOT / "demo" / name).read_text(encoding="utf-8").splitlines()]
    said = [(row["language"], detect_language(row["text"])) for row in rows]
    wrong = [pair for pair in said if pair[1] not in (pair[0], None)]
    unknown = [pair for pair in said if pair[1] is None]
    assert len(wrong) <= 0.002 * len(said)
    assert len(unknown) <= 0.05 * len(said)


@pytest.mark.parametrize(
    ("text", "language"),
    [("Reconcile Bank Accounts", "en"), ("Conciliar cuentas bancarias", "es"), ("Calculating Due Dates", "en")],
)
def test_titles_without_little_words_are_told_by_their_endings(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "Horario: lunes a viernes de 9:00 a 14:00",
        "Turno A: 6:00 a 14:00.\n\nTurno B: 14:00 a 22:00.",
        "Enero a marzo",
        "No hay servicio",
        "Monitor 27 | Precio: 189 € | Plazo: 10 días",
    ],
)
def test_words_that_both_languages_write_count_for_neither(text: str) -> None:
    assert detect_language(text) == "es"


@pytest.mark.parametrize(("texts", "language"), [(SPANISH, "es"), (ENGLISH, "en")])
def test_hardly_any_short_office_text_is_taken_for_the_other_language(texts: str, language: str) -> None:
    said = [detect_language(line) for line in texts.splitlines()]
    assert len(said) > 80
    assert sum(found not in (language, None) for found in said) <= 1
    assert sum(found is None for found in said) <= 0.25 * len(said)


@pytest.mark.parametrize("text", ["", "DNS", "502", "refund", "123 €"])
def test_single_words_are_of_no_language(text: str) -> None:
    assert detect_language(text) is None


def test_the_article_in_the_language_of_the_question_goes_first(agent: Agent) -> None:
    for language in ("en", "es"):
        for name in ("refunds.md", "invoices.md", "dns-records.md"):
            path = ROOT / "demo" / "knowledge_base" / language / name
            agent.add_document(f"{language}/{name}", path.read_bytes(), DocumentFormat.MARKDOWN)
    assert agent.lookup.search("How do I ask for a refund?")[0].source == "en/refunds.md"
    assert agent.lookup.search("¿Cómo pido un reembolso?")[0].source == "es/refunds.md"


def test_a_document_in_the_other_language_is_found_when_there_is_none_in_the_questions(agent: Agent) -> None:
    for name in ("refunds.md", "dns-records.md"):
        path = ROOT / "demo" / "knowledge_base" / "es" / name
        agent.add_document(f"es/{name}", path.read_bytes(), DocumentFormat.MARKDOWN)
    assert agent.lookup.search("How do I ask for my money back?")[0].source == "es/refunds.md"
