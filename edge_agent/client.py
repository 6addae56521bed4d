"""An agent in another process, over HTTP, for commands that find their store being served."""

import json
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from edge_agent.answering.results import Answer
from edge_agent.errors import (
    AgentError,
    AuditBroken,
    JobQueueFull,
    ServerUnreachable,
    StoreDamaged,
    StoreFull,
    StoreUnavailable,
)
from edge_agent.forgetting import Asked, Receipt
from edge_agent.ingest.folder.places import absolute
from edge_agent.ingest.outcome import Ingested
from edge_agent.ingest.parsing.document_format import FORMAT_OF_SUFFIX, DocumentFormat
from edge_agent.reporting.base_report import BaseReport
from edge_agent.storage.memory import MOST_REMEMBERED, Remembered
from edge_agent.storage.overview import ShownDocument
from edge_agent.storage.records import Document, Root, StoredFile

_ANSWER, _INGESTED = TypeAdapter(Answer), TypeAdapter(Ingested)
_REMEMBERED = TypeAdapter(list[Remembered])
_DOCUMENTS, _ROOTS = TypeAdapter(list[Document]), TypeAdapter(list[Root])
_SHOWN, _REPORT, _RECEIPT = TypeAdapter(ShownDocument), TypeAdapter(BaseReport), TypeAdapter(Receipt)
AT_ONCE_BYTES = 1_000_000
"""Larger documents go in as jobs: their parsing and embedding may outlast a request."""
_POLL_S = 0.2


class RefusedByServer(AgentError):
    """The server answered with a problem of what it was given; the message is its detail."""


class RemoteQuestions:
    """The part of `Questions` that commands use, served elsewhere."""

    def __init__(self, ask: Callable[..., bytes]) -> None:
        self._ask = ask

    def query(self, text: str) -> Answer:
        """See `Questions.query`. Raises `RefusedByServer`, `ServerUnreachable`."""
        return _ANSWER.validate_json(self._ask("POST", "/v1/query", json={"text": text}))


class RemoteMemory:
    """The part of `Memory` that commands use, served elsewhere."""

    def __init__(self, ask: Callable[..., bytes]) -> None:
        self._ask = ask

    def all(self) -> list[Remembered]:
        """See `Memory.all`."""
        asked: dict[str, Any] = {"limit": MOST_REMEMBERED}
        return _REMEMBERED.validate_python(json.loads(self._ask("GET", "/v1/memory", params=asked))["remembered"])


