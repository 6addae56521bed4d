"""Spreadsheets as people fill them in: which rows are titles, which name the columns, and where a table ends.

CSV and the sheets of a workbook come here as rows of text. Above a header there may be a title, between rows blank
lines or the name of a section, below them a note; a header may be of several rows, may be repeated, or may be absent.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from edge_agent.errors import ContentTooLarge
from edge_agent.ingest.parsing.blocks import TextBuilder
from edge_agent.ingest.parsing.forms import has_colons
from edge_agent.ingest.parsing.grid import Across, add_form, add_rows, column_names

MAX_ROWS, MAX_COLUMNS, MAX_CELLS = 50_000, 200, 1_000_000
_SAMPLE, _LONG_NAME_CHARS = 50, 25
_MAX_NAME_CHARS, _MAX_SECTION_CHARS, _MAX_HEADER_ROWS = 80, 80, 6
_YEAR = re.compile(r"(?:19|20)\d\d")
_VALUE = re.compile(
    r"[-+(]?(?:[€$£¥] ?)?[\d.,:/ \-]*\d[\d.,:/ \-]*\)?\s*(?:%|€|\$|£|[a-zA-Z]{1,3}|[A-Z]{3})?|(?:[€$£¥] ?)?[-–—]"
)
_DAY = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?: \d\d?:\d\d)?")
_DATA = re.compile(r"\S+@\S+\.\w|https?://|\d{6,}|(?:\d[ .-]?){9,}")
Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Table:
    """A table that rows below may go on with: the names of its columns, the rows that gave them, and its others."""

    names: Sequence[str]
    header: Rows
    rows: Rows


_NONE = _Table((), (), ())


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
    above = _NONE
    groups = list(_groups(rows))
    for group, following in zip(groups, [*groups[1:], []], strict=False):
        if len(group) == 1 and _filled(group[0]) == 1 and (following or above.names):
            _add_line(builder, group[0], section_level, is_title=max(map(_filled, following), default=0) > 1)
            continue
        if max(map(_filled, group)) == 1 and not above.names and max(map(_filled, following), default=0) > 1:
            for n, row in enumerate(group):  # a title and notes of a line each
                _add_line(builder, row, section_level, is_title=n == 0)
            continue
        beside, notes = _without_notes(group)
        parts = list(_side_by_side(beside))
        for part in parts:
            above = _add_part(builder, part, above, section_level)
        if len(parts) > 1:
            builder.end_scope(section_level)  # what follows belongs to none of their titles alone
        for note in notes:
            builder.paragraph(note)


def _add_part(builder: TextBuilder, rows: list[list[str]], above: _Table, level: int) -> _Table:
    """Adds rows without a blank one between; the names and header of those above hold on where it has none."""
    rows, at = _titles_above(rows)
    width = max(map(_filled, rows))
    body = rows[at:]
    if len(body) > 1 and has_colons(body):
        for row in rows[:at]:
            _add_line(builder, row, level, is_title=True)
        add_form(builder, body)
        return _NONE
    own = header_rows(body) if width > 1 else 0
    names, header = above.names, above.header
    if own:
        names, header = column_names(_carried_right(body[:own], own)), body[:own]
    elif names and not _fits(body, names, above.rows):
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
    return _Table(names, header, table or above.rows)


def header_rows(rows: Rows) -> int:
    """How many rows at the top name the columns; none where there are no names."""
    if not rows or not _names_columns(rows[0]) or _is_form(rows):
        return 0
    count = 1
    while count < min(len(rows) - 1, _MAX_HEADER_ROWS) and _goes_on(rows[count - 1], rows[count], rows[count + 1 :]):
        count += 1
    return count if count > 1 else int(len(rows) == 1 or not _looks_alike(rows[0], rows[1:]))


def _goes_on(first: Sequence[str], second: Sequence[str], others: Rows) -> bool:
    """Whether a row below one of a header is of the header too: names under those of groups, no values."""
    if not _is_group_row(first, second) or not _names_columns(second):
        return False
    is_merged = any(name.strip() and name == _at(second, n) for n, name in enumerate(first))
    return is_merged or _differs(second, others)


def _is_form(rows: Rows) -> bool:
    """Whether rows are names with a colon at the left, and what they say beside them."""
    labels = [row[0].strip() for row in rows[:_SAMPLE] if row[0].strip()]
    return (
        len(rows) > 1 and bool(rows[0][0].strip().endswith(":")) and sum(t[-1] == ":" for t in labels) * 2 > len(rows)
    )


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
    """A header of several rows, names of groups standing over each of their columns."""
    width = max(map(len, header))
    carried: list[list[str]] = []
    for k in range(count - 1):
        row: list[str] = []
        for n in range(width):
            is_of_one_group = not carried or carried[-1][n] == carried[-1][n - 1]
            goes_on = n > 0 and is_of_one_group and any(_at(below, n).strip() for below in header[k + 1 :])
            row.append(_at(header[k], n) or (row[n - 1] if goes_on else ""))
        carried.append(row)
    return [*carried, header[count - 1]]


def _fits(rows: Rows, names: Sequence[str], above: Rows) -> bool:
    """Whether rows below a blank line go on with the table above it: as many cells, and values where it has values."""
    if any(cell.strip() and not _at(names, n) for row in rows[:5] for n, cell in enumerate(row)):
        return False
    kinds = [{_kind(_at(row, n)) for row in above[:_SAMPLE]} - {""} for n in range(len(names))]
    least = min(map(_filled, above[:_SAMPLE]), default=2)
    return any(_filled(row) > 1 and _is_alike(row, kinds, least) for row in rows[:5])


def _is_alike(row: Sequence[str], kinds: Sequence[set[str]], least: int) -> bool:
    """Whether a row's cells are of the kinds of their columns; of one with fewer cells, all behind the first are."""
    cells = [(_kind(cell), kinds[n]) for n, cell in enumerate(row) if n < len(kinds) and cell.strip() and kinds[n]]
    if _filled(row) < least:
        return all(kind in above and kind != "text" for kind, above in cells[1:])
    values = [kind in above for kind, above in cells if "text" not in above]
    return any(values) or not values


