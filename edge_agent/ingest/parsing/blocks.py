"""Blocks: every format becomes one text with its headings and paragraphs in order.

The text is the one that is stored, searched and cited: offsets of passages and citations count its code points.
Markup is left behind, structure is kept as blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class BlockKind(StrEnum):
    """The kind of a block; a passage never spans a heading."""

    HEADING = "heading"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list item, table row, code block or heading: `text[start:end]`, level 1 to 6 for a heading.

    `page` counts from 1 where the format has pages, else it is 0.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    page: int = 0


@dataclass(frozen=True, slots=True)
class Extract:
    """A document's text, its own title and tags if it has some, and its blocks in order, not overlapping."""

    text: str
    title: str | None
    blocks: tuple[Block, ...]
    tags: tuple[str, ...] = ()


class TextBuilder:
    """Joins blocks into one text, a line break between list items and rows, a blank line between the rest."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self.blocks: list[Block] = []

    def add(
        self, text: str, kind: BlockKind = BlockKind.TEXT, *, level: int = 0, page: int = 0, is_tight: bool = False
    ) -> None:
        """Adds a block; an empty one adds nothing."""
        text = text.strip()
        if not text:
            return
        if self._parts:
            self._append("\n" if is_tight else "\n\n")
        start = self._length
        self._append(text)
        self.blocks.append(Block(kind, start, self._length, level, page))

    def build(self, title: str | None, tags: Sequence[str] = ()) -> Extract:
        """The text and blocks so far."""
        return Extract("".join(self._parts), title, tuple(self.blocks), tuple(tags))

    def _append(self, part: str) -> None:
        self._parts.append(part)
        self._length += len(part)
