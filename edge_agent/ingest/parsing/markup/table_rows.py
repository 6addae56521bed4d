"""Tables of a page: those that hold data become rows; those that only place things on the page are read through."""

from collections.abc import Iterator, Sequence

from lxml import html

from edge_agent.ingest.parsing.blocks import QUESTION_LEVEL, TextBuilder
from edge_agent.ingest.parsing.grid import CELL_GAP, Cell, add_table
from edge_agent.ingest.parsing.markup.look import Surroundings
from edge_agent.ingest.parsing.markup.walker import HEADINGS, Walker

_SECTIONS = {"thead": 0, "tbody": 1, "tfoot": 2}
_PARTS = frozenset("thead tbody tfoot tr td th caption colgroup col".split())
_FORM_COLUMNS = 2  # what it is, and what it says
_ROWS_TO_THE_END = 1_000
_MAX_LABEL_CHARS, _LONG_CELL_CHARS = 80, 600


def read_table(walker: Walker, table: html.HtmlElement, around: Surroundings, depth: int) -> None:
    """Reads a table."""
    if not _holds_data(table):
        walker.block(table, around, depth)
        return
    walker.flush()
    head, rows = _rows(walker, table, around, depth)
    if walker.is_capturing:
        inner = TextBuilder()
        add_table(inner, rows, header_rows=head)
        walker.add(inner.build().text.replace(CELL_GAP, ", ").replace("\n", "; "))
        walker.flush()
        return
    walker.builder.paragraph(walker.take_number())
    for one in table.iterchildren("caption"):
        walker.builder.heading(walker.capture(one, around, depth), QUESTION_LEVEL)
    width = max((sum(cell.columns for cell in row) for row in rows), default=0)
    while len(rows) > 1 and _is_across(rows[0], width):  # a title in the table itself
        walker.builder.heading(rows.pop(0)[0].text, QUESTION_LEVEL)
        head = head - 1 if head else None
    if not head:
        head = _marked_rows(rows, width)
    has_sections = False
    for label, part in _parts(rows, head or 0, width):
        has_sections |= label is not None
        if label is not None:
            is_name = label.is_header or (len(label.text) <= _MAX_LABEL_CHARS and label.text[-1:] not in (".", ""))
            if is_name and part:
                walker.builder.heading(label.text, QUESTION_LEVEL)
            else:
                walker.builder.paragraph(label.text)
        if part:
            names = 0 if head is None and width <= _FORM_COLUMNS else head
            add_table(walker.builder, [*rows[: head or 0], *part], header_rows=names)
    _read_strays(walker, table, around, depth)
    if has_sections:  # they name rows, and nothing below the table
        walker.builder.end_scope(QUESTION_LEVEL)


def _read_strays(walker: Walker, table: html.HtmlElement, around: Surroundings, depth: int) -> None:
    """Reads what stands in a table and in none of its cells, as when it is never closed: it is shown all the same."""
    for outer in (table, *table.iterchildren("thead", "tbody", "tfoot"), *_row_elements(table)):
        for child in outer:
            if isinstance(child.tag, str) and child.tag not in _PARTS:
                walker.visit(child, around, depth + 1)
            if child.tail and not child.tail.isspace() and around.is_seen:
                walker.add(child.tail)
    walker.flush()


def _holds_data(table: html.HtmlElement) -> bool:
    """Whether a table's rows belong together, not only their places on the page."""
    if table.get("role") in ("presentation", "none"):
        return False
    if any(True for _ in table.iterchildren("thead", "caption")):
        return True
    rows = list(_row_elements(table))
    cells = [cell for row in rows for cell in row.iterchildren("td", "th")]
    if any(cell.tag == "th" for cell in cells):
        return True
    if max((sum(1 for _ in row.iterchildren("td")) for row in rows), default=0) <= 1:
        return False
    inside = [one for cell in cells for one in cell.iter("table", "p", "ul", "div", *HEADINGS)]
    return not any(one.tag in ("table", *HEADINGS) or _length(one) > _LONG_CELL_CHARS for one in inside)


def _length(element: html.HtmlElement) -> int:
    return len(element.text or "") + sum(len(child.tail or "") + len(child.text or "") for child in element)


def _row_elements(table: html.HtmlElement) -> Iterator[html.HtmlElement]:
    """A table's own rows as they are shown: those of the head first, those of the foot last."""
    sections = sorted(table.iterchildren("thead", "tbody", "tfoot", "tr"), key=lambda one: _SECTIONS.get(one.tag, 1))
    for section in sections:
        if section.tag == "tr":
            yield section
        else:
            yield from section.iterchildren("tr")


def _rows(
    walker: Walker, table: html.HtmlElement, around: Surroundings, depth: int
) -> tuple[int | None, list[list[Cell]]]:
    """How many rows a table's `thead` has, None without one; and the cells of all rows that are seen."""
    rows: list[list[Cell]] = []
    head: int | None = None
    for row in _row_elements(table):
        section = row.getparent()
        seen = around if section is table else walker.seen_in(section, around)
        seen = None if seen is None else walker.seen_in(row, seen)
        if seen is None:
            continue
        cells = []
        for cell in row.iterchildren("td", "th"):
            inside = walker.seen_in(cell, seen)
            if inside is not None:
                text = walker.capture(cell, inside, depth + 3)
                is_header = cell.tag == "th" or _is_bold(cell)
                cells.append(Cell(text, _span(cell, "colspan"), _span(cell, "rowspan"), is_header=is_header))
        if section.tag == "thead":
            head = (head or 0) + 1
        rows.append(cells)
    return head, rows


def _is_bold(cell: html.HtmlElement) -> bool:
    """Whether all text of a cell is in bold, as programs that write pages set the names of columns."""
    inner = cell
    while len(inner) == 1 and not (inner.text or "").strip() and not (inner[0].tail or "").strip():
        inner = inner[0]
        if inner.tag in ("b", "strong"):
            return True
    return False


def _span(cell: html.HtmlElement, name: str) -> int:
    value = (cell.get(name) or "1").strip()
    if not value.isdecimal() or len(value) > 6:
        return 1
    return int(value) or (_ROWS_TO_THE_END if name == "rowspan" else 1)


def _is_across(row: Sequence[Cell], width: int) -> bool:
    """Whether a row is one cell over all columns of its table."""
    return width > 1 and len(row) == 1 and row[0].columns >= width and row[0].rows == 1


def _marked_rows(rows: Sequence[Sequence[Cell]], width: int) -> int | None:
    """How many rows at the top are all set as headings; None where none is, so that their texts tell."""
    count = 0
    while count < min(3, len(rows)) and rows[count] and all(cell.is_header or not cell.text for cell in rows[count]):
        if _is_across(rows[count], width):
            break
        count += 1
    return count or None


def _parts(rows: Sequence[list[Cell]], head: int, width: int) -> Iterator[tuple[Cell | None, list[list[Cell]]]]:
    """The rows below the head, divided at those of one cell across the table, which name what follows them."""
    label: Cell | None = None
    part: list[list[Cell]] = []
    for row in rows[head:]:
        if head and _is_across(row, width):
            if label is not None or part:
                yield label, part
            label, part = row[0], []
        else:
            part.append(row)
    if label is not None or part:
        yield label, part