def _kind(cell: str) -> str:
    text = cell.strip()
    if not text:
        return ""
    return "day" if _DAY.fullmatch(text) else "number" if _VALUE.fullmatch(text) else "text"


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


def _titles_above(rows: list[list[str]]) -> tuple[list[list[str]], int]:
    """Rows whose titles, which may be merged over the whole of their table, stand once, and how many titles lead."""
    width, at = max(map(_filled, rows)), 0
    titled = list(rows)
    while width > 1 and at + 1 < len(rows) and len(set(_folded(rows[at]))) == 1:
        if _filled(rows[at]) > 1 and (_filled(rows[at]) < width or not _names_columns(rows[at + 1])):
            break
        titled[at] = [next(filter(str.strip, rows[at]))]
        at += 1
    return titled, at


def _without_notes(rows: list[list[str]]) -> tuple[list[list[str]], list[str]]:
    """Rows without the lone cells that stand beside them past an empty column, and the texts of these."""
    filled = [sum(bool(row[n].strip()) for row in rows) for n in range(len(rows[0]))]
    last = len(filled) - 1
    is_note = last > 1 and not filled[last - 1] and filled[last] * 2 <= len(rows)
    is_note &= filled[last] == 1 or not rows[0][last].strip()
    if not is_note or sum(map(bool, filled)) < 3:
        return rows, []
    return _without_empty_columns([row[:last] for row in rows]), [row[last] for row in rows if row[last].strip()]


def _is_table(rows: Rows) -> bool:
    filled = [list(row) for row in rows if _filled(row)]
    if len(filled) < 2:
        return False
    titled, at = _titles_above(filled)
    return len(titled) > at + 1 and header_rows(titled[at:]) > 0


def _without_rows_of_nothing(rows: list[list[str]]) -> list[list[str]]:
    return [row for row in rows if _filled(row)]


def _filled(row: Sequence[str]) -> int:
    return sum(map(bool, map(str.strip, row)))


def _folded(row: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell.strip().lower() for cell in row if cell.strip())


def _at(values: Sequence[str], n: int) -> str:
    return values[n] if n < len(values) else ""
