"""The lock of a store: one process at a time, and a note beside it that says who that is and where it answers."""

import contextlib
import json
import os
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from edge_agent.errors import StoreLocked
from edge_agent.storage.failures import named_failures
from student.artifacts.durable import write_durably

HOLDER = "agent.json"
"""The note beside the lock."""
_LOCK = "agent.lock"


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
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / _LOCK, thread_local=False)
            try:
                self._lock.acquire(blocking=False)
            except Timeout:
                raise _locked(folder) from None
            opened.callback(self._lock.release)
            note = json.dumps({"pid": os.getpid(), "url": url, "key": key, "certificate": certificate})
            write_durably(folder / HOLDER, note.encode(), mode=0o600)
            opened.pop_all()

    def release(self) -> None:
        """Lets the store go."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()


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
    try:
        value = json.loads((folder / HOLDER).read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
