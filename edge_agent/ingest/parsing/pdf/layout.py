"""Layout: the words of a page become paragraphs, list items and tables, in the order in which they are read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge_agent.ingest.parsing.pdf.columns import flows_of
from edge_agent.ingest.parsing.pdf.page import Line, Page, Word, body_size, pitch_of, rows_of
from edge_agent.ingest.parsing.pdf.rules import ruled_tables
from edge_agent.ingest.parsing.pdf.tables import Table, aligned

_BULLETS = "-•▪◦*–—●○■□►➢➔✓✔·‣⁃∙\uf0b7\uf0a7\uf0d8\uf0fc\uf02d\uf0a8\uf076"
_BULLET = re.compile(rf"([{re.escape(_BULLETS)}]|o(?=\s))\s*(?=\S)")
_NUMBER = re.compile(
    r"(\(?(?:\d{1,3}(?:\.\d{1,3}){0,3}|[a-zA-Z]|[ivx]{1,5})[.)]|\d{1,2}(?:\.\d{1,2}){1,3}\.?)\s+(?=\S)"
)
_ENDS_SENTENCE = re.compile(r"[.:;!?…][)\]»”’\"']?$")
_FOOTNOTE = re.compile(r"(?:\d{1,3}|[*†‡§¹²³])\s*\S")


@dataclass(slots=True)
class Text:
    """A paragraph, list item or heading: its lines, mark and place.

    Attributes:
        lines: of it; divided where the writer broke them.
        page: where it begins.
        marker: a list item's bullet or number; "" for others.
        size, is_bold: of its font.
        is_full: whether its last line reaches as far as lines go, so that it may go on elsewhere.
        is_footnote: whether it stands in small type at the foot.
        level: of a heading that the document itself names; 0 for others.
    """

    lines: list[Line]
    page: int
    marker: str = ""
    size: float = 10.0
    is_bold: bool = False
    is_full: bool = False
    is_footnote: bool = False
    level: int = 0

    @property
    def x0(self) -> float:
        """The left end of its first line."""
        return self.lines[0].x0


@dataclass(slots=True)
class Placed:
    """A table and its page."""

    table: Table
    page: int


def blocks_of(page: Page) -> list[Text | Placed]:
    """A page's blocks in reading order."""
    usual = body_size(page.words) or 10.0
    tables, words = ruled_tables(page.words, page.rules)
    rows = rows_of([*words, *_places_of(tables, page)])
    margin = max((row.x1 for row in rows), default=0.0)
    left = min((row.x0 for row in rows), default=0.0)
    right = max(margin, page.width - left) if left < 0.3 * page.width else margin
    blocks: list[Text | Placed] = []
    waiting = set(range(len(tables)))
    for flow in flows_of(rows, right, usual):
        lines: list[Line] = []
        for line in flow.lines:
            for number in waiting.intersection(line.tables):  # what is beside a table is read after it
                blocks += _flow_blocks(lines, page, flow.right, usual)
                blocks.append(Placed(tables[number], page.number))
                waiting.remove(number)
                lines = []
            beside = line.without_tables()
            if beside:
                lines.append(beside)
        blocks += _flow_blocks(lines, page, flow.right, usual)
    blocks += [Placed(tables[number], page.number) for number in sorted(waiting)]
    return _footnotes_last(blocks, page, usual)


def _places_of(tables: Sequence[Table], page: Page) -> list[Word]:
    """Words without text that keep the places of ruled tables in the rows of a page, so that no column goes there."""
    rows = rows_of(page.words) if tables else []
    return [
        Word("", table.columns[0], row.top, table.right, row.bottom, row.base, row.size, table=number)
        for number, table in enumerate(tables)
        for row in rows
        if table.top < row.base < table.bottom + 1
    ]


def _flow_blocks(lines: Sequence[Line], page: Page, right: float, usual: float) -> list[Text | Placed]:
    blocks: list[Text | Placed] = []
    pending: list[Line] = []
    for item in [*aligned(lines, usual), None]:
        if isinstance(item, Line):
            pending.append(item)
            continue
        blocks += _texts(pending, page, right)
        pending = []
        if item is not None:
            blocks.append(Placed(item, page.number))
    return blocks


def _texts(lines: Sequence[Line], page: Page, right: float) -> list[Text | Placed]:
    """Lines joined to paragraphs, list items and headings."""
    texts: list[Text | Placed] = []
    groups = _groups(lines, right)
    for group in groups:
        edge = _edge(group, right)
        current: Text | None = None
        for number, line in enumerate(group):
            above = group[number - 1] if number else None
            if above is not None and line.base - above.base > 1.45 * line.size and _ENDS_SENTENCE.search(above.text):
                own = right  # as far apart as paragraphs: short of the column is short
            else:
                own = edge
            if current is None or above is None or _begins(line, above, current, group, own):
                current = _begin(line, page)
                texts.append(current)
            else:
                current.lines.append(line)
            current.is_full = not _would_fit(line, edge, 4 * line.size)
    return texts


def _groups(lines: Sequence[Line], right: float) -> list[list[Line]]:
    """Lines divided where more than the usual space is between them, or another size begins."""
    pitch = pitch_of(lines)
    groups: list[list[Line]] = []
    for line in lines:
        above = groups[-1][-1] if groups else None
        if above is None:
            groups.append([line])
            continue
        step = line.base - above.base
        is_other_size = abs(line.size - above.size) > 0.09 * max(line.size, above.size)
        is_far = step > max(1.22 * pitch, 1.25 * line.size)
        if is_far and step < 2 * line.size and above.x1 > right - 4 * line.size:
            is_far = bool(_ENDS_SENTENCE.search(above.text))  # another part of the page is set closer
        if is_far or step < 0 or is_other_size or line.is_bold != above.is_bold:
            groups.append([line])
        else:
            groups[-1].append(line)
    return [part for group in groups for part in ([[line] for line in group] if _are_apart(group) else [group])]


