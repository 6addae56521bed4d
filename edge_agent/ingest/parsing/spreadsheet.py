"""Spreadsheets as people fill them in: which rows are titles, which name the columns, and where a table ends.

CSV and the sheets of a workbook come here as rows of text. Above a header there may be a title, between rows blank
lines or the name of a section, below them a note; a header may be of two rows, may be repeated, or may be absent.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from edge_agent.errors import ContentTooLarge
from edge_agent.ingest.parsing.blocks import TextBuilder
from edge_agent.ingest.parsing.forms import has_colons
from edge_agent.ingest.parsing.grid import Across, add_form, add_rows, column_names

MAX_ROWS, MAX_COLUMNS, MAX_CELLS = 50_000, 200, 1_000_000
_SAMPLE, _LONG_NAME_CHARS = 50, 25
_MAX_NAME_CHARS, _MAX_SECTION_CHARS = 80, 80
_YEAR = re.compile(r"(?:19|20)\d\d")
_VALUE = re.compile(r"[-+(]?[\d.,:/ \-]*\d[\d.,:/ \-]*\)?\s*(?:%|€|\$|£|[a-zA-Z]{1,3}|[A-Z]{3})?|[-–—]")
_DATA = re.compile(r"\S+@\S+\.\w|https?://|\d{6,}|(?:\d[ .-]?){9,}")
Rows = Sequence[Sequence[str]]


def require_cells(rows: int, columns: int, *, is_sparse: bool = False) -> None:
    """Raises `ContentTooLarge` for a table of too many rows, columns or cells; a sparse one may have empty columns."""
    if rows > MAX_ROWS or (columns > MAX_COLUMNS and not is_sparse) or rows * columns > MAX_CELLS:
        raise ContentTooLarge(
            f"more than {MAX_ROWS} rows, {MAX_COLUMNS} fields a row or {MAX_CELLS} cells; split the table"
        )


def add_spreadsheet(builder: TextBuilder, rows: Rows, *, section_level: int = 2) -> None:
    """Adds a sheet, table by table.

    Args:
        builder: of the document.
        rows: from the top, cells without line breaks of rows and with "" where there is nothing.
        section_level: the heading level of titles and sections within the sheet.
    """
    names: list[str] = []
    header: Rows = []
    groups = list(_groups(rows))
    for group, following in zip(groups, [*groups[1:], []], strict=False):
        if len(group) == 1 and _filled(group[0]) == 1 and (following or names):
            _add_line(builder, group[0], section_level, is_title=max(map(_filled, following), default=0) > 1)
            continue
        if max(map(_filled, group)) == 1 and not names and max(map(_filled, following), default=0) > 1:
            for n, row in enumerate(group):  # a title and notes of a line each
                _add_line(builder, row, section_level, is_title=n == 0)
            continue
        beside, notes = _without_notes(group)
        for part in _side_by_side(beside):
            names, header = _add_part(builder, part, names, header, section_level)
        for note in notes:
            builder.paragraph(note)


def _add_part(
    builder: TextBuilder, rows: list[list[str]], names: list[str], header: Rows, level: int
) -> tuple[list[str], Rows]:
    """Adds rows without a blank one between; the names and header of those above hold on where it has none."""
    width = max(map(_filled, rows))
    at = 0
    while width > 1 and _filled(rows[at]) == 1:
        at += 1
    body = rows[at:]
    if len(body) > 1 and has_colons(body):
        for row in rows[:at]:
            _add_line(builder, row, level, is_title=True)
        add_form(builder, body)
        return [], []
    own = header_rows(body) if width > 1 else 0
    if own:
        names, header = column_names(_carried_right(body[:own], own)), body[:own]
    elif names and not _fits(body, names):
        names, header = [], []
    for row in rows[:at]:
        _add_line(builder, row, level, is_title=bool(own))
    repeated = {_folded(row) for row in header}
    table: list[list[str]] = []
    for n, row in enumerate(body[own:], start=own):
        if repeated and _folded(row) in repeated:
            continue
        if width > 2 and (_is_section(row, body[n + 1 :]) or (_is_across(row) and n + 1 < len(body))):
            add_rows(builder, names, table)
            builder.heading(next(filter(None, row)), level)
            table = []
        else:
            table.append(row)
    if own and own == len(body) and body:
        add_rows(builder, [], body)  # a header alone is seen all the same
    add_rows(builder, names, table)
    return names, header


def header_rows(rows: Rows) -> int:
    """How many rows at the top name the columns: none, one or two."""
    if not rows or not _names_columns(rows[0]):
        return 0
    if len(rows) > 2 and _is_group_row(rows[0], rows[1]) and _names_columns(rows[1]) and _differs(rows[1], rows[2:]):
        return 2
    return int(len(rows) == 1 or not _looks_alike(rows[0], rows[1:]))


def _names_columns(row: Sequence[str]) -> bool:
    """Whether a row could name columns: short texts, no values."""
    filled = [" ".join(cell.split()) for cell in row if cell.strip()]
    texts = [name for name in filled if not _YEAR.fullmatch(name)]
    return len(filled) > 1 and bool(texts) and all(map(_is_name, texts))


def _is_name(text: str) -> bool:
    return (
        len(text) <= _MAX_NAME_CHARS and text[-1] not in ";!" and not _VALUE.fullmatch(text) and not _DATA.search(text)
    )


def _looks_alike(first: Sequence[str], others: Rows) -> bool:
    """Whether a row is of one kind with those below it, so that it names nothing."""
    sample = others[:_SAMPLE]
    if _differs(first, sample):
        return False
    for n, name in enumerate(first):
        below = [row[n].strip() for row in sample if n < len(row) and row[n].strip()]
        if not name.strip() or not below:
            continue
        if name.strip() in below and _folded(first) not in map(_folded, sample):
            return True
        if name.strip().endswith("?") and sum(cell.endswith("?") for cell in below) * 2 > len(below):
            return True
        if len(name) > _LONG_NAME_CHARS and len(name.split()) > 3 and len(name) * len(below) * 2 > sum(map(len, below)):
            return True
    filled = [_filled(row) for row in sample]
    return _filled(first) * 2 < max(filled, default=0)


def _differs(first: Sequence[str], others: Rows) -> bool:
    """Whether a column of values stands below a text."""
    for n, name in enumerate(first):
        below = [row[n].strip() for row in others[:_SAMPLE] if n < len(row) and row[n].strip()]
        values = sum(bool(_VALUE.fullmatch(cell)) for cell in below)
        if name.strip() and not _VALUE.fullmatch(name.strip()) and values * 2 > len(below):
            return True
    return False


def _is_group_row(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether names of the first row stand over several of the second: the first repeats them or leaves gaps."""
    repeats = any(a.strip() and a == b for a, b in pairwise(first))
    gaps = any(not _at(first, n).strip() and _at(second, n).strip() for n in range(1, len(second)))
    return (repeats or gaps) and _filled(second) >= 2 and _folded(first) != _folded(second)


