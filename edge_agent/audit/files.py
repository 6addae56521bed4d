"""The files of an audit log in a store's folder, and the reading that verifies them.

audit-0001.jsonl, audit-0002.jsonl, …   one hash chain; the first line of each follows the last one of the file before
audit.head                              the last line of all
audit.lock                              held while a line is written, or the end is read
"""

import contextlib
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from edge_agent.audit.lines import AUDIT_FORMAT, AuditLine, AuditOpened
from edge_agent.errors import AuditBroken
from edge_agent.storage.failures import named_failures
from student.artifacts.hash_chain import BEGINNING, Chain, ChainBroken, ChainEnd, check_head, parse_chain, read_head
from student.artifacts.private import PRIVATE_FILE, read_private

AuditChain = Chain[AuditOpened, AuditLine]
_LOCK, _HEAD, _NAME = "audit.lock", "audit.head", re.compile(r"audit-(\d{4,9})\.jsonl")
_PATIENCE_S = 10


@dataclass(frozen=True, slots=True)
class VerifiedLog:
    """An audit log of which every line was verified.

    Attributes:
        lines: how many there are.
        end: the last one.
        latest: the last ones that were asked for, oldest first, without those that only begin a file.
    """

    lines: int
    end: ChainEnd
    latest: tuple[AuditLine, ...]


def read_log(folder: Path, *, latest: int = 0, noted: str | None = None) -> VerifiedLog:
    """Reads all of a log and verifies every line; a log that was never begun has none.

    Args:
        folder: of the store.
        latest: how many of the last lines are wanted.
        noted: digest of a line that must be in it.

    Raises:
        AuditBroken: it is not what was written. StoreUnavailable: it cannot be read.
    """
    moment = _read_moment(folder)
    shown, end, is_noted = deque[AuditLine](maxlen=latest), BEGINNING, noted is None
    for path in moment.paths:
        chain = moment.chain(path, end)
        shown.extend(chain.following)
        end = chain.end
        is_noted = is_noted or noted in {end.digest, *(line.previous for line in chain.following)}
    if not is_noted:
        raise _broken(f"no line has the digest {noted}, which was noted before")
    return VerifiedLog(end.serial + 1, end, tuple(shown))


def read_page(folder: Path, *, limit: int, before: int | None = None) -> list[AuditLine]:
    """The latest lines with smaller serials than `before`, the newest first; only files that are needed are verified.

    Raises:
        AuditBroken: these are not what was written. StoreUnavailable: they cannot be read.
    """
    moment, found, newer = _read_moment(folder), list[AuditLine](), None
    for path in reversed(moment.paths):
        chain = moment.chain(path, None)
        if newer is not None and newer.previous != chain.end.digest:
            raise _broken(f"the file after {path} does not follow it")
        found += [line for line in reversed(chain.following) if before is None or line.serial < before]
        if len(found) >= limit:
            break
        newer = chain.first
    return found[:limit]


def numbered_files(folder: Path) -> list[Path]:
    """The files of a log, oldest first. Raises `AuditBroken`: one of them is missing."""
    numbers = {int(name[1]): path for path in folder.glob("audit-*.jsonl") if (name := _NAME.fullmatch(path.name))}
    for number in range(1, max(numbers, default=0) + 1):
        if number not in numbers:
            raise _broken(f"{file_path(folder, number)} is missing")
    if not numbers and head_path(folder).exists():
        raise _broken(f"{file_path(folder, 1)} is missing")
    return [numbers[number] for number in sorted(numbers)]


def file_path(folder: Path, number: int) -> Path:
    """Path of the file with a number, from 1."""
    return folder / f"audit-{number:04}.jsonl"


def head_path(folder: Path) -> Path:
    """Path of the head."""
    return folder / _HEAD


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other writers and readers of the log's end out. Raises `StoreUnavailable`: they do not let go of it."""
    with named_failures(folder / _LOCK), FileLock(folder / _LOCK, timeout=_PATIENCE_S, mode=PRIVATE_FILE):
        yield


def read_file(path: Path) -> bytes:
    """The bytes of a file of the log. Raises `AuditBroken`: others may read or write it, or it is a link."""
    return read_private(path, "audit log", AuditBroken)


@contextlib.contextmanager
def chain_failures(path: Path) -> Iterator[None]:
    """Raises failures of the block under our names, with what to do."""
    with named_failures(path):
        try:
            yield
        except ChainBroken as error:
            raise _broken(str(error)) from error


@dataclass(frozen=True, slots=True)
class _Moment:
    """The numbered files, and what the newest and the head held at one moment."""

    folder: Path
    paths: list[Path]
    newest: bytes = b""
    head: bytes | None = None

    def chain(self, path: Path, after: ChainEnd | None) -> AuditChain:
        """A file, verified, the newest one with the head."""
        is_newest = path == self.paths[-1]
        with chain_failures(path):
            chain = parse_chain(self.newest if is_newest else read_file(path), path, AUDIT_FORMAT, after=after)
            if is_newest:
                check_head(chain, path, AUDIT_FORMAT.name, head_path(self.folder), self.head)
        if chain.torn_bytes and not is_newest:
            raise _broken(f"{path} ends with part of a line")
        return chain


def _read_moment(folder: Path) -> _Moment:
    if not folder.is_dir():
        return _Moment(folder, [])
    with locked(folder):
        if not (paths := numbered_files(folder)):
            return _Moment(folder, [])
        return _Moment(folder, paths, read_file(paths[-1]), read_head(head_path(folder)))


def _broken(finding: str) -> AuditBroken:
    return AuditBroken(
        f"{finding}; the audit log was altered or damaged: restore its files from a backup, or move all audit* "
        "files elsewhere as they are, find out who changed them, and start again: a new log begins"
    )
