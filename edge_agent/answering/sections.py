"""Sections: what stands together under one heading, put together again from the passages that it was divided into.

Deciding code: no I/O. Offsets are those of the document's text, so that whatever is chosen of a section can be cited.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from edge_agent.storage.records import Passage, PassageKind

ITEM = re.compile(r"[ ]*(?:[-•*▪◦–]|(\d{1,3})[.)]|[a-zA-Z][.)])[ ]+(?=\S)")
"""The mark of a list's item, with its number where it has one."""
MOST_SPACE = 7
"""Between two passages of a section stand a line break or two and the indent of an item; more is a heading."""
_LINES = re.compile(r"[^\n]+")
_ON_LINES_OF_THEIR_OWN = {PassageKind.TABLE_ROW, PassageKind.CODE}


class BlockKind(StrEnum):
    """The kind of a block as it can be told from its text."""

    PARAGRAPH = "paragraph"
    BULLET = "bullet"
    STEP = "step"
    ROW = "row"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, an item, a row or a piece of code: `start:end` of the document's text.

    `indent` counts the spaces before an item, `number` is a step's own.
    """

    kind: BlockKind
    start: int
    end: int
    indent: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """Neighboring passages under the same headings, in order, with the text that they make from `start` on."""

    passages: Sequence[Passage]
    start: int
    text: str

    def quote(self, start: int, end: int) -> str:
        """The text of a span."""
        return self.text[start - self.start : end - self.start]

    def parts(self, start: int, end: int) -> Iterator[tuple[Passage, int, int]]:
        """A span by the passages that it stands in, each part without space around it."""
        for passage in self.passages:
            first, last = max(start, passage.start), min(end, passage.end)
            if first < last:
                text = passage.text[first - passage.start : last - passage.start]
                first += len(text) - len(text.lstrip())
                if text := text.strip():
                    yield passage, first, first + len(text)

    def blocks(self) -> list[Block]:
        """The blocks of a section in order; a paragraph of several lines is one."""
        blocks: list[Block] = []
        whole = [p for p in self.passages if p.kind in _ON_LINES_OF_THEIR_OWN]
        for line in _LINES.finditer(self.text):
            start, end = self.start + line.start(), self.start + line.end()
            holder = next((p for p in whole if p.start <= start < p.end), None)
            if holder is not None:
                kind = BlockKind.ROW if holder.kind is PassageKind.TABLE_ROW else BlockKind.CODE
                if not blocks or blocks[-1].start != holder.start:
                    blocks.append(Block(kind, holder.start, holder.end))
            elif mark := ITEM.match(line[0]):
                indent = len(line[0]) - len(line[0].lstrip())
                kind = BlockKind.STEP if mark[1] else BlockKind.BULLET
                blocks.append(Block(kind, start + indent, end, indent, int(mark[1] or 0)))
            elif blocks and blocks[-1].kind is BlockKind.PARAGRAPH and start - blocks[-1].end == 1:
                blocks[-1] = Block(BlockKind.PARAGRAPH, blocks[-1].start, end)
            else:
                blocks.append(Block(BlockKind.PARAGRAPH, start, end))
        return blocks


def section_of(passage: Passage, around: Sequence[Passage]) -> Section:
    """The section of a passage, as far as the passages around it are known."""
    own = {
        p.start: p for p in (*around, passage) if p.document_id == passage.document_id and p.heading == passage.heading
    }
    ordered = [own[start] for start in sorted(own)]
    place = ordered.index(own[passage.start])
    first = last = place
    while first > 0 and 0 <= ordered[first].start - ordered[first - 1].end <= MOST_SPACE:
        first -= 1
    while last + 1 < len(ordered) and 0 <= ordered[last + 1].start - ordered[last].end <= MOST_SPACE:
        last += 1
    passages = ordered[first : last + 1]
    return Section(passages, passages[0].start, _joined(passages))


def _joined(passages: Sequence[Passage]) -> str:
    """The text of neighbors with the space between them, which is told by its length and by what follows it."""
    text = passages[0].text
    for before, passage in pairwise(passages):
        space = passage.start - before.end
        is_block = {before.kind, passage.kind} & _ON_LINES_OF_THEIR_OWN or ITEM.match(passage.text)
        if space == 1:
            text += "\n" if is_block else " "
        elif space > 1:
            is_item = ITEM.match(passage.text) and space % 2 == 1
            text += ("\n" if is_item else "\n\n").ljust(space)
        text += passage.text
    return text
