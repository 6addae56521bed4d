"""The graph on disk, so that a large base need not build it at every start.

A saved graph is derived from the store and compared with it: it is used only when every byte is as it was written and
its embedding space is the one in use; which passages came or went since then the caller sees from the ids. A fault
of one is logged and the graph is built again: a lost graph costs time, never an answer.
"""

import contextlib
import json
import logging
import os
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from edge_agent.retrieval.graph import EF_CONSTRUCTION, EFS, LINKS, Graph
from edge_agent.retrieval.graph_blanking import blank_removed
from student.artifacts.digests import Digest, digest_file
from student.artifacts.durable import fsync_path, write_durably
from student.artifacts.private import make_private_folder

log = logging.getLogger(__name__)

GRAPH_FORMAT_VERSION = 1
_RECORD = "graph.json"
_GRAPH = re.compile(r"graph-[0-9a-f]{16}\.hnsw")


class GraphRecord(BaseModel):
    """The record of a saved graph; the graph's file is named by its digest."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    format_version: int
    embedding_space: Digest
    dimension: int
    links: int
    ef_construction: int
    ef: int
    tuned_at: int
    size_bytes: int
    sha256: Digest


def write_graph(folder: Path, graph: Graph, embedding_space: str, dimension: int) -> None:
    """Writes a graph to a temporary file, fsyncs it, renames it into place, then removes the one before.

    Guarantees:
        Killed at any moment, or out of space, the folder holds the old graph or the new one.
        The new one holds no embedding of a removed passage.

    Raises:
        OSError: the disk is full or not writable; the old one stays.
    """
    make_private_folder(folder)
    temporary = folder / "graph.new"
    try:
        graph.save(temporary)
        blank_removed(temporary, dimension)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        sha256 = digest_file(temporary)
        record = GraphRecord(
            format_version=GRAPH_FORMAT_VERSION,
            embedding_space=embedding_space,
            dimension=dimension,
            links=LINKS,
            ef_construction=EF_CONSTRUCTION,
            ef=graph.ef,
            tuned_at=graph.tuned_at,
            size_bytes=temporary.stat().st_size,
            sha256=sha256,
        )
        path = folder / _name(record)
        temporary.rename(path)
        fsync_path(folder)
        write_durably(folder / _RECORD, record.model_dump_json(indent=2).encode())
    finally:
        _tidy(folder)


def delete_graph(folder: Path) -> None:
    """Deletes the saved graph of a folder, if there is one."""
    with contextlib.suppress(OSError):
        (folder / _RECORD).unlink(missing_ok=True)
    _tidy(folder)


def read_graph(folder: Path, embedding_space: str, dimension: int, alive: NDArray[np.int64]) -> Graph | None:
    """The graph of a folder without passages that are not `alive`; None when none can be used, and why is logged."""
    record = _read_record(folder)
    if record is None:
        return None
    path = folder / _name(record)
    wrong = (
        f"version {record.format_version}, expected {GRAPH_FORMAT_VERSION}"
        if record.format_version != GRAPH_FORMAT_VERSION
        else "another embedding space"
        if (record.embedding_space, record.dimension) != (embedding_space, dimension)
        else "built with other settings"
        if (record.links, record.ef_construction) != (LINKS, EF_CONSTRUCTION) or record.ef not in EFS
        else "its file is missing"
        if not path.is_file()
        else "its bytes are not those that were written"
        if path.stat().st_size != record.size_bytes or digest_file(path) != record.sha256
        else None
    )
    if wrong is None:
        try:
            return Graph.load(path, dimension, alive=alive, ef=record.ef, tuned_at=record.tuned_at)
        except ImportError:
            return None
        except RuntimeError as error:  # written whole, by something that is not this program
            wrong = f"it cannot be loaded ({error})"
    log.warning("the saved graph is not used: %s; the graph is built again", wrong)
    return None


def _read_record(folder: Path) -> GraphRecord | None:
    try:
        return GraphRecord.model_validate_json((folder / _RECORD).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, json.JSONDecodeError):
        log.warning("the saved graph is not used: its record is damaged; the graph is built again")
        return None


def _name(record: GraphRecord) -> str:
    return f"graph-{record.sha256[:16]}.hnsw"


def _tidy(folder: Path) -> None:
    """Removes graphs that the record does not name."""
    record = _read_record(folder)
    with contextlib.suppress(OSError):
        (folder / "graph.new").unlink(missing_ok=True)
        for path in folder.iterdir():
            if _GRAPH.fullmatch(path.name) and (record is None or path.name != _name(record)):
                path.unlink()
