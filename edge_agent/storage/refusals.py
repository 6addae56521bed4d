"""Refusals: documents that could not be read and of which no version is stored, so that nothing is lost in silence."""

from collections.abc import Callable
from datetime import UTC, datetime

from edge_agent.storage.database import Database
from edge_agent.storage.records import Refusal

MAX_KEPT = 1_000
"""The latest; a folder of other files does not fill the store."""


class RefusalTable:
    """The refusals of a database. One ends when its document is ingested, or its root is forgotten (`schema.sql`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Refusal]:
        """The refusals, the latest first."""
        with self._database.snapshots.open() as snapshot:
            return [Refusal(**row) for row in snapshot.rows(f"{_SELECT} ORDER BY at DESC, root, source", [])]

    def add(self, root: str, source: str, reason: str) -> None:
        """Keeps a refusal in the place of an earlier one of the same document."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with self._database.transaction() as db:
            db.execute("INSERT OR REPLACE INTO refusals VALUES (?, ?, ?, ?)", [root, source, reason, at])
            db.execute(f"DELETE FROM refusals WHERE rowid NOT IN (SELECT rowid {_LATEST})", [MAX_KEPT])

    def forget(self, is_meant: Callable[[Refusal], bool], *, is_trial: bool = False) -> int:
        """Deletes refusals for good, or counts them only; returns how many."""
        with self._database.transaction() as db:
            meant = [refusal for row in db.execute(_SELECT) if is_meant(refusal := Refusal(**dict(row)))]
            if meant and not is_trial:
                self._database.note_deletion()
                keys = [(each.root, each.source) for each in meant]
                db.executemany("DELETE FROM refusals WHERE root = ? AND source = ?", keys)
        return len(meant)


_SELECT = "SELECT root, source, reason, at FROM refusals"
_LATEST = "FROM refusals ORDER BY at DESC, rowid DESC LIMIT ?"
