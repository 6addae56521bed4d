"""Feedback and reviews: masked, append-only, read by cursor."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_agent.agent import Agent
from edge_agent.errors import DocumentUnknown, InputInvalid, ReviewUnknown
from edge_agent.feedback.log import FeedbackLog, NewFeedback
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import Store
from tests.conftest import ServeStore


@pytest.fixture
def log(tmp_path: Path) -> Iterator[FeedbackLog]:
    store = Store(tmp_path)
    yield FeedbackLog(store.database)
    store.close()


def test_what_was_said_is_read_once_and_in_order(log: FeedbackLog) -> None:
    for number in range(5):
        log.add(NewFeedback(f"question {number}", is_helpful=number % 2 == 0), "ab" * 32)
    first = log.read_since(0, limit=2)
    rest = log.read_since(first[-1].feedback_id)
    assert [row.text for row in first + rest] == [f"question {number}" for number in range(5)]
    assert [row.is_helpful for row in first] == [True, False]
    assert log.read_since(rest[-1].feedback_id) == []


def test_identifiers_never_reach_the_disk(log: FeedbackLog, tmp_path: Path) -> None:
    log.add(NewFeedback("soy ana@correo.example, DNI 12345678Z", intent="refund"), "ab" * 32)
    log.queue("tarjeta 4111 1111 1111 1111", "abstained", None, 0.1, "ab" * 32)
    on_disk = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"soy [EMAIL_1], DNI [ID_1]" in on_disk
    for secret in (b"ana@correo", b"12345678Z", b"4111"):
        assert secret not in on_disk


@pytest.mark.parametrize(
    "secret", ["ana@correo.example", "4111 1111 1111 1111", "ES9121000418450200051332", "12345678Z"]
)
@pytest.mark.parametrize("field", ["intent", "source", "customer"])
def test_a_name_that_holds_an_identifier_is_refused_and_never_reaches_the_disk(
    log: FeedbackLog, tmp_path: Path, field: str, secret: str
) -> None:
    said: dict[str, Any] = {"text": "question", "is_helpful": True, field: f"refund {secret}"}
    with pytest.raises(InputInvalid, match=f"{field} holds personal data") as refused:
        log.add(NewFeedback(**said), "ab" * 32)
    assert secret not in str(refused.value)
    assert log.read_since(0) == []
    assert secret.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_row_is_never_changed_or_deleted(log: FeedbackLog, tmp_path: Path) -> None:
    log.add(NewFeedback("question", is_helpful=True), "ab" * 32)
    log.queue("text", "abstained", None, 0.1, "ab" * 32)
    with sqlite3.connect(tmp_path / "orilla.db") as db:
        for change in ("UPDATE feedback SET text = 'x'", "DELETE FROM feedback", "UPDATE reviews SET text = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(change)
    db.close()


def test_feedback_that_says_nothing_is_refused(log: FeedbackLog) -> None:
    with pytest.raises(InputInvalid, match="says nothing"):
        log.add(NewFeedback("question"), "ab" * 32)
    with pytest.raises(ReviewUnknown, match="no review has that id"):
        log.add(NewFeedback("question", intent="x", review_id=7), "ab" * 32)
    assert log.read_since(0) == []


def test_a_review_waits_until_it_is_answered_and_is_queued_once(log: FeedbackLog) -> None:
    for _ in range(3):
        log.queue("where is my order?", "abstained", "track_order", 0.2, "ab" * 32)
    (waiting,) = log.pending()
    assert (waiting.text, waiting.intent, waiting.why) == ("where is my order?", "track_order", "abstained")
    log.add(NewFeedback(waiting.text, intent="track_order", review_id=waiting.review_id), "ab" * 32)
    assert log.pending() == []
    log.queue("where is my order?", "abstained", "track_order", 0.2, "ab" * 32)
    assert len(log.pending()) == 1


def test_a_reviewing_agent_queues_what_it_was_unsure_of(tmp_path: Path) -> None:
    with Agent(AgentSettings(tmp_path, is_reviewing=True)) as agent:
        agent.add_document("a.md", b"# Refunds\n\nRefunds are paid within ten working days.\n", DocumentFormat.MARKDOWN)
        assert agent.questions.query(" what is  the capital\nof France? mail me at a@b.example ").abstained
        (review,) = agent.feedback.pending()
        assert review.text == "what is  the capital\nof France? mail me at [EMAIL_1]"  # as it was written
        assert not agent.questions.query("when are refunds paid?").abstained
        assert all(item.why != "abstained" for item in agent.feedback.pending()[1:])


def test_an_agent_asked_to_be_quiet_queues_nothing(agent: Agent) -> None:
    agent.questions.query("what is the capital of France?")
    assert agent.feedback.pending() == []


def test_customers_are_pseudonyms_and_sources_are_known(agent: Agent) -> None:
    with pytest.raises(InputInvalid, match="expected a pseudonym"):
        agent.add_feedback(NewFeedback("q", is_helpful=True, customer="ana@correo.example"))
    with pytest.raises(DocumentUnknown):
        agent.add_feedback(NewFeedback("q", source="nothing.md"))
    agent.add_feedback(NewFeedback("q", is_helpful=True, customer="c-81"))
    (row,) = agent.feedback.read_since(0)
    assert (row.customer, row.bundle_digest) == ("c-81", agent.models.active.bundle.digest)


def test_feedback_over_http(serve: ServeStore, tmp_path: Path) -> None:
    http: httpx.Client = serve(tmp_path).http
    accepted = http.post("/v1/feedback", json={"text": "where is it?", "intent": "track_order", "customer": "c-1"})
    assert (accepted.status_code, accepted.json()) == (201, {"feedback_id": 1})
    assert http.post("/v1/feedback", json={"text": "where is it?"}).json()["type"].endswith(":input-invalid")
    unknown = http.post("/v1/feedback", json={"text": "a", "intent": "b", "review_id": 9})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:orilla:problem:review-unknown")
    assert http.get("/v1/review").json() == {"reviews": [], "next": None}
