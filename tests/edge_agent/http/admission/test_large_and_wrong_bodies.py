"""Bodies made to cost: refused early, and in few words that repeat nothing of them."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from edge_agent.errors import InputInvalid
from edge_agent.http.admission.json_bodies import require_few_values
from tests.conftest import serving

CARD = "4111-1111-1111-1111"
JSON = {"content-type": "application/json"}
START = b'{"source":"a","text":"b"'


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """One server, in which nothing may have come at the end."""
    with serving() as start:
        server = start(tmp_path_factory.mktemp("bodies") / "store")
        yield server.http
        assert server.http.get("/v1/documents").json()["total"] == 0


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a million keys": lambda: START + b"".join(b',"%d":1' % n for n in range(1_000_000)) + b"}",
    "keys that end in a backslash": lambda: START + b"".join(b',"%d\\\\":1' % n for n in range(900_000)) + b"}",
    "lists": lambda: b'{"source":"a","text":[' + b",".join([b"[]"] * 6_000_000) + b"]}",
    "numbers": lambda: START + b',"tags":[' + b",".join([b"1"] * 10_000_000) + b"]}",
    "spaces": lambda: START + b" " * 20_000_000 + b"}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_large_body_that_is_no_document_is_refused_before_it_is_decoded(http: httpx.Client, name: str) -> None:
    response = http.post("/v1/documents", content=HOSTILE[name](), headers=JSON)
    problem = response.json()
    assert (response.status_code, problem["type"]) == (422, "urn:orilla:problem:input-invalid")
    assert problem["detail"].startswith("the body has more fields, values or spaces")
    assert len(response.content) < 1000


@pytest.mark.parametrize("path", ["/v1/query", "/v1/search", "/v1/recommend", "/v1/feedback", "/v1/roots"])
def test_a_body_that_holds_no_document_may_have_256_kilobytes(http: httpx.Client, path: str) -> None:
    fits = json.dumps({"texts": ["é" * 1000]}).ljust(256_000)
    assert http.post(path, content=fits, headers=JSON).status_code != 413
    refused = http.post(path, content=fits + " ", headers=JSON)
    assert (refused.status_code, refused.json()["type"]) == (413, "urn:orilla:problem:content-too-large")


def test_many_unknown_fields_are_one_error_without_their_names(http: httpx.Client) -> None:
    for path in ("/v1/feedback", "/v1/documents"):
        response = http.post(path, json={"text": "a", "source": "b"} | {f"{CARD} {n}": 1 for n in range(150)})
        problem = response.json()
        assert (response.status_code, [error["field"] for error in problem["errors"]]) == (422, ["body"])
        assert problem["errors"][0]["message"].startswith("150 unknown")
        assert CARD not in response.text


def test_a_small_body_of_thousands_of_fields_is_not_even_decoded(http: httpx.Client) -> None:
    response = http.post("/v1/query", json={f"{CARD} {n}": 1 for n in range(5000)})
    assert response.json()["type"] == "urn:orilla:problem:input-invalid"
    assert CARD not in response.text


def test_at_most_twenty_errors_are_shown(http: httpx.Client) -> None:
    problem = http.post("/v1/recommend", json={"texts": [1] * 50}).json()
    assert len(problem["errors"]) == 20
    assert problem["detail"].startswith("50 field(s)")


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/v1/query", {"json": {"text": [CARD]}}),
        ("POST", "/v1/query", {"json": {"text": "x", CARD: 1}}),
        ("POST", "/v1/query", {"json": {"text": CARD + "\0"}}),
        ("POST", "/v1/query", {"json": {"text": "x", "language": CARD}}),
        ("POST", "/v1/query", {"json": {"text": "x", "added_since": CARD}}),
        ("POST", "/v1/query", {"content": f'{{"{CARD}', "headers": JSON}),
        ("GET", f"/v1/documents/{CARD}", {}),
        ("PATCH", f"/v1/documents/{CARD}", {"json": {"source": "b"}}),
        ("DELETE", f"/v1/documents/{CARD}", {}),
        ("GET", f"/v1/jobs/{CARD}", {}),
        ("DELETE", f"/v1/roots/{CARD}", {}),
        ("GET", f"/v1/documents?limit={CARD}", {}),
        ("GET", f"/v1/{CARD}", {}),
        ("POST", "/v1/documents", {"json": {"source": "a", "text": "A sentence.", "root": CARD}}),
        ("POST", "/v1/documents", {"json": {"source": "a", "text": "A sentence.", "format": CARD}}),
        ("POST", "/v1/documents", {"json": {"source": "a", "text": "A sentence.", "file_date": CARD}}),
        ("POST", "/v1/documents/upload", {"files": {"file": (f"a.{CARD}", b"A sentence.")}}),
        ("POST", "/v1/documents/upload", {"files": {CARD: ("a.md", b"A sentence.")}}),
        ("POST", "/v1/recommend", {"json": {"source": CARD}}),
        ("POST", "/v1/feedback", {"json": {"text": "x", "source": CARD}}),
        ("POST", "/v1/feedback", {"json": {"text": "x", "is_helpful": True, "review_id": 4111111111111111}}),
        ("POST", "/v1/roots", {"json": {"path": CARD}}),
        ("GET", f"/report?language={CARD}", {}),
    ],
)
def test_no_problem_repeats_what_was_sent(
    http: httpx.Client, method: str, path: str, content: dict[str, object]
) -> None:
    response = http.request(method, path, **content)  # type: ignore[arg-type]
    assert 400 <= response.status_code < 500
    assert response.headers["content-type"] == "application/problem+json"
    assert CARD not in response.text
    assert CARD.replace("-", "") not in response.text
    assert CARD not in http.get("/metrics").text


def test_a_document_of_any_text_has_few_fields() -> None:
    texts = ['He said "no", twice: \\" and \\\\" {[,]}' * 10_000, "\\", '"', "\\\\\\", "é\n" * 10_000]
    for text in texts:
        document = {"source": "a\\", "text": text, "title": '"', "tags": ["\\"] * 20, "root": "", "file_date": ""}
        for indent in (None, 4):
            require_few_values(json.dumps(document, indent=indent).encode())
            require_few_values(json.dumps(document, indent=indent, ensure_ascii=False).encode())
    with pytest.raises(InputInvalid, match="more fields, values or spaces"):
        require_few_values(json.dumps({str(n): "" for n in range(200)}).encode())
