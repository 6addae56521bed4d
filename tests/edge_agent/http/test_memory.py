"""The memory over HTTP and by command: feedback changes the next answer of a server; it is shown and deleted."""

import json
from pathlib import Path

from tests.conftest import ServeStore, run_orilla

QUESTION, SIMILAR = "When does the office open?", "At what time does the office open in the morning?"


def test_feedback_changes_the_next_answer_and_can_be_taken_back(serve: ServeStore, tmp_path: Path) -> None:
    store = tmp_path / "store"
    server = serve(store)
    http = server.http
    for town, hour in (("Madrid", "nine"), ("Lima", "ten")):
        text = f"# Office in {town}\n\nThe office in {town} opens at {hour} in the morning."
        http.post("/v1/documents", json={"source": f"{town}.md", "text": text}).raise_for_status()
    before = http.post("/v1/query", json={"text": QUESTION}).json()
    assert before["remembered"] == []
    first = before["citations"][0]["source"]
    second = ({"Madrid.md", "Lima.md"} - {first}).pop()

    said = {"text": QUESTION, "source": second, "customer": "c-1"}
    http.post("/v1/feedback", json=said).raise_for_status()
    after = http.post("/v1/query", json={"text": QUESTION}).json()
    assert (after["citations"][0]["source"], after["remembered"]) == (second, [1])
    found = http.post("/v1/search", json={"text": SIMILAR}).json()
    assert (found["results"][0]["source"], found["remembered"]) == (second, [1])
    shown = http.get("/v1/memory").json()
    assert (shown["is_on"], shown["next"], len(shown["remembered"])) == (True, None, 1)
    (row,) = shown["remembered"]
    assert (row["text"], row["source"], row["is_right"], row["customer"]) == (QUESTION, second, True, "c-1")
    assert QUESTION not in http.get("/metrics").text

    listed = run_orilla("edge", "memory", "list", "--store", str(store), "--json")
    assert [each["memory_id"] for each in json.loads(listed.stdout)] == [1]
    assert http.delete("/v1/memory/7").json()["type"] == "urn:orilla:problem:memory-unknown"
    assert run_orilla("edge", "memory", "delete", "1", "--store", str(store)).stdout == "deleted 1\n"
    assert http.post("/v1/query", json={"text": QUESTION}).json()["citations"] == before["citations"]

    cited = [after["citations"][0]["document_id"]]
    http.post("/v1/feedback", json={"text": QUESTION, "is_helpful": True, "cited": cited}).raise_for_status()
    assert http.post("/v1/feedback", json={"text": "x", "is_helpful": True, "cited": ["d"] * 21}).status_code == 422
    server.kill()  # what was answered is on disk
    http = serve(store).http
    assert http.post("/v1/query", json={"text": QUESTION}).json()["citations"][0]["source"] == second
    assert http.delete("/v1/memory").json() == {"deleted": 1}
    assert http.get("/v1/memory").json()["remembered"] == []


def test_a_server_without_memory_and_the_commands_beside_no_server(serve: ServeStore, tmp_path: Path) -> None:
    server = serve(tmp_path, "--no-memory")
    server.http.post("/v1/documents", json={"source": "a.md", "text": "# Office\n\nThe office opens at nine."})
    server.http.post("/v1/feedback", json={"text": QUESTION, "source": "a.md"}).raise_for_status()
    assert server.http.get("/v1/memory").json() == {"is_on": False, "remembered": [], "next": None}
    server.process.terminate()
    server.process.wait(timeout=30)
    listed = run_orilla("edge", "memory", "list", "--store", str(tmp_path))
    assert listed.stdout == "0 remembered\n"
    unknown = run_orilla("edge", "memory", "delete", "4", "--store", str(tmp_path))
    assert unknown.returncode != 0
    assert "nothing is remembered under that id" in unknown.stderr
    assert run_orilla("edge", "memory", "clear", "--yes", "--store", str(tmp_path)).stdout == "deleted 0\n"
