"""Roots: the folders that documents come from, so that equal names of two folders are two documents."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from edge_agent.errors import InputInvalid, RootUnknown
from edge_agent.storage.database import Database
from edge_agent.storage.document_rows import delete_document
from edge_agent.storage.memory import forget_without_document
from edge_agent.storage.records import Change, OnChange, Record, Root, ignore_change, record_nothing


class RootTable:
    """The roots of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Root]:
        """The roots by label, each with the number of its documents."""
        with self._database.snapshots.open() as snapshot:
            return [Root(**row) for row in snapshot.rows(_ROOTS, [])]

    def add(self, path: str, *, record: Record = record_nothing) -> str:
        """The label of the folder at an absolute path: the one that it has, else its name, made unique.

        Raises:
            InputInvalid: it lies in a root, so that a file would be two documents; or it is no such path. A folder
                around roots is one: the files in these are theirs.
        """
        place = _checked(path)
        known = {root.path: root.label for root in self.all()}
        if str(place) in known:
            return known[str(place)]
        with self._database.transaction() as db:
            roots = [Root(**row) for row in db.execute(_ROOTS)]
            _require_outside(place, roots)
            label = _unique(unicodedata.normalize("NFC", place.name) or "root", {root.label for root in roots})
            db.execute("INSERT INTO roots (label, path) VALUES (?, ?)", [label, str(place)])
            record(Change([], [], root=label))
        return label

    def move(self, label: str, path: str, *, record: Record = record_nothing) -> None:
        """Says that a root stands at another path now; its documents stay.

        Raises:
            RootUnknown: there is none with that label. InputInvalid: as `add`.
        """
        place = _checked(path)
        with self._database.transaction() as db:
            _require_outside(place, [root for row in db.execute(_ROOTS) if (root := Root(**row)).label != label])
            if not db.execute("UPDATE roots SET path = ? WHERE label = ?", [str(place), label]).rowcount:
                raise unknown_root()
            record(Change([], [], root=label))

    def forget(self, label: str, *, record: Record = record_nothing, on_change: OnChange = ignore_change) -> None:
        """Deletes a root and all its documents, for good. Raises `RootUnknown`."""
        change = Change([], [])
        with self._database.transaction(lambda changes: on_change(change, changes)) as db:
            if not db.execute("DELETE FROM roots WHERE label = ?", [label]).rowcount:
                raise unknown_root()
            self._database.note_deletion()
            query = "SELECT id FROM documents WHERE root = ? AND container_id IS NULL"
            rows = db.execute(query, [label]).fetchall()
            for row in rows:
                change.removed.extend(delete_document(db, row["id"])[0])
            forget_without_document(db)
            record(replace(change, root=label, documents=len(rows)))


def unknown_root() -> RootUnknown:
    """The refusal of a label that no root has."""
    return RootUnknown("no root has that label; list them with GET /v1/roots, add it with POST /v1/roots")


def _checked(path: str) -> PurePosixPath:
    place = PurePosixPath(path)
    if not place.is_absolute() or ".." in place.parts or len(path) > 4096 or "\0" in path:
        raise InputInvalid("a root needs the absolute path of a folder, without '..'")
    return place


def _require_outside(place: PurePosixPath, roots: Sequence[Root]) -> None:
    for root in roots:
        if place.is_relative_to(root.path):
            raise InputInvalid(
                f"the folder lies in the root {root.label!r} ({root.path}), and its files would be two documents each; "
                "ingest it as a part of that root, or forget the root first"
            )


def _unique(name: str, taken: set[str]) -> str:
    label, number = name, 2
    while label in taken:
        label, number = f"{name}-{number}", number + 1
    return label


_ROOTS = (
    "SELECT label, path, (SELECT count(*) FROM documents d WHERE d.root = label) AS documents FROM roots ORDER BY label"
)
