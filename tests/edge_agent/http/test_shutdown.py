"""The end of a server: what asks it to stop finds the store closed, and nothing of what was deleted in its files."""

import signal
from pathlib import Path

import pytest

from tests.conftest import ServeStore


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_the_store(number: signal.Signals, serve: ServeStore, tmp_path: Path) -> None:
    server = serve(tmp_path / "store")
    body = {"source": "a.md", "text": "The word is xylophone. It stands here alone."}
    made = server.http.post("/v1/documents", json=body).json()["document"]
    assert (tmp_path / "store" / "orilla.db-wal").stat().st_size > 0
    server.http.delete(f"/v1/documents/{made['document_id']}").raise_for_status()
    server.process.send_signal(number)
    server.process.wait(timeout=30)
    assert not (tmp_path / "store" / "orilla.db-wal").exists()
    files = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert [path.name for path in files if b"xylophone" in path.read_bytes().lower()] == []
