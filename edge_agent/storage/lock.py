"""One process a store: an advisory lock whose file says who holds it and where it can be reached."""

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Self

from edge_agent.errors import StoreLocked
from edge_agent.storage.failures import named_failures


class StoreLock:
    """Holds a store until it is released or the process ends, however it ends."""

    def __init__(self, folder: Path, *, url: str | None = None) -> None:
        """Takes the lock.

        Args:
            folder: the store's folder, made if it is missing.
            url: where the holder answers HTTP; None for a command that serves nothing.

        Raises:
            StoreLocked: another process holds it. StoreFull, StoreUnavailable: the folder cannot be written.
        """
        with named_failures(_lock_path(folder)):
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(_lock_path(folder), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            url = holder_url(folder)
            raise StoreLocked(
                f"store {folder} is in use by process {_read_holder(folder).get('pid', 'unknown')}"
                f"{f', which serves {url}' if url else ''}; expected it free: use that process, stop it, or name "
                "another folder with --store"
            ) from error
        with contextlib.ExitStack() as opened, named_failures(_lock_path(folder)):
            opened.callback(self.release)
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, json.dumps({"pid": os.getpid(), "url": url}).encode())
            opened.pop_all()

    def release(self) -> None:
        """Lets the store go."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()


def holder_url(folder: Path) -> str | None:
    """Where the process that holds the store's lock answers HTTP; None when it does not say."""
    url = _read_holder(folder).get("url")
    return str(url) if url else None


def _lock_path(folder: Path) -> Path:
    return folder / "agent.lock"


def _read_holder(folder: Path) -> dict[str, object]:
    try:
        value = json.loads(_lock_path(folder).read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
