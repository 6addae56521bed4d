"""The file of an open database: the one that its path still names, or one that was replaced, deleted or overwritten.

A descriptor is kept open beside SQLite's own for as long as these: to open and close another would take away SQLite's
locks, which belong to the process.
"""

import os
import stat
from pathlib import Path

from edge_agent.errors import StoreDamaged, StoreForeign, StoreUnavailable
from student.artifacts.private import PRIVATE_FILE

_MAGIC = b"SQLite format 3\0"


class OpenFile:
    """A database's file and its write-ahead log, as they were when it was opened."""

    def __init__(self, path: Path) -> None:
        """Opens the file, making it if it is missing; before SQLite does.

        Raises:
            StoreForeign: it is a link or no plain file. OSError: it cannot be opened.
        """
        self._path, self._log = path, path.with_name(f"{path.name}-wal")
        self._log_id: tuple[int, int] | None = None
        if path.is_symlink():
            raise StoreForeign(
                f"{path} is a link, expected the file itself; name the folder that holds it with --store"
            )
        flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, PRIVATE_FILE)
        status = os.fstat(self._descriptor)
        self._id = (status.st_dev, status.st_ino)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise StoreForeign(f"{path} is no plain file; name another folder with --store")

    def watch_log(self) -> None:
        """Notes the log, which SQLite has made by now: it must stay the one that it is."""
        self._log_id = _id_of(self._log)

    def require_same(self) -> None:
        """Raises `StoreUnavailable` where the path names another file by now, or none; a few microseconds."""
        if _id_of(self._path) != self._id:
            raise self._exchanged(self._path)
        if self._log_id is not None and _id_of(self._log) != self._log_id:
            raise self._exchanged(self._log)

    def require_database(self) -> None:
        """Raises `StoreDamaged` where the file no longer begins as a database does."""
        if os.pread(self._descriptor, len(_MAGIC), 0) != _MAGIC:
            raise StoreDamaged(f"{self._path} was overwritten while it was open; stop the server and restore a backup")

    def close(self) -> None:
        """Closes the descriptor; after SQLite's."""
        os.close(self._descriptor)

    def _exchanged(self, path: Path) -> StoreUnavailable:
        return StoreUnavailable(
            f"{path} was replaced or deleted while it was open; nothing was changed. Stop the server, put the "
            "file back or restore the folder from a backup, and start the server again"
        )


def _id_of(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
