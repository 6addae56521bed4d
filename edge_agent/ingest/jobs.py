"""Ingest jobs: documents accepted onto disk, ingested one after another, resumed after a kill.

Each job is a record (`ID.json`) and, until it has ended, the document's bytes (`ID.content`) in a folder of the store.
The bytes are written first: a record says that they are whole. Ids sort by when they were given.
"""

import contextlib
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from edge_agent.audit.actors import COMMANDS, acting_as, current_actor
from edge_agent.errors import AgentError, JobQueueFull, JobUnknown
from edge_agent.ingest.outcome import Ingested
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.storage.failures import named_failures
from edge_agent.storage.records import Document
from student.artifacts.durable import write_durably
from student.artifacts.private import PRIVATE_FILE, make_private_folder

log = logging.getLogger(__name__)

JOBS = "jobs"
"""Name of their folder in the store's."""
MAX_PENDING = 32
MAX_ENDED = 200
MAX_ATTEMPTS = 3
INTERNAL = "InternalError"
OnPassages = Callable[[int, int], None]
"""Called with the number of passages embedded and that of all."""


class JobState(StrEnum):
    """The state of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """A document on its way in.

    Attributes:
        job_id: its id.
        state: see `JobState`.
        source, format, tags, title, root, file_date: of the document, as given.
        size_bytes: of its content.
        accepted_at: RFC 3339, UTC.
        attempts: how often it was begun; more than once when the server ended meanwhile.
        passages: how many the document has, None until it is read.
        passages_done: how many of them are embedded.
        result: when it is done.
        refusal, detail: when it failed: the error's class, and what it says.
        actor: who gave it.
    """

    job_id: str
    state: JobState
    source: str
    format: DocumentFormat
    tags: tuple[str, ...]
    size_bytes: int
    accepted_at: str
    title: str | None = None
    root: str = ""
    file_date: str = ""
    attempts: int = 0
    passages: int | None = None
    passages_done: int = 0
    result: Ingested | None = None
    refusal: str | None = None
    detail: str | None = None
    actor: str = COMMANDS

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in (JobState.DONE, JobState.FAILED)

    def is_of(self, document: Document) -> bool:
        """Whether it brought a document, or would have."""
        is_result = self.result is not None and self.result.document.document_id == document.document_id
        return is_result or (self.root, self.source) == (document.root, document.source)


Ingest = Callable[[Job, bytes, OnPassages], Ingested]
"""Ingests a job's document, given its bytes, with a progress callback."""


