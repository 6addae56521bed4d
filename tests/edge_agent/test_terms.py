"""Words beside meaning: which are looked for, and how both rankings become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.agent import Agent
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.storage.snapshot import match_any
from edge_agent.text import MAX_TERMS, content_terms, content_words, without_version


def test_little_words_of_both_languages_are_left_out() -> None:
    assert content_terms("How do I pay the invoice?") == ["pay", "invoice"]
    assert content_terms("¿Cómo pago la factura del teléfono?") == ["pago", "factura", "telefono"]


def test_a_question_of_little_words_alone_keeps_them() -> None:
    assert content_terms("what is it?") == ["what", "is", "it"]


def test_a_question_without_words_has_none() -> None:
    assert content_terms("¿?!") == []


def test_content_words_are_found_in_their_place() -> None:
    text = "¿Cómo pago la FACTURA, y la factura del teléfono?"
    assert [text[start:end] for start, end in content_words(text)] == ["pago", "FACTURA", "factura", "teléfono"]


def test_terms_are_bounded() -> None:
    assert len(content_terms(" ".join(f"word{n}" for n in range(1000)))) == MAX_TERMS


@given(st.text(max_size=60))
def test_no_question_is_syntax(agent_text: str) -> None:
    for term in content_terms(agent_text):
        assert term
    assert match_any(['a"b', "c"]) == '"a""b" OR "c"'


@pytest.mark.parametrize("question", ['"', "AND OR NOT", "a* ^b", "col:umn", "(((", "NEAR(a b)", "-x", "'; DROP TABLE"])
def test_a_question_like_fts_syntax_is_only_words(agent: Agent, question: str) -> None:
    agent.add_document("a.md", b"# A\n\nSome text about a column near the table.\n", DocumentFormat.MARKDOWN)
    agent.lookup.search(question)
    agent.questions.query(question)


def test_a_rare_word_finds_what_meaning_alone_misses(agent: Agent) -> None:
    for number in range(40):
        text = f"# Errors\n\nWhen the code E{4000 + number} is shown, restart the device and wait for two minutes.\n"
        agent.add_document(f"{number}.md", text.encode(), DocumentFormat.MARKDOWN)
    assert agent.lookup.search("what does E4017 mean?")[0].source == "17.md"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Returns (2023)", "Returns (2025)", True),
        ("Tarifas v1", "Tarifas v2.1", True),
        ("Horario, 15 de marzo de 2026", "Horario, 1 de mayo de 2025", True),
        ("Policy (draft)", "Policy, final version", True),
        ("Annex 1", "Annex 2", False),
        ("Plan Marea", "Plan Duna", False),
    ],
)
def test_versions_have_one_subject(one: str, other: str, is_same: bool) -> None:
    assert (without_version(one) == without_version(other)) is is_same
