"""The body limit by itself: what it refuses it does not read."""

import asyncio
from typing import Any

import pytest

from edge_agent.http.admission.body_limit import BodyLimitMiddleware


def test_a_body_past_the_limit_is_read_no_further() -> None:
    received, sent = [], []

    async def receive() -> dict[str, Any]:
        received.append(1)
        return {"type": "http.request", "body": b"a" * 100, "more_body": len(received) < 1000}

    async def send(message: Any) -> None:
        sent.append(message)

    async def read_all(scope: Any, receive: Any, send: Any) -> None:
        try:
            while (await receive())["more_body"]:
                pass
        except Exception:  # noqa: S110  (as a framework would, it answers whatever happened)
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    asyncio.run(BodyLimitMiddleware(read_all, max_bytes=250, max_bytes_of={})(scope, receive, send))
    assert len(received) == 3
    assert [message.get("status") for message in sent if message["type"] == "http.response.start"] == [413]


@pytest.mark.parametrize(("path", "status"), [("/orilla/documents", 200), ("/orilla/query", 413), ("/documents", 200)])
def test_a_path_has_its_own_limit_where_a_proxy_shows_it_under_another(path: str, status: int) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "root_path": "/orilla",
        "headers": [(b"content-length", b"300")],
    }
    asyncio.run(BodyLimitMiddleware(answer, max_bytes=250, max_bytes_of={"/documents": 500})(scope, receive, send))
    assert sent[0]["status"] == status
