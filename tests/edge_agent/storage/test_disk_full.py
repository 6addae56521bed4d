"""A full disk: every change is refused with what to do, none is half done, questions go on, space heals it.

Really full: a small file system where one may be mounted, and SQLite's own limit on the file's pages everywhere.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from edge_agent.agent import Agent
from edge_agent.errors import StoreFull
from edge_agent.feedback.log import NewFeedback
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import Store
from tests.conftest import ServeStore, run_orilla

MARKDOWN = DocumentFormat.MARKDOWN
BACKUPS = b"# Backups\n\nBackups are taken every night at two. They are kept for fourteen days.\n"


def large(number: int) -> bytes:
    return f"# Part {number}\n\n".encode() + b" ".join(b"word%d-%d" % (number, n) for n in range(1000))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes, for a root user; skipped where nothing may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """A file that takes all the space that is left."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                pass
    return path


def test_without_space_every_change_is_refused_whole_and_works_again_later(tmp_path: Path) -> None:
    with Agent(AgentSettings(tmp_path, is_reviewing=True)) as agent:
        document = agent.add_document("backups.md", BACKUPS, MARKDOWN).document
        writer = agent.store.database._writer
        (pages,) = writer.execute("PRAGMA page_count").fetchone()
        writer.execute(f"PRAGMA max_page_count = {pages}")
        for source in ("backups.md", "new.md"):
            with pytest.raises(StoreFull, match=r"no space is left on the disk of .*; nothing was changed. Free some"):
                agent.add_document(source, large(1), MARKDOWN)
        with pytest.raises(StoreFull):
            for _ in range(2000):
                agent.add_feedback(NewFeedback("where is it?" * 100, is_helpful=True))
        assert list(agent.files("")) == ["backups.md"]
        answer = agent.questions.query("how long are backups kept?")
        assert answer.citations[0].content_sha256 == document.content_sha256
        assert agent.questions.query("who won the football match?").abstained  # and its review is not queued
        assert agent.readiness().is_ready
        assert agent.store.check(384) == []
        writer.execute("PRAGMA max_page_count = 1000000")
        agent.add_document("new.md", large(1), MARKDOWN)
        agent.delete_document(document.document_id)
        assert list(agent.files("")) == ["new.md"]
        assert agent.store.check(384) == []


def test_a_server_on_a_full_disk_answers_and_says_what_to_do(serve: ServeStore, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(3_400_000))
    http = serve(small_disk / "store").http
    added = {}
    for number in range(60):
        response = http.post("/v1/documents", json={"source": f"{number}.md", "text": large(number).decode()})
        if response.status_code == 507:
            break
        added[f"{number}.md"] = response.raise_for_status().json()["document"]["content_sha256"]
    assert added
    fill(small_disk)
    first = next(iter(added))
    document_id = http.get("/v1/documents").json()["documents"][0]["document_id"]
    refused = [
        http.post("/v1/documents", json={"source": first, "text": large(99).decode()}),
        http.post("/v1/documents", json={"source": "new.md", "text": large(98).decode()}),
        *(http.post("/v1/feedback", json={"text": "word " * 50, "is_helpful": True}) for _ in range(20)),
    ]
    assert {response.status_code for response in refused[:2]} == {507}
    assert {response.status_code for response in refused} <= {201, 507}  # the log has room for small changes yet
    assert {response.json()["type"] for response in refused if response.is_error} == {"urn:orilla:problem:store-full"}
    assert "Free some space there, then try again" in refused[0].json()["detail"]
    gone = http.delete(f"/v1/documents/{document_id}")
    assert gone.status_code in (204, 507)
    assert http.post("/v1/query", json={"text": "what is in part 3?"}).is_success
    assert stored(http).items() <= added.items()
    ballast.unlink()
    if gone.status_code == 507:
        assert stored(http) == added
        http.delete(f"/v1/documents/{document_id}").raise_for_status()
    http.post("/v1/documents", json={"source": "new.md", "text": "Some text."}).raise_for_status()
    assert set(stored(http)) == {*sorted(added)[1:], "new.md"}
    assert http.get("/readyz").is_success


def stored(http: httpx.Client) -> dict[str, str]:
    return {d["source"]: d["content_sha256"] for d in http.get("/v1/documents").json()["documents"]}


def test_starting_without_space_is_one_line_that_says_what_to_do(small_disk: Path, tmp_path: Path) -> None:
    store = small_disk / "store"
    Store(store).close()
    filling = fill(small_disk)
    text = tmp_path / "a.md"
    text.write_text("A text.")
    for arguments in (["query", "hello", "--store", str(store)], ["ingest", str(text), "--store", f"{small_disk}/new"]):
        done = run_orilla("edge", *arguments)
        assert done.returncode == 2
        assert "no space is left on the disk of" in done.stderr
        assert done.stderr.count("\n") == 1
    filling.unlink()
    assert run_orilla("edge", "check", "--store", str(store)).stdout == "0 documents, 0 passages: sound\n"


def test_uploads_that_find_no_room_while_they_come_in_are_refused_by_name(
    serve: ServeStore, small_disk: Path, tmp_path: Path
) -> None:
    (small_disk / "uploads").mkdir()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "uploads").symlink_to(small_disk / "uploads")
    http = serve(tmp_path / "store").http

    def upload() -> tuple[int, str]:
        response = http.post("/v1/documents/upload", files={"file": ("a.txt", b"\xff" * 1_500_000)})
        return response.status_code, response.json()["type"].rpartition(":")[2]

    empty = shutil.disk_usage(small_disk).used
    assert upload() == (400, "text-undecodable")
    deadline = time.monotonic() + 30
    while shutil.disk_usage(small_disk).used > empty:  # until the upload's own file is gone
        assert time.monotonic() < deadline
        time.sleep(0.05)
    filling = fill(small_disk)
    assert upload() == (507, "store-full")
    filling.unlink()
    assert upload() == (400, "text-undecodable")
