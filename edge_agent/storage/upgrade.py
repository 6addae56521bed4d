"""Upgrade of a store that an earlier version wrote: its rows are copied into the tables of now, in one transaction.

The earlier versions have seven shapes: 1 (documents), 2 (languages, pages, feedback, search by words), four of 3,
which followed each other before the first release: tags, embedding spaces, embeddings of sentences, checksums; and 4,
whose tables are those of now without the memory, which is added in place. A column that a shape lacks gets the value
that says "unknown"; see docs/adr/0052.
"""

import os
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from zlib import crc32

import numpy as np

from edge_agent.storage.checksums import checksum, passage_checksum
from edge_agent.storage.descriptions import insert_description
from edge_agent.storage.failures import damaged
from edge_agent.storage.records import Document, Passage, document_id_of
from edge_agent.text import detect_language

_WITH_TABLES_OF_NOW = 4  # the version from which tables are only added


def upgrade(db: sqlite3.Connection, path: Path, *, schema: str, version: int, finish: Callable[[], None]) -> None:
    """Upgrades a store in place; a copy of its file as it was stays beside it, see `delete_copies`.

    Args:
        db: a connection to it, in no transaction.
        path: where it is.
        schema: statements that make the tables of now.
        version: of that schema.
        finish: called at the end of the transaction.

    Raises:
        StoreDamaged: something in it is not as it was written. Then, and where the disk is full, it stays as it was.
    """
    before = db.execute("PRAGMA user_version").fetchone()[0]
    _copy_file(db, _copy_path(path, before))
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("PRAGMA legacy_alter_table = ON")  # references stay as they are while the tables are renamed
    db.create_function("crc32", 1, crc32, deterministic=True)
    db.create_function("document_id_of", 1, document_id_of, deterministic=True)
    try:
        if before < _WITH_TABLES_OF_NOW:
            db.executescript(f"BEGIN IMMEDIATE; {_put_aside(db)} {schema}")
            _copy_rows(db, path)
            for name in _past_tables(db):
                db.execute(f'DROP TABLE "{name}"')
            db.execute("INSERT INTO passage_terms (passage_terms) VALUES ('rebuild')")
        else:
            db.executescript(f"BEGIN IMMEDIATE; {_missing_from(db, schema)}")
            db.execute("DELETE FROM changes")
        finish()
        if db.execute("PRAGMA foreign_key_check").fetchone():
            raise damaged(path, "a reference between its tables")
        db.execute(f"PRAGMA user_version = {version}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
        db.execute("PRAGMA legacy_alter_table = OFF")
        db.execute("PRAGMA foreign_keys = ON")


def _missing_from(db: sqlite3.Connection, schema: str) -> str:
    """The statements of a schema that make what a store does not have."""
    there = {row["name"] for row in db.execute("SELECT name FROM sqlite_master")}
    with closing(sqlite3.connect(":memory:")) as new:
        new.executescript(schema)
        made = new.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return " ".join(f"{sql};" for name, sql in made if name not in there)


def delete_copies(path: Path, *, version: int) -> None:
    """Deletes the copies that upgrades to this version left, now that the store opens as it should."""
    for before in range(1, version):
        with suppress(OSError):
            _copy_path(path, before).unlink(missing_ok=True)


def _copy_path(path: Path, version: int) -> Path:
    return path.with_name(f"{path.stem}.v{version}{path.suffix}")


def _copy_file(db: sqlite3.Connection, target: Path) -> None:
    """A copy of the database, whole and durable under its name or not there at all."""
    unfinished = target.with_name(f".{target.name}.new")
    try:
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(unfinished)) as copy:
            db.backup(copy)
        descriptor = os.open(unfinished, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        unfinished.replace(target)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def _put_aside(db: sqlite3.Connection) -> str:
    """Statements that rename the tables to `past_…` and drop what is made of them."""
    rows = db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    virtual = [row["name"] for row in rows if row["sql"].upper().startswith("CREATE VIRTUAL")]
    shadows = tuple(f"{name}_" for name in virtual)
    statements = [f'DROP {row["type"]} "{row["name"]}";' for row in rows if row["type"] in ("trigger", "view", "index")]
    statements += [f'DROP TABLE "{name}";' for name in sorted(virtual, reverse=True)]  # the vocabulary before its terms
    for row in rows:
        name = row["name"]
        is_plain = row["type"] == "table" and name not in virtual and not name.startswith(("sqlite_", *shadows))
        statements += [f'ALTER TABLE "{name}" RENAME TO "past_{name}";'] if is_plain else []
    return " ".join(statements)


def _past_tables(db: sqlite3.Connection) -> list[str]:
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'past\\_%' ESCAPE '\\'")
    return [row["name"] for row in rows.fetchall()]


def _copy_rows(db: sqlite3.Connection, path: Path) -> None:
    """Copies everything from the tables put aside."""
    tables = set(_past_tables(db))
    sources = {row["source"] for row in db.execute("SELECT source FROM past_documents")}
    for (document_id,) in db.execute("SELECT id FROM past_documents ORDER BY rowid").fetchall():
        _copy_document(db, path, document_id, sources, has_tags="past_document_tags" in tables)
    if "past_document_chunking" in tables:
        db.execute("INSERT INTO document_chunking SELECT * FROM past_document_chunking")
    if "past_embedding_spaces" in tables:
        db.execute("INSERT INTO embedding_spaces SELECT * FROM past_embedding_spaces")
        db.execute(
            "INSERT INTO embeddings SELECT passage_id, space_id, embedding, crc32(embedding) FROM past_embeddings"
        )
    else:
        _copy_float32_embeddings(db)
    if "past_sentence_embeddings" in tables:
        db.execute(
            "INSERT INTO sentence_embeddings SELECT passage_id, space_id, embeddings, crc32(embeddings) "
            "FROM past_sentence_embeddings"
        )
    if "past_feedback" in tables:
        db.execute("INSERT INTO reviews SELECT * FROM past_reviews ORDER BY id")
        db.execute(
            "INSERT INTO feedback SELECT id, at, text, is_helpful, intent, source, "
            "CASE WHEN source IS NULL THEN NULL ELSE document_id_of(source) END, customer, review_id, bundle_digest "
            "FROM past_feedback ORDER BY id"
        )
    db.execute("DELETE FROM sqlite_sequence WHERE name NOT LIKE 'past\\_%' ESCAPE '\\'")  # no id is ever given again
    db.execute("INSERT INTO sqlite_sequence (name, seq) SELECT substr(name, 6), seq FROM sqlite_sequence")


def _copy_document(db: sqlite3.Connection, path: Path, document_id: str, sources: set[str], *, has_tags: bool) -> None:
    """Copies a document with its tags and passages, once their checksums, where there were any, are found right."""
    row = dict(db.execute("SELECT * FROM past_documents WHERE id = ?", [document_id]).fetchone())
    query = "SELECT tag FROM past_document_tags WHERE document_id = ? ORDER BY tag"
    tags = tuple(tag for (tag,) in db.execute(query, [document_id])) if has_tags else ()
    described = [
        row.get(name) for name in ("id", "source", "title", "format", "language", "content_sha256", "added_at")
    ]
    if "checksum" in row and checksum(*described, *tags) != row["checksum"]:
        raise damaged(path, "what is known of a document")
    text = row["text"]
    if "text_checksum" in row and checksum(text) != row["text_checksum"]:
        raise damaged(path, "the text of a document")
    source = unicodedata.normalize("NFC", row["source"])  # as it will be asked for, where no other has that name
    document = Document(
        document_id=document_id,
        root="",
        source=row["source"] if source in sources else source,
        container_id=None,
        title=row["title"],
        format=row["format"],
        language=row.get("language", detect_language(text) or ""),
        encoding="",
        date="",
        date_origin="",
        content_sha256=row["content_sha256"],
        bytes_sha256="",
        added_at=row["added_at"],
        invisible_chars=0,
        notices=(),
        stale_reason="",
        stale_since="",
        passages=0,
        chars=0,
        tags=tags,
    )
    insert_description(db, document, text)
    for passage, ordinal in _past_passages(db, path, row, document):
        db.execute(
            'INSERT INTO passages (id, document_id, ordinal, start, "end", heading, page, kind, checksum) '
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                passage.passage_id,
                document_id,
                ordinal,
                passage.start,
                passage.end,
                passage.heading,
                passage.page,
                passage.kind,
                passage_checksum(passage),
            ],
        )