class Jobs:
    """The jobs of a store: a bounded queue, one worker, the results of the latest. Safe to use from several threads.

    Guarantees:
        An accepted document is ingested or its refusal is kept for whoever asks, also after a kill.
    """

    def __init__(self, folder: Path, ingest: Ingest) -> None:
        """Resumes what a folder holds and starts the worker; the folder is made if it is missing."""
        make_private_folder(folder)
        self._folder, self._ingest = folder, ingest
        self._lock, self._waiting = threading.Lock(), queue.SimpleQueue[str | None]()
        self._is_closing = False
        self._jobs = {job.job_id: job for job in self._read_folder()}
        for job in self._jobs.values():
            if not job.has_ended:
                self._waiting.put(job.job_id)
        self._worker = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._worker.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the worker; a job that is running is put back and resumed at the next start."""
        self._is_closing = True
        self._waiting.put(None)
        self._worker.join()

    def accept(
        self,
        source: str,
        content: bytes,
        document_format: DocumentFormat,
        *,
        tags: tuple[str, ...],
        title: str | None = None,
        root: str = "",
        file_date: str = "",
    ) -> Job:
        """Puts a document onto disk and into the queue; durable when this returns.

        Raises:
            JobQueueFull: `MAX_PENDING` are waiting. StoreFull, StoreUnavailable: it cannot be written.
        """
        with self._lock:
            if self.pending >= MAX_PENDING:
                raise JobQueueFull(f"{MAX_PENDING} documents are waiting, the most that may; send it again later")
            job = Job(
                job_id=f"{time.time_ns():016x}{secrets.token_hex(4)}",
                state=JobState.QUEUED,
                source=source,
                format=document_format,
                tags=tags,
                size_bytes=len(content),
                accepted_at=datetime.now(UTC).isoformat(timespec="seconds"),
                title=title,
                root=root,
                file_date=file_date,
                actor=current_actor(),
            )
            with named_failures(self._folder):
                try:
                    write_durably(self._content(job.job_id), content, mode=PRIVATE_FILE)
                    self._write(job)
                except BaseException:
                    for path in (self._content(job.job_id), self._record(job.job_id)):
                        path.unlink(missing_ok=True)
                        path.with_name(f".{path.name}.new").unlink(missing_ok=True)
                    raise
            self._jobs[job.job_id] = job
        self._waiting.put(job.job_id)
        return job

    def get(self, job_id: str) -> Job:
        """A job. Raises `JobUnknown`."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is not None and job.has_ended and not self._record(job_id).exists():  # see `delete_job_records`
                del self._jobs[job_id]
                job = None
        if job is None:
            raise JobUnknown(
                f"no job has that id; the latest {MAX_ENDED} that ended are kept, see also GET /v1/documents"
            )
        return job

    @property
    def pending(self) -> int:
        """How many have not ended."""
        return sum(not job.has_ended for job in list(self._jobs.values()))

    def _work(self) -> None:
        while (job_id := self._waiting.get()) is not None and not self._is_closing:
            try:
                self._run(self._jobs[job_id])
            except Exception as error:  # the disk: the job stays as it was and is resumed at the next start
                log.error("job %s could not be recorded: %s", job_id, type(error).__name__)

    def _run(self, job: Job) -> None:
        if job.attempts >= MAX_ATTEMPTS:
            detail = f"the server ended {MAX_ATTEMPTS} times while it ingested the document; split or convert it"
            self._end(replace(job, state=JobState.FAILED, refusal=INTERNAL, detail=detail))
            return
        job = self._change(replace(job, state=JobState.RUNNING, attempts=job.attempts + 1))

        def on_passages(done: int, total: int) -> None:
            if self._is_closing:
                raise _Interrupted
            self._jobs[job.job_id] = replace(job, passages=total, passages_done=done)

        try:
            content = self._content(job.job_id).read_bytes()
            with acting_as(job.actor):
                ingested = self._ingest(job, content, on_passages)
        except _Interrupted:
            self._change(replace(job, state=JobState.QUEUED, attempts=job.attempts - 1))
            return
        except AgentError as error:
            job = replace(job, state=JobState.FAILED, refusal=type(error).__name__, detail=str(error))
        except Exception as error:
            log.error("unexpected %s in job %s", type(error).__name__, job.job_id)
            detail = "the server failed; the administrator finds it in the log"
            job = replace(job, state=JobState.FAILED, refusal=INTERNAL, detail=detail)
        else:
            count = ingested.document.passages
            job = replace(job, state=JobState.DONE, result=ingested, passages=count, passages_done=count)
        self._end(job)

    def _change(self, job: Job) -> Job:
        self._write(job)
        self._jobs[job.job_id] = job
        return job

    def _end(self, job: Job) -> None:
        """The record first: a kill in between leaves bytes that nobody asks for, and they are removed at the start."""
        with self._lock:
            self._change(job)
            self._content(job.job_id).unlink(missing_ok=True)
            ended = sorted(job_id for job_id, each in self._jobs.items() if each.has_ended)
            for job_id in ended[:-MAX_ENDED]:
                self._record(job_id).unlink(missing_ok=True)
                del self._jobs[job_id]

    def _read_folder(self) -> list[Job]:
        """The jobs in the folder, the oldest first; leftovers of a kill are removed."""
        jobs = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                jobs.append(_JOB.validate_json(path.read_bytes()))
            except ValidationError:
                log.warning("job %s is damaged and left out; send its document again", path.stem)
        wanted = {self._content(job.job_id) for job in jobs if not job.has_ended}
        for path in [*self._folder.glob("*.content"), *self._folder.glob(".*.new")]:
            if path not in wanted:
                path.unlink()
        return jobs

    def _write(self, job: Job) -> None:
        write_durably(self._record(job.job_id), _JOB.dump_json(job), mode=PRIVATE_FILE)

    def _record(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.json"

    def _content(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.content"


def delete_job_records(folder: Path, is_meant: Callable[[Job], bool], *, is_trial: bool = False) -> int:
    """Deletes the records of jobs that have ended, as those of a document that is deleted, also where none are served.

    Args:
        folder: of the jobs.
        is_meant: says of which jobs.
        is_trial: whether they are only counted.

    Returns:
        How many.
    """
    deleted = 0
    for path in folder.glob("*.json"):
        with contextlib.suppress(ValidationError, OSError):
            job = _JOB.validate_json(path.read_bytes())
            if job.has_ended and is_meant(job):
                deleted += 1
                if not is_trial:
                    path.unlink()
    return deleted


class _Interrupted(Exception):
    """The server ends while a job runs."""


_JOB = TypeAdapter(Job)
