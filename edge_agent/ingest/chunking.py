"""Chunking: a document is divided into passages, the units that are embedded, found and cited."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edge_agent.ingest.parsing.blocks import QUESTION_LEVEL, Block, BlockKind, Extract
from edge_agent.ingest.parsing.questions import is_question
from edge_agent.storage.records import HEADING_GAP, PassageKind, PassageSpan
from edge_agent.text import split_sentences

RULES = 4
"""Number of the chunking rules; grows when `chunk` makes other passages of the same document."""


_MAX_HEADING_CHARS = 300  # each heading is repeated with every passage below it
_KINDS = {
    BlockKind.HEADING: PassageKind.HEADING,
    BlockKind.PARAGRAPH: PassageKind.PARAGRAPH,
    BlockKind.LIST_ITEM: PassageKind.LIST,
    BlockKind.TABLE_ROW: PassageKind.TABLE_ROW,
    BlockKind.CODE: PassageKind.CODE,
}


def chunk(document: Extract, token_starts: NDArray[np.int64], *, max_tokens: int) -> list[PassageSpan]:
    """Divides a document along its structure.

    Blocks of one section are packed into passages of at most `max_tokens` tokens; a block that is larger alone is
    cut at sentences, and a sentence that is larger alone between two tokens. No passage crosses a heading or a page,
    and each row of a table is a passage of its own. A heading with nothing below it is a passage, since it may be all
    that is said.

    Args:
        document: text and blocks.
        token_starts: (T,) where each token of the text starts, ascending, in code points.
        max_tokens: of a passage.

    Returns:
        Passages in order, not overlapping, covering every character of every block but headings and the space between.
    """
    return _Chunks(document, token_starts, max_tokens).read()


class _Chunks:
    """Reads blocks in order, with the headings above them, and packs them."""

    def __init__(self, document: Extract, token_starts: NDArray[np.int64], max_tokens: int) -> None:
        self._text, self._title, self._blocks = document.text, document.title, document.blocks
        self._token_starts, self._max_tokens = token_starts.data, max_tokens  # bisected faster than the array
        self._passages: list[PassageSpan] = []
        self._headings: list[tuple[int, str]] = []
        self._open: list[tuple[int, int, BlockKind]] = []
        self._page = 0

    def read(self) -> list[PassageSpan]:
        for block, following in _with_next(self._blocks):
            if block.closes:
                self._close()
                self._headings = [(level, name) for level, name in self._headings if level < block.closes]
            if block.kind is BlockKind.HEADING:
                self._close()
                self._read_heading(block, following)
                continue
            if block.page != self._page or block.kind is BlockKind.TABLE_ROW:
                self._close()
                self._page = block.page
            for start, end in self._pieces(block):
                if self._open and self._count(self._open[0][0], end) > self._max_tokens:
                    self._close()
                self._open.append((start, end, block.kind))
            if block.kind is BlockKind.TABLE_ROW:
                self._close()
        self._close()
        return self._passages

    def _read_heading(self, heading: Block, following: Block | None) -> None:
        self._headings = [(level, name) for level, name in self._headings if level < heading.level]
        name = self._text[heading.start : heading.end]
        is_title = heading.level == 1 and name == self._title
        ends_here = following is None or (following.kind is BlockKind.HEADING and following.level <= heading.level)
        if ends_here and heading.level < QUESTION_LEVEL and not is_title:
            self._page = heading.page
            self._open = [(start, end, BlockKind.HEADING) for start, end in self._pieces(heading)]
            self._close()
        if not is_title:
            self._headings.append((heading.level, name[:_MAX_HEADING_CHARS]))

    def _close(self) -> None:
        """Ends the passage that is being packed; its kind is that of most of its text."""
        if not self._open:
            return
        lengths: dict[BlockKind, int] = {}
        for start, end, kind in self._open:
            lengths[kind] = lengths.get(kind, 0) + end - start
        passage_kind = _KINDS[max(lengths, key=lengths.__getitem__)]
        if self._is_answering() and passage_kind is not PassageKind.TABLE_ROW:
            passage_kind = PassageKind.QUESTION_ANSWER
        heading = HEADING_GAP.join(name for _, name in self._headings)
        self._passages.append(PassageSpan(self._open[0][0], self._open[-1][1], heading, self._page, passage_kind))
        self._open = []

    def _is_answering(self) -> bool:
        """Whether the nearest heading asks what the text below it answers."""
        level, name = self._headings[-1] if self._headings else (0, "")
        return level == QUESTION_LEVEL or is_question(name)

    def _pieces(self, block: Block) -> list[tuple[int, int]]:
        """A block whole if it fits, else its sentences, else runs of tokens."""
        if self._count(block.start, block.end) <= self._max_tokens:
            return [(block.start, block.end)]
        pieces = []
        for first, last in split_sentences(self._text, block.start, block.end):
            inside = self._token_starts[self._tokens_before(first) : self._tokens_before(last)]
            pieces += [
                (a, b) for a, b in pairwise([first, *inside[self._max_tokens :: self._max_tokens], last]) if a < b
            ]
        return pieces

    def _count(self, start: int, end: int) -> int:
        return self._tokens_before(end) - self._tokens_before(start)

    def _tokens_before(self, offset: int) -> int:
        return bisect_left(self._token_starts, offset)


def passage_input(title: str, heading: str, text: str) -> str:
    """The text that the encoder sees of a passage: below its title and headings, since it may not name its subject."""
    return "\n".join(part for part in (title, heading, text) if part)


def _with_next(blocks: Sequence[Block]) -> Iterator[tuple[Block, Block | None]]:
    return zip(blocks, [*blocks[1:], None], strict=True)
