"""Blocks: every format becomes one text with its headings, paragraphs, list items, rows and code in order.

The text is the one that is stored, searched and cited: offsets of passages and citations count its code points.
Markup is left behind, structure is kept as blocks. Parsers say what they see to a `TextBuilder`; what is the same for
all formats (normal form, invisible characters, question and answer layouts) is done here and in `questions.py`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby, pairwise

from edge_agent.characters import count_invisible, is_normal, normalize
from edge_agent.ingest.parsing.labels import is_code, is_label, opening_code
from edge_agent.ingest.parsing.questions import asked_by_heading, find_questions, is_question

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
        closes: headings of this level and below, above the block, no longer hold from it on; 0 where all of them do.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    page: int = 0
    closes: int = 0


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
    """A block before it has a place in the text; `is_label` and `is_aside` are those of `TextBuilder.paragraph`.

    `is_asked` is a question that was found in the text, not marked as a heading.
    """

    kind: BlockKind
    text: str
    level: int = 0
    page: int = 0
    is_tight: bool = field(default=False)
    is_label: bool = False
    is_large: bool = False
    is_aside: bool = False
    closes: int = 0
    is_asked: bool = False


class TextBuilder:
    """Gathers what a parser sees and joins it into one text.

    A line break stands between list items and between the rows of one table, a blank line between other blocks. Two
    spaces for each item that an item stands below come before it, between blocks: none of these begins with space.
    """

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._notices: list[str] = []
        self._attachments: list[Attachment] = []
        self._invisible_chars = 0
        self._closes = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing but headings was added."""
        return all(piece.kind is BlockKind.HEADING for piece in self._pieces)

    @property
    def first_heading(self) -> str | None:
        """The text of the first heading of the highest level that there is, for a title; None without headings.

        Where nothing is marked as a heading it is a label that leads the document: the only one, or one clearly
        larger, or one right above another. Text such as a header may stand before it.
        """
        headings = [p for p in self._pieces if p.kind is BlockKind.HEADING and p.level < QUESTION_LEVEL]
        if headings:
            return min(headings, key=lambda p: p.level).text
        labels = [n for n, p in enumerate(self._pieces) if p.is_label and is_label(p.text)]
        if not labels or labels[0] > _MAX_BEFORE_TITLE or labels[0] + 1 == len(self._pieces):
            return None
        if not all(is_label(piece.text) for piece in self._pieces[: labels[0]]):
            return None
        first, below = self._pieces[labels[0]], self._pieces[labels[0] + 1]
        leads = (
            first.is_large or len(labels) == 1 or labels[1] == labels[0] + 1 or is_question(below.text.split("\n")[0])
        )
        return _one_line(normalize(first.text)) if leads else None

    def heading(self, text: str, level: int, *, page: int = 0) -> None:
        """Adds a heading of level 1 to 6, or `QUESTION_LEVEL` for a label that what follows belongs to."""
        self._add(BlockKind.HEADING, _one_line(text), level=level, page=page)

    def paragraph(
        self, text: str, *, page: int = 0, is_label: bool = False, is_large: bool = False, is_aside: bool = False
    ) -> None:
        """Adds a paragraph; line breaks in it are kept, so give those only that a reader sees.

        Args:
            text: of it.
            page: that it stands on.
            is_label: whether it is set as a name of what follows, all in bold; it becomes a heading if it is one.
            is_large: whether it is set clearly larger than the text, as a title.
            is_aside: whether it is no part of the text, as a signature: nothing in it becomes a heading.
        """
        is_label = is_label or is_large
        text = _lines(text)
        self._put(Piece(BlockKind.PARAGRAPH, text, page=page, is_label=is_label, is_large=is_large, is_aside=is_aside))

    def end_scope(self, level: int) -> None:
        """Ends what headings of a level and below hold for, as where the panel ends that they stand in."""
        self._closes = min(self._closes or level, level)

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

    def add_omissions(self, part: Extract) -> None:
        """Counts and says what was left out of a part that is parsed by itself, as a mail's body or a table's cell."""
        self._invisible_chars += part.invisible_chars
        for notice in part.notices:
            self.notice(notice)

    def attach(self, attachment: Attachment) -> None:
        """Adds a file that the document holds."""
        self._attachments.append(attachment)

    def build(
        self, title: str | None = None, *, tags: Sequence[str] = (), date: str = "", encoding: str = ""
    ) -> Extract:
        """The text and blocks so far; for the arguments see `Extract`."""
        pieces, invisible_chars = [], self._invisible_chars
        are_normal = is_normal("\n".join(piece.text for piece in self._pieces))
        for piece in self._pieces:
            text = piece.text
            if not are_normal:
                invisible_chars += count_invisible(text)
                text = normalize(text)
            if text := text.strip():
                pieces.append(piece if text == piece.text else replace(piece, text=text))
        title = _one_line(normalize(title)) if title else None
        text, blocks = _join(_with_answers_ended(_with_questions(_with_labels(pieces, title))))
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
        self._put(Piece(kind, text, level, page, is_tight))

    def _put(self, piece: Piece) -> None:
        if piece.text.strip():
            self._pieces.append(replace(piece, closes=self._closes) if self._closes else piece)
            self._closes = 0


