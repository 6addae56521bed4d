"""The lock of a store: one process at a time, and a note beside it that says who that is and where it answers.

The note goes when the lock is let go. A process that was killed leaves it; it is not believed, since nobody holds the
lock: another process may answer at that address by now.
"""

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from edge_agent.errors import StoreLocked
from edge_agent.storage.failures import named_failures
from student.artifacts.durable import write_durably
from student.artifacts.private import PRIVATE_FILE, make_files_private, make_private_folder

HOLDER = "agent.json"
"""The note beside the lock."""
_LOCK = "agent.lock"
_OURS = (
    *("orilla*.db*", "audit*", "acknowledged", "agent.*", "bundle"),
    *("jobs", "jobs/*", "index", "index/*", "index/*/*"),
)
"""What a store's folder holds that versions of before left open to others. Keys are refused instead."""
_PATIENCE_S = 0.05
"""That a lock is waited for: somebody who only looks whether it is held has it for an instant."""


class StoreLock:
    """Holds a store until it is released or the process ends, however it ends."""

    def __init__(self, folder: Path, *, url: str | None = None, key: str = "", certificate: str = "") -> None:
        """Takes the lock.

        Args:
            folder: the store's folder, made if it is missing.
            url: where the holder answers HTTP; None for a command that serves nothing.
            key: that it accepts from commands which can read this folder.
            certificate: path of the one that it answers with; "" where it speaks no TLS.

        Raises:
            StoreLocked: another process holds it. StoreFull, StoreUnavailable: the folder cannot be written.
        """
        with named_failures(folder / _LOCK), contextlib.ExitStack() as opened:
            make_private_folder(folder)
            make_files_private(folder, *_OURS)
            self._lock = FileLock(folder / _LOCK, mode=PRIVATE_FILE, thread_local=False)
            self._holder = folder / HOLDER
            try:
                self._lock.acquire(timeout=_PATIENCE_S, poll_interval=_PATIENCE_S / 5)
            except Timeout:
                raise _locked(folder) from None
            opened.callback(self._lock.release)
            note = json.dumps({"pid": os.getpid(), "url": url, "key": key, "certificate": certificate})
            write_durably(self._holder, note.encode(), mode=PRIVATE_FILE)
            opened.pop_all()

    def release(self) -> None:
        """Lets the store go; nothing is left of the note."""
        if self._lock.is_locked:
            with contextlib.suppress(OSError):
                self._holder.unlink(missing_ok=True)
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()


def is_held(folder: Path) -> bool:
    """Whether a process holds a store's lock; not whether it did when it was killed."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def holder_url(folder: Path) -> str | None:
    """The address where the process that holds the store's lock answers HTTP; None when it does not say."""
    url = _read_holder(folder).get("url")
    return str(url) if url else None


def holder_key(folder: Path) -> str:
    """The key that the process which holds the store accepts from commands; "" when it does not say."""
    return str(_read_holder(folder).get("key", ""))


def holder_certificate(folder: Path) -> str:
    """The path of the certificate that the process which holds the store answers with; "" where it speaks no TLS."""
    return str(_read_holder(folder).get("certificate", ""))


def _locked(folder: Path) -> StoreLocked:
    url = holder_url(folder)
    beside = "" if url else "; start `orilla edge serve`, then watch and ask beside it"
    return StoreLocked(
        f"store {folder} is in use by process {_read_holder(folder).get('pid', 'unknown')}"
        f"{f', which serves {url}' if url else ''}; expected it free: use that process, stop it, or name "
        f"another folder with --store{beside}"
    )


def _read_holder(folder: Path) -> dict[str, object]:
    if not is_held(folder):
        return {}
    try:
        value = json.loads((folder / HOLDER).read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
