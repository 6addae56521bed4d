"""Erasure: what was deleted or replaced leaves every file of the store, not only its tables.

SQLite overwrites what it deletes in the database (`secure_delete`), but the write-ahead log holds pages of before, and
the index of words holds those of deleted passages until its parts are merged. A mark beside the database says that
there is something to erase; it is there before the deletion is, so that a kill in between loses nothing.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from student.artifacts.durable import fsync_path
from student.artifacts.private import PRIVATE_FILE

_MERGED_PAGES = 1000  # in a transaction
Writer = Callable[[], AbstractContextManager[sqlite3.Connection]]
"""Lends the writing connection, in no transaction, while nobody else writes."""


class ErasureMark:
    """Says, also after a kill, that something was deleted which may still stand in files.

    Attributes:
        is_set: whether it says so.
        deletions: how many there were since it was opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_set = path.exists()
        self.deletions = 0

    def set(self) -> None:
        """Sets it, durably, for one deletion more."""
        self.deletions += 1
        if not self.is_set:
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE_FILE))
            fsync_path(self._path.parent)
            self.is_set = True

    def clear(self) -> None:
        """Says that nothing is left to erase."""
        self._path.unlink(missing_ok=True)
        self.is_set = False


def merge_terms(writer: Writer, *, deadline: float) -> bool:
    """Merges the parts of the index of words: only then do those of deleted passages leave the file.

    FTS5 can do that at once ("secure-delete", SQLite 3.42), but then no earlier SQLite reads the file any more.

    Args:
        writer: lent for a part of the work at a time, so that others write in between.
        deadline: of `time.monotonic`.

    Returns:
        Whether all is merged.
    """
    pages = -_MERGED_PAGES  # negative: all parts, not only as many as make a level full
    with writer() as db:
        if db.execute("SELECT count(DISTINCT segid) <= 1 FROM passage_terms_idx").fetchone()[0]:
            return True
    while time.monotonic() < deadline:
        with writer() as db:
            before = db.total_changes
            db.execute("INSERT INTO passage_terms (passage_terms, rank) VALUES ('merge', ?)", [pages])
            if db.total_changes - before <= 1:  # the statement itself counts as one
                return True
        pages = _MERGED_PAGES
    return False


def empty_log(db: sqlite3.Connection, log: Path, *, timeout_ms: int, timeout_after_ms: int) -> bool:
    """Takes all of the write-ahead log into the database and cuts it off, once nobody reads a moment of before.

    Args:
        db: the writing connection, in no transaction.
        log: path of the log.
        timeout_ms: that readers are waited for.
        timeout_after_ms: that the connection waits for others from then on.

    Returns:
        Whether it is empty.
    """
    db.execute(f"PRAGMA busy_timeout = {timeout_ms}")
    try:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        db.execute(f"PRAGMA busy_timeout = {timeout_after_ms}")
    return not log.exists() or log.stat().st_size == 0