def _are_apart(group: Sequence[Line]) -> bool:
    """Whether lines are paragraphs each: each ends a sentence, and they are further apart than lines usually are."""
    return all(
        below.base - above.base > 1.45 * below.size and (page_mark(above) or _ENDS_SENTENCE.search(above.text))
        for above, below in pairwise(group)
    )


def _edge(group: Sequence[Line], right: float) -> float:
    """How far to the right the lines of a group could go: as far as the widest, where several are about as wide."""
    end, left = max(line.x1 for line in group), min(line.x0 for line in group)
    width = end - left
    full = sum(line.x1 > end - 0.12 * width for line in group[:-1])
    words = sum(len(line.words) for line in group) / len(group)
    is_wide = width > 0.6 * (right - left)
    return end if is_wide and words >= 4.5 and (full >= 2 or full >= 0.4 * len(group)) else max(end, right)


def _would_fit(line: Line, edge: float, width: float) -> bool:
    return line.x1 + 0.25 * line.size + width < edge


def _begins(line: Line, above: Line, current: Text, group: Sequence[Line], edge: float) -> bool:
    """Whether a line begins another block than the line above it."""
    if page_mark(line) and (not _NUMBER.match(line.text) or _ends_item(above, current, edge)):
        return True
    if current.marker and line.x0 < current.x0 + 0.3 * line.size and _has_hanging_indent(current):
        return True
    reach = 0.3 if _has_wide_mark(current) else -0.3
    if current.marker and line.x0 < current.x0 + reach * line.size and not line.text[0].islower():
        return True
    first = line.words[0]
    breaks = _would_fit(above, edge, first.x1 - first.x0 + 0.5 * line.size)
    if above.text.endswith("-") or line.text[0].islower():
        return False
    if breaks and (not current.marker or line.x0 < current.x0 + 0.3 * line.size or _ENDS_SENTENCE.search(above.text)):
        return True
    left = min(other.x0 for other in group)
    is_indented = line.x0 > left + 0.8 * line.size and abs(above.x0 - left) < 0.4 * line.size
    return is_indented and not current.marker and bool(_ENDS_SENTENCE.search(above.text))


def _ends_item(above: Line, current: Text, edge: float) -> bool:
    """Whether a number at the start of a line can be a list's: not one that a sentence happens to be broken before."""
    return bool(current.marker or _ENDS_SENTENCE.search(above.text) or _would_fit(above, edge, 3 * above.size))


def _has_hanging_indent(current: Text) -> bool:
    return len(current.lines) > 1 and current.lines[1].x0 > current.x0 + 0.5 * current.size


def _has_wide_mark(current: Text) -> bool:
    """Whether a list item's text is set clear of its mark, so that its other lines begin below the text."""
    words = current.lines[0].words
    return len(words) > 1 and words[0].text == current.marker and words[1].x0 - words[0].x1 > 0.7 * current.size


def page_mark(line: Line) -> str:
    """The bullet or number that a line begins with; "" where there is none."""
    found = _BULLET.match(line.text) or _NUMBER.match(line.text)
    if not found or (found[1] in "-–—" and not found[0].endswith(" ")):
        return ""
    return found[1]


def _begin(line: Line, page: Page) -> Text:
    level = page.headings.get(" ".join(line.text.split()).casefold(), 0)
    return Text([line], page.number, page_mark(line), line.size, line.is_bold, level=level)


def _footnotes_last(blocks: list[Text | Placed], page: Page, usual: float) -> list[Text | Placed]:
    """Marks footnotes, and puts them after all else of their page."""
    notes: list[Text | Placed] = []
    low = max(  # on a page that is not full a footnote stands below its text, not in the lower half
        (block.lines[-1].base for block in blocks if isinstance(block, Text) and block.size >= 0.93 * usual),
        default=page.height,
    )
    low = max([low, *(block.table.bottom for block in blocks if isinstance(block, Placed))])
    for block in blocks:
        if (
            isinstance(block, Text)
            and block.size < 0.93 * usual
            and block.lines[0].top > min(low, 0.5 * page.height)
            and _FOOTNOTE.match(block.lines[0].text)
        ):
            block.is_footnote = True
            notes.append(block)
    return [block for block in blocks if block not in notes] + notes if notes else blocks


def joined(texts: Sequence[str], words: frozenset[str] = frozenset()) -> str:
    """Lines as one, a word that was divided at a line's end made whole; a hyphen that belongs to it is kept.

    Args:
        texts: the lines.
        words: all words of the document, folded; a word that it writes with its hyphen elsewhere keeps it.
    """
    text = texts[0]
    for line in texts[1:]:
        end = re.search(r"([\w-]+)[-\u2010]$", text)
        start = re.match(r"\w+", line)
        if end is None or start is None or end[1].endswith("-"):
            text = f"{text} {line}"
        elif _is_divided(end[1], start[0], words):
            text = text[:-1] + line
        else:
            text += line
    return text


def _is_divided(before: str, after: str, words: frozenset[str]) -> bool:
    if f"{before}{after}".casefold() in words:
        return True
    if f"{before}-{after}".casefold() in words or "-" in before or len(before) == 1 or before[-1].isdigit():
        return False
    return after[0].islower()


def vocabulary(pages: Sequence[Page]) -> frozenset[str]:
    """All words of pages, folded, without the marks around them; those at the end of a line too."""
    return frozenset(word.text.strip(".,;:!?()[]«»“”\"'").casefold() for page in pages for word in page.words)
