"""Roots, moves and stale marks over HTTP: `RemoteAgent` beside a server does what `Agent` does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent import client
from edge_agent.client import RefusedByServer, RemoteAgent
from edge_agent.ingest.outcome import Outcome
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.storage.records import Root
from tests.conftest import ServeStore

MARKDOWN = DocumentFormat.MARKDOWN


@pytest.fixture
def remote(serve: ServeStore, tmp_path: Path) -> Iterator[RemoteAgent]:
    agent = RemoteAgent(str(serve(tmp_path / "store").http.base_url))
    yield agent
    agent.close()


def test_folders_are_kept_like_beside_an_agent_of_ones_own(
    remote: RemoteAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / name / "manuals" for name in ("one", "two")]
    labels = [remote.add_root(folder) for folder in folders]
    assert labels == ["manuals", "manuals-2"]
    assert remote.add_root(folders[0]) == "manuals"
    for at_once in (client.AT_ONCE_BYTES, 0):  # as an upload, and as a job
        monkeypatch.setattr(client, "AT_ONCE_BYTES", at_once)
        label = labels[at_once == 0]
        given = remote.add_document(
            "faq.md", b"Thirty days.", MARKDOWN, root=label, file_date="2026-05-01", title="Days"
        )
        made = given.document
        assert (given.outcome, made.root, made.date, made.title) == (Outcome.ADDED, label, "2026-05-01", "Days")
    assert remote.roots() == [Root("manuals", str(folders[0]), 1), Root("manuals-2", str(folders[1]), 1)]
    file = remote.files("manuals")["faq.md"]
    remote.move_document(file.document_id, "days.md")
    assert {name: f.document_id for name, f in remote.files("manuals").items()} == {"days.md": file.document_id}
    remote.mark_stale("manuals", "days.md", "the file cannot be read")
    assert remote.files("manuals")["days.md"].is_stale
    [shown] = remote.documents("manuals")
    assert shown.stale_reason == "the file cannot be read"
    assert len(list(remote.documents())) == 2
    remote.move_root("manuals", tmp_path / "three" / "manuals")
    assert remote.roots()[0].path == str(tmp_path / "three" / "manuals")
    remote.delete_document(file.document_id)
    remote.forget_root("manuals-2")
    assert list(remote.documents()) == []
    assert [root.label for root in remote.roots()] == ["manuals"]


def test_refusals_say_what_to_do(remote: RemoteAgent, tmp_path: Path) -> None:
    remote.add_root(tmp_path / "manuals")
    with pytest.raises(RefusedByServer, match="lies in the root 'manuals'"):
        remote.add_root(tmp_path / "manuals" / "faq")
    with pytest.raises(RefusedByServer, match="no root has that label"):
        remote.add_document("a.md", b"Text.", MARKDOWN, root="absent")
    with pytest.raises(RefusedByServer, match="no document has that id"):
        remote.move_document("0" * 20, "b.md")


def test_documents_are_listed_page_by_page_through_all_roots(serve: ServeStore, tmp_path: Path) -> None:
    server = serve(tmp_path / "store")
    with server.http as http:
        for name in ("a/manuals", "b/manuals"):
            http.post("/v1/roots", json={"path": f"/{name}"}).raise_for_status()
        for root in ("", "manuals", "manuals-2"):
            for source in ("a/b.md", "c.md"):
                body = {"source": source, "text": f"Text {source} of {root}.", "root": root}
                assert http.post("/v1/documents", json=body).status_code == 201
        seen, after = [], ""
        while after is not None:
            page = http.get("/v1/documents", params={"after": after, "limit": 2}).json()
            seen += [(d["root"], d["source"]) for d in page["documents"]]
            after = page["next"]
        assert seen == [(root, source) for root in ("", "manuals", "manuals-2") for source in ("a/b.md", "c.md")]
        of_one = http.get("/v1/documents", params={"root": "manuals"}).json()
        assert (of_one["total"], len(of_one["documents"])) == (2, 2)
        found = http.post("/v1/search", json={"text": "text", "root": "manuals-2"}).json()["results"]
        assert {citation["root"] for citation in found} == {"manuals-2"}
        assert http.post("/v1/roots", json={"path": "relative"}).status_code == 422
        assert http.delete("/v1/roots/absent").status_code == 404
