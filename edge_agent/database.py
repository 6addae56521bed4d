"""The store's SQLite file: opened, known as ours, brought to the schema (`schema.sql`)."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from edge_agent.errors import StoreDamaged, StoreForeign, StoreTooNew, StoreTooOld

SCHEMA_VERSION = 3
_APPLICATION_ID = 0x4F52494C  # "ORIL"


class Database:
    """An open store file: one writing and one reading connection, each used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Opens the file, making it and its folder when they are missing.

        Raises:
            StoreForeign, StoreTooNew, StoreTooOld, StoreDamaged: the file cannot be used.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()
        self._writer = connect(path)
        try:
            prepare(self._writer, path)
            self._reader = connect(path)
        except BaseException:
            self._writer.close()
            raise

    def close(self) -> None:
        """Closes both connections."""
        with self._write_lock, self._read_lock:
            self._reader.close()
            self._writer.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A change: all of it is durable when the block ends, none of it when the block raises."""
        with self._write_lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def read(self, query: str, values: Sequence[object]) -> list[dict[str, Any]]:
        """The rows of a query, by column."""
        with self._read_lock:
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


def prepare(db: sqlite3.Connection, path: Path) -> None:
    """Checks that the file is ours and of our version, and makes the tables of a new one.

    Raises:
        StoreForeign, StoreTooNew, StoreTooOld, StoreDamaged: the file cannot be used; it is left as it was.
    """
    try:
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
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if is_new:
            schema = files("edge_agent").joinpath("schema.sql").read_text()
            db.executescript(
                f"BEGIN; {schema} PRAGMA application_id = {_APPLICATION_ID}; "
                f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )
    except sqlite3.DatabaseError as error:
        raise StoreDamaged(
            f"{path} cannot be read as an SQLite store ({error}); restore it from a backup, or name another folder "
            "with --store and ingest the documents again"
        ) from error
