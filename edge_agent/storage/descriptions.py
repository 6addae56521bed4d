"""The row of a document and its tags: the one place that knows all columns by name."""

import json
import sqlite3

from edge_agent.storage.checksums import checksum, document_checksum
from edge_agent.storage.records import Document


def insert_description(db: sqlite3.Connection, document: Document, text: str) -> None:
    """Inserts what is known of a document, its text and its tags."""
    d = document
    values = {
        "id": d.document_id,
        "root": d.root,
        "source": d.source,
        "container_id": d.container_id,
        "title": d.title,
        "format": d.format,
        "language": d.language,
        "encoding": d.encoding,
        "date": d.date,
        "date_origin": d.date_origin,
        "content_sha256": d.content_sha256,
        "bytes_sha256": d.bytes_sha256,
        "text": text,
        "added_at": d.added_at,
        "invisible_chars": d.invisible_chars,
        "notices": json.dumps(d.notices),
        "stale_reason": d.stale_reason,
        "stale_since": d.stale_since,
        "checksum": document_checksum(d),
        "text_checksum": checksum(text),
    }
    marks = ", ".join("?" * len(values))
    db.execute(f"INSERT INTO documents ({', '.join(values)}) VALUES ({marks})", list(values.values()))
    db.executemany(
        "INSERT INTO document_tags (document_id, tag) VALUES (?, ?)", [(d.document_id, tag) for tag in d.tags]
    )
