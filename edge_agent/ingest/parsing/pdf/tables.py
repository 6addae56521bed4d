"""Tables without ruled lines: words that stand below each other in columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge_agent.ingest.parsing.grid import Cell
from edge_agent.ingest.parsing.pdf.page import Line, Word, rows_of

_LEADERS = re.compile(r"(?:[.·_]{4,}|…[.·…]+|^[.·…_]{3,}|^[.·…]$)[.·…_]*$")
_MARK = re.compile(r"(?:[-•▪◦*–—●○■□►➢✓·\uf0b7\uf0a7o]|\(?[\divx]{1,5}[.)]|\(?[a-zA-Z][.)]|\d+(?:\.\d+)+\.?)")


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its rows, where its columns begin, its ends, and how many rows name columns if known."""

    rows: list[list[Cell]]
    columns: tuple[float, ...]
    top: float
    bottom: float
    size: float = 10.0
    header_rows: int | None = None
    right: float = 0.0


def text_of(words: Sequence[Word]) -> str:
    """Words in a cell as text, line by line; a word divided at a line's end is made whole."""
    text = ""
    for line in rows_of(words):
        if text.endswith("-") and text[-2:-1].isalpha() and line.text[0].islower():
            text = text[:-1] + line.text
        else:
            text = f"{text} {line.text}" if text else line.text
    return text


def without_lone_headers(rows: list[list[Cell]]) -> list[list[Cell]]:
    """Bold is a mark of a header only in the rows at the top, and only where what is below is not bold too."""
    if all(cell.is_header or not cell.text for row in rows for cell in row):
        return [[Cell(cell.text, cell.columns, cell.rows) for cell in row] for row in rows]
    return rows


def aligned(lines: Sequence[Line], size: float) -> list[Line | Table]:
    """Lines of a flow where those in columns below each other have become tables."""
    gap = max(1.1 * size, 6.0)
    _mark_steps(lines, gap)
    led = [any(_LEADERS.search(word.text) for word in line.words) for line in lines]
    cells = [_cells(line, gap) for line in lines]
    items: list[Line | Table] = []
    number = 0
    while number < len(lines):
        end = number
        while end < len(lines) and _belongs(lines, cells, number, end):
            end += 1
        while end > number and len(cells[end - 1]) == 1 and not _is_continued(lines, cells, number, end - 1):
            end -= 1
        if sum(len(row) > 1 for row in cells[number:end]) >= 2 and len(cells[number]) > 1:
            items += _aligned_table(lines[number:end], cells[number:end], 0 if any(led[number:end]) else None)
            number = end
        else:
            items.append(lines[number])
            number += 1
    return items


def _mark_steps(lines: Sequence[Line], gap: float) -> None:
    """Numbers set apart before the steps of a list, 1 and 2 and so on, become a list's: no column of a table."""
    steps: list[Line] = []
    for number, line in enumerate(lines):
        parts = line.parts(gap)
        if len(parts) != 2 or len(parts[0].words) != 1 or len(parts[1].words) < 3:
            if len(parts) > 1:
                _mark(steps)
                steps = []
            continue
        is_next = parts[0].text == str(len(steps) + 1) and (
            not steps or abs(steps[0].words[0].x1 - line.words[0].x1) < 6
        )
        if is_next and (steps or not number or len(lines[number - 1].parts(gap)) == 1):
            steps.append(line)
        else:
            _mark(steps)
            steps = []
    _mark(steps)


def _mark(steps: Sequence[Line]) -> None:
    if len(steps) < 2:
        return
    for line in steps:
        number = line.words[0].text
        line.words[0].text = f"{number}."
        line.text = f"{number}.{line.text[len(number) :]}"


def _cells(line: Line, gap: float) -> list[Line]:
    """Parts of a line with more than the space of a sentence between them; a mark and its item are one."""
    led = [_LEADERS.search(word.text) is not None for word in line.words]
    for word in line.words:
        word.text = _LEADERS.sub("", word.text)
    words = [word for word in line.words if word.text]
    if not words:
        return [line]
    parts = (Line(words) if len(words) < len(line.words) else line).parts(gap)
    if any(led) and len(parts) == 1:  # 'Reception ....... 7701' with close dots
        place = led.index(True) + 1
        sides = [[w for w in side if w.text] for side in (line.words[:place], line.words[place:])]
        parts = [Line(side) for side in sides if side]
    if len(parts) > 1 and _MARK.fullmatch(parts[0].text):
        parts = [Line([*parts[0].words, *parts[1].words]), *parts[2:]]
    return parts


def _belongs(lines: Sequence[Line], cells: Sequence[Sequence[Line]], first: int, number: int) -> bool:
    """Whether a line belongs to a table that begins at another one."""
    if number == first:
        return len(cells[first]) > 1
    line, above = lines[number], lines[number - 1]
    if line.base - above.base > 3.2 * max(line.size, above.size):
        return False
    if len(cells[number]) > 1:
        return True
    return _is_continued(lines, cells, first, number)


