"""Hash chains: files of JSON lines in which each line holds the SHA-256 of the line before it.

So none can be changed, left out or put elsewhere; a head file beside them names the last line, so that the end cannot
be cut off either. A crash can only leave (1) an unfinished last line, which was never acknowledged, or (2) a line that
the head does not name yet, which counts. Everything else is `ChainBroken`. A chain may go on in another file. Whoever
can write all of its files can write another chain: note its last digest elsewhere.
"""

import contextlib
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from student.artifacts.digests import digest_bytes
from student.artifacts.durable import write_durably
from student.errors import OrillaError

GENESIS = "0" * 64
"""Stands for the line before the first."""


class Line(BaseModel):
    """A line of a chain: its number from 0, the digest of the line before it, and when it was written."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    serial: int
    previous: str
    at: str


_First = TypeVar("_First", bound=Line)
_Next = TypeVar("_Next", bound=Line)
_AnyLine = TypeVar("_AnyLine", bound=Line)


class Flaw(StrEnum):
    """The way in which a chain is broken; each wants other advice."""

    DAMAGED = "damaged"
    ALTERED = "altered"
    CUT = "cut"
    UNREADABLE = "unreadable"


class ChainBroken(OrillaError):
    """A chain is not what was written; its owner says what to do."""

    def __init__(self, finding: str, flaw: Flaw) -> None:
        super().__init__(finding)
        self.flaw = flaw


@dataclass(frozen=True, slots=True)
class ChainFormat(Generic[_First, _Next]):
    """The lines of a kind of chain.

    Attributes:
        name: with its article, for refusals, such as `a ledger`.
        version: of the lines.
        first: model of the first line of each file.
        following: model of the others.
    """

    name: str
    version: int
    first: type[_First]
    following: type[_Next]


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """The last line of a chain: its serial and its digest, which names all of the chain."""

    serial: int
    digest: str


BEGINNING = ChainEnd(-1, GENESIS)
"""The end of a chain without a line."""


@dataclass(frozen=True, slots=True)
class Chain(Generic[_First, _Next]):
    """A file of a chain, verified.

    Attributes:
        first: its first line.
        following: the others, oldest first.
        end: its last line.
        torn_bytes: of an unfinished last line that was never acknowledged.
    """

    first: _First
    following: tuple[_Next, ...]
    end: ChainEnd
    torn_bytes: int = 0

    @property
    def last(self) -> _First | _Next:
        """Its last line."""
        return self.following[-1] if self.following else self.first


def parse_chain(
    content: bytes, path: Path, form: ChainFormat[_First, _Next], *, after: ChainEnd | None = BEGINNING
) -> Chain[_First, _Next]:
    """Verifies every line of a file.

    Args:
        content: of the file.
        path: of the file, for refusals.
        form: see `ChainFormat`.
        after: end of the file before it; None to believe the first line.

    Raises:
        ChainBroken: it is not what was written.
    """
    *lines, torn = content.split(b"\n")
    if not lines:
        raise ChainBroken(f"{path} has no whole line", Flaw.DAMAGED)
    first = _parse(lines[0], form.first, form, path, 1)
    serial, previous = (first.serial - 1, first.previous) if after is None else (after.serial, after.digest)
    _check_serial(first, serial + 1, path, 1)
    if first.previous != previous:
        raise ChainBroken(*_wrong_beginning(first, previous, form.name, path))
    following, previous = [], digest_bytes(lines[0])
    for number, line in enumerate(lines[1:], start=2):
        parsed = _parse(line, form.following, form, path, number)
        _check_serial(parsed, first.serial + number - 1, path, number)
        if parsed.previous != previous:
            raise ChainBroken(
                f"{path} line {number} follows {parsed.previous[:12]}, but the line above it is {previous[:12]}",
                Flaw.ALTERED,
            )
        following.append(parsed)
        previous = digest_bytes(line)
    end = ChainEnd(first.serial + len(following), previous)
    return Chain(first, tuple(following), end, len(torn))


def check_head(chain: Chain[Any, Any], path: Path, name: str, head: Path, content: bytes | None) -> None:
    """Checks that the head of a chain names its last line, or the one before it.

    Args:
        chain: in the newest file.
        path: of that file, for refusals.
        name: of the chain's kind, as in `ChainFormat`.
        head: path of the head, for refusals.
        content: of the head; None where it is not there.

    Raises:
        ChainBroken: it does not.
    """
    if content is None:
        if chain.end.serial == 0:  # killed between the first line and its head
            return
        raise ChainBroken(f"{head} is missing", Flaw.DAMAGED)
    try:
        value = json.loads(content)
        serial, digest = int(value["serial"]), str(value["digest"])
    except (ValueError, KeyError, TypeError) as error:
        raise ChainBroken(f"{head} is not {name}'s head", Flaw.DAMAGED) from error
    before = chain.first.serial - 1  # so that lines are counted as they stand in the file
    if chain.end.serial not in (serial, serial + 1):
        raise ChainBroken(
            f"{path} ends with line {chain.end.serial - before}, but {head.name} names line {serial - before}",
            Flaw.CUT,
        )
    if digest != (chain.end.digest if serial == chain.end.serial else chain.last.previous):
        raise ChainBroken(f"{path} line {serial - before} is not the one that its head names", Flaw.DAMAGED)


def read_head(head: Path) -> bytes | None:
    """The content of a head; None where it is not there."""
    try:
        return head.read_bytes()
    except FileNotFoundError:
        return None


def to_line(line: Line) -> bytes:
    """The bytes of one line, its end included."""
    value: dict[str, Any] = line.model_dump(mode="json")
    return (json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def start_file(path: Path, first: Line, *, mode: int | None = None) -> ChainEnd:
    """Writes the first line of a file, durably; its head is to be written next.

    Args:
        path: of the file.
        first: its line.
        mode: permissions; None for those of the umask.
    """
    line = to_line(first)
    write_durably(path, line, mode=mode)
    return ChainEnd(first.serial, digest_bytes(line[:-1]))


def append_line(descriptor: int, path: Path, line: Line) -> ChainEnd:
    """Appends a line, durably; its head is to be written next.

    Args:
        descriptor: of the file, open for reading and writing and locked.
        path: of the file, for the refusal.
        line: see `Line`.

    Raises:
        OSError: it could not be written, as on a full disk; the file is as before where that can still be.
    """
    content = to_line(line)
    size = os.lseek(descriptor, 0, os.SEEK_END)
    try:
        if os.write(descriptor, content) != len(content):
            raise OSError(f"{path} took only part of a line; is the disk full?")
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise
    return ChainEnd(line.serial, digest_bytes(content[:-1]))


def drop_torn_line(descriptor: int, torn_bytes: int) -> None:
    """Cuts an unfinished last line of some bytes off a file that is open for writing and locked."""
    if torn_bytes:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - torn_bytes)
        os.fsync(descriptor)


def write_head(head: Path, end: ChainEnd, *, mode: int | None = None) -> None:
    """Names the last line of a chain in its head, durably."""
    write_durably(head, to_head(end), mode=mode)


def to_head(end: ChainEnd) -> bytes:
    """The content of the head that names a line."""
    return json.dumps({"serial": end.serial, "digest": end.digest}).encode()


def _parse(line: bytes, model: type[_AnyLine], form: ChainFormat[Any, Any], path: Path, number: int) -> _AnyLine:
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        finding = f"{path} line {number} is not an entry of {form.name} of version {form.version}"
        raise ChainBroken(finding, Flaw.UNREADABLE) from error


def _check_serial(line: Line, serial: int, path: Path, number: int) -> None:
    if line.serial != serial:
        raise ChainBroken(f"{path} line {number} says it is number {line.serial}", Flaw.DAMAGED)


def _wrong_beginning(first: Line, previous: str, name: str, path: Path) -> tuple[str, Flaw]:
    if previous == GENESIS:
        return f"{path} line 1 does not begin {name}", Flaw.DAMAGED
    return f"{path} line 1 follows {first.previous[:12]}, but the file before ends with {previous[:12]}", Flaw.ALTERED
