"""Sheets of a workbook to text and blocks, from whatever format: names as headings, merged cells carried over."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent.ingest.parsing.blocks import TextBuilder
from edge_agent.ingest.parsing.grid import Across, Spanned
from edge_agent.ingest.parsing.spreadsheet import add_spreadsheet, require_cells

_DEFAULT_NAME = re.compile(r"(?:(?:work)?sheet|hoja|tabelle|feuil|foglio|planilha|folha|table|tabla)[ _]?\d*", re.I)
_ERROR = re.compile(r"#(?:N/[AD]|¡?(?:REF|VALUE|VALOR|DIV/0|NUM|NULL|NULO|SPILL|CALC)!|¿?(?:NAME|NOMBRE)\?)")


@dataclass(frozen=True, slots=True)
class Merged:
    """A region of merged cells: its first and last row and column, from 0."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(slots=True)
class Sheet:
    """A sheet as a format has it: its name, the text of its cells from the top left, and what nobody sees of it.

    Attributes:
        comments: the texts of those on its cells.
        uncalculated: how many cells hold a formula and no value.
    """

    name: str
    rows: list[list[str]]
    merged: list[Merged] = field(default_factory=list)
    is_hidden: bool = False
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    comments: list[str] = field(default_factory=list)
    uncalculated: int = 0


def add_sheets(builder: TextBuilder, sheets: Sequence[Sheet]) -> None:
    """Adds the sheets of a workbook; what is hidden is counted and named, not read.

    Raises:
        ContentTooLarge: more rows, columns or cells than any table may have.
    """
    filled = [sheet for sheet in sheets if any(cell.strip() for row in sheet.rows for cell in row)]
    shown = [sheet for sheet in filled if not sheet.is_hidden]
    hidden = 0
    for sheet in filled:
        if sheet.is_hidden:
            hidden += 1
            builder.hide("".join(cell for row in sheet.rows for cell in row))
            continue
        rows, count = _seen(builder, sheet)
        hidden += count
        if len(shown) > 1 or not _DEFAULT_NAME.fullmatch(sheet.name.strip()):
            builder.heading(sheet.name, 1)
        add_spreadsheet(builder, rows)
    if hidden:
        builder.notice(f"{hidden} hidden sheets, rows or columns with text were left out")
    _say_omissions(builder, sheets)


def _say_omissions(builder: TextBuilder, sheets: Sequence[Sheet]) -> None:
    comments = [comment for sheet in sheets for comment in sheet.comments]
    for comment in comments:
        builder.hide(comment)
    if comments:
        builder.notice(f"comments on cells were left out: {len(comments)}")
    if count := sum(sheet.uncalculated for sheet in sheets):
        builder.notice(
            f"cells with a formula that was never calculated are empty: {count}; save the workbook in an office program"
        )


def _seen(builder: TextBuilder, sheet: Sheet) -> tuple[list[list[str]], int]:
    """The rows that are seen, merged cells in all their places, and how many with text are not."""
    rows = [["" if _ERROR.fullmatch(cell.strip()) else cell for cell in row] for row in sheet.rows]
    require_cells(len(rows), len({n for row in rows for n, cell in enumerate(row) if cell}))
    _carry_over(rows, sheet.merged)
    hidden_rows, hidden_columns = sheet.hidden_rows, sheet.hidden_columns
    count = sum(any(cell.strip() for cell in rows[n]) for n in hidden_rows if n < len(rows))
    count += sum(any(n < len(row) and row[n].strip() for row in rows) for n in hidden_columns)
    if not count:
        return rows, 0
    seen = []
    for n, row in enumerate(rows):
        if n in hidden_rows:
            builder.hide("".join(row))
            continue
        builder.hide("".join(row[column] for column in hidden_columns if column < len(row)))
        seen.append([cell for column, cell in enumerate(row) if column not in hidden_columns])
    return seen, count


def _carry_over(rows: list[list[str]], merged: Sequence[Merged]) -> None:
    """Writes the text of merged cells into all their places; one that fills its row is a title and stays one."""
    for region in merged:
        if region.top >= len(rows) or region.left >= len(rows[region.top]):
            continue
        text = rows[region.top][region.left]
        if not text.strip():
            continue
        others = [cell for n, cell in enumerate(rows[region.top]) if not region.left <= n <= region.right]
        right = region.right if any(cell.strip() for cell in others) else region.left
        if right == region.left and region.top == region.bottom and region.right - region.left + 1 >= _width(rows):
            rows[region.top][region.left] = Across(text)
        for n in range(region.top, min(region.bottom + 1, len(rows))):
            row = rows[n]
            row += [""] * (min(right + 1, _width(rows)) - len(row))
            for column in range(region.left, min(right + 1, len(row))):
                row[column] = row[column] or (Spanned(text) if column > region.left else text)


def _width(rows: Sequence[Sequence[str]]) -> int:
    return max(map(len, rows[:100]), default=0)
