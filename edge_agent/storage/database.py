"""The store's SQLite file: opened, known as ours, brought to the schema (`schema.sql`), its failures named."""

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from edge_agent.errors import (
    AgentError,
    StoreDamaged,
    StoreForeign,
    StoreFull,
    StoreTooNew,
    StoreTooOld,
    StoreUnavailable,
)
from edge_agent.storage.checksums import checksum
from edge_agent.storage.commit_watermark import AcknowledgedChanges

DATABASE = "orilla.db"
"""Name of the store's file in its folder."""
SCHEMA_VERSION = 3
_APPLICATION_ID = 0x4F52494C  # "ORIL"
_FULL = ("SQLITE_FULL", "ENOSPC", "EDQUOT", "EFBIG")
_SMALLEST_BYTES = 65_536
_PASSING = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")
_OF_OUR_OWN = ("SQLITE_CONSTRAINT_FOREIGNKEY", "SQLITE_CONSTRAINT_TRIGGER")


class Database:
    """An open store file: one writing and one reading connection, each used by one thread at a time.

    Guarantees:
        What SQLite finds broken, full or out of reach comes out as StoreDamaged, StoreFull or StoreUnavailable, which
        say what to do and repeat nothing that is stored.
    """

    def __init__(self, path: Path) -> None:
        """Opens the file, making it and its folder when they are missing.

        Raises:
            StoreForeign, StoreTooNew, StoreTooOld, StoreDamaged, StoreFull, StoreUnavailable: the file cannot be used.
        """
        self.path = path
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()
        with named_failures(path), contextlib.ExitStack() as opened:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._acknowledged = AcknowledgedChanges(path.with_name("acknowledged"))
            opened.callback(self._acknowledged.close)
            self._writer = opened.enter_context(contextlib.closing(connect(path)))
            self._changes = prepare(self._writer, path, acknowledged=self._acknowledged.count)
            self._reader = opened.enter_context(contextlib.closing(connect(path)))
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Closes both connections."""
        with self._write_lock, self._read_lock:
            self._opened.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A change: all of it is durable when the block ends, none of it when the block raises."""
        with self._write_lock, named_failures(self.path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                self._writer.execute("UPDATE changes SET count = ?", [self._changes + 1])
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # after some failures SQLite has rolled back by itself
                    self._writer.execute("ROLLBACK")
                raise
            self._changes += 1
            self._acknowledged.write(self._changes)

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

    def read(self, query: str, values: Sequence[object]) -> list[dict[str, Any]]:
        """The rows of a query, by column."""
        with self._read_lock, named_failures(self.path):
            return [dict(row) for row in self._reader.execute(query, values)]

    def read_one(self, query: str, values: Sequence[object]) -> dict[str, Any] | None:
        """The first row of a query, or None."""
        return next(iter(self.read(query, values)), None)


def connect(path: Path) -> sqlite3.Connection:
    """A connection that leaves transactions to its user and checks references."""
    db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA foreign_keys = ON")
    return db


def prepare(db: sqlite3.Connection, path: Path, *, acknowledged: int) -> int:
    """Checks that the file is ours, of our version and not behind, and makes the tables of a new one.

    Args:
        db: a connection to it.
        path: where it is.
        acknowledged: changes that were promised to be in it.

    Returns:
        How many changes are in it.

    Raises:
        StoreForeign, StoreTooNew, StoreTooOld, StoreDamaged: the file cannot be used; it is left as it was.
    """
    application_id = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    is_new = not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    if not is_new and application_id != _APPLICATION_ID:
        raise StoreForeign(f"{path} is an SQLite file, but not an Orilla store; name another folder with --store")
    if version > SCHEMA_VERSION:
        raise StoreTooNew(
            f"store {path} has version {version}; this program reads up to {SCHEMA_VERSION}; upgrade orilla"
        )
    if not is_new and version < SCHEMA_VERSION:
        raise StoreTooOld(
            f"store {path} has version {version}, from before release 0.1; this program reads {SCHEMA_VERSION}: "
            "name another folder with --store and ingest the documents again"
        )
    changes = 0 if is_new else _count_changes(db, path)
    if changes < acknowledged:
        raise StoreDamaged(
            f"{path} holds {changes} changes, expected {acknowledged}: the last ones are lost, as when "
            f"{path.name} or {path.name}-wal was damaged, cut off or taken away. Restore the folder from a backup; or, "
            f"to go on with what is left, delete {path.parent / 'acknowledged'} and ingest the documents again"
        )
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if is_new:
        schema = files("edge_agent.storage").joinpath("schema.sql").read_text()
        db.executescript(
            f"BEGIN; {schema} PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
        )
        db.execute("INSERT INTO changes VALUES (0, ?)", [_schema_checksum(db)])
        db.execute("COMMIT")
    return changes


def _count_changes(db: sqlite3.Connection, path: Path) -> int:
    """How many changes there were, where the tables are still described as they were made."""
    row = db.execute("SELECT count, schema_checksum FROM changes").fetchone()
    if row is None or not isinstance(row["count"], int) or row["schema_checksum"] != _schema_checksum(db):
        raise damaged(path, "its tables are not as they were made")
    return int(row["count"])


def _schema_checksum(db: sqlite3.Connection) -> int:
    rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
    return checksum(*(value for row in rows for value in row))


@contextlib.contextmanager
def named_failures(path: Path) -> Iterator[None]:
    """Gives failures of SQLite and of the disk our names, without their messages: these may quote what is stored."""
    try:
        yield
    except (sqlite3.DatabaseError, UnicodeDecodeError, OSError) as error:
        failure = _failure(error, path)
        if failure is None:
            raise
        raise failure from None


def damaged(path: Path, what: str) -> StoreDamaged:
    """The refusal of a store in which something is not as it was written."""
    return StoreDamaged(
        f'{path} is damaged ({what}); see what "orilla edge check" finds, then restore the folder from a backup, or '
        "name another folder with --store and ingest the documents again"
    )


def _failure(error: sqlite3.DatabaseError | UnicodeDecodeError | OSError, path: Path) -> AgentError | None:
    if isinstance(error, OSError):
        name = errno.errorcode.get(error.errno or 0, "unknown")
    else:
        name = getattr(error, "sqlite_errorname", "SQLITE_CORRUPT")  # none where a text is no longer UTF-8
    if isinstance(error, sqlite3.ProgrammingError) or name in _OF_OUR_OWN:
        return None
    is_passing = isinstance(error, OSError) or name.startswith(_PASSING)
    if name in _FULL or (is_passing and _is_full(path.parent)):  # files beside the database fail with other names
        return StoreFull(
            f"no space is left on the disk of {path.parent}; nothing was changed. Free some space there, then try again"
        )
    if is_passing:
        return StoreUnavailable(
            f"{path} cannot be read or written now ({name}); nothing was changed. Check the disk, who may write there, "
            "and that no other program holds the file, then try again"
        )
    return damaged(path, name)


def _is_full(folder: Path) -> bool:
    """Whether less is free than SQLite's smallest file needs."""
    try:
        free = os.statvfs(folder)
    except OSError:
        return False
    return free.f_bavail * free.f_frsize < _SMALLEST_BYTES or (free.f_files > 0 and free.f_favail == 0)
