"""An agent in another process, over HTTP, for commands that find their store being served."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from pydantic import TypeAdapter

from edge_agent.answering.results import Answer
from edge_agent.errors import AgentError, ServerUnreachable
from edge_agent.ingest.outcome import Ingested
from edge_agent.ingest.parsing.document_format import FORMAT_OF_SUFFIX, DocumentFormat
from edge_agent.storage.records import document_id_of

_ANSWER, _INGESTED = TypeAdapter(Answer), TypeAdapter(Ingested)
AT_ONCE_BYTES = 1_000_000
"""Larger documents go in as jobs: their parsing and embedding may outlast a request."""
_POLL_S = 0.2


class RefusedByServer(AgentError):
    """The server answered with a problem; the message is its detail."""


class RemoteQuestions:
    """The part of `Questions` that commands use, served elsewhere."""

    def __init__(self, ask: Callable[..., bytes]) -> None:
        self._ask = ask

    def query(self, text: str) -> Answer:
        """See `Questions.query`. Raises `RefusedByServer`, `ServerUnreachable`."""
        return _ANSWER.validate_json(self._ask("POST", "/v1/query", json={"text": text}))


class RemoteAgent:
    """The part of `Agent` that commands use, served elsewhere."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url, timeout=httpx.Timeout(10, read=300), trust_env=False)
        self.questions = RemoteQuestions(self._ask)

    def add_document(
        self, source: str, content: bytes, document_format: DocumentFormat, *, tags: Sequence[str] = ()
    ) -> Ingested:
        """See `Agent.add_document`. Raises `RefusedByServer`, `ServerUnreachable`."""
        suffix = next(suffix for suffix, known in FORMAT_OF_SUFFIX.items() if known is document_format)
        name = f"document{suffix}"
        files, data = {"file": (name, content)}, {"source": source, "tags": list(tags)}
        if len(content) <= AT_ONCE_BYTES:
            return _INGESTED.validate_json(self._ask("POST", "/v1/documents/upload", files=files, data=data))
        headers = {"Prefer": "respond-async"}
        job = json.loads(self._ask("POST", "/v1/documents/upload", files=files, data=data, headers=headers))
        while job["state"] not in ("done", "failed"):
            time.sleep(_POLL_S)
            job = json.loads(self._ask("GET", f"/v1/jobs/{job['job_id']}"))
        if job["state"] == "failed":
            raise RefusedByServer(job["problem"]["detail"])
        return _INGESTED.validate_python(job["result"])

    def sources(self) -> list[str]:
        """See `Agent.sources`."""
        sources: list[str] = []
        after: str | None = ""
        while after is not None:
            page = json.loads(self._ask("GET", "/v1/documents", params={"after": after, "limit": 1000}))
            sources += [document["source"] for document in page["documents"]]
            after = page["next"]
        return sources

    def delete_source(self, source: str) -> None:
        """See `Agent.delete_source`."""
        self._ask("DELETE", f"/v1/documents/{document_id_of(source)}")

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    def _ask(self, method: str, path: str, **content: Any) -> bytes:
        try:
            response = self._http.request(method, path, **content)
        except httpx.HTTPError as error:
            raise ServerUnreachable(
                f"the server at {self._url} has the store open but does not answer ({type(error).__name__}); "
                "wait until it has started, or stop it"
            ) from error
        if response.is_error:
            raise RefusedByServer(_detail(response))
        return response.content


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered with status {response.status_code}; expected an Orilla server there"
