"""Power cuts: processes are killed at random moments of their changes, and stores held to what was acknowledged.

`python -m benchmarks kills` does the same two hundred times.
"""

import random
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from benchmarks.kills import Promised, check_promises, kill_and_check
from edge_agent.storage.database import DATABASE
from edge_agent.storage.documents import Store
from student.bundle import DEFAULT_BUNDLE
from tests.conftest import ROOT, ServeStore
from tests.edge_agent.stored import documents_of

SERVER_KILLS, PROCESS_KILLS = 5, 8


@dataclass(slots=True)
class Client:
    """Sends documents until the server dies; knows what was acknowledged and what was not.

    Attributes:
        acknowledged: source → digest of the content that the server said it has.
        unanswered: the source in flight when the server died, if any.
    """

    generator: random.Random
    texts: list[str]
    acknowledged: dict[str, str] = field(default_factory=dict)
    unanswered: str | None = None
    sent: int = 0
    has_begun: threading.Event = field(default_factory=threading.Event)

    def send_until_it_dies(self, http: httpx.Client) -> None:
        while True:
            self.sent += 1
            source = f"{self.generator.randrange(40)}.md"
            text = f"{self.generator.choice(self.texts)}\n\nMarker {self.sent}.\n"
            try:
                answer = http.post("/v1/documents", json={"source": source, "text": text})
            except httpx.TransportError:
                self.unanswered = source
                return
            answer.raise_for_status()
            self.acknowledged[source] = answer.json()["document"]["content_sha256"]
            self.has_begun.set()


@pytest.mark.timeout(300)
def test_what_a_killed_server_acknowledged_is_there(serve: ServeStore, tmp_path: Path) -> None:
    folder = ROOT / "demo" / "knowledge_base"
    client = Client(random.Random(2026), [path.read_text() for path in sorted(folder.rglob("*.md"))])
    died_at_work = 0
    for _ in range(SERVER_KILLS):
        server = serve(tmp_path)
        ready = server.http.get("/readyz").json()
        assert ready["is_ready"]
        assert ready["documents"] == len(client.acknowledged)
        client.has_begun.clear()
        client.unanswered = None
        sender = threading.Thread(target=client.send_until_it_dies, args=[server.http])
        sender.start()
        assert client.has_begun.wait(timeout=60)
        time.sleep(client.generator.uniform(0, 0.3))
        server.kill()
        sender.join(timeout=30)
        assert not sender.is_alive()
        died_at_work += client.unanswered is not None
        client.acknowledged = check_store(tmp_path, client)
    assert client.acknowledged
    assert died_at_work


def check_store(folder: Path, client: Client) -> dict[str, str]:
    """What the store holds, every acknowledged document in it and nothing half there."""
    store = Store(folder)
    stored = {document.source: document.content_sha256 for document in documents_of(store)}
    assert store.check(dimension=384) == []
    store.close()
    unanswered = client.unanswered  # it may be there, as it was before or as it was sent
    for source, digest in client.acknowledged.items():
        assert source in stored
        assert stored[source] == digest or source == unanswered
    assert set(stored) - set(client.acknowledged) <= {unanswered}
    return stored


@pytest.mark.timeout(300)
def test_every_kind_of_change_survives_kills_at_any_moment(tmp_path: Path) -> None:
    result = kill_and_check(tmp_path, PROCESS_KILLS, random.Random(7))
    assert result["acknowledged_changes"] > 0
    assert sum(result["killed_during"].values()) == PROCESS_KILLS


def test_a_promise_that_was_not_kept_is_noticed(tmp_path: Path) -> None:
    kill_and_check(tmp_path, 1, random.Random(7))
    Store(tmp_path / "store").close()
    promised = Promised(documents={"never.md": "ab" * 32})
    with pytest.raises(AssertionError):
        check_promises(tmp_path / "store", DEFAULT_BUNDLE, promised)


def test_a_change_that_disappears_after_a_kill_is_missed(tmp_path: Path) -> None:
    """As on a disk that lies: the log is gone, and with it what was acknowledged."""
    from edge_agent.errors import StoreDamaged
    from edge_agent.feedback.log import FeedbackLog, NewFeedback

    store = Store(tmp_path)
    FeedbackLog(store.database).add(NewFeedback("a", is_helpful=True), "ab" * 32)
    lost = (tmp_path / DATABASE).read_bytes()
    store.close()
    (tmp_path / DATABASE).write_bytes(lost)
    with pytest.raises(StoreDamaged, match="expected 1"):
        Store(tmp_path)
    with sqlite3.connect(tmp_path / DATABASE) as db:  # and it was left as it was
        assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() is not None
    db.close()
