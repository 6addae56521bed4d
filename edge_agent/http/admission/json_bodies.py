"""JSON bodies: checked for their shape before they are decoded, the large ones in a thread, while others are answered.

Python decodes JSON without letting other threads run. A text of 20 MB takes a tenth of a second so, but a body of that
size made of keys or empty lists takes seconds and a gigabyte; it is told from a request without being decoded.
"""

import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import fastapi
from anyio import to_thread
from fastapi import Response
from fastapi.routing import APIRoute

from edge_agent.errors import InputInvalid

_CHECKED_BYTES, _CHECKED_ASIDE_BYTES = 4_000, 64_000


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a JSON body, at most.

    Attributes:
        strings: names and values of fields.
        outside_bytes: brackets, commas, numbers and spaces.
    """

    strings: int
    outside_bytes: int


_SHAPE = Shape(strings=200, outside_bytes=20_000)
"""Of any request: three times what a document or a history of fifty texts can have."""
_SHAPE_OF = {"/v1/intents": Shape(strings=40_000, outside_bytes=1_000_000)}
"""By route: 6,000 examples of three fields, indented."""


class JsonBodyRoute(APIRoute):
    """A route whose JSON body is checked for its shape, and decoded in a thread where it is large."""

    def get_route_handler(self) -> Callable[[fastapi.Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI, given the body as it was decoded."""
        handle, shape = super().get_route_handler(), _SHAPE_OF.get(self.path, _SHAPE)

        async def handle_checked(request: fastapi.Request) -> Response:
            if "json" not in request.headers.get("content-type", "").lower():  # a form goes to disk as it comes
                return await handle(request)
            body = await request.body()
            if len(body) > _CHECKED_ASIDE_BYTES:
                await to_thread.run_sync(require_few_values, body, shape)
            elif len(body) > _CHECKED_BYTES:
                require_few_values(body, shape)
            return await handle(_DecodedAside(request.scope, request.receive, body))

        return handle_checked


class _DecodedAside(fastapi.Request):
    def __init__(self, scope: Any, receive: Any, body: bytes) -> None:
        super().__init__(scope, receive)
        self._body = body

    async def json(self) -> Any:
        if len(self._body) > _CHECKED_ASIDE_BYTES:
            return await to_thread.run_sync(json.loads, self._body)
        return json.loads(self._body)


def require_few_values(body: bytes, shape: Shape = _SHAPE) -> None:
    """Raises `InputInvalid` where a JSON body has more strings, or more around them, than a request can have.

    Without its escaped backslashes and quotes every second part between quotes is a string, and the others are what
    stands around them.
    """
    parts = body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"', 2 * shape.strings + 1)
    if len(parts) > 2 * shape.strings + 1 or sum(map(len, parts[::2])) > shape.outside_bytes:
        raise InputInvalid("the body has more fields, values or spaces than a request can have; see /openapi.json")
