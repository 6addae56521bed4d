"""The files of a server: for its user alone whatever the umask, refused where they are open, gone when it ends."""

import contextlib
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from edge_agent.storage.lock import HOLDER, holder_url
from tests.conftest import Server, ServeStore, run_orilla

LONG = "The copies of the night are kept for fourteen days. " * 30_000
"""1.5 MB."""


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes_in(folder: Path) -> dict[str, str]:
    """The modes in a folder, but those in `bundle`, whose files are other names of the given bundle's."""
    found = {path: path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}
    return {str(p): f"{mode:o}" for p, mode in found.items() if (folder / "bundle") not in p.parents}


@pytest.mark.usefixtures("open_umask")
def test_what_a_server_writes_is_for_its_user_alone_whatever_the_umask(serve: ServeStore, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert run_orilla("edge", "keys", "create", "a", "--scope", "ask", "--store", str(store)).returncode == 0
    server = serve(store, "--review")
    server.http.post("/v1/documents", json={"source": "a.md", "text": "Some words of a text."}).raise_for_status()
    server.http.post("/v1/query", json={"text": "Who won the football match?"}).raise_for_status()
    as_job = {"Prefer": "respond-async"}
    server.http.post("/v1/documents/upload", files={"file": ("b.txt", LONG)}, headers=as_job).raise_for_status()
    running = modes_in(store)
    assert {"keys.json", "orilla.db-wal", "agent.json", "uploads", "jobs", "acknowledged"} <= {
        Path(name).name for name in running
    }
    assert len(list((store / "jobs").iterdir())) >= 2
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(timeout=60)
    exported = tmp_path / "base.zip"
    assert run_orilla("edge", "export", str(exported), "--store", str(store)).returncode == 0
    assert run_orilla("edge", "import", str(exported), "--store", str(tmp_path / "copy")).returncode == 0
    modes = running | modes_in(store) | modes_in(tmp_path / "copy") | modes_in(exported)
    assert {name: mode for name, mode in modes.items() if mode not in ("600", "700")} == {}


def test_a_store_of_before_loses_the_rights_of_others(serve: ServeStore, tmp_path: Path) -> None:
    store = tmp_path / "store"
    serve(store).kill()
    for path in store.rglob("*"):
        if (store / "bundle") not in path.parents:
            path.chmod(0o755 if path.is_dir() else 0o644)
    store.chmod(0o755)
    (store / "not-ours").touch()
    (store / "not-ours").chmod(0o644)
    serve(store)
    left = {name: mode for name, mode in modes_in(store).items() if mode not in ("600", "700")}
    assert left == {str(store / "not-ours"): "644"}


@pytest.mark.parametrize("mode", [0o644, 0o620])
def test_keys_that_others_could_read_or_change_open_nothing(serve: ServeStore, tmp_path: Path, mode: int) -> None:
    made = run_orilla("edge", "keys", "create", "a", "--scope", "admin", "--store", str(tmp_path))
    http = serve(tmp_path, "--require-keys").http
    asked = {"authorization": f"Bearer {made.stdout.strip()}"}
    assert http.get("/v1/documents", headers=asked).status_code == 200
    (tmp_path / "keys.json").chmod(mode)
    refused = http.get("/v1/documents", headers=asked)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:orilla:problem:keys-exposed")
    assert f"is open to others (mode {mode:o}), expected 600" in refused.json()["detail"]
    listed = run_orilla("edge", "keys", "list", "--store", str(tmp_path))
    assert (listed.returncode, "is open to others" in listed.stderr) == (2, True)
    assert http.get("/healthz").is_success
    (tmp_path / "keys.json").chmod(0o600)
    assert http.get("/v1/documents", headers=asked).status_code == 200


def test_a_server_does_not_start_with_keys_behind_a_link(tmp_path: Path) -> None:
    elsewhere, store = tmp_path / "elsewhere", tmp_path / "store"
    run_orilla("edge", "keys", "create", "a", "--scope", "admin", "--store", str(elsewhere))
    store.mkdir()
    (store / "keys.json").symlink_to(elsewhere / "keys.json")
    done = run_orilla("edge", "serve", "--store", str(store), "--port", "0")
    assert (done.returncode, "keys.json is a link" in done.stderr) == (2, True)


def test_a_large_upload_waits_in_the_store_without_a_name_and_is_gone_after(serve: ServeStore, tmp_path: Path) -> None:
    server, content = serve(tmp_path), LONG.encode()
    host, port = str(server.http.base_url.host), server.http.base_url.port
    head = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    body = head + content + b"\r\n--x--\r\n"
    with socket.create_connection((host, port or 0), timeout=30) as connection:
        asked = f"POST /v1/documents/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(f"{asked}Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode() + body[:-1000])
        waiting = _wait_for_upload(server)
        assert waiting.startswith(str(tmp_path / "uploads")), waiting
        assert list((tmp_path / "uploads").iterdir()) == []
        connection.sendall(body[-1000:])
        assert connection.recv(1000).startswith(b"HTTP/1.1 201")
    deadline = time.monotonic() + 20
    while _open_uploads(server):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (tmp_path / "uploads" / "left").write_bytes(b"by a server that was killed")
    server.kill()
    serve(tmp_path)
    assert list((tmp_path / "uploads").iterdir()) == []


def _open_uploads(server: Server) -> list[str]:
    """The deleted regular files that a server has open, but those that it was given as standard output."""
    names = []
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if link.name not in ("0", "1", "2"):
                names.append(str(link.readlink()))
    return [name for name in names if re.search(r"/(#\d+|tmp\w+) \(deleted\)$", name)]


def _wait_for_upload(server: Server) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if found := _open_uploads(server):
            return found[0]
        time.sleep(0.02)
    pytest.fail("the upload is on no disk")


def test_the_note_of_a_server_goes_when_it_ends(serve: ServeStore, tmp_path: Path) -> None:
    server = serve(tmp_path)
    assert holder_url(tmp_path) == str(server.http.base_url).rstrip("/")
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(timeout=30)
    assert not (tmp_path / HOLDER).exists()
    assert run_orilla("edge", "list", "--store", str(tmp_path)).returncode == 0
    assert not (tmp_path / HOLDER).exists()


def test_whoever_has_the_address_of_a_killed_server_is_asked_nothing(serve: ServeStore, tmp_path: Path) -> None:
    server = serve(tmp_path / "store")
    port = server.http.base_url.port
    server.kill()
    note = json.loads((tmp_path / "store" / HOLDER).read_text())
    assert note["url"].endswith(f":{port}")
    asked = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("authorization"))
            self.send_error(500)

    stranger = HTTPServer(("127.0.0.1", port or 0), Stranger)
    threading.Thread(target=stranger.serve_forever, daemon=True).start()
    try:
        assert holder_url(tmp_path / "store") is None
        assert run_orilla("edge", "list", "--store", str(tmp_path / "store")).returncode == 0
    finally:
        stranger.shutdown()
        stranger.server_close()
    assert asked == []
