"""Document formats: those that are parsed, the one that a file's name promises, and the one that its bytes begin as."""

from enum import StrEnum
from pathlib import PurePosixPath

from edge_agent.errors import FormatUnsupported


class DocumentFormat(StrEnum):
    """Formats that can be ingested."""

    MARKDOWN = "markdown"
    TEXT = "text"
    HTML = "html"
    PDF = "pdf"
    DOCX = "docx"
    CSV = "csv"
    JSONL = "jsonl"


FORMAT_OF_SUFFIX = {
    ".md": DocumentFormat.MARKDOWN,
    ".markdown": DocumentFormat.MARKDOWN,
    ".txt": DocumentFormat.TEXT,
    ".text": DocumentFormat.TEXT,
    ".html": DocumentFormat.HTML,
    ".htm": DocumentFormat.HTML,
    ".pdf": DocumentFormat.PDF,
    ".docx": DocumentFormat.DOCX,
    ".csv": DocumentFormat.CSV,
    ".jsonl": DocumentFormat.JSONL,
    ".ndjson": DocumentFormat.JSONL,
}

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BINARY = (
    _ZIP,
    _OLE,
    b"%PDF-",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"7z\xbc\xaf",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x7fELF",
)


def format_of(source: str) -> DocumentFormat:
    """The format that a file's name promises.

    Raises:
        FormatUnsupported: no format of ours has that suffix.
    """
    suffix = PurePosixPath(source).suffix.lower()
    if suffix not in FORMAT_OF_SUFFIX:
        raise FormatUnsupported(
            f"documents of type {suffix or 'without a suffix'} cannot be read; expected one of "
            f"{', '.join(FORMAT_OF_SUFFIX)}; convert the document first"
        )
    return FORMAT_OF_SUFFIX[suffix]


def require_format(content: bytes, document_format: DocumentFormat) -> None:
    """Refuses a document that does not begin as its format does.

    Raises:
        FormatUnsupported: it is something else; binary content meant to be text is never unpacked.
    """
    match document_format:
        case DocumentFormat.PDF:
            is_right, expected = b"%PDF-" in content[:1024], "a PDF, which begins with %PDF-"
        case DocumentFormat.DOCX:
            is_right, expected = content.startswith(_ZIP), "a Word document of 2007 or later (.docx)"
            if content.startswith(_OLE):
                raise FormatUnsupported(
                    "the document is of an older Office format or protected by a password; save it as .docx without one"
                )
        case _:
            is_right, expected = not content.startswith(_BINARY) and b"\0" not in content, "UTF-8 text"
    if not is_right:
        raise FormatUnsupported(
            f"the document is not what its type {document_format.value!r} promises; expected {expected}; convert or "
            "unpack it first, or give it its right suffix"
        )
