"""Reading of files in a folder that others write to: never through a link, never special ones or half-written ones."""

import contextlib
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.errors import ContentTooLarge, InputInvalid
from edge_agent.ingest.folder.scan import File, Signature, signature_of
from student.artifacts.digests import digest_bytes

QUIET_S = 0.5
"""How long a file must have been left alone to be read."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class BeingWritten(Exception):
    """A file changed between two looks at it."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file's bytes, their digest, and its signature when they were read."""

    content: bytes
    bytes_sha256: str
    signature: Signature

    def date(self, now: datetime) -> str:
        """The day of its last change, `YYYY-MM-DD`; "" where the clock that wrote it was wrong."""
        seconds = self.signature[2] / 1e9
        return datetime.fromtimestamp(seconds).date().isoformat() if 0 < seconds <= now.timestamp() else ""


def read_file(folder: Path, file: File, *, max_bytes: int) -> FileContent:
    """The content of a file of a root, as it was listed.

    Args:
        folder: of the root.
        file: as it was listed; one that has changed since is being written.
        max_bytes: that are accepted.

    Raises:
        BeingWritten: it changed since it was listed, or while it was read.
        InputInvalid: it, or a folder above it, has become a link or something that is no file.
        ContentTooLarge: it has grown past `max_bytes`.
        OSError: it cannot be read.
    """
    with contextlib.ExitStack() as opened:
        try:
            descriptor = _open(opened, folder, file.relative)
        except OSError as error:
            if _is_link(folder, file.relative):
                raise InputInvalid("it became a link while it was read; links are not followed") from error
            raise
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise InputInvalid("it is not an ordinary file any more; special files are never read")
        if signature_of(before) != file.signature:
            raise BeingWritten
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            content = stream.read(max_bytes + 1)
        if signature_of(os.fstat(descriptor)) != file.signature:
            raise BeingWritten
    if len(content) > max_bytes:
        raise ContentTooLarge(f"the file has more than {max_bytes} bytes, the most that are accepted; split it")
    return FileContent(content, digest_bytes(content), file.signature)


def look_again(folder: Path, file: File) -> File | None:
    """The file as it is now; None where it has gone or become something else."""
    try:
        status = os.lstat(folder / file.relative)
    except OSError:
        return None
    return File(file.source, file.relative, signature_of(status)) if stat.S_ISREG(status.st_mode) else None


def is_quiet(file: File, now: datetime) -> bool:
    """Whether a file was left alone for `QUIET_S`; a time of change in the future, of another clock, says nothing."""
    return not 0 <= now.timestamp() - file.modified_ns / 1e9 < QUIET_S


def now_utc() -> datetime:
    """The time."""
    return datetime.now(UTC)


def _open(opened: contextlib.ExitStack, folder: Path, relative: str) -> int:
    """Opens a file by its folders, one after another, so that none can be swapped for a link in between."""
    *folders, name = relative.split("/")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    opened.callback(os.close, descriptor)
    for part in folders:
        descriptor = os.open(part, _FOLDER, dir_fd=descriptor)
        opened.callback(os.close, descriptor)
    descriptor = os.open(name, _FILE, dir_fd=descriptor)
    opened.callback(os.close, descriptor)
    return descriptor


def _is_link(folder: Path, relative: str) -> bool:
    parts = relative.split("/")
    return any((folder / "/".join(parts[:count])).is_symlink() for count in range(1, len(parts) + 1))
