"""Deadlines of a connection: for its first line and headers, for the whole of a request, and between two of its parts.

uvicorn has one for idle connections alone: whoever sends a byte now and then would keep a connection for ever.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_S = 10.0
"""From the connection, or the first byte of a later request, to the end of its headers."""
MAX_HEADER_BYTES = 64_000
PAUSE_S = 15.0
"""Between two parts of a body."""
BODY_S = 300.0
"""For all of a body: 20 MB at half a megabit a second."""
_LATE = (
    b'{"type":"urn:orilla:problem:request-late","title":"Request late","status":408,'
    b'"detail":"the request came too slowly; send it again over a faster connection"}'
)
_LARGE = (
    b'{"type":"urn:orilla:problem:headers-too-large","title":"Headers too large","status":431,'
    b'"detail":"the headers have more than 64000 bytes; send fewer"}'
)
_NO_HTTP = (
    b'{"type":"urn:orilla:problem:request-unreadable","title":"Request unreadable","status":400,'
    b'"detail":"the request is no HTTP/1.1; check the client, or whether it should speak TLS"}'
)


class DeadlineProtocol(HttpToolsProtocol):
    """A connection that ends when a request, its headers or the next part of its body are late."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._header_bytes: int | None = 0  # None once they have all come

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Waits for a first request."""
        super().connection_made(transport)
        self._expect("headers", HEADERS_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing any more."""
        self._forget("headers", "pause", "body")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what comes before the end of the headers."""
        if self._header_bytes is not None:
            self._header_bytes += len(data)
        if "pause" in self._timers:
            self._expect("pause", PAUSE_S)
        super().data_received(data)
        if self._header_bytes is not None and self._header_bytes > MAX_HEADER_BYTES:
            self._refuse(b"431 Request Header Fields Too Large", _LARGE)

    def send_400_response(self, msg: str) -> None:
        """Says that what came is no HTTP, in the form of every refusal."""
        self._refuse(b"400 Bad Request", _NO_HTTP)

    def on_message_begin(self) -> None:
        """Waits for the headers of a request."""
        self._header_bytes = self._header_bytes or 0
        if "headers" not in self._timers:
            self._expect("headers", HEADERS_S)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Waits for a body."""
        self._header_bytes = None
        self._forget("headers")
        self._expect("pause", PAUSE_S)
        self._expect("body", BODY_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Waits for nothing: the answer may take its time."""
        self._forget("pause", "body")
        super().on_message_complete()

    def _expect(self, name: str, seconds: float) -> None:
        self._forget(name)
        self._timers[name] = self.loop.call_later(seconds, self._end, name)

    def _forget(self, *names: str) -> None:
        for name in names:
            if (timer := self._timers.pop(name, None)) is not None:
                timer.cancel()

    def _end(self, name: str) -> None:
        if name == "pause" and self.flow.read_paused:  # it is this server that is behind
            self._expect(name, PAUSE_S)
            return
        self._refuse(b"408 Request Timeout", _LATE)

    def _refuse(self, status: bytes, problem: bytes) -> None:
        """Says why and ends the connection; one whose answer has begun is only ended."""
        self._forget("headers", "pause", "body")
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            length = str(len(problem)).encode()
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n"
                b"x-content-type-options: nosniff\r\nconnection: close\r\ncontent-length: "
                + length
                + b"\r\n\r\n"
                + problem
            )
        self.transport.close()
