"""Power cuts: the server is killed at random moments of ingest, again and again, on one store."""

import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from edge_agent.store import Store
from tests.conftest import ROOT, ServeStore

KILLS = 50


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
            self.has_begun.set()
            try:
                answer = http.post("/v1/documents", json={"source": source, "text": text})
            except httpx.TransportError:
                self.unanswered = source
                return
            answer.raise_for_status()
            self.acknowledged[source] = answer.json()["document"]["content_sha256"]


@pytest.mark.timeout(600)
def test_acknowledged_documents_survive_fifty_kills_and_nothing_is_half_written(
    serve: ServeStore, tmp_path: Path
) -> None:
    folder = ROOT / "demo" / "knowledge_base"
    client = Client(random.Random(2026), [path.read_text() for path in sorted(folder.rglob("*.md"))])
    died_at_work = 0
    for _ in range(KILLS):
        server = serve(tmp_path)
        check_served(server.http, client)
        client.has_begun.clear()
        client.unanswered = None
        sender = threading.Thread(target=client.send_until_it_dies, args=[server.http])
        sender.start()
        assert client.has_begun.wait(timeout=10)
        time.sleep(client.generator.uniform(0, 0.3))
        server.kill()
        sender.join(timeout=30)
        assert not sender.is_alive()
        died_at_work += client.unanswered is not None
        client.acknowledged = check_store(tmp_path, client)

    check_served(serve(tmp_path).http, client)
    assert len(client.acknowledged) >= 20  # of 40 sources, drawn at random
    assert died_at_work >= 0.8 * KILLS


def check_served(http: httpx.Client, client: Client) -> None:
    """Index and store agree, and every document can be found by its own words."""
    ready = http.get("/readyz").json()
    assert ready["is_ready"]
    assert (ready["documents"], ready["passages"]) == (len(client.acknowledged), ready["indexed_passages"])
    for document in http.get("/v1/documents").json()["documents"]:
        text = http.get(f"/v1/documents/{document['document_id']}").json()["text"]
        body = {"text": f"{document['title']} {text[-200:]}", "count": 100}
        found = http.post("/v1/search", json=body).json()["results"]
        assert document["document_id"] in {result["document_id"] for result in found}


def check_store(folder: Path, client: Client) -> dict[str, str]:
    """What the store holds, every acknowledged document in it and nothing half there."""
    store = Store(folder)
    stored = {document.source: document.content_sha256 for document in store.documents(limit=1000)}
    assert store.check(dimension=384) == []
    store.close()
    unanswered = client.unanswered  # it may be there, as it was before or as it was sent
    for source, digest in client.acknowledged.items():
        assert source in stored
        assert stored[source] == digest or source == unanswered
    assert set(stored) - set(client.acknowledged) <= {unanswered}
    return stored
