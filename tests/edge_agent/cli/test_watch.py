"""`orilla edge watch` as a service beside a server."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Server, ServeStore


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def sources(server: Server) -> list[str]:
    return [document["source"] for document in server.http.get("/v1/documents").json()["documents"]]


@contextlib.contextmanager
def watching(folder: Path, store: Path, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A watching process, which ends cleanly when it is asked to; what it prints is in a file."""
    command = [sys.executable, "-m", "orilla", "edge", "watch", str(folder), "--store", str(store)]
    with output.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file, env={**os.environ, "COLUMNS": "200"})
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "documents"
    path.mkdir()
    (path / "first.md").write_text("The first document.")
    return path


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_watched_folder_is_followed_while_the_store_is_served(
    serve: ServeStore, folder: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    server, output = serve(tmp_path / "store"), tmp_path / "output"
    with watching(folder, tmp_path / "store", output) as process:
        wait_until(lambda: sources(server) == ["first.md"])
        (folder / "second.md").write_text("The second document.")
        wait_until(lambda: sources(server) == ["first.md", "second.md"])
        (folder / "first.md").unlink()
        wait_until(lambda: sources(server) == ["second.md"])
        wait_until(lambda: "deleted first.md" in output.read_text())
        process.send_signal(sent)
        assert process.wait(timeout=30) == 0
    lines = output.read_text().splitlines()
    assert lines[0] == f"watching {folder}; Ctrl-C ends it"
    assert [line for line in lines if line.endswith(".md")] == ["added first.md", "added second.md", "deleted first.md"]


def test_a_watching_process_waits_for_a_server_that_restarts_elsewhere(
    serve: ServeStore, folder: Path, tmp_path: Path
) -> None:
    store, output = tmp_path / "store", tmp_path / "output"
    server = serve(store)
    with watching(folder, store, output) as process:
        wait_until(lambda: sources(server) == ["first.md"])
        server.kill()
        (folder / "second.md").write_text("The second document.")
        wait_until(lambda: "does not answer" in output.read_text())
        again = serve(store)  # on another port
        wait_until(lambda: sources(again) == ["first.md", "second.md"])
        assert process.poll() is None
