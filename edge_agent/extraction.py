"""From the bytes of a document to its text, title and blocks. Decides only; reads and writes nothing."""

import re
import unicodedata
from enum import StrEnum
from pathlib import PurePosixPath

from edge_agent.blocks import BlockKind, Extract, TextBuilder
from edge_agent.errors import ContentTooLarge, FormatUnsupported, InputInvalid, TextNotUtf8
from edge_agent.markdown import extract_markdown


class DocumentFormat(StrEnum):
    """Formats that can be taken in."""

    MARKDOWN = "markdown"
    TEXT = "text"


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

FORMAT_OF_SUFFIX = {
    ".md": DocumentFormat.MARKDOWN,
    ".markdown": DocumentFormat.MARKDOWN,
    ".txt": DocumentFormat.TEXT,
    ".text": DocumentFormat.TEXT,
}


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


def extract(content: bytes, document_format: DocumentFormat, *, max_bytes: int) -> Extract:
    """Reads a document.

    Args:
        content: its bytes, untrusted.
        document_format: what they are meant to be.
        max_bytes: most bytes accepted.

    Raises:
        ContentTooLarge: more than `max_bytes`.
        FormatUnsupported: binary, an archive for example; it is never unpacked.
        TextNotUtf8: text in another encoding.
        InputInvalid: no text in it.
    """
    text = decode(content, max_bytes=max_bytes)
    made = extract_markdown(text) if document_format is DocumentFormat.MARKDOWN else _extract_plain(text)
    if not any(block.kind is BlockKind.TEXT for block in made.blocks):
        raise InputInvalid("the document holds no text besides headings; expected at least a sentence")
    return made


def decode(content: bytes, *, max_bytes: int) -> str:
    """Bytes of a text document as NFC text with plain line breaks; see `extract` for what is raised."""
    if len(content) > max_bytes:
        raise ContentTooLarge(f"the document has {len(content)} bytes, at most {max_bytes} are accepted; split it")
    if (
        content.startswith((b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"%PDF-"))
        or b"\0" in content
    ):
        raise FormatUnsupported("the document is binary; expected UTF-8 text or Markdown; convert or unpack it first")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextNotUtf8(
            f"the document is not UTF-8: byte {error.start} cannot be decoded; save it as UTF-8"
        ) from None
    return normalize(text)


def normalize(text: str) -> str:
    """NFC, line feeds as line breaks, control characters other than tab and line break as spaces."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _CONTROL.sub(" ", text)


def _extract_plain(text: str) -> Extract:
    builder = TextBuilder()
    for paragraph in text.split("\n\n"):
        builder.add(" ".join(paragraph.split()))
    return builder.build(title=None)
