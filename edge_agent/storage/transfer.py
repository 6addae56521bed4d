"""A whole base as one file: the database as it is at one moment, packed with its digest; and unpacked elsewhere.

Documents, passages, embeddings, feedback and reviews are all in the database. It is read with SQLite's backup
interface, so a server may go on writing meanwhile.
"""

import os
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter, ValidationError

from edge_agent.errors import InputInvalid, StoreForeign
from edge_agent.storage.database import APPLICATION_ID, DATABASE, Database
from edge_agent.storage.failures import named_failures
from student.artifacts.digests import Digest, digest_file
from student.artifacts.private import PRIVATE_FILE, make_private_folder

OnBytes = Callable[[int, int], None]
"""Called with the number of bytes done and that of all."""
MANIFEST = "orilla-base.json"
_PIECE, _PAGES = 1 << 20, 2_000


@dataclass(frozen=True, slots=True)
class BaseManifest:
    """The description of an exported base.

    Attributes:
        schema: version of its tables.
        bytes: of its database.
        sha256: digest of its database.
        exported_at: RFC 3339, UTC.
        documents: how many it holds.
        feedback: how many judgements of staff it holds.
    """

    schema: int
    bytes: int
    sha256: Digest
    exported_at: str
    documents: int
    feedback: int


_MANIFEST = TypeAdapter(BaseManifest)


def export_base(folder: Path, out: Path, on_bytes: OnBytes = lambda done, total: None) -> BaseManifest:
    """Writes the base of a store's folder into one file, which only its owner may read.

    Args:
        folder: of the store, which a server may have open.
        out: the file to make.
        on_bytes: tells of progress.

    Raises:
        InputInvalid: there is no store, or `out` exists. StoreForeign: it is no store of ours.
        StoreDamaged, StoreFull, StoreUnavailable: it cannot be read, or `out` not be written; nothing is left of `out`.
    """
    path = folder / DATABASE
    if not path.is_file():
        raise InputInvalid(f"{folder} holds no store; name its folder with --store")
    if out.exists():
        raise InputInvalid(f"{out} exists; name a new file")
    copy, archive = out.with_name(f".{out.name}.copy"), out.with_name(f".{out.name}.new")
    try:
        with named_failures(out):
            for private in (copy, archive):
                os.close(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, PRIVATE_FILE))
            _copy_database(path, copy, on_bytes)
            manifest = _describe(copy)
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
                packed.writestr(MANIFEST, _MANIFEST.dump_json(manifest, indent=1))
                packed.write(copy, DATABASE)
            with archive.open("rb") as written:
                os.fsync(written.fileno())
            archive.rename(out)
    finally:
        for left in (copy, archive):
            left.unlink(missing_ok=True)
    return manifest


def import_base(archive: Path, folder: Path, on_bytes: OnBytes = lambda done, total: None) -> BaseManifest:
    """Makes a store of an exported base; a base of an older version is upgraded.

    Args:
        archive: as `export_base` made it, untrusted.
        folder: of the new store; it holds none yet.
        on_bytes: tells of progress.

    Raises:
        InputInvalid: the archive is not what it says it is, or there is a store already; the folder is as it was.
        StoreTooNew, StoreDamaged, StoreFull, StoreUnavailable: see `Database`.
    """
    if (folder / DATABASE).exists():
        raise InputInvalid(f"{folder} holds a store already; name another folder with --store")
    with named_failures(folder):
        make_private_folder(folder)
        try:
            with tempfile.TemporaryDirectory(prefix=".import-", dir=folder) as made:
                unpacked = Path(made) / DATABASE
                manifest = _unpack(archive, unpacked, on_bytes)
                Database(unpacked).close()  # checks that it is ours, and upgrades it
                (folder / "acknowledged").unlink(missing_ok=True)  # of a store that is gone
                unpacked.rename(folder / DATABASE)
        except BaseException:
            with suppress(OSError):
                folder.rmdir()  # only where nothing else is in it
            raise
    return manifest


def _unpack(archive: Path, database: Path, on_bytes: OnBytes) -> BaseManifest:
    """Unpacks the database of an export, as many bytes as its manifest says and with its digest."""
    wrong = InputInvalid(f"{archive} is no whole export of a base; expected a file that `orilla edge export` made")
    try:
        with zipfile.ZipFile(archive) as packed, named_failures(database):
            if {entry.filename for entry in packed.infolist()} != {MANIFEST, DATABASE}:
                raise wrong
            if packed.getinfo(MANIFEST).file_size > _PIECE:
                raise wrong
            manifest = _MANIFEST.validate_json(packed.read(MANIFEST))
            if packed.getinfo(DATABASE).file_size != manifest.bytes:
                raise wrong
            with packed.open(DATABASE) as content, database.open("xb") as out:
                _copy(content, out, manifest.bytes, on_bytes)
    except (zipfile.BadZipFile, ValidationError, EOFError, NotImplementedError, RuntimeError, zlib.error):
        raise wrong from None
    if digest_file(database) != manifest.sha256:
        raise wrong
    return manifest


def _copy(content: IO[bytes], out: IO[bytes], size: int, on_bytes: OnBytes) -> None:
    done = 0
    while done < size and (piece := content.read(min(_PIECE, size - done))):
        done += out.write(piece)
        on_bytes(done, size)
    out.flush()
    os.fsync(out.fileno())


def _copy_database(path: Path, copy: Path, on_bytes: OnBytes) -> None:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30, isolation_level=None)) as source:
        size = source.execute("PRAGMA page_size").fetchone()[0]
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on one moment, whoever writes
        with closing(sqlite3.connect(copy)) as target:
            source.backup(
                target, pages=_PAGES, progress=lambda _, left, total: on_bytes((total - left) * size, total * size)
            )


def _describe(copy: Path) -> BaseManifest:
    with closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise StoreForeign("the database is not an Orilla store; name another folder with --store")
        documents = db.execute("SELECT count(*) FROM documents").fetchone()[0]
        feedback = db.execute("SELECT count(*) FROM feedback").fetchone()[0]
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return BaseManifest(version, copy.stat().st_size, digest_file(copy), at, documents, feedback)
