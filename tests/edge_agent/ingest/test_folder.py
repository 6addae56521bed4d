"""A folder kept in step: links, temporary files, and a watching process beside a server."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.errors import InputInvalid
from edge_agent.ingest.folder import sync
from tests.conftest import ROOT, ServeStore


def test_links_out_of_the_folder_are_refused(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("Not for the branch.")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "inside.md").write_text("For the branch.")
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    synced = sync(agent, folder)
    assert (synced.added, [item["source"] for item in synced.refused]) == (1, ["link.md"])
    assert "outside the folder" in synced.refused[0]["reason"]
    assert agent.sources() == ["inside.md"]


def test_temporary_files_of_editors_are_skipped(agent: Agent, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.md", ".a.md.swp.md", "~$b.docx", "c.png"):
        (folder / name).write_text("Some text.")
    synced = sync(agent, folder)
    assert (synced.added, synced.skipped, synced.refused) == (1, 3, [])


def test_a_folder_that_is_not_there_is_refused(agent: Agent, tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="does not exist"):
        sync(agent, tmp_path / "nothing", prune=True)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_watched_folder_is_followed_while_the_store_is_served(serve: ServeStore, tmp_path: Path) -> None:
    folder, store = tmp_path / "documents", tmp_path / "store"
    folder.mkdir()
    (folder / "first.md").write_text("The first document.")
    http = serve(store).http

    def sources() -> list[str]:
        return [document["source"] for document in http.get("/v1/documents").json()["documents"]]

    command = [sys.executable, "-m", "orilla", "edge", "watch", str(folder), "--store", str(store)]
    watcher = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: sources() == ["first.md"])
        time.sleep(1)  # until the system tells the watcher of changes; one before it would wait for the next comparison
        (folder / "second.md").write_text("The second document.")
        wait_until(lambda: sources() == ["first.md", "second.md"])
        (folder / "first.md").unlink()
        wait_until(lambda: sources() == ["second.md"])
        assert watcher.poll() is None
    finally:
        watcher.terminate()
        assert watcher.wait(timeout=30) == 0
