"""Chunking: a document is divided into passages, the units that are embedded, found and cited."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edge_agent.ingest.parsing.blocks import BlockKind, Extract
from edge_agent.storage.records import PassageSpan
from edge_agent.text import split_sentences

RULES = 2
"""Number of the chunking rules; grows when `chunk` makes other passages of the same document."""


_MAX_HEADING_CHARS = 300  # each heading is repeated with every passage below it


def chunk(document: Extract, token_starts: NDArray[np.int64], *, max_tokens: int) -> list[PassageSpan]:
    """Divides a document along its structure.

    Blocks of one section are packed into passages of at most `max_tokens` tokens; a block that is larger alone is
    cut at sentences, and a sentence that is larger alone between two tokens. No passage crosses a heading or a page.

    Args:
        document: text and blocks.
        token_starts: (T,) where each token of the text starts, ascending, in code points.
        max_tokens: of a passage.

    Returns:
        Passages in order, not overlapping, covering every character of every text block but the space between.
    """
    passages: list[PassageSpan] = []
    headings: list[tuple[int, str]] = []
    open_start = open_end = -1
    page = 0

    def close() -> None:
        nonlocal open_start
        if open_start >= 0:
            passages.append(PassageSpan(open_start, open_end, " › ".join(name for _, name in headings), page))
            open_start = -1

    for block in document.blocks:
        if block.kind is BlockKind.HEADING:
            close()
            headings = [(level, name) for level, name in headings if level < block.level]
            name = document.text[block.start : block.end]
            if not (block.level == 1 and name == document.title):
                headings.append((block.level, name[:_MAX_HEADING_CHARS]))
            continue
        if block.page != page:
            close()
            page = block.page
        for start, end in _pieces(document.text, block.start, block.end, token_starts, max_tokens):
            if open_start >= 0 and _count(token_starts, open_start, end) > max_tokens:
                close()
            if open_start < 0:
                open_start = start
            open_end = end
    close()
    return passages


def passage_input(title: str, heading: str, text: str) -> str:
    """The text that the encoder sees of a passage: below its title and headings, since it may not name its subject."""
    return "\n".join(part for part in (title, heading, text) if part)


def _pieces(text: str, start: int, end: int, token_starts: NDArray[np.int64], max_tokens: int) -> list[tuple[int, int]]:
    """A block whole if it fits, else its sentences, else runs of tokens."""
    if _count(token_starts, start, end) <= max_tokens:
        return [(start, end)]
    pieces = []
    for first, last in split_sentences(text, start, end):
        inside = token_starts[np.searchsorted(token_starts, first) : np.searchsorted(token_starts, last)]
        cuts = [first, *(int(cut) for cut in inside[max_tokens::max_tokens]), last]
        pieces += [(a, b) for a, b in pairwise(cuts) if a < b]
    return pieces


def _count(token_starts: NDArray[np.int64], start: int, end: int) -> int:
    return int(np.searchsorted(token_starts, end) - np.searchsorted(token_starts, start))
