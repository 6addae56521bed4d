"""Flows of rich text: the body, a header, a note or a text box as its paragraphs and table rows end, one by one."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.grid import Cell, add_table, lines_of_cell
from edge_agent.ingest.parsing.office.merging import add_extract
from edge_agent.ingest.parsing.office.symbols import without_private_use
from edge_agent.ingest.parsing.office.word_numbering import BULLET

_MAX_HEADING_CHARS, _MAX_EDGES, _MAX_LEVELS, _MAX_CELLS = 300, 200, 8, 200_000
_EDGE_TOLERANCE = 20  # twentieths of a point: columns that end so near each other are one


@dataclass(slots=True)
class CellLayout:
    """A cell as its row defines it: where it ends, and how it is merged."""

    edge: int = 0
    begins_down: bool = False
    goes_on_down: bool = False
    goes_on_across: bool = False


@dataclass(slots=True)
class ParagraphLook:
    """The properties of a paragraph when it ends."""

    outline: int | None = None
    is_title: bool = False
    is_contents: bool = False
    is_in_table: bool = False
    table_level: int = 1
    is_listed: bool = False
    depth: int = 1
    style_depth: int = 1
    indent: int = 0


@dataclass(slots=True)
class _Table:
    """A table, or one nested in a cell, as it grows."""

    rows: list[tuple[list[str], list[CellLayout]]] = field(default_factory=list)
    header_rows: int = 0
    cells: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)


class Flow:
    """Gathers one flow of text; `text` is of the paragraph that is not yet at its end."""

    def __init__(self, builder: TextBuilder) -> None:
        self.builder = builder
        self.text: list[str] = []
        self.label = ""
        self._beside: list[Extract] = []
        self._tables: list[_Table] = []
        self._cells = 0
        self._indents: list[int] = []  # of the last item of a list and those that it stands below

    def add_beside(self, made: Extract) -> None:
        """Adds a note or box that follows the block that is being gathered."""
        if made.blocks:
            self._beside.append(made)

    def end_paragraph(self, look: ParagraphLook) -> None:
        """Ends a paragraph as what it is."""
        text = without_private_use("".join(self.text))
        label, self.text, self.label = " ".join(self.label.split()), [], ""
        if label and not any(character.isalnum() for character in label):
            label = BULLET
        if look.is_in_table:
            if text.strip():
                self._table(look.table_level).parts.append(f"{label} {text.strip()}" if label else text)
            return
        self._end_tables()
        if look.is_contents:
            return
        if look.is_title and 0 < len(text.strip()) <= _MAX_HEADING_CHARS:
            self.builder.heading(text, 1)
        elif look.outline is not None and len(text) <= _MAX_HEADING_CHARS:
            heading = f"{label} {text}" if label and label != BULLET and text.strip() else text
            self.builder.heading(heading, min(look.outline + 1, 6))
        elif label or look.is_listed:
            self.builder.item(text, marker=label or BULLET, depth=self._depth(look))
        else:
            self._indents = [] if text.strip() else self._indents
            self.builder.paragraph(text)
        self._add_beside()

    def _depth(self, look: ParagraphLook) -> int:
        """The depth of an item as it says, its style does, or its indent shows."""
        while self._indents and self._indents[-1] > look.indent:
            self._indents.pop()
        if not self._indents or self._indents[-1] < look.indent:
            self._indents.append(look.indent)
        return max(look.depth, look.style_depth, len(self._indents))

    def end_cell(self, look: ParagraphLook) -> None:
        """Ends a cell, and with it the paragraph and the tables in it."""
        self.end_paragraph(replace(look, is_in_table=True))
        level = look.table_level
        while len(self._tables) > level:
            inner = self._tables.pop()
            self._table(len(self._tables)).parts += _lines(inner)
        table = self._table(level)
        table.cells.append("\n".join(table.parts))
        table.parts = []

    def end_row(self, layout: list[CellLayout], level: int, *, is_header: bool) -> None:
        """Ends a row of a table whose cells are laid out so."""
        table = self._table(level)
        if table.parts:  # a row whose last cell was not ended
            table.cells.append("\n".join(table.parts))
            table.parts = []
        self._cells += len(table.cells)
        if table.cells and self._cells <= _MAX_CELLS:
            if is_header and table.header_rows == len(table.rows):
                table.header_rows += 1
            table.rows.append((table.cells, layout[: len(table.cells)]))
        table.cells = []

    def end(self, look: ParagraphLook) -> None:
        """Ends the flow: whatever is still open is added."""
        self.end_paragraph(look)
        self._end_tables()
        self._add_beside()

    def _table(self, level: int) -> _Table:
        level = max(1, min(level, _MAX_LEVELS))
        while len(self._tables) < level:
            self._tables.append(_Table())
        return self._tables[level - 1]

    def _end_tables(self) -> None:
        tables, self._tables = self._tables, []
        for table in tables:
            if table.cells or table.parts:  # a row without its end
                table.rows.append(([*table.cells, *table.parts], []))
            rows = list(_cells(table))
            if all(len(row) == 1 for row in rows):
                for row in rows:  # it only places text
                    self.builder.paragraph(row[0].text)
            else:
                add_table(self.builder, rows, header_rows=table.header_rows or None)
        if tables:
            self._add_beside()

    def _add_beside(self) -> None:
        beside, self._beside = self._beside, []
        for made in beside:
            add_extract(self.builder, made)


def _lines(table: _Table) -> list[str]:
    """A nested table: a line a row, every value with its column's name."""
    inner = TextBuilder()
    add_table(inner, list(_cells(table)), header_rows=table.header_rows or None)
    return lines_of_cell(inner.build())


def _cells(table: _Table) -> Iterator[list[Cell]]:
    """The rows of a table, cells that span columns or rows given once, where they begin."""
    edges = _edges(table)
    rows: list[list[Cell]] = []
    begun: dict[int, tuple[int, int]] = {}  # column where a merged cell begins: its row and place in it
    for texts, layout in table.rows:
        row: list[Cell] = []
        column = 0
        for place, text in enumerate(texts):
            about = layout[place] if place < len(layout) else CellLayout()
            end = _column(edges, about.edge) if edges and about.edge else column + 1
            span = max(1, end - column)
            if about.goes_on_across and row:
                row[-1] = replace(row[-1], text=f"{row[-1].text}\n{text}".strip(), columns=row[-1].columns + span)
            elif about.goes_on_down and column in begun:
                above, place_in_row = begun[column]
                origin = rows[above][place_in_row]
                if above + origin.rows == len(rows):
                    rows[above][place_in_row] = replace(origin, rows=origin.rows + 1)
                else:
                    row.append(Cell(text or origin.text, span))
            else:
                if about.begins_down:
                    begun[column] = (len(rows), len(row))
                else:
                    begun.pop(column, None)
                row.append(Cell(text, span))
            column += span
        rows.append(row)
    yield from rows


def _edges(table: _Table) -> list[int]:
    """The places where columns end, those that nearly agree as one; none where there are too many to be a grid."""
    found: list[int] = []
    for edge in sorted({about.edge for _, layout in table.rows for about in layout}):
        if not found or edge - found[-1] > _EDGE_TOLERANCE:
            found.append(edge)
    return found if len(found) <= _MAX_EDGES else []


def _column(edges: list[int], edge: int) -> int:
    return next((n for n, known in enumerate(edges, start=1) if edge - known <= _EDGE_TOLERANCE), len(edges))
