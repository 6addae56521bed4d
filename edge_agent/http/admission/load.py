"""Bounds on what is served at once: requests by their number, documents by the bytes that they announce.

More are turned away with 503 and `Retry-After` before their bodies are read, so that memory stays bounded and those
that are being served stay quick.
"""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_agent.http.admission.body_limit import path_below_root
from edge_agent.http.admission.route_scopes import OPEN
from edge_agent.http.problems import problem


class LoadMiddleware:
    """Turns requests away while too many are served. Health is always answered."""

    def __init__(
        self, app: ASGIApp, *, requests_at_once: int, document_bytes_at_once: int, max_bytes_of: Mapping[str, int]
    ) -> None:
        """Serves nothing yet.

        Args:
            app: what is served.
            requests_at_once: that hold no document.
            document_bytes_at_once: of all bodies that hold documents; a single one is always accepted.
            max_bytes_of: by path of such bodies: the size of one that announces none.
        """
        self._app = app
        self._requests_at_once = requests_at_once
        self._document_bytes_at_once = document_bytes_at_once
        self._max_bytes_of = max_bytes_of
        self._requests = self._document_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        path = path_below_root(scope) if scope["type"] == "http" else "/"
        if path in OPEN:
            await self._app(scope, receive, send)
            return
        document_bytes = self._announced(scope, path)
        if self._is_full(document_bytes):
            detail = "the server has as much to do as it can at once; send this again after Retry-After seconds"
            await problem(HTTPStatus.SERVICE_UNAVAILABLE, "server-busy", detail)(scope, receive, send)
            return
        self._requests += not document_bytes
        self._document_bytes += document_bytes
        try:
            await self._app(scope, receive, send)
        finally:
            self._requests -= not document_bytes
            self._document_bytes -= document_bytes

    def _announced(self, scope: Scope, path: str) -> int:
        """The bytes of a body that holds a document, 0 for other requests."""
        if scope["method"] != "POST" or path not in self._max_bytes_of:
            return 0
        length = Headers(scope=scope).get("content-length", "")
        return max(1, int(length)) if length.isdigit() else self._max_bytes_of[path]

    def _is_full(self, document_bytes: int) -> bool:
        if document_bytes:
            return 0 < self._document_bytes > self._document_bytes_at_once - document_bytes
        return self._requests >= self._requests_at_once
