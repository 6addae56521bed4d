"""Tables of OpenDocument as rows of cells: repeated rows and cells within bounds, merged ones where they begin."""

from collections.abc import Callable, Iterator

from lxml import etree

from edge_agent.ingest.parsing.grid import Cell
from edge_agent.ingest.parsing.office.odf_styles import TABLE
from edge_agent.ingest.parsing.office.word_styles import number

_GROUPS = frozenset(TABLE + name for name in ("table-header-rows", "table-rows", "table-row-group"))
_MAX_REPEATED, _MAX_CELLS = 100, 200_000


def read_odf_table(
    table: etree._Element, text_of: Callable[[etree._Element], str], hide: Callable[[str], None]
) -> tuple[list[list[Cell]], int]:
    """The rows of a table, and how many of them at the top repeat on each page as its head.

    Args:
        table: a `table:table`.
        text_of: the text of a cell.
        hide: counts text that does not show.
    """
    rows: list[list[Cell]] = []
    header_rows = cells = 0
    for row, is_header in _rows(table, is_header=False):
        if row.get(TABLE + "visibility") in ("collapse", "filter"):
            hide("".join(row.itertext()))
            continue
        made = list(_cells(row, text_of, is_header))
        repeated = _repeated(row, "number-rows-repeated") if any(cell.text.strip() for cell in made) else 1
        room = (_MAX_CELLS - cells) // max(1, len(made))
        if not room:
            break
        repeated = min(repeated, room)
        cells += repeated * len(made)
        if is_header and header_rows == len(rows):
            header_rows += repeated
        rows += [made] * repeated
    return rows, header_rows


def _rows(element: etree._Element, *, is_header: bool) -> Iterator[tuple[etree._Element, bool]]:
    for child in element:
        if child.tag == TABLE + "table-row":
            yield child, is_header
        elif child.tag in _GROUPS:
            yield from _rows(child, is_header=is_header or child.tag == TABLE + "table-header-rows")


def _cells(row: etree._Element, text_of: Callable[[etree._Element], str], is_header: bool) -> Iterator[Cell]:
    """The cells of a row; those that another covers are left to it."""
    for cell in row.iterchildren(TABLE + "table-cell"):
        made = Cell(
            text_of(cell),
            max(1, number(cell.get(TABLE + "number-columns-spanned"), 1) or 1),
            max(1, number(cell.get(TABLE + "number-rows-spanned"), 1) or 1),
            is_header,
        )
        for _ in range(_repeated(cell, "number-columns-repeated")):
            yield made


def _repeated(element: etree._Element, name: str) -> int:
    return max(1, min(number(element.get(TABLE + name), 1) or 1, _MAX_REPEATED))
