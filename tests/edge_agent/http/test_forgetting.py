"""Forgetting over HTTP and by command: what a customer or some words left is in no file, and a receipt says so."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.errors import InputInvalid
from edge_agent.feedback.log import NewFeedback
from edge_agent.forgetting import Asked, expire
from edge_agent.ingest.jobs import JobState
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.intents.own_head import LearningOptions, OwnHead
from edge_agent.settings import AgentSettings
from edge_agent.storage.database import SCHEMA_VERSION
from tests.conftest import ServeStore, run_orilla
from tests.edge_agent.http.test_deletion import holding
from tests.edge_agent.ingest.test_jobs import ended

NAME = "Zebulon Quixarte"
PARTS = ("zebulon", "quixarte")
TEXT = DocumentFormat.TEXT


def test_words_are_forgotten_everywhere_while_the_server_runs(serve: ServeStore, tmp_path: Path) -> None:
    store = tmp_path / "store"
    http = serve(store, "--review").http
    letter = {"source": "letter.md", "text": "# Letter\n\nTo ZEBULON  Quixárte, who asked for it."}
    http.post("/v1/documents", json=letter).raise_for_status()
    body = {"source": "other.md", "text": "# Other\n\nZebulon was a king, Quixarte a town."}
    http.post("/v1/documents", json=body).raise_for_status()
    upload = {"file": ("x.txt", f"A text for {NAME} alone.")}
    headers, data = {"Prefer": "respond-async"}, {"source": f"{NAME}.txt"}
    job = http.post("/v1/documents/upload", files=upload, data=data, headers=headers).raise_for_status().json()
    assert ended(http, job["job_id"])["state"] == "done"
    refused = {"source": f"{NAME}.md", "text": "x", "root": ""}
    http.post("/v1/documents", json=refused | {"format": "pdf"})
    http.post("/v1/query", json={"text": f"What is {NAME}'s favorite color of cars in Brazil?"}).raise_for_status()
    (review,) = http.get("/v1/review").json()["reviews"]
    for text, review_id in ((f"I am {NAME}.", None), ("edited", review["review_id"]), ("not of him", None)):
        said = {"text": text, "intent": "complaint", "customer": "c-1", "review_id": review_id}
        http.post("/v1/feedback", json=said).raise_for_status()
    before = holding(store, *PARTS)
    assert any(name.startswith("jobs/") for name in before)

    trial = http.post("/v1/forget", json={"words": NAME, "is_trial": True}).json()
    assert (trial["feedback"], trial["reviews"], len(trial["documents"])) == (2, 1, 2)
    assert holding(store, *PARTS) == before

    done = run_orilla("edge", "forget", "--words", NAME.lower(), "--store", str(store), "--yes", "--json")
    assert done.returncode == 0, done.stderr
    receipt = json.loads(done.stdout)
    assert (receipt["by"], receipt["feedback"], receipt["reviews"]) == ("words", 2, 1)
    assert (len(receipt["documents"]), receipt["jobs"], receipt["documents_kept"]) == (2, 1, 0)
    assert receipt["is_erased"]
    assert not [part for part in PARTS if part in done.stdout.lower()]
    proof = hashlib.scrypt(
        NAME.lower().encode(), salt=bytes.fromhex(receipt["asked_salt"]), n=16384, r=8, p=1, dklen=32
    )
    assert proof.hex() == receipt["asked_scrypt"]
    left = holding(store, NAME.lower(), "zebulon  quix")
    assert left == {}
    assert set(holding(store, *PARTS)) <= {"orilla.db"}  # the other document's words
    assert [d["source"] for d in http.get("/v1/documents").json()["documents"]] == ["other.md"]
    assert http.get("/v1/review").json()["reviews"] == []
    assert http.post("/v1/forget", json={}).status_code == 422
    assert http.post("/v1/forget", json={"words": "a b"}).status_code == 422
    assert http.get("/readyz").is_success


def test_examples_that_wait_to_be_learned_are_forgotten_by_words(tmp_path: Path) -> None:
    store = tmp_path / "store"
    rows = [{"line": 1, "columns": {"text": f"I am {NAME}", "label": "a"}}, {"line": 2, "columns": {"text": "other"}}]
    waiting = OwnHead("0-1", JobState.QUEUED, "2026-11-30T00:00:00+00:00", 2, "row", LearningOptions())
    with Agent(AgentSettings(store)) as agent:
        packed = "".join(json.dumps(row) + "\n" for row in rows).encode()
        agent.models.own_heads.accept(waiting, packed)
        assert agent.forget(Asked(words=NAME, is_trial=True)).examples == 1
        assert holding(store, *PARTS)
        receipt = agent.forget(Asked(words=NAME.upper()))
        assert (receipt.examples, receipt.counts["examples"]) == (1, 1)
        assert holding(store, *PARTS) == {}
        assert json.loads(agent.models.own_heads.examples("0-1").read_text()) == rows[1]


def test_a_customer_is_forgotten_and_others_are_kept(tmp_path: Path) -> None:
    with Agent(AgentSettings(tmp_path)) as agent:
        agent.feedback.queue("wherefore art thou", "abstained", None, 0.1, "ab" * 32)
        agent.feedback.queue("another thing", "abstained", None, 0.1, "ab" * 32)
        (first, second) = agent.feedback.pending()
        for text, customer, review_id in (
            ("quokkasized problem", "c-1", first.review_id),
            ("another", "c-2", second.review_id),
            ("a third", "c-2", None),
        ):
            said = NewFeedback(text, intent="complaint", customer=customer, review_id=review_id)
            agent.add_feedback(said)
        receipt = agent.forget(Asked(customer="c-1"))
        assert (receipt.by, receipt.feedback, receipt.reviews, receipt.documents) == ("customer", 1, 1, ())
        assert holding(tmp_path, "quokkasized", "wherefore", "c-1") == {}
        assert [row.customer for row in agent.feedback.read_since(0)] == ["c-2", "c-2"]
        assert agent.feedback.pending() == []
        assert agent.forget(Asked(customer="c-1")).found == 0
        later = agent.add_feedback(NewFeedback("later", is_helpful=True))
        assert [row.feedback_id for row in agent.feedback.read_since(3)] == [later] == [4]
        assert agent.store.check(agent.models.active.student.encoder.dimension) == []
    with Agent(AgentSettings(tmp_path)) as agent:  # its tables are as they were made
        assert (
            agent.store.snapshots.read(lambda s: s.rows("PRAGMA user_version", []))[0]["user_version"] == SCHEMA_VERSION
        )
        with pytest.raises(Exception, match="append-only"), agent.store.database.transaction() as db:
            db.execute("DELETE FROM feedback")


def test_documents_may_be_kept_and_an_attachment_goes_with_what_holds_it(tmp_path: Path) -> None:
    mail = (
        "From: a@example.com\nSubject: S\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
        "Content-Type: text/plain\n\nThe text is attached here.\n\n--b\nContent-Type: text/plain\n"
        f"Content-Disposition: attachment; filename=n.txt\n\nA note on {NAME} and nobody else.\n\n--b--\n"
    )
    with Agent(AgentSettings(tmp_path)) as agent:
        agent.add_document("m.eml", mail.encode(), DocumentFormat.EML)
        assert len(list(agent.documents())) == 2
        kept = agent.forget(Asked(words=NAME, keeps_documents=True))
        assert (kept.documents, kept.documents_kept, len(list(agent.documents()))) == ((), 1, 2)
        assert len(agent.forget(Asked(words=NAME)).documents) == 1
        assert list(agent.documents()) == []
        assert holding(tmp_path, *PARTS) == {}
        for wrong in (Asked(), Asked("c", "words"), Asked(words="a b"), Asked(customer=" "), Asked(words="x" * 501)):
            with pytest.raises(InputInvalid):
                agent.forget(wrong)


def test_what_is_too_old_is_deleted_and_the_rest_is_kept(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with Agent(AgentSettings(tmp_path)) as agent:
        agent.feedback.queue("quokkasized question", "abstained", None, 0.1, "ab" * 32)
        (review,) = agent.feedback.pending()
        agent.add_feedback(NewFeedback("wherefore art thou", intent="complaint", review_id=review.review_id))
        assert expire(agent, now + timedelta(days=29), keep_days=30) == (0, 0, 0)
        assert holding(tmp_path, "quokkasized", "wherefore")
        assert expire(agent, now + timedelta(days=31), keep_days=30) == (1, 1, 0)
        assert holding(tmp_path, "quokkasized", "wherefore") == {}


def test_a_server_deletes_what_is_older_than_its_days(serve: ServeStore, tmp_path: Path) -> None:
    with Agent(AgentSettings(tmp_path)) as agent:
        agent.add_feedback(NewFeedback("quokkasized problem", is_helpful=True))
        agent.add_feedback(NewFeedback("of today", is_helpful=True))
        with agent.store.database.transaction() as db:
            trigger = db.execute("SELECT sql FROM sqlite_master WHERE name = 'feedback_is_append_only'").fetchone()[0]
            db.execute("DROP TRIGGER feedback_is_append_only")
            db.execute("UPDATE feedback SET at = '2020-01-01T00:00:00+00:00' WHERE id = 1")
            db.execute(trigger)
    serve(tmp_path, "--keep-days", "0").kill()
    assert holding(tmp_path, "quokkasized")
    server = serve(tmp_path)  # a year, by default
    server.process.terminate()
    server.process.wait(timeout=60)
    assert holding(tmp_path, "quokkasized") == {}
    assert holding(tmp_path, "of today")
