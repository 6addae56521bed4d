"""Abstract documents: what a writer of any format is given, and what must then be found in what is parsed.

Every word of a document is another one, so that a word says where it belongs: order, blocks and cells are checked by
words alone. Hypothesis draws the structure; the words are counted up.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from hypothesis import strategies as st


class Layout(StrEnum):
    """How a question and its answer are set."""

    HEADING = "the question as a heading"
    BOLD = "the question in bold, a paragraph of its own"
    LABELS = "P: and R: before them"
    ENGLISH_LABELS = "Q: and A: before them"
    SAME_PARAGRAPH = "both in one paragraph"
    NATIVE = "as the format sets them, if it has a way"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of level 1 to 3."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, perhaps with a footnote.

    Attributes:
        text: its sentences.
        note: of its footnote; "" for none.
        way: 0 to 3; formats with several ways to hold a paragraph (text box, content control, …) take another for each.
    """

    text: str
    note: str = ""
    way: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of a list, and the items below it."""

    text: str
    entries: tuple["Entry", ...] = ()


@dataclass(frozen=True, slots=True)
class Items:
    """A list; its nested ones are numbered as it is."""

    is_numbered: bool
    entries: tuple[Entry, ...]

    def flat(self) -> Iterator[tuple[Entry, int, int]]:
        """Every entry with its depth from 1 and its number among its siblings from 1, in order."""
        return _flat(self.entries, 1)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the names of its columns.

    Attributes:
        names: of the columns.
        rows: below them, as wide; digits alone are numbers.
        merged: how many rows, from the first, the first cell of the first one covers; 1 for none merged.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    merged: int = 1

    def shown(self, row: int, column: int) -> str:
        """The text that covers a place."""
        return self.rows[0][0] if column == 0 and row < self.merged else self.rows[row][column]


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and its answer."""

    question: str
    answer: str
    layout: Layout


@dataclass(frozen=True, slots=True)
class Code:
    """Code, set as it is written."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hidden:
    """Text that is in the file and that no reader sees; formats that have no such thing leave it out."""

    text: str


Block = Heading | Paragraph | Items | Table | Pair | Code | Hidden


@dataclass(frozen=True, slots=True)
class Document:
    """A document.

    Attributes:
        title: its own.
        running_head: at the top of every page; formats without pages leave it out.
        blocks: in order.
    """

    title: str
    running_head: str
    blocks: tuple[Block, ...]


@dataclass(slots=True)
class Words:
    """Words that are never used twice; some have letters of Spanish."""

    _count: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def some(self, count: int) -> str:
        """So many words, the first with a capital."""
        return " ".join(self._next() for _ in range(count)).capitalize()

    def sentences(self, *counts: int) -> str:
        """Sentences of so many words each."""
        return " ".join(f"{self.some(count)}." for count in counts)

    def number(self) -> str:
        """A number."""
        return str(1000 + next(self._count))

    def _next(self) -> str:
        number, word = next(self._count) * 7919 % len(_SYLLABLES) ** 3, ""  # coprime: each number once
        for _ in range(3):
            number, place = divmod(number, len(_SYLLABLES))
            word += _SYLLABLES[place]
        return word


_SYLLABLES = "ba ce ñi do fu ga hé jo li mu na pe qui rro sa té vi xo zu cá fi lla bü po ta".split()


def _flat(entries: tuple[Entry, ...], depth: int) -> Iterator[tuple[Entry, int, int]]:
    for number, entry in enumerate(entries, start=1):
        yield entry, depth, number
        yield from _flat(entry.entries, depth + 1)


@st.composite
def documents(draw: st.DrawFn, *, is_table: bool = False) -> Document:
    """Documents of any blocks, or of one table or list of questions and answers alone."""
    words = Words()
    title, running_head = words.some(3), words.some(3)
    if is_table:
        makers: tuple[_Maker, ...] = (_table, _pair)
        kind = draw(st.sampled_from(makers))
        count = 1 if kind is _table else draw(st.integers(1, 4))
        return Document(title, "", tuple(kind(draw, words) for _ in range(count)))
    blocks: list[Block] = []
    for kind in draw(st.lists(st.sampled_from(_KINDS), min_size=1, max_size=8)):
        if blocks and not isinstance(blocks[-1], Heading | Paragraph | Hidden) and kind is not _heading:
            blocks.append(Paragraph(words.sentences(5)))  # neighbours of one kind would be one list, or one table
        blocks.append(kind(draw, words))
    if not any(isinstance(block, Paragraph | Pair | Items | Table) for block in blocks[-1:]):
        blocks.append(Paragraph(words.sentences(4, 6)))
    return Document(title, running_head, tuple(blocks))


def _heading(draw: st.DrawFn, words: Words) -> Heading:
    return Heading(draw(st.integers(1, 3)), words.some(draw(st.integers(1, 4))))


def _paragraph(draw: st.DrawFn, words: Words) -> Paragraph:
    counts = draw(st.lists(st.integers(3, 14), min_size=1, max_size=3))
    note = words.sentences(4) if draw(st.integers(0, 3)) == 0 else ""
    return Paragraph(words.sentences(*counts), note, draw(st.integers(0, 3)))


def _items(draw: st.DrawFn, words: Words) -> Items:
    def entries(depth: int) -> tuple[Entry, ...]:
        made = []
        for _ in range(draw(st.integers(2, 3))):
            text = words.some(draw(st.integers(1, 8)))
            is_nested = depth < 3 and draw(st.integers(0, 4)) == 0
            made.append(Entry(text, entries(depth + 1) if is_nested else ()))
        return tuple(made)

    return Items(draw(st.booleans()), entries(1))


def _table(draw: st.DrawFn, words: Words) -> Table:
    kinds = [False, *draw(st.lists(st.booleans(), min_size=1, max_size=3))]  # whether a column holds numbers
    names = tuple(words.some(draw(st.integers(1, 2))) for _ in kinds)
    rows = tuple(
        tuple(words.number() if is_number else words.some(draw(st.integers(1, 3))) for is_number in kinds)
        for _ in range(draw(st.integers(1, 5)))
    )
    return Table(names, rows, draw(st.integers(1, len(rows))))


def _pair(draw: st.DrawFn, words: Words) -> Pair:
    question = words.some(draw(st.integers(2, 7)))
    question = f"¿{question}?" if draw(st.booleans()) else f"{question}?"
    return Pair(question, words.sentences(draw(st.integers(2, 9))), draw(st.sampled_from(Layout)))


def _code(draw: st.DrawFn, words: Words) -> Code:
    return Code(tuple(words.some(draw(st.integers(1, 4))).lower() for _ in range(draw(st.integers(1, 3)))))


def _hidden(draw: st.DrawFn, words: Words) -> Hidden:
    return Hidden(words.sentences(draw(st.integers(3, 5))))


_Maker = Callable[[st.DrawFn, Words], Block]
_KINDS: tuple[_Maker, ...] = (_heading, _paragraph, _paragraph, _items, _table, _pair, _pair, _code, _hidden)
