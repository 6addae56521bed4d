"""Refuses bodies that are too large or compressed, before anything reads them into memory."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_agent.errors import ContentTooLarge
from edge_agent.http.problems import problem


class BodyLimitMiddleware:
    """Bounds request bodies by their announced length and again by what really comes."""

    def __init__(self, app: ASGIApp, max_bytes: int, max_bytes_of: Mapping[str, int]) -> None:
        """The limit, and those of some paths.

        Args:
            app: what is served.
            max_bytes: of a body.
            max_bytes_of: by path, where it is another.
        """
        self._app = app
        self._max_bytes = max_bytes
        self._max_bytes_of = max_bytes_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        max_bytes = self._max_bytes_of.get(path_below_root(scope), self._max_bytes)
        refusal = _refusal(Headers(scope=scope), max_bytes)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        received = 0

        async def count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > max_bytes:
                raise ContentTooLarge  # whatever is made of it inside, `answer` sends the right response
            return message

        async def answer(message: Message) -> None:
            if received <= max_bytes:
                await send(message)
            elif message["type"] == "http.response.start":
                await _too_large(max_bytes)(scope, receive, send)

        await self._app(scope, count, answer)


def path_below_root(scope: Scope) -> str:
    """The path of an HTTP request as routes name it, without that which a proxy shows the server under."""
    return str(scope["path"].removeprefix(scope.get("root_path", "")))


def _refusal(headers: Headers, max_bytes: int) -> Response | None:
    if headers.get("content-encoding", "identity") != "identity":
        detail = "the body is compressed; send it as it is, it is never unpacked here"
        return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content-encoding-unsupported", detail)
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > max_bytes:
        return _too_large(max_bytes)
    return None


def _too_large(max_bytes: int) -> Response:
    detail = f"the body has more than {max_bytes} bytes, the most accepted here; split it"
    return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "content-too-large", detail)