_INDENT = "  "
_POINTING = re.compile(r"\b(?:tabl[ea]s?|below|following|siguientes?|abajo|continuaci[oó]n|these|estos|estas)\b", re.I)
_MAX_NOTICES = 100
_MAX_BEFORE_TITLE = 2
_TEXT = (BlockKind.PARAGRAPH, BlockKind.LIST_ITEM)


def _with_labels(pieces: Sequence[Piece], title: str | None) -> list[Piece]:
    """Pieces where a label is a heading above what it names, of the level of questions; two in a row, one below.

    A label above nothing, or right above a heading, stays text. Codes that stand alone are labels where several do.
    """
    lone = [_is_lone_code(piece) for piece in pieces]
    has_lone_codes = sum(lone) > 1
    arranged: list[Piece] = []
    code = ""  # that the last label is
    for piece, is_lone, following in zip(pieces, lone, [*pieces[1:], None], strict=False):
        made = piece
        if piece.kind is BlockKind.HEADING:
            code = ""
        elif piece.is_label and piece.text == title and not any(p.level for p in arranged):
            made = replace(piece, kind=BlockKind.HEADING, level=1)
        elif (_is_label(piece) or (is_lone and has_lone_codes)) and _can_be_named(following):
            level = QUESTION_LEVEL - 1 if _is_label(following) else QUESTION_LEVEL
            code = opening_code(f"{piece.text}: .")
            made = replace(piece, kind=BlockKind.HEADING, level=level, is_label=True)
        elif code and _ends_label(piece, arranged[-1], code):
            code, made = "", replace(piece, closes=QUESTION_LEVEL)
        arranged.append(made)
    return arranged


def _is_label(piece: Piece | None) -> bool:
    return piece is not None and piece.is_label and is_label(piece.text)


def _can_be_named(piece: Piece | None) -> bool:
    return piece is not None and piece.kind is not BlockKind.HEADING and not piece.is_aside


def _ends_label(piece: Piece, before: Piece, code: str) -> bool:
    """Whether a piece is no longer what a code names: a paragraph on another code, or a table below its text."""
    if piece.kind is BlockKind.TABLE_ROW:
        return before.kind not in (BlockKind.TABLE_ROW, BlockKind.HEADING)
    return opening_code(piece.text) not in ("", code)


def _is_lone_code(piece: Piece) -> bool:
    return piece.kind is BlockKind.PARAGRAPH and not piece.is_aside and is_label(piece.text) and is_code(piece.text)


