"""Deletion: a byte search over every file of a running server's folder finds nothing of what was deleted."""

import contextlib
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from edge_agent.storage.database import DATABASE
from tests.conftest import ROOT, ServeStore

WORDS = ("xylophonewort", "quetzalcoatlus", "zwischenraumes", "bergamottenoel", "kumquatblossom", "jabuticabatree")
"""Of the text, its heading, the title, a tag, the source and a row of a table."""
PLANTED = f"""# {WORDS[2]}

## {WORDS[1]}

The word is {WORDS[0]}. It stands here alone, among others that are usual. Its turn comes in the morning.

| fruit | price |
|---|---|
| {WORDS[5]} | 12 |
"""
MARKDOWN = DocumentFormat.MARKDOWN


def holding(folder: Path, *words: str) -> dict[str, list[str]]:
    """The files below a folder that hold any of some words, in whatever case."""
    found = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            content = path.read_bytes().lower()
            if held := [word for word in words if word.encode() in content]:
                found[path.relative_to(folder).as_posix()] = held
    return found


def plant(http: httpx.Client, *, as_job: bool = False) -> str:
    data = {"source": f"{WORDS[4]}.md", "tags": WORDS[3]}
    headers = {"Prefer": "respond-async"} if as_job else {}
    response = http.post(
        "/v1/documents/upload", files={"file": ("a.md", PLANTED)}, data=data, headers=headers
    ).raise_for_status()
    job = response.json()
    while as_job and job["state"] not in ("done", "failed"):
        time.sleep(0.05)
        job = http.get(f"/v1/jobs/{job['job_id']}").json()
    found: str = (job["result"] if as_job else job)["document"]["document_id"]
    return found


def test_nothing_of_a_deleted_document_is_in_any_file_while_the_server_runs(serve: ServeStore, tmp_path: Path) -> None:
    server = serve(tmp_path)
    for path in sorted((ROOT / "demo" / "knowledge_base" / "en").glob("*.md"))[:3]:
        body = {"source": path.name, "text": path.read_text()}
        server.http.post("/v1/documents", json=body).raise_for_status()
    for as_job in (False, True):
        document_id = plant(server.http, as_job=as_job)
        assert WORDS[0] in str(server.http.post("/v1/query", json={"text": f"What is {WORDS[0]}?"}).json())
        planted = holding(tmp_path, *WORDS)
        assert {word for words in planted.values() for word in words} == set(WORDS)
        assert as_job is any(name.startswith("jobs/") for name in planted)
        server.http.delete(f"/v1/documents/{document_id}").raise_for_status()
        assert holding(tmp_path, *WORDS) == {}
        assert WORDS[0] not in str(server.http.post("/v1/query", json={"text": "What is the word?"}).json())
    assert server.http.get("/v1/documents").json()["total"] == 3
    server.kill()
    assert holding(tmp_path, *WORDS) == {}


def test_a_job_of_a_deleted_document_is_forgotten(serve: ServeStore, tmp_path: Path) -> None:
    http = serve(tmp_path).http
    for source in ("a.md", "b.md"):
        headers = {"Prefer": "respond-async"}
        http.post("/v1/documents/upload", files={"file": ("a.md", PLANTED)}, data={"source": source}, headers=headers)
    jobs = sorted(path.stem for path in (tmp_path / "jobs").glob("*.json"))
    done = dict.fromkeys(jobs, "")
    while set(done.values()) != {"done"}:
        done = {job_id: http.get(f"/v1/jobs/{job_id}").json()["state"] for job_id in jobs}
    listed = {d["source"]: d["document_id"] for d in http.get("/v1/documents").json()["documents"]}
    http.delete(f"/v1/documents/{listed['a.md']}").raise_for_status()
    assert [http.get(f"/v1/jobs/{job_id}").status_code for job_id in jobs] == [404, 200]


def test_nothing_is_left_of_a_root_that_is_forgotten(serve: ServeStore, tmp_path: Path) -> None:
    http = serve(tmp_path / "store").http
    label = http.post("/v1/roots", json={"path": "/srv/faq"}).json()["label"]
    body = {"source": f"{WORDS[4]}.md", "text": PLANTED, "root": label, "tags": [WORDS[3]]}
    http.post("/v1/documents", json=body).raise_for_status()
    http.delete(f"/v1/roots/{label}").raise_for_status()
    assert holding(tmp_path / "store", *WORDS) == {}


