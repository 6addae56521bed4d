"""From the bytes of a document to its text, title and blocks. Decides only; reads and writes nothing.

The text made here is the one that is stored, searched and cited: offsets of passages and citations count its
code points. Markup is left behind, structure is kept as blocks.
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from edge_agent.errors import ContentTooLarge, FormatUnsupported, InputInvalid, TextNotUtf8


class DocumentFormat(StrEnum):
    """Formats that can be taken in."""

    MARKDOWN = "markdown"
    TEXT = "text"


FORMAT_OF_SUFFIX = {
    ".md": DocumentFormat.MARKDOWN,
    ".markdown": DocumentFormat.MARKDOWN,
    ".txt": DocumentFormat.TEXT,
    ".text": DocumentFormat.TEXT,
}


class BlockKind(StrEnum):
    """What a block is; a passage never spans a heading."""

    HEADING = "heading"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list item, table row, code block or heading: `text[start:end]`, level 1 to 6 for a heading."""

    kind: BlockKind
    start: int
    end: int
    level: int = 0


@dataclass(frozen=True, slots=True)
class Extract:
    """A document's text, its own title if it has one, and its blocks in order, not overlapping."""

    text: str
    title: str | None
    blocks: tuple[Block, ...]


class TextBuilder:
    """Joins blocks into one text, a line break between list items and rows, a blank line between the rest."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self.blocks: list[Block] = []

    def add(self, text: str, kind: BlockKind = BlockKind.TEXT, *, level: int = 0, is_tight: bool = False) -> None:
        """Adds a block; an empty one adds nothing."""
        text = text.strip()
        if not text:
            return
        if self._parts:
            self._append("\n" if is_tight else "\n\n")
        start = self._length
        self._append(text)
        self.blocks.append(Block(kind, start, self._length, level))

    def build(self, title: str | None) -> Extract:
        """The text and blocks so far."""
        return Extract("".join(self._parts), title, tuple(self.blocks))

    def _append(self, part: str) -> None:
        self._parts.append(part)
        self._length += len(part)


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
    from edge_agent.markdown import extract_markdown  # noqa: PLC0415  (markdown builds on this module)

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
    return "".join(" " if unicodedata.category(c) == "Cc" and c not in "\n\t" else c for c in text)


def _extract_plain(text: str) -> Extract:
    builder = TextBuilder()
    for paragraph in text.split("\n\n"):
        builder.add(" ".join(paragraph.split()))
    return builder.build(title=None)
