"""Readers and writers at once, over real HTTP; `python -m benchmarks concurrency` does it for longer."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.concurrency import Load, Seen, Version, fault_of, put_under_load
from edge_agent.agent import Agent
from edge_agent.errors import DocumentUnknown
from edge_agent.ingest.chunking import passage_input
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.storage.records import Change, ChunkingRecipe, Filter, NewDocument, PassageSpan
from tests.conftest import ServeStore, run_orilla


@pytest.mark.timeout(300)
def test_fifty_readers_see_no_error_and_no_stale_citation_while_documents_change(
    serve: ServeStore, tmp_path: Path
) -> None:
    server = serve(tmp_path)
    result = put_under_load(str(server.http.base_url), readers=50, writers=3, seconds=6)
    assert result["citations_compared"] > 100
    assert server.http.get("/readyz").is_success
    server.process.terminate()
    server.process.wait(timeout=30)
    assert run_orilla("edge", "check", "--store", str(tmp_path)).stdout.endswith("passages: sound\n")


def test_a_stale_citation_is_noticed() -> None:
    load = Load(threading.Barrier(1), {("d", "1"): [Version("Some text.", sent_at=1, ended_at=5)]})
    assert fault_of(Seen("d", "1", 0, 4, "Some", asked_at=4, answered_at=6), load) is None
    assert "not stored between" in str(fault_of(Seen("d", "1", 0, 4, "Some", asked_at=5.1, answered_at=6), load))
    assert "does not stand" in str(fault_of(Seen("d", "1", 0, 4, "text", asked_at=2, answered_at=3), load))
    assert "nobody acknowledged" in str(fault_of(Seen("d", "2", 0, 4, "Some", asked_at=2, answered_at=3), load))


@pytest.mark.parametrize("where", [Filter(), Filter(source_prefix="a")])
def test_a_search_amid_a_replacement_finds_the_new_text(agent: Agent, where: Filter) -> None:
    """The moment between the store's change and the index's is held open."""
    agent.add_document("a.md", b"Backups are kept for ten days.", DocumentFormat.MARKDOWN)
    text = "Backups are kept for fourteen days."
    embeddings = agent.models.active.student.encoder.encode([passage_input("a", "", text)])
    new = NewDocument("a.md", "a", "markdown", "en", "ab" * 32, text, ChunkingRecipe(1, 100))
    model, searches = agent.models.active, []

    def search_before_the_index_follows(change: Change, changes: int) -> None:
        searches.append(pool.submit(agent.lookup.search, "how long are backups kept?", where=where))
        time.sleep(0.5)
        assert not searches[0].done()
        model.index.apply(changes, added=change.added, embeddings=embeddings, removed=change.removed)

    with ThreadPoolExecutor(1) as pool:
        spans = [PassageSpan(0, len(text), "")]
        follow = search_before_the_index_follows
        agent.store.put(new, spans, embeddings, [embeddings], model.space, on_change=follow)
        (found,) = searches[0].result(timeout=30)
    assert (found.quote, found.content_sha256) == (text, "ab" * 32)


def test_a_document_that_is_deleted_while_it_is_ingested_is_no_error(agent: Agent) -> None:
    def add_and_delete(number: int) -> None:
        for number_of_text in range(15):
            document = agent.add_document(
                "a.md", f"Text {number} {number_of_text}.".encode(), DocumentFormat.MARKDOWN
            ).document
            assert document.source == "a.md"
            with contextlib.suppress(DocumentUnknown):
                agent.delete_document(document.document_id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add_and_delete, range(4)))
    assert list(agent.files("")) == []
    assert agent.readiness().is_ready
