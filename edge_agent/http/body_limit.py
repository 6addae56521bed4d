"""Refuses bodies that are too large or compressed, before anything reads them into memory."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_agent.errors import ContentTooLarge
from edge_agent.http.problems import problem


class BodyLimitMiddleware:
    """Bounds request bodies by their announced length and again by what really comes."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        received = 0

        async def count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise ContentTooLarge  # whatever is made of it inside, `answer` sends the right response
            return message

        async def answer(message: Message) -> None:
            if received <= self._max_bytes:
                await send(message)
            elif message["type"] == "http.response.start":
                await self._too_large()(scope, receive, send)

        await self._app(scope, count, answer)

    def _refusal(self, headers: Headers) -> Response | None:
        if headers.get("content-encoding", "identity") != "identity":
            detail = "the body is compressed; send it as it is, it is never unpacked here"
            return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content-encoding-unsupported", detail)
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._max_bytes:
            return self._too_large()
        return None

    def _too_large(self) -> Response:
        detail = f"the body has more than {self._max_bytes} bytes, the most accepted here; split it"
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "content-too-large", detail)
