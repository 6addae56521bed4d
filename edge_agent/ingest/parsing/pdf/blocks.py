"""Blocks of all pages, as a builder wants them: headings by size, weight and outline, sentences over page breaks."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from edge_agent.ingest.parsing.blocks import TextBuilder
from edge_agent.ingest.parsing.grid import Cell, add_rows, divide
from edge_agent.ingest.parsing.pdf.furniture import remove_furniture
from edge_agent.ingest.parsing.pdf.layout import Placed, Text, blocks_of, joined, vocabulary
from edge_agent.ingest.parsing.pdf.page import Page, rows_of
from edge_agent.ingest.parsing.pdf.tables import Table

_ENDS_SENTENCE = re.compile(r"[.!?…:;][)\]»”’\"']?$")
_MAX_HEADING_CHARS, _MAX_HEADING_LINES = 200, 3
_LARGER = 1.12


def add_pages(builder: TextBuilder, pages: Sequence[Page]) -> str | None:
    """Adds pages to a document, laid out.

    Returns:
        The text in the largest type on the first page, where it is set larger than the body: a title.
    """
    words = vocabulary(pages)
    kept = remove_furniture(pages)
    parts = [block for page in pages for block in blocks_of(page)]
    usual = _usual_size(parts)
    blocks = _over_pages(_over_breaks(parts, usual))
    texts = [block for block in blocks if isinstance(block, Text)]
    levels = _levels(blocks, usual)
    depths = _depths(texts)
    names: list[str] = []
    before: Placed | None = None
    for block in blocks:
        if isinstance(block, Placed):
            names = _add_table(builder, block, before, names)
            before = block
            continue
        if not block.is_footnote:
            before = None
        text = joined([line.text for line in block.lines], words)
        if id(block) in levels:
            builder.heading(text, levels[id(block)], page=block.page)
        elif block.marker:
            rest = text[len(block.marker) :].strip()
            marker = "•" if not block.marker[-1].isalnum() and block.marker[-1] not in ".)" else block.marker
            builder.item(rest, marker=marker, depth=depths.get(id(block), 1), page=block.page)
        else:
            builder.paragraph(text, page=block.page)
    for row in rows_of(kept):
        builder.paragraph(row.text, page=pages[0].number if pages else 0)
    return _title(texts, usual, words)


def _usual_size(blocks: Sequence[Text | Placed]) -> float:
    """The size of the body: in which most is set, sentences and items before what may be a heading."""
    sizes: Counter[float] = Counter()
    for block in blocks:
        if isinstance(block, Text):
            chars = sum(len(line.text) for line in block.lines)
            is_body = bool(block.marker or len(block.lines) > 2 or _ENDS_SENTENCE.search(block.lines[-1].text))
            sizes[round(block.size * 2) / 2] += 10 * chars if is_body and not block.is_bold else chars
        else:
            sizes[round(block.table.size * 2) / 2] += sum(len(cell.text) for row in block.table.rows for cell in row)
    return max(sizes, key=lambda size: (sizes[size], -size)) if sizes else 10.0


def _over_breaks(blocks: list[Text | Placed], usual: float) -> list[Text | Placed]:
    """Blocks where a paragraph that goes on in the next column or page is one, with the page where it begins."""
    arranged: list[Text | Placed] = []
    last: Text | None = None
    for block in blocks:
        if isinstance(block, Placed) or block.is_footnote:
            last = None if isinstance(block, Placed) else last
            arranged.append(block)
        elif last is not None and _goes_on(last, block, usual):
            last.lines += block.lines
            last.is_full = block.is_full
        else:
            arranged.append(block)
            last = block
    return arranged


def _over_pages(blocks: Sequence[Text | Placed]) -> list[Text | Placed]:
    """Blocks where the rest of a row that a page's end divides is back in its row."""
    arranged: list[Text | Placed] = []
    place = -1
    for block in blocks:
        if isinstance(block, Text):
            place = place if block.is_footnote else -1
            arranged.append(block)
            continue
        above = arranged[place] if place >= 0 else None
        if isinstance(above, Placed) and above.page != block.page and _same_columns(above.table, block.table):
            rows, others = list(above.table.rows), list(block.table.rows)
            first = int(len(others) > 1 and _texts_of(others[0]) == _texts_of(rows[0]))  # below the names, said again
            if _is_rest(rows[-1], others[first]):
                rest = others.pop(first)
                rows[-1] = [
                    replace(cell, text=joined([text for text in (cell.text, more.text) if text] or [""]))
                    for cell, more in zip(rows[-1], rest, strict=True)
                ]
                arranged[place] = Placed(replace(above.table, rows=rows), above.page)
                if others:
                    arranged.append(Placed(replace(block.table, rows=others), block.page))
                    place = len(arranged) - 1
                continue
        place = len(arranged)
        arranged.append(block)
    return arranged