def _past_passages(
    db: sqlite3.Connection, path: Path, row: dict[str, str], document: Document
) -> Iterator[tuple[Passage, int]]:
    """The passages of a document as they will be, with their ordinals."""
    text = row["text"]
    query = "SELECT * FROM past_passages WHERE document_id = ? ORDER BY ordinal"
    for past in map(dict, db.execute(query, [document.document_id]).fetchall()):
        passage = Passage(
            past["id"],
            document.document_id,
            document.content_sha256,
            document.source,
            document.title,
            document.language,
            past["heading"],
            past.get("page", 0),
            past["start"],
            past["end"],
            text[past["start"] : past["end"]],
        )
        p = passage
        shown = [document.document_id, p.content_sha256, row["source"], p.title, p.language, p.heading]
        if "checksum" in past and checksum(*shown, p.page, p.start, p.end, p.text) != past["checksum"]:
            raise damaged(path, "a passage")
        yield passage, past["ordinal"]


def _copy_float32_embeddings(db: sqlite3.Connection) -> None:
    """Copies embeddings of before there were spaces; the space of most of them is the active one."""
    db.execute(
        "INSERT INTO embedding_spaces (digest, is_active) "
        "SELECT embedding_space, row_number() OVER (ORDER BY count(*) DESC) = 1 FROM past_embeddings "
        "GROUP BY embedding_space"
    )
    rows = db.execute(
        "SELECT e.passage_id, s.id, e.embedding FROM past_embeddings e JOIN embedding_spaces s "
        "ON s.digest = e.embedding_space ORDER BY e.passage_id"
    )
    while some := rows.fetchmany(1000):
        db.executemany(
            "INSERT INTO embeddings (passage_id, space_id, embedding, checksum) VALUES (?1, ?2, ?3, crc32(?3))",
            [(n, space, np.frombuffer(stored, dtype="<f4").astype("<f2").tobytes()) for n, space, stored in some],
        )
