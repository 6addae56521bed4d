"""The audit log's writer: a line is on disk before what it says is acknowledged."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.audit.actors import current_actor
from edge_agent.audit.files import (
    chain_failures,
    file_path,
    head_path,
    locked,
    numbered_files,
    read_file,
)
from edge_agent.audit.lines import AUDIT_FORMAT, Action, AuditLine, AuditOpened
from edge_agent.storage.failures import named_failures
from student.artifacts.hash_chain import (
    BEGINNING,
    ChainEnd,
    append_line,
    check_head,
    drop_torn_line,
    parse_chain,
    read_head,
    start_file,
    to_head,
    write_head,
)
from student.artifacts.private import PRIVATE_FILE, make_private_folder

MAX_FILE_BYTES = 2_000_000
"""Size from which the next line begins a file; about six thousand lines."""


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest file as it was last seen: its number, its last line, the active bundle, inode and size."""

    number: int
    end: ChainEnd
    bundle: str
    stamp: tuple[int, int]


class AuditLog:
    """The audit log of a store. Safe to use from several threads and processes.

    Guarantees:
        What `record` returned from stays recorded, whatever is killed at whatever moment.
        A log that was changed is not written on.
    """

    def __init__(self, folder: Path, *, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        """Looks at nothing yet.

        Args:
            folder: of the store, made when the first line is written.
            max_file_bytes: see `MAX_FILE_BYTES`.
        """
        self._folder, self._max_file_bytes = folder, max_file_bytes
        self._lock = threading.Lock()
        self._newest: _Newest | None = None

    def record(
        self,
        action: Action,
        subject: str = "",
        *,
        root: str = "",
        digest: str = "",
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """Writes a line for the current actor, durably; see `AuditLine`. Call it before what was done counts.

        Raises:
            AuditBroken: the log is not what was written. StoreFull, StoreUnavailable: it cannot be written.
        """
        with self._writing():
            self._append(action, subject=subject, root=root, digest=digest, counts=counts or {})

    def activate_bundle(self, digest: str) -> None:
        """Records that a bundle is active, unless it was before. Raises as `record`."""
        with self._writing():
            newest = self._current()
            if newest is None or newest.bundle != digest:
                self._append(Action.BUNDLE_ACTIVATED, digest=digest, bundle=digest)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock, named_failures(self._folder):
            make_private_folder(self._folder)
            with locked(self._folder):
                yield

    def _append(self, action: Action, *, bundle: str | None = None, **said: object) -> None:
        newest = self._current()
        if newest is None or newest.stamp[1] >= self._max_file_bytes:
            newest = self._begin_file(newest)
        self._newest = None  # read again where what follows fails
        path, active = file_path(self._folder, newest.number), newest.bundle if bundle is None else bundle
        line = AuditLine.model_validate(
            {
                "serial": newest.end.serial + 1,
                "previous": newest.end.digest,
                "at": _now(),
                "actor": current_actor(),
                "action": action,
                "bundle": active,
                **said,
            }
        )
        with _open_for_writing(path) as descriptor:
            end = append_line(descriptor, path, line)
            status = os.fstat(descriptor)
        write_head(head_path(self._folder), end, mode=PRIVATE_FILE)
        self._newest = _Newest(newest.number, end, active, (status.st_ino, status.st_size))

    def _begin_file(self, before: _Newest | None) -> _Newest:
        number, end, bundle = (before.number + 1, before.end, before.bundle) if before else (1, BEGINNING, "")
        path = file_path(self._folder, number)
        first = AuditOpened(serial=end.serial + 1, previous=end.digest, at=_now(), bundle=bundle)
        began = start_file(path, first, mode=PRIVATE_FILE)
        write_head(head_path(self._folder), began, mode=PRIVATE_FILE)
        return _Newest(number, began, bundle, _stamp(path))

    def _current(self) -> _Newest | None:
        """The newest file, read again where another process wrote meanwhile; None where there is none."""
        known = self._newest
        if known is None or file_path(self._folder, known.number + 1).exists() or known.stamp != self._stamp(known):
            self._newest = self._read_newest()
        return self._newest

    def _stamp(self, known: _Newest) -> tuple[int, int] | None:
        try:
            return _stamp(file_path(self._folder, known.number))
        except FileNotFoundError:
            return None

    def _read_newest(self) -> _Newest | None:
        """Verifies the newest file, drops a torn last line and brings its head up."""
        if not (paths := numbered_files(self._folder)):
            return None
        path, head = paths[-1], head_path(self._folder)
        with chain_failures(path):
            after = BEGINNING if len(paths) == 1 else None
            chain = parse_chain(read_file(path), path, AUDIT_FORMAT, after=after)
            named = read_head(head)
            check_head(chain, path, AUDIT_FORMAT.name, head, named)
            with _open_for_writing(path) as descriptor:
                drop_torn_line(descriptor, chain.torn_bytes)
            if named != to_head(chain.end):
                write_head(head, chain.end, mode=PRIVATE_FILE)
        return _Newest(len(paths), chain.end, chain.last.bundle, _stamp(path))


@contextmanager
def recorded_service(audit: AuditLog) -> Iterator[None]:
    """Records that a server started, and when the block ends that it stopped; one that is killed says nothing."""
    audit.record(Action.SERVER_STARTED)
    try:
        yield
    finally:
        audit.record(Action.SERVER_STOPPED)


@contextmanager
def _open_for_writing(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_size


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
