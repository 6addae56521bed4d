"""Long uploads: accepted at once, their progress reported, never lost."""

import re
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_agent.agent import Agent
from edge_agent.errors import JobQueueFull, JobUnknown
from edge_agent.ingest.jobs import MAX_ENDED, MAX_PENDING, Job, Jobs, JobState, OnPassages
from edge_agent.ingest.outcome import Ingested
from edge_agent.ingest.parsing.document_format import DocumentFormat
from tests.conftest import ServeStore, run_orilla
from tests.edge_agent.http.test_http import problem

TEXT = DocumentFormat.TEXT


def long_text(number: int) -> str:
    return "\n\n".join(f"Paragraph {n} of manual {number}. " + "It explains one more thing. " * 20 for n in range(90))


def upload(http: httpx.Client, name: str, content: str | bytes, **data: Any) -> httpx.Response:
    headers = {"Prefer": "wait=1, respond-async"}
    return http.post("/v1/documents/upload", files={"file": (name, content)}, data=data, headers=headers)


def ended(http: httpx.Client, job_id: str) -> dict[str, Any]:
    for _ in range(600):
        job: dict[str, Any] = http.get(f"/v1/jobs/{job_id}").json()
        if job["state"] in ("done", "failed"):
            return job
        time.sleep(0.05)
    pytest.fail(f"job {job_id} did not end: {job}")


def wait_until_ended(jobs: Jobs, job_id: str) -> Job:
    for _ in range(600):
        if jobs.get(job_id).has_ended:
            return jobs.get(job_id)
        time.sleep(0.01)
    pytest.fail("the job did not end")


def test_a_long_upload_is_accepted_followed_and_found(serve: ServeStore, tmp_path: Path) -> None:
    http = serve(tmp_path).http
    accepted = upload(http, "manual.txt", long_text(1), source="kb/manual.txt", tags=["vps"])
    assert (accepted.status_code, accepted.headers["Preference-Applied"]) == (202, "respond-async")
    job = accepted.json()
    assert accepted.headers["Location"] == f"/v1/jobs/{job['job_id']}"
    assert (job["source"], job["size_bytes"]) == ("kb/manual.txt", len(long_text(1)))
    done = ended(http, job["job_id"])
    assert (done["state"], done["problem"]) == ("done", None)
    assert done["passages"] == done["passages_done"] == done["result"]["document"]["passages"] > 64
    assert (done["result"]["outcome"], done["result"]["document"]["tags"]) == ("added", ["vps"])
    assert http.post("/v1/search", json={"text": "manual"}).json()["results"][0]["source"] == "kb/manual.txt"
    assert "orilla_jobs_pending 0.0" in http.get("/metrics").text
    assert list((tmp_path / "jobs").glob("*.content")) == []


def test_what_is_wrong_with_a_document_is_reported_at_once_or_by_its_job(serve: ServeStore, tmp_path: Path) -> None:
    http = serve(tmp_path).http
    assert problem(upload(http, "x.exe", "MZ"))["status"] == 415
    assert problem(upload(http, "x.txt", "text", tags=[""]))["status"] == 422
    assert problem(upload(http, "x.txt", b"a" * 20_000_001))["status"] == 413
    assert problem(http.get("/v1/jobs/nothing"))["type"] == "urn:orilla:problem:job-unknown"
    failed = ended(http, upload(http, "x.pdf", b"%PDF-1.7 but nothing more").json()["job_id"])
    assert (failed["state"], failed["result"], failed["problem"]["status"]) == ("failed", None, 422)
    assert failed["problem"]["type"] == "urn:orilla:problem:input-invalid"
    assert http.get("/v1/documents").json()["total"] == 0


def test_what_was_accepted_is_ingested_or_its_refusal_is_reported_also_after_a_kill(
    serve: ServeStore, tmp_path: Path
) -> None:
    server = serve(tmp_path)
    accepted = [upload(server.http, f"{n}.txt", long_text(n)).json()["job_id"] for n in range(2)]
    accepted.append(upload(server.http, "bad.pdf", b"not a PDF").json()["job_id"])
    server.kill()
    assert list((tmp_path / "jobs").glob("*.content"))  # it died with work to do
    again = serve(tmp_path)
    assert [ended(again.http, job_id)["state"] for job_id in accepted] == [*["done"] * 2, "failed"]
    assert again.http.get("/v1/documents").json()["total"] == 2
    assert again.http.get("/readyz").json()["is_ready"]


