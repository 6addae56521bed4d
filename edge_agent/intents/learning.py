"""Learning of own heads: a bounded queue on disk, one head at a time, each in a child process, resumed after a kill."""

import json
import logging
import os
import queue
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from edge_agent.audit.actors import current_actor
from edge_agent.errors import ExamplesInvalid, InputInvalid, JobQueueFull
from edge_agent.ingest.jobs import INTERNAL, MAX_ATTEMPTS, JobState
from edge_agent.intents.example_rows import check_rows, pack_rows
from edge_agent.intents.learning_child import Task
from edge_agent.intents.own_head import LearningOptions, OwnHead
from edge_agent.intents.own_heads import OwnHeads
from student.intents.table_files import Row

log = logging.getLogger(__name__)

MAX_PENDING = 4
TIMEOUT_S = 3600.0
_MAX_FALSE_REFUSALS = 0.5
_INHERITED = ("PATH", "PYTHONPATH", "LANG", "LC_ALL")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Start:
    """The bundle and the head that a new one is learned from.

    Attributes:
        bundle, bundle_digest, languages: of the bundle that is served.
        head_id: of the own head at work; None where it is the bundle's.
        labels: of the head at work.
    """

    bundle: Path
    bundle_digest: str
    languages: Sequence[str]
    head_id: str | None
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """The part of a head's making that is at hand: `done` of `total` steps of what it is `doing`."""

    done: int
    total: int
    doing: str


