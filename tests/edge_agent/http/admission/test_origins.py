"""Web pages of other servers: what they make a browser send changes nothing and says nothing, over real HTTP."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.datastructures import Headers

from edge_agent.errors import InputInvalid
from edge_agent.http.admission.origins import checked_host, checked_origin, checked_root_path, is_foreign, is_known_host
from edge_agent.http.response_headers import RESPONSE_HEADERS
from tests.conftest import Server, ServeStore, run_orilla, serving

TRUE_TEXT = "# Transfers\n\nA transfer abroad costs twelve euros at the desk.\n"
FALSE_TEXT = "# Transfers\n\nA transfer abroad is free if you call 900 000 000 first.\n"
QUESTION = {"text": "What does a transfer abroad cost?"}
PAGE = "http://evil.example"
ALLOWED = "https://intranet.example"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("origins") / "store"


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[Server]:
    """A server with one article, which every test must leave as it was: in what is answered, and on disk."""
    with serving() as start:
        started = start(store, "--allow-origin", ALLOWED, "--allow-host", "branch.example")
        started.http.post("/v1/documents", json={"source": "transfers.md", "text": TRUE_TEXT}).raise_for_status()
        yield started
        assert "twelve euros" in started.http.post("/v1/query", json=QUESTION).json()["answer"]
        assert started.http.get("/v1/documents").json()["total"] == 1
    on_disk = b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())
    assert b"twelve euros" in on_disk
    assert b"900 000 000" not in on_disk


FROM_A_PAGE = [
    {"origin": PAGE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    {"origin": PAGE},  # a browser that sends no fetch metadata, as to an address that is not loopback
    {"origin": "null"},  # a page in a sandbox, or that hides where it comes from
    {"sec-fetch-site": "cross-site"},
    {"origin": "http://127.0.0.1:1", "sec-fetch-site": "same-site"},  # another server of this machine
    {"sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize("headers", FROM_A_PAGE)
def test_a_page_of_another_server_replaces_no_article(server: Server, headers: dict[str, str]) -> None:
    form = {"files": {"file": ("transfers.md", FALSE_TEXT)}, "data": {"source": "transfers.md"}}
    as_upload = server.http.post("/v1/documents/upload", headers=headers, **form)  # type: ignore[arg-type]
    as_job = server.http.post(
        "/v1/documents/upload",
        headers={**headers, "prefer": "respond-async"},
        **form,  # type: ignore[arg-type]
    )
    body = {"source": "transfers.md", "text": FALSE_TEXT}
    as_json = server.http.post("/v1/documents", headers=headers, json=body)
    as_text = server.http.post("/v1/documents", headers={**headers, "content-type": "text/plain"}, content=b"{}")
    made = server.http.get("/v1/documents").json()["documents"][0]["document_id"]
    deleted = server.http.delete(f"/v1/documents/{made}", headers=headers)
    for refused in (as_upload, as_job, as_json, as_text, deleted):
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:orilla:problem:origin-foreign")
        assert "evil" not in refused.text
        assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost@evil", ""])
def test_a_name_that_was_pointed_here_reads_and_deletes_nothing(server: Server, host: str) -> None:
    headers = {"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"}
    made = server.http.get("/v1/documents").json()["documents"][0]["document_id"]
    for method, path in (("GET", f"/v1/documents/{made}"), ("DELETE", f"/v1/documents/{made}"), ("GET", "/healthz")):
        refused = server.http.request(method, path, headers=headers)
        assert refused.status_code == 421
        assert "transfer" not in refused.text
        assert "evil" not in refused.text


def test_two_hosts_or_two_origins_are_none(server: Server) -> None:
    doubled = httpx.Headers([("origin", ALLOWED), ("origin", PAGE)])
    assert server.http.post("/v1/classify", headers=doubled, json={"text": "hi"}).status_code == 403
    port = server.http.base_url.port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET /v1/documents HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert connection.recv(4096).split()[1] in (b"400", b"421")


def test_programs_the_servers_own_names_and_allowed_pages_are_served(server: Server) -> None:
    port = server.http.base_url.port
    for headers in (
        {},
        {"host": f"localhost:{port}", "origin": f"http://localhost:{port}", "sec-fetch-site": "same-origin"},
        {"host": "branch.example", "origin": "https://branch.example"},  # behind a proxy that speaks TLS
        {"host": "BRANCH.example.", "sec-fetch-site": "none"},
        {"origin": ALLOWED, "sec-fetch-site": "cross-site"},
    ):
        assert server.http.post("/v1/query", headers=headers, json=QUESTION).status_code == 200


def test_only_an_allowed_page_may_read(server: Server) -> None:
    asked = "authorization,content-type,prefer"
    asking = {"access-control-request-method": "POST", "access-control-request-headers": asked}
    allowed = server.http.options("/v1/query", headers={"origin": ALLOWED, **asking})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, ALLOWED)
    foreign = server.http.options("/v1/query", headers={"origin": PAGE, **asking})
    assert (foreign.status_code, "access-control-allow-origin" in foreign.headers) == (403, False)
    read = server.http.get("/v1/documents", headers={"origin": PAGE, "sec-fetch-site": "cross-site"})
    assert (read.status_code, "access-control-allow-origin" in read.headers) == (403, False)
    assert read.headers["cross-origin-resource-policy"] == "same-origin"
    answer = server.http.post("/v1/query", headers={"origin": ALLOWED}, json=QUESTION)
    assert answer.headers["access-control-allow-origin"] == ALLOWED


def test_a_foreign_page_makes_the_server_work_for_nothing(server: Server) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert server.http.get("/report", headers=link).status_code == 200  # somebody followed it
    for other in (
        {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-dest": "iframe"},
        {"origin": PAGE},
    ):
        assert server.http.get("/report", headers={**link, **other}).status_code == 403
    assert server.http.delete("/v1/documents/none", headers=link).status_code == 403


def test_without_allowed_pages_nothing_is_said_to_any(serve: ServeStore, tmp_path: Path) -> None:
    http = serve(tmp_path / "store").http
    asked = http.options("/v1/query", headers={"origin": ALLOWED, "access-control-request-method": "POST"})
    assert (asked.status_code, "access-control-allow-origin" in asked.headers) == (403, False)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/documents"), ("GET", "/healthz"), ("GET", "/nothing"), ("POST", "/v1/query"), ("GET", "/report")],
)
def test_every_response_has_the_headers_that_keep_it_to_itself(server: Server, method: str, path: str) -> None:
    headers = server.http.request(method, path).headers
    for name, value in RESPONSE_HEADERS.items():
        if (path, name) == ("/report", "Content-Security-Policy"):
            assert "default-src 'none'" in headers[name]
            assert "frame-ancestors 'none'" in headers[name]
        else:
            assert headers[name] == value
    assert "server" not in headers


def test_nothing_says_its_version_unasked(server: Server) -> None:
    from edge_agent import VERSION

    for path in ("/", "/healthz", "/nothing"):
        response = server.http.get(path)
        assert VERSION not in response.text
        assert VERSION not in str(response.headers)


def test_health_answers_to_head(server: Server) -> None:
    for path in ("/healthz", "/readyz"):
        response = server.http.head(path)
        assert (response.status_code, response.content) == (200, b"")


def test_the_server_stands_under_a_proxys_path(serve: ServeStore, tmp_path: Path) -> None:
    http = serve(tmp_path / "store", "--root-path", "/orilla").http
    accepted = http.post(
        "/v1/documents/upload", files={"file": ("a.md", TRUE_TEXT)}, headers={"prefer": "respond-async"}
    )
    location = accepted.headers["location"]
    assert location.startswith("/orilla/v1/jobs/")
    assert http.get(location).status_code == 200  # from a proxy that leaves the path as it is
    assert http.get(location.removeprefix("/orilla")).status_code == 200  # from one that cuts it off
    assert http.get("/openapi.json").json()["servers"] == [{"url": "/orilla"}]
    assert http.get("/").json()["openapi"] == "/orilla/openapi.json"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--allow-origin", "*"),
        ("--allow-origin", "https://a.example/path"),
        ("--allow-origin", "intranet.example"),
        ("--allow-host", "http://a.example"),
        ("--allow-host", "a.example:80"),
        ("--root-path", "orilla"),
        ("--root-path", "/orilla/"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_opened(option: str, value: str, tmp_path: Path) -> None:
    done = run_orilla("edge", "serve", "--store", str(tmp_path / "store"), option, value)
    assert (done.returncode, "expected one such as" in done.stderr) == (2, True)
    assert not (tmp_path / "store").exists()


def test_settings_are_put_into_one_form() -> None:
    assert checked_origin("https://Intranet.example:8443") == "https://intranet.example:8443"
    assert checked_host("[::1]") == "[::1]"
    assert checked_root_path("/a/b") == "/a/b"
    with pytest.raises(InputInvalid, match="is no origin"):
        checked_origin("ftp://a.example")


def test_an_address_is_known_where_the_connection_came_to_it() -> None:
    assert is_known_host("192.0.2.7:8080", (), "192.0.2.7")
    assert is_known_host("192.0.2.7", (), "::ffff:192.0.2.7")
    assert is_known_host("[2001:db8::1]:8080", (), "2001:db8::1")
    assert is_known_host("127.0.0.1", (), "192.0.2.7")
    assert not is_known_host("192.0.2.8", (), "192.0.2.7")
    assert not is_known_host("192.0.2.7.evil.example", (), "192.0.2.7")
    assert not is_known_host("localhost.evil.example", ("branch.example",), "127.0.0.1")


def test_an_origin_of_another_port_is_foreign() -> None:
    assert is_foreign(Headers({"host": "localhost:8080", "origin": "http://localhost:3000"}), ())
    assert not is_foreign(Headers({"host": "localhost:8080", "origin": "http://localhost:8080"}), ())
