"""Failures of SQLite and of the disk under our own names, without their messages: these may quote what is stored."""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from edge_agent.errors import AgentError, StoreDamaged, StoreFull, StoreUnavailable

_FULL = ("SQLITE_FULL", "ENOSPC", "EDQUOT", "EFBIG")
_SMALLEST_BYTES = 65_536
_PASSING = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")
_OF_OUR_OWN = ("SQLITE_CONSTRAINT_FOREIGNKEY", "SQLITE_CONSTRAINT_TRIGGER")

_WORDS = {
    "SQLITE_BUSY": "another program holds it",
    "SQLITE_LOCKED": "another program holds it",
    "SQLITE_IOERR": "the disk reports an error",
    "SQLITE_CANTOPEN": "it cannot be opened",
    "SQLITE_READONLY": "it may not be written",
    "SQLITE_PERM": "it may not be opened",
}

Failure = sqlite3.DatabaseError | UnicodeDecodeError | OSError


@contextlib.contextmanager
def named_failures(path: Path) -> Iterator[None]:
    """Raises failures of the block as `StoreDamaged`, `StoreFull` or `StoreUnavailable` of the file at `path`."""
    try:
        yield
    except (sqlite3.DatabaseError, UnicodeDecodeError, OSError) as error:
        raise named_failure(error, path) from None


def named_failure(error: Failure, path: Path) -> Exception:
    """A failure under its name; the error itself where it is a fault of this program."""
    if isinstance(error, OSError):
        name = errno.errorcode.get(error.errno or 0, "unknown")
    else:
        name = getattr(error, "sqlite_errorname", "SQLITE_CORRUPT")  # none where a text is no longer UTF-8
    if isinstance(error, sqlite3.ProgrammingError) or name in _OF_OUR_OWN:
        return error
    return _passing_failure(error, name, path) or damaged(path, name)


def damaged(path: Path, what: str) -> StoreDamaged:
    """The refusal of a store in which something is not as it was written."""
    return StoreDamaged(
        f'{path} is damaged ({what}); see what "orilla edge check" finds, then restore the folder from a backup, or '
        "name another folder with --store and ingest the documents again"
    )


def _passing_failure(error: Failure, name: str, path: Path) -> AgentError | None:
    """A full disk or a file out of reach; None where the store is damaged."""
    is_passing = isinstance(error, OSError) or name.startswith(_PASSING)
    if name in _FULL or (is_passing and _is_full(path.parent)):  # files beside the database fail with other names
        return StoreFull(
            f"no space is left on the disk of {path.parent}; nothing was changed. Free some space there, then try again"
        )
    if is_passing:
        name = os.strerror(error.errno or 0) if isinstance(error, OSError) else _in_words(name)
        return StoreUnavailable(
            f"{path} cannot be read or written now ({name}); nothing was changed. Check the disk, who may write there, "
            "and that no other program holds the file, then try again"
        )
    return None


def _in_words(name: str) -> str:
    """SQLite's name of an error in words, by the group that it belongs to."""
    return next(words for group, words in _WORDS.items() if name.startswith(group))


def _is_full(folder: Path) -> bool:
    """Whether less is free than SQLite's smallest file needs."""
    try:
        free = os.statvfs(folder)
    except OSError:
        return False
    return free.f_bavail * free.f_frsize < _SMALLEST_BYTES or (free.f_files > 0 and free.f_favail == 0)
