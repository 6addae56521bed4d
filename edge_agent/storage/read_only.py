"""Reading of a store while its agent runs: it is opened read-only, asked once, and closed again."""

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_agent.errors import StoreForeign, StoreTooNew, StoreTooOld
from edge_agent.storage.database import DATABASE, SCHEMA_VERSION
from edge_agent.storage.failures import named_failures
from edge_agent.storage.records import full_name


def names_of_documents(store: Path) -> dict[str, str]:
    """The root and source of each document, as lists show them, by its id; none where there is no store.

    Raises:
        StoreForeign, StoreTooNew, StoreTooOld, StoreDamaged, StoreFull, StoreUnavailable: it cannot be read.
    """
    if not (store / DATABASE).exists():
        return {}
    rows = query_read_only(store, "SELECT id, root, source FROM documents")
    return {document_id: full_name(root, source) for document_id, root, source in rows}


def query_read_only(store: Path, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """The rows that a query finds in a store's folder.

    Raises:
        StoreForeign, StoreTooNew, StoreTooOld, StoreDamaged, StoreFull, StoreUnavailable: it cannot be read.
    """
    path = store / DATABASE
    with named_failures(path):
        uri = f"{path.resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as database:
            _check_version(path, database.execute("PRAGMA user_version").fetchone()[0])
            return database.execute(query, values).fetchall()


def _check_version(path: Path, version: int) -> None:
    if version == 0:
        raise StoreForeign(f"{path} is an SQLite file, but not an Orilla store; name the agent's folder")
    if version > SCHEMA_VERSION:
        raise StoreTooNew(
            f"store {path} has version {version}; this program reads up to {SCHEMA_VERSION}; upgrade orilla"
        )
    if version < SCHEMA_VERSION:
        raise StoreTooOld(
            f"store {path} has version {version}; this program reads {SCHEMA_VERSION}: open it "
            "with the edge agent once, which upgrades it"
        )
