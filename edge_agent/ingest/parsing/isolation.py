"""Isolation: documents are parsed in a child process, so that a hostile one can take down nothing but that child.

The child has limits of memory and of processor time, sees no store and no bundle, and gets bytes and gives JSON over
pipes. One that dies, hangs or asks for too much is killed; the next document gets a new one.
"""

import json
import os
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import IO, Literal

from pydantic import TypeAdapter, ValidationError

from edge_agent.errors import (
    AgentError,
    ContentTooLarge,
    DocumentUnreadable,
    FormatUnsupported,
    InputInvalid,
    TextNotUtf8,
)
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import require_size
from edge_agent.settings import ParsingLimits

REFUSALS: dict[str, type[AgentError]] = {
    kind.__name__: kind for kind in (ContentTooLarge, FormatUnsupported, InputInvalid, TextNotUtf8)
}
LENGTH = struct.Struct("<Q")
_MAX_REPLY = 200_000_000
_INHERITED = ("PATH", "PYTHONPATH", "LANG", "LC_ALL")
"""Variables of our environment that the child gets: no keys, no tokens."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The child's reply: an extract, or a refusal's class and message."""

    outcome: Literal["read", "refused"]
    extract: Extract | None = None
    refusal: str = ""
    message: str = ""


REPLY = TypeAdapter(Reply)


class IsolatedParser:
    """Reads documents in a child that is started when the first one comes. Safe to use from several threads."""

    def __init__(
        self,
        limits: ParsingLimits,
        *,
        timeout_s: float = 60,
        memory_bytes: int = 1_500_000_000,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            limits: of a document.
            timeout_s: for one document.
            memory_bytes: of the child.
            environment: of the child; by default our path and language, and nothing else.
        """
        self._limits, self._timeout_s, self._memory_bytes = limits, timeout_s, memory_bytes
        self._environment = environment
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def read(self, content: bytes, document_format: DocumentFormat) -> Extract:
        """Reads a document.

        Raises:
            As `extraction.extract`, and DocumentUnreadable: its parser ran out of time or memory, or crashed.
        """
        require_size(content, self._limits)  # before it is copied anywhere
        with self._lock:
            reply = self._ask(content, document_format)
        if reply.outcome == "refused":
            raise REFUSALS.get(reply.refusal, InputInvalid)(reply.message)
        if reply.extract is None:
            raise DocumentUnreadable("the parser gave no text; convert the document to another format")
        return reply.extract

    def close(self) -> None:
        """Ends the child."""
        with self._lock:
            self._end()

    def _ask(self, content: bytes, document_format: DocumentFormat) -> Reply:
        child = self._child or self._start()
        assert child.stdin is not None  # noqa: S101  (pipes were asked for)
        assert child.stdout is not None  # noqa: S101
        head = json.dumps({"format": document_format.value, "limits": asdict(self._limits)}).encode()
        replies: queue.Queue[bytes | None] = queue.Queue()
        threading.Thread(target=_receive, args=(child.stdout, replies), daemon=True).start()
        try:
            for part in (head, content):
                child.stdin.write(LENGTH.pack(len(part)) + part)
            child.stdin.flush()
            reply = replies.get(timeout=self._timeout_s)
            if reply is not None:
                return REPLY.validate_json(reply)
        except queue.Empty:
            self._end()
            raise DocumentUnreadable(
                f"the document could not be read within {self._timeout_s:.0f} s; split it or convert it to another "
                "format"
            ) from None
        except (OSError, ValidationError):
            pass
        self._end()
        raise DocumentUnreadable(
            "the document's parser crashed or ran out of memory; split the document or convert it to another format"
        )

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "edge_agent.ingest.parsing.child", str(self._memory_bytes)]
        environment = self._environment or {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        return self._child

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait(timeout=30)
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
            self._child = None


def _receive(pipe: IO[bytes], replies: "queue.Queue[bytes | None]") -> None:
    """Puts the next message of a pipe into a queue, None when the pipe ends before it."""
    try:
        replies.put(receive(pipe, at_most=_MAX_REPLY))
    except (OSError, ValueError):
        replies.put(None)


def receive(pipe: IO[bytes], *, at_most: int) -> bytes | None:
    """One message: its length, then its bytes; None at the end of the pipe.

    Raises:
        ValueError: longer than `at_most`.
    """
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    if length > at_most:
        raise ValueError(f"a message of {length} bytes")
    body = pipe.read(length)
    return body if len(body) == length else None
