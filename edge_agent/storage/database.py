"""The store's SQLite file: opened, recognized as ours, given its schema (`schema.sql`), changed in transactions."""

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

from edge_agent.errors import AgentError, StoreDamaged, StoreForeign, StoreTooNew
from edge_agent.storage.checksums import checksum
from edge_agent.storage.commit_watermark import CommitWatermark
from edge_agent.storage.erasure import ErasureMark, empty_log, merge_terms
from edge_agent.storage.failures import damaged, named_failures
from edge_agent.storage.open_file import OpenFile
from edge_agent.storage.snapshot import SnapshotPool, connect
from edge_agent.storage.upgrade import delete_copies, upgrade
from student.artifacts.private import make_private_folder

log = logging.getLogger(__name__)

OnCommit = Callable[[int], None]
DATABASE = "orilla.db"
"""Name of the store's file in its folder."""
SCHEMA_VERSION = 5
_OLDEST = 1  # version that is upgraded
LOG_BYTES = 16_000_000
"""Size of the write-ahead log from which it is emptied after a change."""
ERASE_S = 10
"""Seconds that are given to erasing what was deleted before somebody goes on; it is gone on with later."""
APPLICATION_ID = 0x4F52494C  # "ORIL"
_TIMEOUT_MS, _CHECKPOINT_TIMEOUT_MS, _READERS_MS = 10_000, 500, 2_000  # that the writer waits for others


