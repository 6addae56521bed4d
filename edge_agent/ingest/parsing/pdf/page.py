"""A page as it is set: words with their places and styles, and the ruled lines between them.

What PDFium reads in a PDF and what OCR sees in a picture are told in these words, so that one layout serves both.
Points (1/72 inch) from the top left corner of the page as it is shown.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

Box = tuple[float, float, float, float]
"""Left, top, right, bottom; where a format counts upwards: left, low, right, high."""


@dataclass(slots=True)
class Word:
    """Characters without white space between them.

    Attributes:
        text: of it.
        x0, top, x1, bottom: its box.
        base: its base line; words of one line have about the same.
        size: of its font.
        is_bold: whether it is set in bold.
        order: when it is drawn.
        table: number of the ruled table whose place it keeps in a row, itself without text; -1 for words.
    """

    text: str
    x0: float
    top: float
    x1: float
    bottom: float
    base: float
    size: float
    is_bold: bool = False
    order: int = 0
    table: int = -1


@dataclass(frozen=True, slots=True)
class Rule:
    """A ruled line, across (`top == bottom`) or down (`x0 == x1`)."""

    x0: float
    top: float
    x1: float
    bottom: float


@dataclass(slots=True)
class Page:
    """A page of a document.

    Attributes:
        number: from 1.
        width, height: as it is shown.
        words: in the order in which they are drawn.
        rules: lines of tables and boxes.
        pictures: share of the page that pictures cover.
        strokes: pieces of drawing that are no ruled lines.
        headings: levels by the text of headings that the document's outline says are here.
    """

    number: int
    width: float
    height: float
    words: list[Word]
    rules: list[Rule] = field(default_factory=list)
    pictures: float = 0.0
    strokes: int = 0
    headings: dict[str, int] = field(default_factory=dict)


class Line:
    """Words beside each other, from left to right."""

    __slots__ = ("base", "bottom", "is_bold", "size", "text", "top", "words", "x0", "x1")

    def __init__(self, words: Iterable[Word]) -> None:
        """The line of some words of one row, at least one."""
        self.words = sorted(words, key=lambda word: word.x0)
        self.x0, self.x1 = self.words[0].x0, max(word.x1 for word in self.words)
        self.top, self.bottom = min(word.top for word in self.words), max(word.bottom for word in self.words)
        longest = max(self.words, key=lambda word: len(word.text))
        if len({word.size for word in self.words}) > 1:  # raised figures and marks are in another size
            sizes: dict[float, int] = {}
            for word in self.words:
                sizes[word.size] = sizes.get(word.size, 0) + len(word.text)
            size = max(sizes, key=lambda size: (sizes[size], size))
            longest = max((word for word in self.words if word.size == size), key=lambda word: len(word.text))
        self.base, self.size = longest.base, longest.size
        chars = sum(len(word.text) for word in self.words)
        self.is_bold = sum(len(word.text) for word in self.words if word.is_bold) > 0.9 * chars
        self.text = " ".join(word.text for word in self.words if word.table < 0)

    @property
    def tables(self) -> list[int]:
        """Numbers of the ruled tables that the line goes through."""
        return [word.table for word in self.words if word.table >= 0]

    def without_tables(self) -> "Line | None":
        """The line's words beside tables; None where there are none."""
        words = [word for word in self.words if word.table < 0]
        return self if len(words) == len(self.words) else Line(words) if words else None

    def parts(self, gap: float) -> list["Line"]:
        """The line cut wherever at least so much space is left between words."""
        cuts: list[list[Word]] = [[self.words[0]]]
        end = self.words[0].x1
        for word in self.words[1:]:
            if word.x0 - end >= gap:
                cuts.append([])
            cuts[-1].append(word)
            end = max(end, word.x1)
        return [self] if len(cuts) == 1 else [Line(words) for words in cuts]


def rows_of(words: Iterable[Word]) -> list[Line]:
    """Words on about one base line as one line each, from the top; raised figures belong to the line they are in."""
    rows: list[list[Word]] = []
    base, size = 0.0, 0.0
    for word in sorted(words, key=lambda word: (word.base, word.x0)):
        large, small = max(size, word.size), min(size, word.size)
        limit = 0.4 * large if small > 0.8 * large else min(0.6 * large, small)
        if rows and word.base - base <= limit:
            rows[-1].append(word)
            if word.size > size:
                base, size = word.base, word.size
        else:
            rows.append([word])
            base, size = word.base, word.size
    return [Line(line) for row in rows for line in _apart(row)]


def _apart(row: list[Word]) -> list[list[Word]]:
    """Words of a row, as two rows where they would lie over each other: small type set close."""
    words = sorted(row, key=lambda word: word.x0)
    lies_over = any(b.x0 < a.x1 - 0.4 * a.size and abs(a.base - b.base) > 0.15 * a.size for a, b in pairwise(words))
    if not lies_over:
        return [row]
    lines: list[list[Word]] = []
    for word in sorted(row, key=lambda word: word.base):
        if lines and word.base - lines[-1][0].base <= 0.15 * word.size:
            lines[-1].append(word)
        else:
            lines.append([word])
    return lines


def body_size(words: Sequence[Word]) -> float:
    """The size of font in which most characters are set; 0 where there are none."""
    chars: dict[float, int] = {}
    for word in words:
        size = round(word.size * 2) / 2
        chars[size] = chars.get(size, 0) + len(word.text)
    return max(chars, key=lambda size: (chars[size], size)) if chars else 0.0


def pitch_of(lines: Sequence[Line]) -> float:
    """The distance between lines of one paragraph: the least of those that are usual, 1.2 times the size if none is."""
    steps = sorted(
        below.base - above.base
        for above, below in pairwise(lines)
        if 0.8 * below.size <= below.base - above.base <= 2.6 * below.size
    )
    for number, step in enumerate(steps):
        if bisect_right(steps, 1.06 * step) - number >= max(2, 0.15 * len(steps)):
            return step
    return 1.2 * (median(line.size for line in lines) if lines else 10)