def test_nothing_is_left_of_a_version_that_was_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.models.erasure.ERASE_AFTER_S", 0.2)
    with Agent(AgentSettings(tmp_path)) as agent:
        agent.add_document("a.md", PLANTED.encode(), MARKDOWN)
        agent.add_document("a.md", b"# Other\n\nAnother text altogether.\n", MARKDOWN)
        deadline = time.monotonic() + 30
        while holding(tmp_path, *WORDS):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert agent.store.check(agent.models.active.student.encoder.dimension) == []


def test_what_was_deleted_before_a_kill_is_erased_at_the_next_start(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from edge_agent.agent import Agent; "
        "from edge_agent.settings import AgentSettings; from edge_agent.ingest.parsing.document_format import "
        "DocumentFormat as F; a = Agent(AgentSettings(Path(sys.argv[1]))); "
        "d = a.add_document('a.md', sys.argv[2].encode(), F.MARKDOWN).document; a.store.delete(d.document_id); "
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path), PLANTED], check=False, cwd=ROOT)
    assert set(holding(tmp_path, *WORDS)) & {DATABASE, f"{DATABASE}-wal"}
    with Agent(AgentSettings(tmp_path)):
        pass
    assert holding(tmp_path, *WORDS) == {}
    assert not (tmp_path / "erase").exists()


def test_a_reader_of_a_moment_before_holds_erasure_up_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.models.erasure._RETRY_S", 0.1)
    with Agent(AgentSettings(tmp_path)) as agent:
        document_id = agent.add_document("a.md", PLANTED.encode(), MARKDOWN).document.document_id
        with agent.store.snapshots.open() as before:
            deleting = threading.Thread(target=agent.delete_document, args=(document_id,))
            deleting.start()
            deleting.join(timeout=30)
            assert not deleting.is_alive()
            assert agent.store.database.has_to_erase
            assert WORDS[0] in before.document_with_text(document_id)[1]
        deadline = time.monotonic() + 30
        while agent.store.database.has_to_erase:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert holding(tmp_path, *WORDS) == {}


def test_a_copy_that_an_upgrade_left_goes_with_the_first_deletion(tmp_path: Path) -> None:
    with Agent(AgentSettings(tmp_path)) as agent:
        document_id = agent.add_document("a.md", PLANTED.encode(), MARKDOWN).document.document_id
        (tmp_path / "orilla.v3.db").write_bytes(PLANTED.encode())
        agent.delete_document(document_id)
        assert holding(tmp_path, *WORDS) == {}


@pytest.mark.parametrize("is_killed", [False, True])
def test_no_embedding_of_a_deleted_document_is_in_the_saved_graph(tmp_path: Path, is_killed: bool) -> None:
    pytest.importorskip("hnswlib")
    settings = AgentSettings(tmp_path, exact_below=5)
    with Agent(settings) as agent:
        for number in range(12):
            text = f"# Topic {number}\n\nThis is what is known of topic number {number}, and of nothing else.\n"
            agent.add_document(f"{number}.md", text.encode(), MARKDOWN)
        agent.models.active.index.wait_until_built(60)
        view = agent.models.active.index.view()
        known = agent.store.snapshots.read(lambda snapshot: snapshot.document_of("3.md"))
        assert known is not None
        (passage_id,) = agent.store.snapshots.read(lambda snapshot: snapshot.passages_of(known.document_id))
    graph = next((tmp_path / "index").rglob("*.hnsw"))
    rows = {
        int(i): row.astype("<f4").tobytes()
        for i, row in zip(view.ids(), view.embeddings(view.ids().tolist())[1], strict=True)
    }
    near = {i for i, row in rows.items() if _holds_row(graph.read_bytes(), row)}
    assert passage_id in near
    assert len(near) == 12
    with Agent(settings) as agent:
        (agent.store.delete if is_killed else agent.delete_document)(known.document_id)
        deadline = time.monotonic() + 30
        while not is_killed and agent.models.active.index.has_to_erase:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        agent.models.active.index.wait_until_built(30)
    if is_killed:  # the index did not follow: as after a kill between the change and the save
        with Agent(settings) as agent:
            assert agent.models.active.index.has_to_erase
    graph = next((tmp_path / "index").rglob("*.hnsw"))
    assert {i for i, row in rows.items() if _holds_row(graph.read_bytes(), row)} == set(rows) - {passage_id}
    with Agent(settings) as agent:
        assert not agent.models.active.index.has_to_erase
        assert not agent.models.active.index.is_exact
        assert agent.readiness().is_ready


def _holds_row(content: bytes, row: bytes) -> bool:
    return np.frombuffer(row, dtype="<f4")[:8].tobytes() in content