class Database:
    """An open store file: one writing connection, used by one thread at a time, and snapshots for whoever reads.

    Attributes:
        published: how many changes the index has followed (`transaction`); a snapshot with more is of a moment between
            a commit and its publication.

    Guarantees:
        What SQLite finds broken, full or out of reach comes out as StoreDamaged, StoreFull or StoreUnavailable, which
        say what to do and repeat nothing that is stored.
    """

    def __init__(self, path: Path) -> None:
        """Opens the file, making it and its folder when they are missing.

        Raises:
            StoreForeign, StoreTooNew, StoreDamaged, StoreFull, StoreUnavailable: the file cannot be used.
        """
        self.path = path
        self._write_lock = threading.Lock()
        self._log, self._empty_log_at = path.with_name(f"{path.name}-wal"), LOG_BYTES
        with named_failures(path), contextlib.ExitStack() as opened:
            make_private_folder(path.parent)
            self._watermark = CommitWatermark(path.with_name("acknowledged"))
            opened.callback(self._watermark.close)
            self._file = OpenFile(path)
            opened.callback(self._file.close)
            self._writer = opened.enter_context(contextlib.closing(connect(path)))
            self.published = prepare(self._writer, path, watermark=self._watermark.count)
            self._mark = ErasureMark(path.with_name("erase"))
            self._file.watch_log()
            self.snapshots = opened.enter_context(contextlib.closing(SnapshotPool(path, self._file.require_same)))
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Erases what was deleted and closes all connections, which empties the write-ahead log."""
        with contextlib.suppress(AgentError):  # the next opening does it
            self.erase()
        with self._write_lock:
            self._opened.close()

    @contextlib.contextmanager
    def transaction(self, on_commit: OnCommit = lambda changes: None) -> Iterator[sqlite3.Connection]:
        """A change: all of it is durable when the block ends, none of it when the block raises.

        Args:
            on_commit: called with the number of changes once this one is durable, before it counts as published and
                before the next one begins.
        """
        with self._write_lock, named_failures(self.path):
            self._file.require_same()
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                self._writer.execute("UPDATE changes SET count = ?", [self.published + 1])
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # after some failures SQLite has rolled back by itself
                    self._writer.execute("ROLLBACK")
                raise
            try:
                on_commit(self.published + 1)
            finally:
                self.published += 1
                self._watermark.write(self.published)
            self._bound_log()

    def require_current(self) -> None:
        """Checks that the file is the one that was opened, and that it holds the changes that were made.

        Raises:
            StoreUnavailable: it was replaced or deleted. StoreDamaged: it was overwritten.
        """
        with named_failures(self.path):
            self._file.require_same()
            self._file.require_database()
            before = self.published
            with contextlib.closing(connect(self.path)) as db:  # one that remembers no page
                changes = _count_changes(db, self.path)
            if not before <= changes <= self.published + 1:
                raise StoreDamaged(
                    f"{self.path} holds {changes} changes, expected {self.published}: it was overwritten while it was "
                    "open; stop the server and restore the folder from a backup"
                )

    @property
    def has_to_erase(self) -> bool:
        """Whether something that was deleted may still stand in files."""
        return self._mark.is_set

    def note_deletion(self) -> None:
        """Says that something is being deleted or replaced; called in the transaction that does it."""
        self._mark.set()

    def erase(self, timeout_s: float = ERASE_S) -> bool:
        """Erases what was deleted or replaced from all files of the store.

        Args:
            timeout_s: after which what is left is left for the next call.

        Returns:
            Whether nothing is left.

        Raises:
            StoreDamaged, StoreFull, StoreUnavailable: it cannot be written.
        """
        if not self._mark.is_set:
            return True
        deadline = time.monotonic() + timeout_s
        with named_failures(self.path):
            delete_copies(self.path, version=SCHEMA_VERSION)
            deletions = self._mark.deletions
            if not merge_terms(self._lent, deadline=deadline):
                return False
            with self._lent() as db:
                is_erased = empty_log(db, self._log, timeout_ms=_READERS_MS, timeout_after_ms=_TIMEOUT_MS)
                if is_erased and deletions == self._mark.deletions:  # else something was deleted meanwhile
                    self._mark.clear()
        return not self._mark.is_set

    @contextlib.contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        with self._write_lock:
            yield self._writer

    def verify(self, statement: str) -> bool:
        """Whether a statement that checks something succeeds; nothing of it stays."""
        with self._write_lock, named_failures(self.path):
            self._writer.execute("BEGIN")
            try:
                self._writer.execute(statement)
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorname", "").startswith("SQLITE_CORRUPT"):
                    return False
                raise
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
            return True

    def _bound_log(self) -> None:
        """Empties the write-ahead log where it is long; where that fails it is tried again when it is longer still.

        SQLite itself starts the log over only where nobody reads at that moment, and under load somebody always does.
        """
        with contextlib.suppress(sqlite3.DatabaseError, OSError):  # the change is durable, whatever becomes of its log
            if self._log.stat().st_size < self._empty_log_at:
                return
            empty_log(self._writer, self._log, timeout_ms=_CHECKPOINT_TIMEOUT_MS, timeout_after_ms=_TIMEOUT_MS)
            left = self._log.stat().st_size
            self._empty_log_at = left + LOG_BYTES // 4 if left else LOG_BYTES  # tried again soon where readers held it


def prepare(db: sqlite3.Connection, path: Path, *, watermark: int) -> int:
    """Checks that the file is ours and not behind, makes the tables of a new one and upgrades one of before.

    Args:
        db: a connection to it.
        path: where it is.
        watermark: changes that were promised to be in it.

    Returns:
        How many changes are in it.

    Raises:
        StoreForeign, StoreTooNew, StoreDamaged: the file cannot be used; it is left as it was.
    """
    application_id = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    is_new = not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    if not is_new and application_id != APPLICATION_ID:
        raise StoreForeign(f"{path} is an SQLite file, but not an Orilla store; name another folder with --store")
    if version > SCHEMA_VERSION:
        raise StoreTooNew(
            f"store {path} has version {version}; this program reads up to {SCHEMA_VERSION}; upgrade orilla"
        )
    if not is_new and version < _OLDEST:
        raise damaged(path, "its version")
    changes = 0 if is_new else _count_changes(db, path)
    if changes < watermark:
        raise StoreDamaged(
            f"{path} holds {changes} changes, expected {watermark}: the last ones are lost, as when "
            f"{path.name} or {path.name}-wal was damaged, cut off or taken away. Restore the folder from a backup; or, "
            f"to go on with what is left, delete {path.parent / 'acknowledged'} and ingest the documents again"
        )
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    schema = files("edge_agent.storage").joinpath("schema.sql").read_text()
    if is_new:
        db.executescript(
            f"BEGIN; {schema} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
        )
        _finish_schema(db, changes)
        db.execute("COMMIT")
    elif version < SCHEMA_VERSION:
        upgrade(db, path, schema=schema, version=SCHEMA_VERSION, finish=lambda: _finish_schema(db, changes))
        log.info("the store was upgraded from version %d to %d", version, SCHEMA_VERSION)
    else:
        delete_copies(path, version=SCHEMA_VERSION)
    return changes


def _finish_schema(db: sqlite3.Connection, changes: int) -> None:
    """Notes how the tables were made, and how many changes are in them."""
    db.execute("INSERT INTO changes VALUES (?, ?)", [changes, _schema_checksum(db)])


def _count_changes(db: sqlite3.Connection, path: Path) -> int:
    """How many changes there were, where the tables are still described as they were made."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'changes'").fetchone():
        if db.execute("PRAGMA user_version").fetchone()[0] < SCHEMA_VERSION:
            return 0  # of before changes were counted
        raise damaged(path, "its tables are not as they were made")
    row = db.execute("SELECT count, schema_checksum FROM changes").fetchone()
    if row is None or not isinstance(row["count"], int) or row["schema_checksum"] != _schema_checksum(db):
        raise damaged(path, "its tables are not as they were made")
    return int(row["count"])


def _schema_checksum(db: sqlite3.Connection) -> int:
    rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
    return checksum(*(value for row in rows for value in row))
