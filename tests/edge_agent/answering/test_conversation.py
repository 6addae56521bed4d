"""Conversations: what leans on the question before it, what does not, and how little is kept."""

import pytest

from edge_agent.answering.conversation import MAX_CONTEXT_CHARS, MAX_SESSIONS, Conversations, is_follow_up

BEFORE = "How long are backups kept on the Marea plan?"
OTHER = "How do I cancel my hosting service?"


@pytest.mark.parametrize(
    "text",
    [
        "And on the Oleaje plan?",
        "¿Y en el plan Oleaje?",
        "What about a VPS?",
        "¿Cuánto tarda eso?",
        "Is it free?",
        "¿y si no?",
    ],
)
def test_what_leaves_its_subject_out_is_a_follow_up(text: str) -> None:
    assert is_follow_up(text)


@pytest.mark.parametrize(
    "text",
    [
        OTHER,
        "¿Qué formas de pago aceptan en México?",
        "Visitors got a 508 during our newsletter this morning, what does that mean?",
        "Yesterday my invoice did not arrive by e-mail",
    ],
)
def test_what_names_its_subject_stands_alone(text: str) -> None:
    assert not is_follow_up(text)


def test_follow_ups_are_searched_with_the_last_question_that_stands_alone() -> None:
    sessions = Conversations()
    assert sessions.resolve("a", "And on Oleaje?") == "And on Oleaje?"
    assert sessions.resolve("a", BEFORE) == BEFORE
    assert sessions.resolve("b", "And on Oleaje?") == "And on Oleaje?"
    assert sessions.resolve("a", "And on Oleaje?") == f"{BEFORE} And on Oleaje?"
    assert sessions.resolve("a", "And on Brisa?") == f"{BEFORE} And on Brisa?"
    assert sessions.resolve("a", OTHER) == OTHER
    assert sessions.resolve("a", "Is it free?") == f"{OTHER} Is it free?"


def test_the_oldest_sessions_and_long_questions_are_not_kept() -> None:
    sessions = Conversations()
    long = "various words " * 400
    for number in range(MAX_SESSIONS + 1):
        sessions.resolve(str(number), long)
    assert sessions.resolve("0", "Is it free?") == "Is it free?"
    assert len(sessions.resolve("2", "Is it free?")) == MAX_CONTEXT_CHARS + len(" Is it free?")


def test_a_session_ends_after_a_while() -> None:
    now = 0.0
    sessions = Conversations(clock=lambda: now)
    sessions.resolve("a", BEFORE)
    now = 1_700.0
    assert sessions.resolve("a", "Is it free?") != "Is it free?"
    now = 3_400.0
    assert sessions.resolve("a", "Is it free?") != "Is it free?"  # each follow-up keeps it alive
    now = 5_300.0
    assert sessions.resolve("a", "Is it free?") == "Is it free?"