def _is_continued(lines: Sequence[Line], cells: Sequence[Sequence[Line]], first: int, number: int) -> bool:
    """Whether a line of one part goes on in a cell above it: close below it, and as wide as its column at most."""
    if number == first:
        return False
    line, above = lines[number], lines[number - 1]
    if line.base - above.base > 1.5 * line.size:
        return False
    wide = next((row for row in reversed(cells[first:number]) if len(row) > 1), None)
    if wide is None:
        return False
    for place, cell in enumerate(wide):
        end = wide[place + 1].x0 if place + 1 < len(wide) else float("inf")
        if abs(cell.x0 - line.x0) < 0.6 * line.size and line.x1 < end and (place or line.text[0].islower()):
            return True
    return False


def _aligned_table(
    lines: Sequence[Line], cells: Sequence[Sequence[Line]], header_rows: int | None
) -> list[Line | Table]:
    columns = _columns(cells)
    if len(columns) < 2:
        return list(lines)
    rows: list[list[list[Word]]] = []
    spans: list[list[int]] = []
    joined = _joined_rows(lines, cells, columns)
    for number, row in enumerate(cells):
        if not joined[number]:
            rows.append([[] for _ in columns])
            spans.append([1] * len(columns))
        for cell in row:
            first, last = _column_range(cell, columns)
            rows[-1][first] += cell.words
            spans[-1][first] = max(spans[-1][first], last - first + 1)
    table: list[list[Cell]] = []
    for texts, widths in zip(rows, spans, strict=True):
        line: list[Cell] = []
        place = 0
        while place < len(columns):
            words, width = texts[place], widths[place]
            if any(texts[place + 1 : place + width]):
                width = 1
            is_header = bool(words) and all(word.is_bold for word in words)
            line.append(Cell(text_of(words), width, 1, is_header))
            place += width
        table.append(line)
    top, bottom = lines[0].top, lines[-1].bottom
    starts = tuple(x0 for x0, _ in columns)
    return [Table(without_lone_headers(table), starts, top, bottom, lines[0].size, header_rows)]


def _columns(cells: Sequence[Sequence[Line]]) -> list[tuple[float, float]]:
    """The ends of columns: what the cells of rows with the usual number of cells cover, together."""
    counts: dict[int, int] = {}
    for row in cells:
        if len(row) > 1:
            counts[len(row)] = counts.get(len(row), 0) + 1
    most = max(counts, key=lambda count: (counts[count] * count, count))
    spans = sorted((cell.x0, cell.x1) for row in cells if len(row) >= most for cell in row)
    columns: list[tuple[float, float]] = []
    for x0, x1 in spans:
        if columns and x0 < columns[-1][1] + 1:
            columns[-1] = (columns[-1][0], max(columns[-1][1], x1))
        else:
            columns.append((x0, x1))
    return columns


def _column_range(cell: Line, columns: Sequence[tuple[float, float]]) -> tuple[int, int]:
    over = [n for n, (x0, x1) in enumerate(columns) if min(x1, cell.x1) - max(x0, cell.x0) > 0]
    if over:
        return over[0], over[-1]
    middle = (cell.x0 + cell.x1) / 2
    nearest = min(range(len(columns)), key=lambda n: abs(sum(columns[n]) / 2 - middle))
    return nearest, nearest


def _joined_rows(
    lines: Sequence[Line], cells: Sequence[Sequence[Line]], columns: Sequence[tuple[float, float]]
) -> list[bool]:
    """Which lines go on in the cells of the row above them."""
    steps = [below.base - above.base for above, below in pairwise(lines)]
    close = min(steps, default=0.0)
    starts = [{_column_range(cell, columns)[0] for cell in row} for row in cells]
    has_groups = _has_groups(steps, starts, close)
    joined = [False]
    for step, row, start, line in zip(steps, cells[1:], starts[1:], lines[1:], strict=True):
        is_close = step <= 1.15 * close
        lacks_first = 0 not in start and step <= 1.5 * line.size
        joined.append(
            (is_close and has_groups) or lacks_first or (len(row) == 1 and is_close and line.text[0].islower())
        )
    return joined


def _has_groups(steps: Sequence[float], starts: Sequence[set[int]], close: float) -> bool:
    """Whether lines stand in groups of a few, each a row: close together, with no more cells below than at its top."""
    groups: list[list[set[int]]] = [[starts[0]]]
    for step, start in zip(steps, starts[1:], strict=True):
        if step >= 1.35 * close:
            groups.append([])
        elif step > 1.15 * close:
            return False
        groups[-1].append(start)
    more = [group for group in groups if len(group) > 1]
    return (
        len(groups) > 1
        and bool(more)
        and len(starts) <= 4 * len(groups)
        and all(start <= group[0] for group in more for start in group[1:])
        and any(len(start) < len(group[0]) for group in more for start in group[1:])
    )
