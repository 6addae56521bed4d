"""Blocks: every format becomes one text with its headings, paragraphs, list items, rows and code in order.

The text is the one that is stored, searched and cited: offsets of passages and citations count its code points.
Markup is left behind, structure is kept as blocks. Parsers say what they see to a `TextBuilder`; what is the same for
all formats (normal form, invisible characters, question and answer layouts) is done here and in `questions.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby

from edge_agent.characters import count_invisible, normalize
from edge_agent.ingest.parsing.questions import find_questions

QUESTION_LEVEL = 7
"""The heading level of a question that its answer follows: below every heading of a document."""


class BlockKind(StrEnum):
    """The kind of a block; a passage never spans a heading."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list item"
    TABLE_ROW = "table row"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list item, table row or piece of code: `text[start:end]`.

    Attributes:
        kind: see `BlockKind`.
        start, end: code points of the text.
        level: 1 to 6 for a heading, `QUESTION_LEVEL` for a question with its answer below; depth from 1 for an item.
        page: counts from 1 where the format has pages, else it is 0.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    page: int = 0


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside a document, such as a mail's: its name as written there, untrusted, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Extract:
    """A document as its parser read it.

    Attributes:
        text: all of it, in order.
        title: its own, None where it has none.
        blocks: in order, not overlapping.
        tags: its own.
        date: its own date (`YYYY-MM-DD`), when it was written or last changed; "" where it says none.
        encoding: of the bytes, as Python names it; "" for formats that are no text.
        invisible_chars: characters left out because no reader sees them, as hidden text or zero-width characters.
        notices: what was left out and where, in words that repeat nothing of the document.
        attachments: files in it, which become documents of their own.
    """

    text: str
    title: str | None
    blocks: tuple[Block, ...]
    tags: tuple[str, ...] = ()
    date: str = ""
    encoding: str = ""
    invisible_chars: int = 0
    notices: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A block before it has a place in the text."""

    kind: BlockKind
    text: str
    level: int = 0
    page: int = 0
    is_tight: bool = field(default=False)


class TextBuilder:
    """Gathers what a parser sees and joins it into one text.

    A line break stands between list items and between the rows of one table, a blank line between other blocks.
    """

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._notices: list[str] = []
        self._attachments: list[Attachment] = []
        self._invisible_chars = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing but headings was added."""
        return all(piece.kind is BlockKind.HEADING for piece in self._pieces)

    @property
    def first_heading(self) -> str | None:
        """The text of the first heading of the highest level that there is, for a title; None without headings."""
        headings = [p for p in self._pieces if p.kind is BlockKind.HEADING and p.level < QUESTION_LEVEL]
        return min(headings, key=lambda p: p.level).text if headings else None

    def heading(self, text: str, level: int, *, page: int = 0) -> None:
        """Adds a heading of level 1 to 6, or `QUESTION_LEVEL` for a label that what follows belongs to."""
        self._add(BlockKind.HEADING, _one_line(text), level=level, page=page)

    def paragraph(self, text: str, *, page: int = 0) -> None:
        """Adds a paragraph; line breaks in it are kept, so give those only that a reader sees."""
        self._add(BlockKind.PARAGRAPH, _lines(text), page=page)

    def item(self, text: str, *, marker: str = "-", depth: int = 1, page: int = 0) -> None:
        """Adds a list item with its bullet or number (`"3."`), at a depth from 1."""
        text = _one_line(text)
        if text:
            self._add(BlockKind.LIST_ITEM, f"{marker} {text}", level=depth, page=page)

    def row(self, text: str, *, page: int = 0, is_first: bool = False) -> None:
        """Adds one row of a table, as text; see `tables.add_table`, which makes it."""
        self._add(BlockKind.TABLE_ROW, _one_line(text), page=page, is_tight=not is_first)

    def code(self, text: str, *, page: int = 0) -> None:
        """Adds code or other text set as it is written, with its indents and line breaks."""
        self._add(BlockKind.CODE, text.strip("\r\n").rstrip(), page=page)

    def notice(self, text: str) -> None:
        """Says what was left out and where; never with words of the document."""
        if len(self._notices) < _MAX_NOTICES:
            self._notices.append(text)

    def hide(self, text: str) -> None:
        """Counts text that the document holds and no reader sees."""
        self._invisible_chars += len("".join(text.split()))

    def attach(self, attachment: Attachment) -> None:
        """Adds a file that the document holds."""
        self._attachments.append(attachment)

    def build(
        self, title: str | None = None, *, tags: Sequence[str] = (), date: str = "", encoding: str = ""
    ) -> Extract:
        """The text and blocks so far; for the arguments see `Extract`."""
        pieces, invisible_chars = [], self._invisible_chars
        for piece in self._pieces:
            invisible_chars += count_invisible(piece.text)
            text = normalize(piece.text).strip()
            if text:
                pieces.append(replace(piece, text=text))
        text, blocks = _join(_with_questions(pieces))
        title = _one_line(normalize(title)) if title else None
        return Extract(
            text,
            title or None,
            blocks,
            tuple(tags),
            date,
            encoding,
            invisible_chars,
            tuple(self._notices),
            tuple(self._attachments),
        )

    def _add(self, kind: BlockKind, text: str, *, level: int = 0, page: int = 0, is_tight: bool = False) -> None:
        if text.strip():
            self._pieces.append(Piece(kind, text, level, page, is_tight))


_MAX_NOTICES = 100
_TEXT = (BlockKind.PARAGRAPH, BlockKind.LIST_ITEM)


def _with_questions(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces where a question that what follows answers is a heading above it."""
    runs = [(is_text, list(run)) for is_text, run in groupby(pieces, key=lambda piece: piece.kind in _TEXT)]
    arranged: list[Piece] = []
    for number, (is_text, run) in enumerate(runs):
        if not is_text:
            arranged += run
            continue
        is_followed = number + 1 < len(runs) and runs[number + 1][1][0].kind is not BlockKind.HEADING
        is_after_question = bool(arranged) and arranged[-1].level == QUESTION_LEVEL
        parts = find_questions([p.text for p in run], is_followed=is_followed, is_after_question=is_after_question)
        for piece, found in zip(run, parts, strict=True):
            for part in found:
                if part.is_question:
                    arranged.append(Piece(BlockKind.HEADING, _one_line(part.text), QUESTION_LEVEL, piece.page))
                else:
                    arranged.append(replace(piece, text=part.text))
    return arranged


def _join(pieces: Sequence[Piece]) -> tuple[str, tuple[Block, ...]]:
    parts: list[str] = []
    blocks: list[Block] = []
    length, before = 0, None
    for piece in pieces:
        is_list = piece.kind is BlockKind.LIST_ITEM and before is BlockKind.LIST_ITEM
        is_table = piece.kind is BlockKind.TABLE_ROW and before is BlockKind.TABLE_ROW and piece.is_tight
        gap = "" if before is None else "\n" if is_list or is_table else "\n\n"
        start = length + len(gap)
        length = start + len(piece.text)
        parts += [gap, piece.text]
        blocks.append(Block(piece.kind, start, length, piece.level, piece.page))
        before = piece.kind
    return "".join(parts), tuple(blocks)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _lines(text: str) -> str:
    return "\n".join(line for line in (_one_line(line) for line in text.split("\n")) if line)