def _carried_right(header: Rows, count: int) -> Rows:
    """A header of two rows, names of groups standing over each of their columns."""
    if count < 2:
        return header
    carried, last = [], ""
    for n, name in enumerate([*header[0], *[""] * (len(header[1]) - len(header[0]))]):
        last = name or (last if _at(header[1], n).strip() else "")
        carried.append(last)
    return [carried, header[1]]


def _fits(rows: Rows, names: Sequence[str]) -> bool:
    """Whether rows below a blank line go on with the table above it."""
    return all(not cell.strip() or _at(names, n) for row in rows[:5] for n, cell in enumerate(row)) and any(
        _filled(row) > 1 for row in rows
    )


def _is_section(row: Sequence[str], below: Rows) -> bool:
    """Whether a row is the name of a section: one cell at the left, in capitals or with a colon, full rows below."""
    if _filled(row) != 1 or not row[0].strip() or not below or _filled(below[0]) < 2:
        return False
    text = row[0].strip()
    return len(text) <= _MAX_SECTION_CHARS and (text.isupper() or text[-1] == ":") and not _VALUE.fullmatch(text)


def _is_across(row: Sequence[str]) -> bool:
    """Whether a row is one merged cell as wide as its table, a name of what follows."""
    lone = [cell for cell in row if cell.strip()]
    return len(lone) == 1 and isinstance(lone[0], Across) and len(lone[0]) <= _MAX_SECTION_CHARS


def _add_line(builder: TextBuilder, row: Sequence[str], level: int, *, is_title: bool) -> None:
    text = next(cell for cell in row if cell.strip())
    if is_title and len(text) <= _MAX_SECTION_CHARS and text.strip()[-1] not in ".;,":
        builder.heading(text, level)
    else:
        builder.paragraph(text)


def _groups(rows: Rows) -> Iterator[list[list[str]]]:
    for is_filled, group in groupby(rows, key=lambda row: any(cell.strip() for cell in row)):
        if is_filled:
            yield _without_empty_columns([list(row) for row in group])


def _without_empty_columns(rows: list[list[str]]) -> list[list[str]]:
    """Rows without the columns at the right that are empty in all of them."""
    width = max(next((n for n in range(len(row), 0, -1) if row[n - 1].strip()), 0) for row in rows)
    return [[*row[:width], *[""] * (width - len(row))] for row in rows]


def _side_by_side(rows: list[list[str]]) -> Iterator[list[list[str]]]:
    """Tables that stand beside each other, an empty column between, each with names of its own."""
    width = len(rows[0])
    empty = [n for n in range(width) if not any(row[n].strip() for row in rows)]
    start = 0
    for gap in [*empty, width]:
        right = [row[gap + 1 :] for row in rows]
        left = [row[start:gap] for row in rows]
        if gap == width or (_is_table(left) and _is_table(right)):
            if any(cell.strip() for row in left for cell in row):
                yield _without_rows_of_nothing(left)
            start = gap + 1


def _without_notes(rows: list[list[str]]) -> tuple[list[list[str]], list[str]]:
    """Rows without the lone cells that stand beside them past an empty column, and the texts of these."""
    filled = [sum(bool(row[n].strip()) for row in rows) for n in range(len(rows[0]))]
    last = len(filled) - 1
    is_note = last > 1 and not filled[last - 1] and filled[last] * 2 <= len(rows) and not rows[0][last].strip()
    if not is_note or sum(map(bool, filled)) < 3:
        return rows, []
    return _without_empty_columns([row[:last] for row in rows]), [row[last] for row in rows if row[last].strip()]


def _is_table(rows: Rows) -> bool:
    filled = [row for row in rows if _filled(row)]
    return len(filled) > 1 and header_rows(filled) > 0


def _without_rows_of_nothing(rows: list[list[str]]) -> list[list[str]]:
    return [row for row in rows if _filled(row)]


def _filled(row: Sequence[str]) -> int:
    return sum(map(bool, map(str.strip, row)))


def _folded(row: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell.strip().lower() for cell in row if cell.strip())


def _at(values: Sequence[str], n: int) -> str:
    return values[n] if n < len(values) else ""