def _with_questions(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces where a question that what follows answers is a heading above it."""
    runs = [(is_text, list(run)) for is_text, run in groupby(pieces, key=_may_ask)]
    arranged: list[Piece] = []
    level = QUESTION_LEVEL  # of the next question: that of a heading that asks and is answered, its neighbour
    for number, (is_text, run) in enumerate(runs):
        following = runs[number + 1][1][0] if number + 1 < len(runs) else None
        above = arranged[-1] if arranged and arranged[-1].kind is BlockKind.HEADING else None
        if not is_text:
            arranged += run
            continue
        is_after_question = False
        if above is not None:
            asked = asked_by_heading(above.text, run[0].text) if above.level < QUESTION_LEVEL else ""
            is_after_question = not above.is_label and (bool(asked) or _asks(above))
            level = above.level if is_after_question and above.level > 1 else QUESTION_LEVEL
            arranged[-1] = replace(above, text=asked or above.text)
        is_followed = following is not None and following.kind is not BlockKind.HEADING and not following.is_aside
        parts = find_questions([p.text for p in run], is_followed=is_followed, is_after_question=is_after_question)
        for piece, found in zip(run, parts, strict=True):
            for place, part in enumerate(found):
                whole = piece if place == 0 else replace(piece, closes=0)
                if part.is_question:
                    own = level if arranged and arranged[-1].kind is not BlockKind.HEADING else QUESTION_LEVEL
                    text = _one_line(part.text)
                    arranged.append(Piece(BlockKind.HEADING, text, own, piece.page, closes=whole.closes, is_asked=True))
                else:
                    arranged.append(whole if part.text == whole.text else replace(whole, text=part.text))
    return arranged


def _with_answers_ended(pieces: list[Piece]) -> list[Piece]:
    """Pieces where a table below the text of the last answer is no part of it, unless that text leads to it."""
    asking = [n for n, piece in enumerate(pieces) if piece.is_asked]
    for asked, following in pairwise([*asking, len(pieces)]):
        level = pieces[asked].level
        below = range(asked + 1, following)
        ends = next((n for n in below if pieces[n].kind is BlockKind.HEADING or pieces[n].closes), following)
        if ends == following < len(pieces):
            continue  # another question follows: all between is the answer
        for n in range(asked + 2, ends):
            before, piece = pieces[n - 1], pieces[n]
            if piece.kind is BlockKind.TABLE_ROW and before.kind is BlockKind.PARAGRAPH:
                if not _leads_on(before.text):
                    pieces[n] = replace(piece, closes=level)
                break
    return pieces


def _leads_on(text: str) -> bool:
    """Whether a paragraph says that something below it belongs to it."""
    return text.rstrip()[-1] not in ".!…" or bool(_POINTING.search(text))


def _may_ask(piece: Piece) -> bool:
    return piece.kind in _TEXT and not piece.is_aside


def _asks(heading: Piece) -> bool:
    return heading.level == QUESTION_LEVEL or is_question(heading.text)


def _join(pieces: Sequence[Piece]) -> tuple[str, tuple[Block, ...]]:
    parts: list[str] = []
    blocks: list[Block] = []
    length, before = 0, None
    outer: list[int] = []  # depths of the items that the next one stands below
    for piece in pieces:
        is_list = piece.kind is BlockKind.LIST_ITEM and before is BlockKind.LIST_ITEM
        is_table = piece.kind is BlockKind.TABLE_ROW and before is BlockKind.TABLE_ROW and piece.is_tight
        gap = "" if before is None else "\n" if is_list or is_table else "\n\n"
        if piece.kind is BlockKind.LIST_ITEM:
            while outer and outer[-1] >= piece.level:
                outer.pop()
            gap += _INDENT * len(outer)
            outer.append(piece.level)
        elif piece.kind is BlockKind.HEADING:
            outer = []
        start = length + len(gap)
        length = start + len(piece.text)
        parts += [gap, piece.text]
        blocks.append(Block(piece.kind, start, length, piece.level, piece.page, piece.closes))
        before = piece.kind
    return "".join(parts), tuple(blocks)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _lines(text: str) -> str:
    return "\n".join(line for line in (_one_line(line) for line in text.split("\n")) if line)