class RemoteAgent:
    """The part of `Agent` that commands use, served elsewhere."""

    def __init__(self, url: str, key: str = "", certificate: str = "") -> None:
        """Connects at the first call.

        Args:
            url: of the server.
            key: sent with each request; "" for a server that needs none.
            certificate: path of the one that the server must answer with, whatever name is in it; "" without TLS.

        Raises:
            ServerUnreachable: there is no such certificate.
        """
        self._url = url
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        trusted = _trusting(certificate) if certificate else True
        self._http = httpx.Client(
            base_url=url, headers=headers, verify=trusted, timeout=httpx.Timeout(10, read=300), trust_env=False
        )
        self.questions, self.memory = RemoteQuestions(self._ask), RemoteMemory(self._ask)

    def add_document(
        self,
        source: str,
        content: bytes,
        document_format: DocumentFormat,
        *,
        title: str | None = None,
        tags: Sequence[str] = (),
        root: str = "",
        file_date: str = "",
    ) -> Ingested:
        """See `Agent.add_document`. Raises `RefusedByServer`, `ServerUnreachable`."""
        suffix = next(suffix for suffix, known in FORMAT_OF_SUFFIX.items() if known is document_format)
        data: dict[str, Any] = {"source": source, "tags": list(tags), "root": root, "file_date": file_date}
        data |= {} if title is None else {"title": title}
        given: dict[str, Any] = {"files": {"file": (f"document{suffix}", content)}, "data": data}
        if len(content) <= AT_ONCE_BYTES:
            return _INGESTED.validate_json(self._ask("POST", "/v1/documents/upload", **given))
        headers = {"Prefer": "respond-async"}
        job = json.loads(self._ask("POST", "/v1/documents/upload", headers=headers, **given))
        while job["state"] not in ("done", "failed"):
            time.sleep(_POLL_S)
            job = json.loads(self._ask("GET", f"/v1/jobs/{job['job_id']}"))
        if job["state"] == "failed":
            raise _refusal(job["problem"])
        return _INGESTED.validate_python(job["result"])

    def masks_documents(self) -> bool:
        """Whether the server stores documents without the personal data that are found in them."""
        return bool(json.loads(self._ask("GET", "/readyz")).get("masks_documents", False))

    def documents(self, root: str | None = None) -> Iterator[Document]:
        """All documents by root and source, or those of one root."""
        asked: dict[str, Any] = {"limit": 1000} | ({} if root is None else {"root": root})
        after: str | None = ""
        while after is not None:
            page = json.loads(self._ask("GET", "/v1/documents", params=asked | {"after": after}))
            yield from _DOCUMENTS.validate_python(page["documents"])
            after = page["next"]

    def shown_document(self, document_id: str) -> ShownDocument:
        """See `Agent.shown_document`."""
        return _SHOWN.validate_json(self._ask("GET", f"/v1/documents/{quote(document_id, safe='')}"))

    def report(self) -> BaseReport:
        """See `Agent.report`."""
        return _REPORT.validate_json(self._ask("GET", "/v1/report"))

    def files(self, root: str) -> dict[str, StoredFile]:
        """See `Agent.files`."""
        return {
            each.source: StoredFile(
                each.document_id, each.bytes_sha256, each.is_stale, each.format, each.content_sha256, each.tags
            )
            for each in self.documents(root)
            if each.container_id is None
        }

    def move_document(self, document_id: str, source: str) -> None:
        """See `Agent.move_document`."""
        self._ask("PATCH", f"/v1/documents/{document_id}", json={"source": source})

    def mark_stale(self, root: str, source: str, reason: str) -> None:
        """See `Agent.mark_stale`."""
        self._ask("POST", "/v1/documents/stale", json={"root": root, "source": source, "reason": reason})

    def delete_document(self, document_id: str) -> None:
        """See `Agent.delete_document`."""
        self._ask("DELETE", f"/v1/documents/{document_id}")

    def forget(self, asked: Asked) -> Receipt:
        """See `Agent.forget`."""
        return _RECEIPT.validate_json(self._ask("POST", "/v1/forget", json=asdict(asked)))

    def forget_remembered(self, memory_id: int | None = None) -> int:
        """See `Agent.forget_remembered`."""
        if memory_id is not None:
            self._ask("DELETE", f"/v1/memory/{memory_id}")
            return 1
        return int(json.loads(self._ask("DELETE", "/v1/memory"))["deleted"])

    def add_root(self, path: Path) -> str:
        """See `Agent.add_root`."""
        return str(json.loads(self._ask("POST", "/v1/roots", json={"path": str(absolute(path))}))["label"])

    def roots(self) -> list[Root]:
        """See `Agent.roots`."""
        return _ROOTS.validate_python(json.loads(self._ask("GET", "/v1/roots"))["roots"])

    def move_root(self, label: str, path: Path) -> None:
        """See `Agent.move_root`."""
        self._ask("PATCH", f"/v1/roots/{quote(label, safe='')}", json={"path": str(absolute(path))})

    def forget_root(self, label: str) -> None:
        """See `Agent.forget_root`."""
        self._ask("DELETE", f"/v1/roots/{quote(label, safe='')}")

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
            raise _refusal(_problem(response))
        return response.content


def _trusting(certificate: str) -> ssl.SSLContext:
    """Trust in one certificate alone, by its bytes: the server is asked by its address, which is not in it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(certificate)
    except OSError as error:
        raise ServerUnreachable(
            f"the server answers with the certificate {certificate}, which cannot be read; make it readable"
        ) from error
    return context


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        problem = response.json()
        return {"type": str(problem["type"]), "detail": str(problem["detail"])}
    except (ValueError, KeyError, TypeError):
        said = f"the server answered with status {response.status_code}; expected an Orilla server there"
        return {"type": "", "detail": said}


def _refusal(problem: dict[str, Any]) -> AgentError:
    """The error that a problem stands for: the server's own where another try may help, else `RefusedByServer`."""
    return _OF_THE_SERVER.get(problem["type"].rpartition(":")[2], RefusedByServer)(problem["detail"])


_OF_THE_SERVER = {
    "audit-broken": AuditBroken,
    "job-queue-full": JobQueueFull,
    "key-missing": ServerUnreachable,
    "key-refused": ServerUnreachable,
    "scope-missing": ServerUnreachable,
    "server-busy": JobQueueFull,
    "store-damaged": StoreDamaged,
    "store-full": StoreFull,
    "store-unavailable": StoreUnavailable,
}
