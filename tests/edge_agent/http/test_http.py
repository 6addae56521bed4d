"""The server over real HTTP: what it answers, and every kind of wrong input."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT, Server, ServeStore, serving
from tests.edge_agent.ingest.test_extraction import zip_bomb

BACKUPS = "# Backups\n\nBackups are taken every night at two. They are kept for fourteen days.\n"


@pytest.fixture
def http(serve: ServeStore, tmp_path: Path) -> Iterator[httpx.Client]:
    yield serve(tmp_path / "store").http


def problem(response: httpx.Response) -> dict[str, Any]:
    """The problem of a response, its form checked."""
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    assert body["type"].startswith("urn:orilla:problem:")
    assert body["detail"]
    return body


def test_a_document_goes_in_is_found_answers_and_goes(http: httpx.Client) -> None:
    added = http.post("/v1/documents", json={"source": "backups.md", "text": BACKUPS})
    assert (added.status_code, added.json()["outcome"]) == (201, "added")
    again = http.post("/v1/documents", json={"source": "backups.md", "text": BACKUPS})
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    document_id = added.json()["document"]["document_id"]

    answer = http.post("/v1/query", json={"text": "How long are backups kept?"}).json()
    text = http.get(f"/v1/documents/{document_id}").json()["text"]
    assert answer["citations"]
    for citation in answer["citations"]:
        assert text[citation["start"] : citation["end"]] == citation["quote"]
    assert "fourteen days" in answer["answer"]
    assert answer["intent"]["alternatives"]
    assert len(answer["bundle"]["digest"]) == 64
    assert answer["timings"]["total_ms"] > 0

    found = http.post("/v1/search", json={"text": "backups", "count": 3}).json()["results"]
    assert found[0]["source"] == "backups.md"
    listed = http.get("/v1/documents").json()
    assert (listed["total"], [d["source"] for d in listed["documents"]]) == (1, ["backups.md"])

    assert http.delete(f"/v1/documents/{document_id}").status_code == 204
    assert problem(http.delete(f"/v1/documents/{document_id}"))["status"] == 404
    assert http.post("/v1/search", json={"text": "backups"}).json()["results"] == []


def test_files_are_uploaded_by_their_suffix(http: httpx.Client) -> None:
    added = http.post("/v1/documents/upload", files={"file": ("notes.txt", "Línea uno.\n\nLínea dos.")})
    assert added.status_code == 201
    assert added.json()["document"]["format"] == "text"
    named = http.post(
        "/v1/documents/upload", files={"file": ("x.md", BACKUPS)}, data={"source": "kb/backups.md"}
    ).json()
    assert named["document"]["source"] == "kb/backups.md"


def test_documents_are_sorted_by_tags_wherever_these_come_from(http: httpx.Client) -> None:
    http.post("/v1/documents", json={"source": "a.md", "text": BACKUPS, "tags": [" Hosting ", "BACKUPS", "hosting"]})
    form = {"source": "b.md", "tags": ["backups", "vps"]}
    http.post("/v1/documents/upload", files={"file": ("b.md", "# Snapshots\n\nA VPS has snapshots.")}, data=form)
    carried = "---\ntags: [Copias, 'hosting']\n---\n# Copias\n\nLas copias se guardan catorce días.\n"
    http.post("/v1/documents", json={"source": "c.md", "text": carried, "tags": ["español"]}).raise_for_status()
    listed = {d["source"]: d["tags"] for d in http.get("/v1/documents").json()["documents"]}
    assert listed == {
        "a.md": ["backups", "hosting"],
        "b.md": ["backups", "vps"],
        "c.md": ["copias", "español", "hosting"],
    }

    def found(*tags: str) -> set[str]:
        results = http.post("/v1/search", json={"text": "backups", "tags": tags}).json()["results"]
        return {result["source"] for result in results}

    assert found("backups") == {"a.md", "b.md"}
    assert found("Backups", "vps") == {"b.md"}
    assert found("hosting") == {"a.md", "c.md"}
    assert found("nothing") == set()
    asked = {"text": "How long are backups kept?"}
    assert http.post("/v1/query", json=asked).json()["citations"][0]["source"] == "a.md"
    narrowed = http.post("/v1/query", json={**asked, "tags": ["vps"]}).json()
    assert {d["source"] for d in narrowed["nearest_documents"]} == {"b.md"}
    http.post("/v1/documents", json={"source": "a.md", "text": BACKUPS}).raise_for_status()
    assert found("hosting") == {"c.md"}


@pytest.mark.parametrize("tags", [[""], ["x" * 51], [f"t{n}" for n in range(21)], ["a\0b"], "a"])
def test_tags_that_break_their_rules_are_refused_and_nothing_is_stored(shared_http: httpx.Client, tags: Any) -> None:
    refused = shared_http.post("/v1/documents", json={"source": "tagged.md", "text": BACKUPS, "tags": tags})
    assert problem(refused)["status"] in (413, 422)
    assert shared_http.get("/v1/documents").json()["total"] == 0


def test_a_follow_up_is_answered_from_its_session(http: httpx.Client) -> None:
    for name in ("backups-and-restore", "change-plan", "php-and-databases"):
        text = (ROOT / "demo" / "knowledge_base" / "en" / f"{name}.md").read_text()
        http.post("/v1/documents", json={"source": name, "text": text}).raise_for_status()

    def ask(text: str, **session: str) -> dict[str, Any]:
        answer: dict[str, Any] = http.post("/v1/query", json={"text": text, **session}).json()
        return answer

    alone = ask("And on Oleaje?")
    assert (alone["is_follow_up"], alone["nearest_documents"][0]["source"]) == (False, "php-and-databases")
    assert not ask("How long are backups kept on the Marea plan?", session="a")["is_follow_up"]
    other_session = ask("And on Oleaje?", session="b")
    assert (other_session["is_follow_up"], other_session["is_repeated"]) == (False, True)
    followed = ask("And on Oleaje?", session="a")
    assert (followed["is_follow_up"], followed["citations"][0]["source"]) == (True, "backups-and-restore")
    again = ask("And on Oleaje?", session="a")
    assert (again["is_follow_up"], again["is_repeated"], again["answer"]) == (True, True, followed["answer"])
    assert problem(http.post("/v1/query", json={"text": "x", "session": "s" * 101}))["status"] == 422


def test_an_answer_says_its_language_and_the_questions(http: httpx.Client) -> None:
    spanish = "# Reembolsos\n\nEl reembolso se paga en diez días hábiles a la tarjeta.\n"
    http.post("/v1/documents", json={"source": "es.md", "text": spanish}).raise_for_status()
    asked = {"text": "When is the refund paid to my card?"}
    answer = http.post("/v1/query", json=asked).json()
    assert (answer["question_language"], answer["answer_language"]) == ("en", "es")
    assert {c["language"] for c in answer["citations"]} == {"es"}
    english = "# Refunds\n\nThe refund is paid within ten working days to the card.\n"
    http.post("/v1/documents", json={"source": "en.md", "text": english}).raise_for_status()
    assert http.post("/v1/query", json=asked).json()["answer_language"] == "en"
    abstained = http.post("/v1/query", json={"text": "Who won the football match yesterday?"}).json()
    assert (abstained["abstained"], abstained["answer_language"]) == (True, None)


def test_a_repeated_question_gets_the_same_answer_until_the_base_changes(http: httpx.Client) -> None:
    http.post("/v1/documents", json={"source": "backups.md", "text": BACKUPS}).raise_for_status()
    first, again = (http.post("/v1/query", json={"text": "How long are backups kept?"}).json() for _ in range(2))
    assert (first["is_repeated"], again["is_repeated"]) == (False, True)
    same = first.keys() - {"is_repeated", "timings"}
    assert {key: first[key] for key in same} == {key: again[key] for key in same}
    http.post("/v1/documents", json={"source": "backups.md", "text": BACKUPS.replace("fourteen", "nineteen")})
    changed = http.post("/v1/query", json={"text": "How long are backups kept?"}).json()
    assert "nineteen days" in changed["answer"]
    assert 'orilla_answer_cache_total{outcome="hit"} 1.0' in http.get("/metrics").text


def test_classify_names_the_intent(http: httpx.Client) -> None:
    said = http.post("/v1/classify", json={"text": "I want to cancel my hosting plan"}).json()
    assert said["intent"]["label"] == "cancel_service"


@pytest.mark.parametrize("path", ["/v1/query", "/v1/search", "/v1/classify"])
@pytest.mark.parametrize(
    ("body", "status", "name"),
    [
        (b'{"text": ""}', 422, "input-invalid"),
        (b'{"text": "   "}', 422, "input-invalid"),
        (b'{"text": "\\ud800"}', 422, "input-invalid"),
        (b'{"text": "a\\u0000"}', 422, "input-invalid"),
        (b'{"text": 7}', 422, "invalid-request"),
        (b'{"text": "hi", "unknown": 1}', 422, "invalid-request"),
        (b"{}", 422, "invalid-request"),
        (b"[]", 422, "invalid-request"),
        (b"", 422, "invalid-request"),
        (b'{"text": ', 400, "json-invalid"),
        (b'{"text": "\xff\xfe"}', 400, "body-unreadable"),
        (b'{"text": "' + b"a" * 1_000_000 + b'"}', 413, "content-too-large"),
        (b'{"text": "' + b"a" * 10_000_000 + b'"}', 413, "content-too-large"),
    ],
)
def test_wrong_questions_get_a_problem(
    shared_http: httpx.Client, path: str, body: bytes, status: int, name: str
) -> None:
    response = shared_http.post(path, content=body, headers={"content-type": "application/json"})
    assert (response.status_code, problem(response)["type"]) == (status, f"urn:orilla:problem:{name}")
    assert len(response.content) < 1000


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/query", {"text": "a", "added_since": "0001-01-01T00:00:00+14:00"}, 422),
        ("POST", "/v1/search", {"text": "a", "added_since": "9999-12-31T23:59:59-14:00"}, 422),
        ("POST", "/v1/feedback", {"text": "a", "is_helpful": True, "review_id": 2**70}, 404),
        ("GET", f"/v1/review?after={2**70}", None, 422),
    ],
)
def test_numbers_and_times_past_all_bounds_get_a_problem(
    shared_http: httpx.Client, method: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    response = shared_http.request(method, path, json=body)
    assert (response.status_code, problem(response)["status"]) == (status, status)


@pytest.fixture(scope="module")
def shared_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """One server for the tests that leave it as it was."""
    with serving() as start:
        server = start(tmp_path_factory.mktemp("http") / "store")
        yield server.http
        assert server.http.get("/readyz").json()["documents"] == 0


@pytest.mark.parametrize(
    ("name", "content", "status", "problem_name"),
    [
        ("bomb.md", zip_bomb(), 415, "format-unsupported"),
        ("bomb.zip", zip_bomb(), 415, "format-unsupported"),
        ("program.txt", b"\x7fELF\x02\x01\x01\x00", 415, "format-unsupported"),
        ("cyrillic.md", "Здравствуйте".encode("koi8-r"), 400, "text-undecodable"),
        ("empty.md", b"", 422, "input-invalid"),
        ("heading.md", b"# Only a heading", 422, "input-invalid"),
        ("large.txt", b"a" * (8 * 1024 * 1024 + 1), 413, "content-too-large"),
        ("larger.txt", b"a" * (10 * 1024 * 1024), 413, "content-too-large"),
    ],
)
def test_wrong_files_get_a_problem_and_store_nothing(
    shared_http: httpx.Client, name: str, content: bytes, status: int, problem_name: str
) -> None:
    response = shared_http.post("/v1/documents/upload", files={"file": (name, content)})
    assert (response.status_code, problem(response)["type"]) == (status, f"urn:orilla:problem:{problem_name}")


@pytest.mark.parametrize(
    "body",
    [
        {"source": "", "text": "Hi."},
        {"source": "a" * 501, "text": "Hi."},
        {"source": "a", "text": "Hi.", "format": "epub"},
        {"source": "a", "text": "Hi.", "language": "en"},
        {"text": "Hi."},
    ],
)
def test_wrong_documents_get_a_problem(shared_http: httpx.Client, body: dict[str, str]) -> None:
    assert problem(shared_http.post("/v1/documents", json=body))["status"] in (413, 422)


def test_compressed_bodies_are_refused_unread(shared_http: httpx.Client) -> None:
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    assert problem(shared_http.post("/v1/query", content=b"\x1f\x8b", headers=headers))["status"] == 415


def test_a_body_without_announced_length_is_cut_off(shared_http: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(25):
            yield b"a" * (1 << 20)

    response = shared_http.post("/v1/query", content=endless(), headers={"content-type": "application/json"})
    assert problem(response)["status"] == 413


def test_unknown_paths_and_methods_get_a_problem(shared_http: httpx.Client) -> None:
    assert problem(shared_http.get("/v1/nothing"))["status"] == 404
    assert problem(shared_http.put("/v1/query"))["status"] == 405
    assert problem(shared_http.get("/v1/documents/nothing"))["status"] == 404
    assert problem(shared_http.get("/v1/documents?limit=0"))["status"] == 422


def test_health_readiness_and_metrics(shared_http: httpx.Client) -> None:
    shared_http.post("/v1/query", json={"text": "hello"})
    assert shared_http.get("/healthz").json() == {"status": "ok"}
    ready = shared_http.get("/readyz").json()
    assert ready["is_ready"]
    assert ready["probe_min_similarity"] >= 0.995
    metrics = shared_http.get("/metrics").text
    assert 'orilla_http_requests_total{method="POST",route="/v1/query",status="200"}' in metrics
    assert "orilla_indexed_passages 0.0" in metrics
    assert 'orilla_answer_cache_total{outcome="miss"}' in metrics
    assert 'orilla_answers_total{outcome="abstained"}' in metrics


def test_openapi_describes_every_operation_and_its_problems(shared_http: httpx.Client) -> None:
    schema = shared_http.get("/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    for path in ("/v1/query", "/v1/search", "/v1/classify", "/v1/documents", "/healthz", "/readyz", "/metrics"):
        for operation in schema["paths"][path].values():
            assert operation["description"]
    refused = schema["paths"]["/v1/query"]["post"]["responses"]["422"]["content"]
    assert refused == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    text = json.dumps(schema)
    defined = set(schema["components"]["schemas"])
    wanted = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert wanted <= defined
    assert "HTTPValidationError" not in text


def test_clients_at_once_get_the_answers_they_would_get_alone(serve: ServeStore, tmp_path: Path) -> None:
    server = serve(tmp_path / "store")
    for name in ("refunds", "invoices", "dns-records"):
        text = (ROOT / "demo" / "knowledge_base" / "en" / f"{name}.md").read_text()
        server.http.post("/v1/documents", json={"source": name, "text": text}).raise_for_status()
    questions = ["How long does a refund take?", "Where is my invoice?", "What is the lowest TTL?"] * 8

    def ask(question: str) -> Any:
        answer = server.http.post("/v1/query", json={"text": question}).json()
        return {key: answer[key] for key in ("answer", "citations", "confidence", "intent")}

    alone = [ask(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, questions)) == alone


def test_interrupting_the_server_ends_it_cleanly(serve: ServeStore, tmp_path: Path) -> None:
    server: Server = serve(tmp_path / "store")
    server.process.terminate()
    assert server.process.wait(timeout=20) in (0, -15)
    again = serve(tmp_path / "store")
    assert again.http.get("/readyz").json()["is_ready"]