def _texts_of(row: Sequence[Cell]) -> list[str]:
    return [cell.text for cell in row]


def _is_rest(row: Sequence[Cell], rest: Sequence[Cell]) -> bool:
    """Whether a row without a first cell says more in some cells of the row before it, and is no row of its own."""
    if len(row) != len(rest) or rest[0].text or not row[0].text or any(cell.columns > 1 for cell in [*row, *rest]):
        return False
    filled = [(cell.text, more.text) for cell, more in zip(row, rest, strict=True) if more.text]
    is_short = len(filled) < len(rest) - 1 or all(more[0].islower() for _, more in filled)
    return bool(filled) and is_short and all(text and not _ENDS_SENTENCE.search(text) for text, _ in filled)


def _goes_on(last: Text, block: Text, usual: float) -> bool:
    """Whether a block is the rest of the one before it: over a column or page, or of a heading of two lines."""
    above, below = last.lines[-1], block.lines[0]
    is_break = block.page != last.page or below.base <= above.base or below.x0 > above.x1
    is_heading = block.size >= _LARGER * usual and below.base - above.base < 2.2 * block.size
    if not (is_break or is_heading) or block.marker or block.level or last.level:
        return False
    if abs(last.size - block.size) > 0.06 * last.size or last.is_bold != block.is_bold:
        return False
    if _ENDS_SENTENCE.search(above.text):
        return False
    starts = below.text[0]
    if not is_break:
        return starts.islower()
    return (
        starts.islower()
        or above.text.endswith(("-", ","))
        or (last.is_full and (starts.isalnum() or starts in "(¿¡«“"))
    )


def _levels(blocks: Sequence[Text | Placed], usual: float) -> dict[int, int]:
    """Levels of the blocks that are headings, by identity: larger type is higher, bold of the usual size lowest."""
    texts = [block for block in blocks if isinstance(block, Text)]
    chars = sum(len(line.text) for block in texts for line in block.lines)
    bold = sum(len(line.text) for block in texts for line in block.lines if block.is_bold)
    found: dict[int, Text] = {}
    for number, block in enumerate(blocks):
        if not isinstance(block, Text) or block.is_footnote or not _may_head(block):
            continue
        following = blocks[number + 1] if number + 1 < len(blocks) else None
        is_sentence = block.lines[-1].text[-1] in ".,;" and block.size < 1.4 * usual
        is_large = block.size >= _LARGER * usual and not is_sentence
        is_first = number == 0 and _names_document(block, following)
        if block.level or is_large or is_first or (bold < 0.4 * chars and _is_label(block, following, usual)):
            found[id(block)] = block
    if not found and _is_first_line_a_heading(texts):
        found[id(texts[0])] = texts[0]
    sizes: list[float] = []
    for size in sorted({block.size for block in found.values() if block.size >= _LARGER * usual}, reverse=True):
        if not sizes or size < 0.94 * sizes[-1]:
            sizes.append(size)
    levels: dict[int, int] = {}
    for key, block in found.items():
        rank = next((n for n, size in enumerate(sizes) if block.size >= 0.94 * size), len(sizes))
        levels[key] = min(block.level or rank + 1, 6)
    return levels


def _is_first_line_a_heading(texts: Sequence[Text]) -> bool:
    """Whether a document in one type begins with a line that names it."""
    if len(texts) < 2 or not _may_head(texts[0]):
        return False
    first, text = texts[0], texts[0].lines[0].text
    is_short = len(first.lines) == 1 and len(text) <= 60 and not first.marker and not first.is_full
    return is_short and text[0].isupper() and not re.search(r"[.,:;!?…]$|\d{4}|[:@]", text) and len(text.split()) <= 8


