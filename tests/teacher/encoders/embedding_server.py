"""A real small server of embeddings on loopback, which can misbehave as servers do."""

import base64
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

DIMENSION = 24


def embedding_of(text: str) -> list[float]:
    """The embedding that the server gives a text, of no particular norm."""
    numbers = np.random.default_rng(zlib.crc32(text.encode())).normal(size=DIMENSION)
    return [float(each) for each in numbers.astype(np.float32)]


@dataclass
class EmbeddingServer:
    """The server's address, the requests that it had, and how it behaves.

    Attributes:
        statuses: of the next answers, before it answers well.
        key: that a request must have.
        max_words: of a text; longer ones are refused with 400, or cut when `cuts`.
        alter: changes an answer.
    """

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    key: str | None = None
    max_words: int = 10_000
    cuts: bool = False
    as_base64: bool = False
    alter: Callable[[dict[str, Any]], Any] = lambda answer: answer

    def answer(self, body: dict[str, Any], authorization: str | None) -> tuple[int, Any]:
        self.requests.append(body)
        if self.statuses:
            return self.statuses.pop(0), {"error": {"message": f"cannot do {body['input']}"}}
        if self.key is not None and authorization != f"Bearer {self.key}":
            return 401, {"error": {"message": f"wrong key {authorization}"}}
        texts = [str(text) for text in body["input"]]
        if self.cuts:
            texts = [" ".join(text.split()[: self.max_words]) for text in texts]
        if any(len(text.split()) > self.max_words for text in texts):
            return 400, {"error": {"message": f"too long: {texts}"}}
        data: list[dict[str, Any]] = []
        for index, text in enumerate(texts):
            numbers: Any = embedding_of(text)
            if self.as_base64:
                numbers = base64.b64encode(np.array(numbers, dtype="<f4").tobytes()).decode()
            data.append({"object": "embedding", "index": index, "embedding": numbers})
        return 200, self.alter({"object": "list", "data": data[::-1], "model": body["model"]})


@contextmanager
def serving_embeddings() -> Iterator[EmbeddingServer]:
    """A server on a free port, until the block ends."""
    state = EmbeddingServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, answer = state.answer(body, self.headers.get("authorization"))
            if self.path != "/v1/embeddings":
                status = 404
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        log_message: Callable[..., None] = lambda *arguments: None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield state
    server.shutdown()
    thread.join(timeout=10)
    server.server_close()