def test_a_large_file_goes_through_the_server_as_a_job(serve: ServeStore, tmp_path: Path) -> None:
    server = serve(tmp_path / "store")
    (tmp_path / "large.txt").write_text("One sentence." + "\n" * 1_000_000)
    done = run_orilla("edge", "ingest", str(tmp_path / "large.txt"), "--store", str(tmp_path / "store"))
    assert done.stdout.startswith("1 added")
    assert re.search(r'route="/v1/jobs/\{job_id\}",status="200"', server.http.get("/metrics").text)


def test_a_full_queue_refuses_and_keeps_nothing(agent: Agent, tmp_path: Path) -> None:
    go_on = threading.Event()

    def wait_then_ingest(job: Job, content: bytes, on_passages: OnPassages) -> Ingested:
        assert go_on.wait(timeout=30)
        return agent.ingest_job(job, content, on_passages)

    with Jobs(tmp_path / "jobs", wait_then_ingest) as jobs:
        accepted = [jobs.accept(f"{n}.txt", b"One sentence.", TEXT, tags=()) for n in range(MAX_PENDING)]
        before = sorted((tmp_path / "jobs").iterdir())
        with pytest.raises(JobQueueFull, match="send it again later"):
            jobs.accept("more.txt", b"One sentence.", TEXT, tags=())
        assert sorted((tmp_path / "jobs").iterdir()) == before
        go_on.set()
        assert all(wait_until_ended(jobs, job.job_id).state is JobState.DONE for job in accepted)
    assert agent.readiness().documents == MAX_PENDING


def test_a_job_that_runs_when_the_server_ends_is_put_back(agent: Agent, tmp_path: Path) -> None:
    has_begun, go_on = threading.Event(), threading.Event()

    def wait_then_ingest(job: Job, content: bytes, on_passages: OnPassages) -> Ingested:
        has_begun.set()
        assert go_on.wait(timeout=30)
        return agent.ingest_job(job, content, on_passages)

    jobs = Jobs(tmp_path / "jobs", wait_then_ingest)
    job = jobs.accept("a.txt", b"One sentence.", TEXT, tags=())
    assert has_begun.wait(timeout=30)
    closing = threading.Thread(target=jobs.close)
    closing.start()
    while not jobs._is_closing:
        time.sleep(0.001)
    go_on.set()
    closing.join(timeout=30)
    assert agent.readiness().documents == 0
    with Jobs(tmp_path / "jobs", agent.ingest_job) as jobs:
        done = wait_until_ended(jobs, job.job_id)
    assert (done.state, done.attempts) == (JobState.DONE, 1)


def test_a_document_that_ends_the_server_each_time_is_given_up(agent: Agent, tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    folder.mkdir()
    record = (
        b'{"job_id": "1", "state": "running", "source": "a.txt", "format": "text", "tags": [], "size_bytes": 1, '
        b'"accepted_at": "2026-11-21T10:00:00+00:00", "attempts": 3}'
    )
    (folder / "1.json").write_bytes(record)
    (folder / "1.content").write_bytes(b"One sentence.")
    (folder / "2.json").write_bytes(b"damaged")
    (folder / "3.content").write_bytes(b"never acknowledged")
    with Jobs(folder, agent.ingest_job) as jobs:
        given_up = wait_until_ended(jobs, "1")
        with pytest.raises(JobUnknown):
            jobs.get("2")
    assert given_up.state is JobState.FAILED
    assert "ended 3 times" in str(given_up.detail)
    assert list(folder.glob("*.content")) == []


def test_only_the_latest_jobs_are_remembered(agent: Agent, tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    with Jobs(folder, agent.ingest_job) as jobs:
        refused = wait_until_ended(jobs, jobs.accept("a.txt", b"", TEXT, tags=()).job_id)
        assert refused.refusal == "InputInvalid"
    record = (folder / f"{refused.job_id}.json").read_text()
    for number in range(MAX_ENDED):
        (folder / f"{number}.json").write_text(record.replace(refused.job_id, str(number)))
    with Jobs(folder, agent.ingest_job) as jobs:
        last = wait_until_ended(jobs, jobs.accept("a.txt", b"", TEXT, tags=()).job_id)
        for forgotten in ("0", "1"):
            with pytest.raises(JobUnknown):
                jobs.get(forgotten)
        assert jobs.get("2").has_ended
    assert len(list(folder.iterdir())) == MAX_ENDED
    assert (folder / f"{last.job_id}.json").exists()
