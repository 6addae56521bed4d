"""Isolation: every document is parsed in a child process, so that a hostile one takes down nothing but that child.

A child has limits of memory and of processor time, sees no store and no bundle, and gets bytes and gives text over
pipes. One that dies, hangs or asks for too much is killed; the next document gets a new one. There are several, so that
a document that holds up its child holds up nobody else.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter

from edge_agent.errors import (
    AgentError,
    ContentTooLarge,
    DocumentUnreadable,
    FormatUnsupported,
    InputInvalid,
    JobQueueFull,
    TextUndecodable,
)
from edge_agent.ingest.parsing.blocks import Attachment, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import require_size
from edge_agent.ingest.parsing.messages import receive, send, unpack_blocks
from edge_agent.settings import ParsingLimits

REFUSALS: dict[str, type[AgentError]] = {
    kind.__name__: kind for kind in (ContentTooLarge, FormatUnsupported, InputInvalid, TextUndecodable)
}
CHILDREN = 2
_MAX_REPLY, _MAX_FRAMES = 200_000_000, 1_000
_KEPT_BYTES = 300_000_000
"""Memory up to which a child is kept for the next document; a larger one is ended, which gives its memory back."""
_PATIENCE = 2
"""Times by the clock what a document may take of the processor: children let questions go first."""
_WAITS = 3
"""Documents' times that another one waits for a free child."""
_LAST_WORDS_S = 5
"""Between the end of a child's replies and its own."""
_INHERITED = ("PATH", "PYTHONPATH", "LANG", "LC_ALL")
"""Variables of our environment that the child gets: no keys, no tokens."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first frame of a reply: an extract without its text, blocks and attachments' bytes, or a refusal."""

    extract: dict[str, Any] | None = None
    attachments: tuple[str, ...] = ()
    refusal: str = ""
    message: str = ""


_HEAD, _EXTRACT = TypeAdapter(Head), TypeAdapter(Extract)


class IsolatedParser:
    """Parses documents in children that are started when they are needed. Safe to use from several threads."""

    def __init__(
        self,
        limits: ParsingLimits,
        *,
        children: int = CHILDREN,
        timeout_s: float = 60,
        memory_bytes: int = 1_500_000_000,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            limits: of a document.
            children: documents parsed side by side.
            timeout_s: of processor time for one document; on a busy machine it may take twice as long by the clock.
            memory_bytes: of each child.
            environment: of a child; by default our path and language, and nothing else.
        """
        self._limits, self._timeout_s = limits, timeout_s
        self._children = [_Child(timeout_s, memory_bytes, environment) for _ in range(children)]
        self._free: queue.LifoQueue[_Child] = queue.LifoQueue()  # the one last used has its modules loaded
        for child in self._children:
            self._free.put(child)

    def read(self, content: bytes, document_format: DocumentFormat) -> Extract:
        """Parses a document.

        Raises:
            As `extraction.extract`, and DocumentUnreadable: its parser ran out of time or memory, or crashed.
            JobQueueFull: all children were busy with other documents for long.
        """
        require_size(content, self._limits)  # before it is copied anywhere
        head = json.dumps({"format": document_format.value, "limits": asdict(self._limits)}).encode()
        try:
            child = self._free.get(timeout=_WAITS * _PATIENCE * self._timeout_s)
        except queue.Empty:
            raise JobQueueFull("all parsers are busy with other documents; send the document again later") from None
        try:
            return child.ask([head, content])
        finally:
            self._free.put(child)

    def close(self) -> None:
        """Ends the children; documents still being parsed are refused."""
        for child in self._children:
            child.close()


class _Child:
    """One child process, started when it is asked, for one document at a time; ended from any thread."""

    def __init__(self, timeout_s: float, memory_bytes: int, environment: Mapping[str, str] | None) -> None:
        self._timeout_s, self._memory_bytes, self._environment = timeout_s, memory_bytes, environment
        self._lock = threading.Lock()  # of starting and ending
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    def ask(self, request: Sequence[bytes]) -> Extract:
        """The extract of a document. Raises: see `IsolatedParser.read`."""
        replies: queue.Queue[list[bytes] | None] = queue.Queue()
        extract = None
        try:
            process = self._start()
            assert process.stdin is not None  # noqa: S101  (pipes were asked for)
            assert process.stdout is not None  # noqa: S101
            threading.Thread(target=_receive, args=(process.stdout, replies), daemon=True).start()
            send(process.stdin, request)
            reply = replies.get(timeout=_PATIENCE * self._timeout_s)
            extract = unpack_extract(reply) if reply else None
            is_late = not reply and _has_used_its_time(process)
        except queue.Empty:
            is_late = True
        except (OSError, ValueError):  # ValidationError too: whoever made that reply is no parser of ours
            is_late = False
        if extract is None:
            self._end()
            late = f"could not be read within {self._timeout_s:.0f} s"
            said = late if is_late else "made its parser crash or run out of memory"
            raise DocumentUnreadable(f"the document {said}; split it or convert it to another format")
        if _resident_bytes(process.pid) > _KEPT_BYTES:
            self._end()
        return extract

    def close(self) -> None:
        """Ends the process for good."""
        self._is_closed = True
        self._end()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._is_closed:
                raise OSError("closed")
            if self._process is None:
                numbers = (str(self._memory_bytes), str(int(self._timeout_s) + 1))
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "edge_agent.ingest.parsing.child", *numbers],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=self._environment or {name: os.environ[name] for name in _INHERITED if name in os.environ},
                    process_group=0,  # ended with all that it starts, and not by a Ctrl-C meant for the server
                )
            return self._process

    def _end(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=30)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()


def _has_used_its_time(process: "subprocess.Popen[bytes]") -> bool:
    """Whether a child that gave no reply was ended for the processor time that it took."""
    try:
        return process.wait(timeout=_LAST_WORDS_S) == -signal.SIGXCPU
    except subprocess.TimeoutExpired:
        return False


def _receive(pipe: IO[bytes], replies: "queue.Queue[list[bytes] | None]") -> None:
    """Puts the next message of a pipe into a queue, None when the pipe ends before it."""
    try:
        replies.put(receive(pipe, at_most=_MAX_REPLY, at_most_frames=_MAX_FRAMES))
    except (OSError, ValueError):
        replies.put(None)


def unpack_extract(frames: Sequence[bytes]) -> Extract:
    """The extract of a reply, checked: a hostile document may have made of its child what it likes.

    Raises:
        ValueError: it is no reply. And the error that the child refused the document with.
    """
    head = _HEAD.validate_json(frames[0])
    if head.extract is None:
        raise REFUSALS.get(head.refusal, InputInvalid)(head.message)
    if len(frames) != 3 + len(head.attachments):
        raise ValueError("a reply with other attachments than it names")
    text = frames[1].decode()
    named = zip(head.attachments, frames[3:], strict=True)
    return replace(
        _EXTRACT.validate_python({**head.extract, "text": "", "blocks": (), "attachments": ()}),
        text=text,
        blocks=tuple(unpack_blocks(frames[2], chars=len(text))),
        attachments=tuple(Attachment(name, content) for name, content in named),
    )


def _resident_bytes(process_id: int) -> int:
    """Memory of a process that is in RAM; 0 where that cannot be told."""
    try:
        return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
