"""Too many, too much and too slow, over real HTTP: turned away with a word on when to come again, others served."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.access.authentication import COMMANDS, THIS_MACHINE
from edge_agent.access.rates import WITHOUT_KEY_PER_MINUTE, Rates
from edge_agent.access.scopes import Caller, Scope
from edge_agent.http.admission.load import LoadMiddleware
from tests.conftest import Server, ServeStore, run_orilla, serving

ANY = Caller("key 1", frozenset(Scope))
OTHER = Caller("key 2", frozenset(Scope))


def made_key(store: Path) -> dict[str, str]:
    """A new key that opens all, as a header."""
    done = run_orilla("edge", "keys", "create", "load", "--scope", "admin", "--store", str(store))
    return {"authorization": f"Bearer {done.stdout.strip()}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving() as start:
        yield start(tmp_path_factory.mktemp("load") / "store")


@contextlib.contextmanager
def connected(server: Server, *parts: bytes) -> Iterator[socket.socket]:
    """A connection on which some bytes were sent."""
    port = server.http.base_url.port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for part in parts:
            connection.sendall(part)
        yield connection


def upload_head(size: int) -> bytes:
    return (
        b"POST /v1/documents/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: %d\r\n\r\n--b\r\n" % size
    )


def test_slow_connections_are_dropped_and_others_are_served_meanwhile(server: Server) -> None:
    slow = [
        (b"",),
        (b"GET /healthz HTTP/1.1\r\nHost: local",),
        (upload_head(20_000_000),),
        (b"POST /v1/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n",),  # answered, then never sent
    ]
    with contextlib.ExitStack() as opened:
        connections = [opened.enter_context(connected(server, *slow[n % 4])) for n in range(200)]
        until = time.monotonic() + 60
        said = []
        for n, connection in enumerate(connections):
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while part := connection.recv(4096):  # until it is closed; a timeout of a minute fails
                    received += part
            said.append((n % 4, received))
            assert server.http.get("/healthz").status_code == 200
        assert time.monotonic() < until
    statuses = [
        {received[9:12] for other, received in said if other == kind} for kind in range(4)
    ]  # five uploads are listened to at once, the others turned away
    assert statuses == [{b"408"}, {b"408"}, {b"408", b"503"}, {b"404"}]
    assert all(b"urn:orilla:problem:request-late" in received for _, received in said if received[9:12] == b"408")


def test_a_connection_that_sends_a_little_now_and_then_is_dropped_too(server: Server) -> None:
    with (
        connected(server, b"GET /healthz HTTP/1.1\r\n") as connection,
        contextlib.suppress(BrokenPipeError, ConnectionResetError),
    ):
        for n in range(120):
            connection.sendall(b"X-%d: a\r\n" % n)
            time.sleep(0.25)
        pytest.fail("it went on for half a minute")


def test_a_connection_is_used_again_after_a_pause(server: Server) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(server, ask) as connection, connection.makefile("rb") as answers:
        for _ in range(2):
            lines = list(iter(answers.readline, b"\r\n"))
            assert lines[0].startswith(b"HTTP/1.1 200")
            assert answers.read(15) == b'{"status":"ok"}'
            time.sleep(2)
            connection.sendall(ask[:20])
            time.sleep(2)
            connection.sendall(ask[20:])


def test_what_is_no_http_is_refused_in_the_form_of_all_problems(server: Server) -> None:
    with connected(server, b"\x16\x03\x01\x02\x00 hello\r\n\r\n") as connection, connection.makefile("rb") as answer:
        head, _, body = answer.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["type"] == "urn:orilla:problem:request-unreadable"


def test_endless_headers_are_read_no_further(server: Server) -> None:
    with connected(server, b"GET /healthz HTTP/1.1\r\n") as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for n in range(10_000):
                connection.sendall(b"X-%d: %s\r\n" % (n, b"a" * 1000))
        with contextlib.suppress(ConnectionResetError):
            received = connection.recv(4096)
            assert not received or received.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
    assert server.http.get("/healthz").status_code == 200


def test_uploads_past_a_hundred_megabytes_at_once_are_turned_away_and_questions_answered(server: Server) -> None:
    with contextlib.ExitStack() as opened:
        files = {"file": ("a.md", "A sentence that is short.")}
        for _ in range(50):  # five fill it, of which some may be turned away for uploads that are just ending
            opened.enter_context(connected(server, upload_head(20_000_000)))
            refused = server.http.post("/v1/documents/upload", files=files)
            if refused.status_code == 503:
                break
        assert refused.json()["type"] == "urn:orilla:problem:server-busy"
        assert int(refused.headers["retry-after"]) > 0
        assert server.http.post("/v1/query", json={"text": "hello"}).status_code == 200
        assert server.http.get("/healthz").status_code == 200
    until = time.monotonic() + 10
    while server.http.post("/v1/documents/upload", files=files).status_code == 503:
        assert time.monotonic() < until


def test_requests_past_the_bound_are_turned_away_but_never_health() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def ask_all() -> None:
        is_over = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await is_over.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        load = LoadMiddleware(app, requests_at_once=2, document_bytes_at_once=10, max_bytes_of={"/v1/documents": 8})

        def asked(path: str, length: int | None = None) -> asyncio.Task[None]:
            headers = [] if length is None else [(b"content-length", str(length).encode())]
            scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
            return asyncio.create_task(load(scope, receive, send))

        waiting = [asked("/v1/query"), asked("/v1/query"), asked("/v1/documents", 99)]  # a single one, however large
        await asyncio.sleep(0)
        for path in ("/v1/query", "/v1/documents"):
            await asked(path)
            assert sent.pop(0)["status"] == 503
            sent.clear()
        waiting.append(asked("/healthz"))
        is_over.set()
        await asyncio.gather(*waiting)
        assert [message["status"] for message in sent] == [200] * 4
        sent.clear()
        await asyncio.gather(asked("/v1/query"), asked("/v1/documents"))
        assert [message["status"] for message in sent] == [200] * 2

    asyncio.run(ask_all())


def test_a_key_is_bounded_by_the_minute_and_others_are_not_touched(serve: ServeStore, tmp_path: Path) -> None:
    first, second = made_key(tmp_path), made_key(tmp_path)
    http = serve(tmp_path, "--require-keys", "--rate", "5").http
    answers = [http.get("/v1/documents", headers=first) for _ in range(8)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:5] == [200] * 5
    assert 429 in statuses[5:]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["type"] == "urn:orilla:problem:too-many-requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert http.get("/v1/documents", headers=second).status_code == 200
    assert [http.get("/healthz", headers=first).status_code for _ in range(20)] == [200] * 20
    commands = {"authorization": f"Bearer {json.loads((tmp_path / 'agent.json').read_text())['key']}"}
    assert [http.get("/v1/documents", headers=commands).status_code for _ in range(20)] == [200] * 20


@pytest.mark.parametrize("is_declared", [False, True])
def test_an_address_is_believed_of_a_declared_proxy_alone(serve: ServeStore, tmp_path: Path, is_declared: bool) -> None:
    key = made_key(tmp_path)
    proxy = ("--behind-proxy", "127.0.0.1") if is_declared else ()
    http = serve(tmp_path, "--require-keys", *proxy).http
    statuses = [
        http.get("/v1/documents", headers={"x-forwarded-for": f"192.0.2.{n}"}).status_code
        for n in range(WITHOUT_KEY_PER_MINUTE + 10)
    ]
    assert (429 in statuses) is not is_declared
    assert http.get("/v1/documents", headers={"x-forwarded-for": "192.0.2.1", **key}).status_code == 200


def test_a_bucket_empties_and_fills_up_again() -> None:
    rates = Rates(60)
    waits = [rates.seconds_to_wait(ANY, "192.0.2.1", now=0) for _ in range(62)]
    assert waits == [0] * 60 + [1, 1]
    assert rates.seconds_to_wait(ANY, "192.0.2.1", now=0.99) == 1
    assert rates.seconds_to_wait(ANY, "192.0.2.1", now=1.01) == 0
    assert rates.seconds_to_wait(OTHER, "192.0.2.1", now=1.01) == 0
    assert [rates.seconds_to_wait(ANY, "", now=1000) for _ in range(61)] == [0] * 60 + [1]
    assert Rates(1).seconds_to_wait(ANY, "", now=0) == 0
    for caller in (COMMANDS, THIS_MACHINE):
        assert {rates.seconds_to_wait(caller, "", now=0) for _ in range(1000)} == {0}


def test_addresses_of_one_network_share_what_they_may_send_without_a_key() -> None:
    rates = Rates(1000)
    waits = [rates.seconds_to_wait(None, f"2001:db8::{n:x}", now=0) for n in range(WITHOUT_KEY_PER_MINUTE + 1)]
    assert waits == [0] * WITHOUT_KEY_PER_MINUTE + [1]
    assert rates.seconds_to_wait(None, "2001:db8:0:1::1", now=0) == 0
    assert rates.seconds_to_wait(None, "192.0.2.1", now=0) == 0
    assert rates.seconds_to_wait(ANY, "2001:db8::1", now=0) == 0
