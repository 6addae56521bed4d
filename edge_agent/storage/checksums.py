"""Checksums of what is stored: made when a row is written, compared whenever it is read.

SQLite has none of its own, and what is quoted must be what was written.
"""

import zlib
from dataclasses import fields

from edge_agent.storage.records import Document, Passage

_DERIVED = ("passages", "chars")
_DESCRIBED = [field.name for field in fields(Document) if field.name not in _DERIVED]
_SHOWN = [field.name for field in fields(Passage) if field.name != "passage_id"]


def checksum(*values: object) -> int:
    """CRC-32 of values; of one that changed its type too, as a damaged row may."""
    return zlib.crc32("\x1f".join(map(str, values)).encode(errors="surrogatepass"))


def document_checksum(document: Document) -> int:
    """The checksum of all that is known of a document, but its text and what is counted."""
    return checksum(*(getattr(document, name) for name in _DESCRIBED))


def passage_checksum(passage: Passage) -> int:
    """The checksum of everything that is shown of a passage: its text, its place, its kind and its document."""
    return checksum(*(getattr(passage, name) for name in _SHOWN))