class HeadLearning:
    """Makes own heads. Safe to use from several threads.

    Guarantees:
        Accepted examples become a head or their refusal is kept for whoever asks, also after a kill.
    """

    def __init__(self, heads: OwnHeads, start: Callable[[], Start], *, timeout_s: float = TIMEOUT_S) -> None:
        """Resumes what is not done and starts the worker.

        Args:
            heads: of the store.
            start: says what a head is learned from, when it is begun.
            timeout_s: after which a head is given up.
        """
        self._heads, self._start, self._timeout_s = heads, start, timeout_s
        self._lock, self._waiting = threading.Lock(), queue.SimpleQueue[str | None]()
        self._progress: dict[str, Progress] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closing = False
        for head in heads.all():
            if not head.has_ended:
                self._waiting.put(head.head_id)
        self._worker = threading.Thread(target=self._work, name="learn", daemon=True)
        self._worker.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the worker and its child; a head that is being made is begun again at the next start."""
        with self._lock:
            self._is_closing = True
            if self._process is not None:
                self._process.kill()
        self._waiting.put(None)
        self._worker.join()

    def accept(self, rows: list[Row], row: str, options: LearningOptions) -> OwnHead:
        """Puts examples onto disk and into the queue; durable when this returns.

        Args:
            rows: with the columns text, label and, where known, language.
            row: a row's word in refusals: `line` of a file, `row` of a list.
            options: see `LearningOptions`.

        Raises:
            ExamplesInvalid: no head can be learned from them. InputInvalid: an option breaks its rules.
            JobQueueFull: `MAX_PENDING` are waiting. StoreFull, StoreUnavailable: it cannot be written.
        """
        if options.is_from_scratch and not options.is_replacing:
            raise InputInvalid("from_scratch needs replace: labels that are kept need what the head before reads")
        if not 0 <= options.false_refusals <= _MAX_FALSE_REFUSALS:
            raise InputInvalid(f"false_refusals is none, expected a share from 0 to {_MAX_FALSE_REFUSALS}")
        start = self._start()
        known = () if options.is_replacing else start.labels
        check_rows(rows, row, languages=start.languages, known_labels=known)
        with self._lock:
            if sum(not head.has_ended for head in self._heads.all()) >= MAX_PENDING:
                raise JobQueueFull(f"{MAX_PENDING} heads wait to be made, the most that may; send it again later")
            head = OwnHead(
                head_id=f"{time.time_ns():016x}{secrets.token_hex(4)}",
                state=JobState.QUEUED,
                accepted_at=datetime.now(UTC).isoformat(timespec="seconds"),
                examples=len(rows),
                row=row,
                options=options,
                actor=current_actor(),
            )
            self._heads.accept(head, pack_rows(rows))
        self._waiting.put(head.head_id)
        return head

    def progress(self, head_id: str) -> Progress | None:
        """How far a head that is being made is; None where it is not begun or has ended."""
        return self._progress.get(head_id)

    def _work(self) -> None:
        while (head_id := self._waiting.get()) is not None and not self._is_closing:
            try:
                self._run(self._heads.get(head_id))
            except Exception as error:  # the disk: the head stays as it was and is begun again at the next start
                log.error("intent head %s could not be recorded: %s", head_id, type(error).__name__)
            finally:
                self._progress.pop(head_id, None)

    def _run(self, head: OwnHead) -> None:
        if head.attempts >= MAX_ATTEMPTS:
            detail = f"the server ended {MAX_ATTEMPTS} times while it made this head; give fewer examples"
            self._heads.change(replace(head, state=JobState.FAILED, refusal=INTERNAL, detail=detail))
            return
        head = self._heads.change(replace(head, state=JobState.RUNNING, attempts=head.attempts + 1))
        refused = self._run_child(head)
        if self._is_closing:
            self._heads.change(replace(head, state=JobState.QUEUED, attempts=head.attempts - 1))
            return
        if refused is not None:
            refusal, detail = refused
            self._heads.change(replace(head, state=JobState.FAILED, refusal=refusal, detail=detail))
            return
        made = self._heads.read(head.head_id)
        self._heads.change(
            replace(
                head,
                state=JobState.DONE,
                digest=made.digest,
                embedding_space=made.embedding_space,
                labels=made.head.labels,
            )
        )

    def _run_child(self, head: OwnHead) -> tuple[str, str] | None:
        """Learns a head. The class and words of the refusal, None where it is made."""
        start = self._start()
        task = Task(
            bundle=str(start.bundle.absolute()),
            bundle_digest=start.bundle_digest,
            before=str(self._heads.head_folder(start.head_id).absolute()) if start.head_id else "",
            examples=str(self._heads.examples(head.head_id).absolute()),
            row=head.row,
            out=str(self._heads.head_folder(head.head_id).absolute()),
            options=head.options,
        )
        with self._lock:
            if self._is_closing:
                return INTERNAL, ""
            self._process = _start_child()
        timer = threading.Timer(self._timeout_s, self._process.kill)
        timer.start()
        try:
            refused, code = self._follow(head.head_id, self._process, task)
        finally:
            timer.cancel()
            with self._lock:
                self._process = None
        if refused is not None:
            return ExamplesInvalid.__name__, refused
        if code == 0:
            return None
        log.error("making intent head %s ended with %d", head.head_id, code)
        return INTERNAL, "the server failed, or ran out of memory or time; see its log, or try fewer rows"

    def _follow(self, head_id: str, process: "subprocess.Popen[bytes]", task: Task) -> tuple[str | None, int]:
        """The refusal that the child printed, if any, and its exit status."""
        assert process.stdin is not None  # noqa: S101  (pipes were asked for)
        assert process.stdout is not None  # noqa: S101
        refused = None
        with process:
            try:
                process.stdin.write(task.packed())
                process.stdin.close()
            except BrokenPipeError:
                log.warning("the child that makes intent head %s ended before its task", head_id)
            for line in process.stdout:
                said = json.loads(line)
                refused = said.get("refused", refused)
                if "failed" in said:
                    log.error("making intent head %s: %s", head_id, said["failed"])
                if "doing" in said:
                    self._progress[head_id] = Progress(said["done"], said["total"], said["doing"])
        return refused, process.returncode


def _start_child() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "edge_agent.intents.learning_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a traceback may quote an example
        env={name: os.environ[name] for name in _INHERITED if name in os.environ} | _ONE_THREAD,
        process_group=0,  # not ended by a Ctrl-C meant for the server
    )
