"""The store's SQLite file: opened, known as ours, brought to the schema (`schema.sql`)."""

import sqlite3
from importlib.resources import files
from pathlib import Path

from edge_agent.errors import StoreDamaged, StoreForeign, StoreTooNew

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x4F52494C  # "ORIL"


def connect(path: Path) -> sqlite3.Connection:
    """A connection that leaves transactions to its user and checks references."""
    db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA foreign_keys = ON")
    return db


def prepare(db: sqlite3.Connection, path: Path) -> None:
    """Checks that the file is ours and of our version, and makes the tables of a new one.

    Raises:
        StoreForeign, StoreTooNew, StoreDamaged: the file cannot be used; it is left as it was.
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
