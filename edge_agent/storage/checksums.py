"""Checksums of what is stored, kept beside it: SQLite has none, and what is quoted must be what was written."""

import zlib
from dataclasses import replace

from edge_agent.ingest.chunking import PassageSpan
from edge_agent.storage.records import NewDocument, Passage, document_id_of

_NOWHERE = Passage(0, "", "", "", "", "", "", 0, 0, 0, "")


def checksum(*values: object) -> int:
    """CRC-32 of values; of one that changed its type too, as a damaged row may."""
    return zlib.crc32("\x1f".join(map(str, values)).encode(errors="surrogatepass"))


def passage_checksum(passage: Passage) -> int:
    """Of what is shown of a passage: its text, its place and its document."""
    p = passage
    return checksum(
        p.document_id, p.content_sha256, p.source, p.title, p.language, p.heading, p.page, p.start, p.end, p.text
    )


def span_checksum(document: NewDocument, span: PassageSpan) -> int:
    """The `passage_checksum` that a passage of a document will have."""
    return passage_checksum(
        replace(
            _NOWHERE,
            document_id=document_id_of(document.source),
            content_sha256=document.content_sha256,
            source=document.source,
            title=document.title,
            language=document.language,
            heading=span.heading,
            page=span.page,
            start=span.start,
            end=span.end,
            text=document.text[span.start : span.end],
        )
    )