def _may_head(block: Text) -> bool:
    text = block.lines[0].text
    length = sum(len(line.text) for line in block.lines)
    if length > _MAX_HEADING_CHARS or len(block.lines) > _MAX_HEADING_LINES or not any(map(str.isalpha, text)):
        return False
    return not block.marker or block.marker[-1] in ".)" or block.marker[-1].isdigit()


def _names_document(block: Text, following: Text | Placed | None) -> bool:
    """Whether the first block is a title in the type of the headings: bold, alone, before a bold heading of its own."""
    return (
        isinstance(following, Text)
        and block.is_bold
        and following.is_bold
        and len(block.lines) == len(following.lines) == 1
        and block.size >= following.size
        and block.lines[0].text[-1] not in ".,;:"
        and not following.marker
    )


def _is_label(block: Text, following: Text | Placed | None, usual: float) -> bool:
    """Whether a block of the usual size is a heading: bold or in capitals, short, alone, and no sentence."""
    text = block.lines[-1].text
    letters = [letter for line in block.lines for letter in line.text if letter.isalpha()]
    is_capital = len(letters) > 4 and len(block.lines) == 1 and all(letter.isupper() for letter in letters)
    if not (block.is_bold or is_capital) or len(block.lines) > 2 or sum(len(line.text) for line in block.lines) > 120:
        return False
    if text[-1] in ".,;" or following is None or block.size < 0.93 * usual:
        return False
    if isinstance(following, Placed):
        return True
    return not (following.is_bold if block.is_bold else following.lines[0].text.isupper())


def _depths(texts: Sequence[Text]) -> dict[int, int]:
    """How deep list items are, by where their marks stand beside those of the items before them."""
    depths: dict[int, int] = {}
    stack: list[float] = []
    for block in texts:
        if not block.marker:
            stack = []
            continue
        while stack and block.x0 < stack[-1] - 0.5 * block.size:
            stack.pop()
        if not stack or block.x0 > stack[-1] + 0.5 * block.size:
            stack.append(block.x0)
        depths[id(block)] = min(len(stack), 9)
    return depths


def _add_table(builder: TextBuilder, block: Placed, before: Placed | None, names: list[str]) -> list[str]:
    """Adds a table; one that goes on from the page before has the names of its columns. Returns those."""
    table, rows = block.table, list(block.table.rows)
    while len(rows) > 1 and _is_wide(rows[0], table):  # its caption
        builder.paragraph(rows.pop(0)[0].text, page=block.page)
    own, _ = divide(rows, header_rows=table.header_rows)
    goes_on = before is not None and names and before.page != block.page and _same_columns(before.table, table)
    if goes_on and own != names:
        own = names
        parts = _parts(rows, table, header_rows=0)
    elif own:
        parts = _parts(rows, table, header_rows=table.header_rows)
    else:
        parts = _parts(rows, table, header_rows=0)
    for part in parts:
        if isinstance(part, str):
            builder.paragraph(part, page=block.page)
        else:
            add_rows(builder, own, part, page=block.page)
    return own


def _parts(rows: Sequence[Sequence[Cell]], table: Table, *, header_rows: int | None) -> list[str | list[list[str]]]:
    """The rows below a table's header, and between them the texts of those that are one cell as wide as the table."""
    parts: list[str | list[list[str]]] = []
    waiting: list[Sequence[Cell]] = []
    for row in [*rows, None]:
        if row is not None and not (_is_wide(row, table) and waiting):
            waiting.append(row)
            continue
        if waiting:
            parts.append(divide(waiting, header_rows=header_rows)[1])
            header_rows, waiting = 0, []
        if row is not None:
            parts.append(row[0].text)
    return parts


def _is_wide(row: Sequence[Cell], table: Table) -> bool:
    return len(row) == 1 and row[0].columns > 1 and row[0].columns >= len(table.columns)


def _same_columns(one: Table, other: Table) -> bool:
    return len(one.columns) == len(other.columns) and all(
        abs(a - b) < 12 for a, b in zip(one.columns, other.columns, strict=True)
    )


def _title(texts: Sequence[Text], usual: float, words: frozenset[str]) -> str | None:
    """The largest text at the top of the first page."""
    first = [block for block in texts if block.page == texts[0].page] if texts else []
    large = [block for block in first if block.size >= _LARGER * usual and _may_head(block)]
    if not large:
        return None
    size = max(block.size for block in large)
    top = next(block for block in large if block.size == size)
    return joined([line.text for line in top.lines], words)
