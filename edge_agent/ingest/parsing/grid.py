"""Tables of every format to rows that name their columns: one row is one block, read and quoted on its own.

A row of the price list reads `Product: Monitor 27 | Price: 189 € | Delivery: 10 days`. Merged cells are carried over to
every row and column that they span. Rows of questions and answers become those.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from edge_agent.characters import normalize
from edge_agent.ingest.parsing.blocks import QUESTION_LEVEL, Extract, TextBuilder
from edge_agent.ingest.parsing.forms import is_form, pairs

CELL_GAP = " | "
_QUESTIONS = frozenset(
    "question|questions|q|faq|query|user question|customer question|frequently asked question|"
    "frequently asked questions|pregunta|preguntas|p|consulta|consultas|duda|dudas|pregunta frecuente|"
    "preguntas frecuentes|duda frecuente|pregunta del cliente".split("|")
)
_ANSWERS = frozenset(
    "answer|answers|a|reply|response|answer text|respuesta|respuestas|r|contestación|contestacion|rta|resp".split("|")
)
_TITLES = frozenset(
    "subject|title|headline|summary|name|topic|asunto|título|titulo|nombre|tema|resumen|incidencia|motivo".split("|")
)
_LONG_CELL = 160
"""Characters from which a cell is a text of its own: rows that hold such are sections, not lines of a table."""
_MAX_NAME_CHARS, _MAX_COLUMNS, _MAX_SPAN = 120, 200, 1_000
_MAX_LABEL_CHARS, _MAX_FORM_COLUMNS = 80, 2


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as a format has it: its text and how many columns and rows it covers; whether it is set as a heading."""

    text: str
    columns: int = 1
    rows: int = 1
    is_header: bool = False


class Spanned(str):
    """The text of a place that the cell at the left of it covers too: one cell, to be said once."""

    __slots__ = ()


class Across(str):
    """The text of a merged cell of a sheet as wide as its table."""

    __slots__ = ()


def add_table(
    builder: TextBuilder, rows: Sequence[Sequence[Cell]], *, header_rows: int | None = None, page: int = 0
) -> None:
    """Adds a table to a document, row by row.

    Args:
        builder: of the document.
        rows: from the top; a cell that spans rows or columns stands once, where it begins.
        header_rows: how many rows at the top name the columns; None to tell by their cells.
        page: where the table is.
    """
    rows = list(rows)
    width = max((sum(cell.columns for cell in row) for row in rows), default=0)
    while len(rows) > 1 and (_is_across(rows[0], width) or _is_lone(rows[0], rows[1], width)):  # a title in the table
        _add_label(builder, rows.pop(0)[0].text, page)
        header_rows = (header_rows - 1 or None) if header_rows else header_rows
    grid = expand(rows)
    names, below = divide(rows, header_rows=header_rows)
    head = len(grid) - len(below)
    labels = set(_labels(rows, head, width))
    body = [row for n, row in enumerate(below, start=head) if n not in labels]
    form = header_rows is None and not _is_marked(rows[:1]) and reads_as_form([grid[0], *body] if head else body)
    if form:
        names, below, head = [], grid, 0
    unused = [name for n, name in enumerate(names) if not any(_at(row, n).strip() for row in body)]
    if any(unused):  # columns to be filled in by hand
        builder.row(CELL_GAP.join(dict.fromkeys(filter(None, unused))), page=page, is_first=True)
    part: list[list[str]] = []
    for n, row in enumerate(below, start=head):
        if n not in labels:
            part.append(row)
            continue
        _add_part(builder, names, part, form, page)
        part = []
        if n + 1 < len(grid):
            _add_label(builder, rows[n][0].text, page)
        else:
            builder.paragraph(rows[n][0].text, page=page)
    _add_part(builder, names, part, form, page)
    if labels:
        builder.end_scope(QUESTION_LEVEL)  # what follows the table is not of its last section


def reads_as_form(rows: Sequence[Sequence[str]]) -> bool:
    """Whether rows that nothing marks as a head are labels and values; questions and answers are not."""
    return len(rows) > 1 and _asked_columns(rows[0], rows[1:]) == (-1, -1) and is_form(rows)


def add_form(builder: TextBuilder, rows: Sequence[Sequence[str]], *, page: int = 0) -> None:
    """Adds rows of labels and values, each value after its label."""
    for n, row in enumerate(rows):
        found = list(pairs(["" if isinstance(cell, Spanned) else cell for cell in row]))
        text = row_text([label for label, _ in found], [value for _, value in found])
        builder.row(text, page=page, is_first=n == 0)


def _add_part(builder: TextBuilder, names: Sequence[str], rows: list[list[str]], is_form: bool, page: int) -> None:
    if is_form:
        add_form(builder, rows, page=page)
    else:
        add_rows(builder, names, rows, page=page)


def _add_label(builder: TextBuilder, text: str, page: int) -> None:
    """Adds what stands over the rows of a table: a name as a heading of what follows, a text as a paragraph."""
    if len(text) <= _MAX_LABEL_CHARS and text.strip()[-1:] not in (".", ",", ";", ""):
        builder.heading(text, QUESTION_LEVEL, page=page)
    else:
        builder.paragraph(text, page=page)


def _is_across(row: Sequence[Cell], width: int) -> bool:
    """Whether a row is one cell over all columns of its table."""
    return width > 1 and len(row) == 1 and row[0].columns >= width and row[0].rows == 1


def _is_lone(row: Sequence[Cell], following: Sequence[Cell], width: int) -> bool:
    """Whether nothing but the first cell of a row holds text, which can be a name of the full rows below it."""
    filled = [cell for cell in row if cell.text.strip()]
    return (
        width > _MAX_FORM_COLUMNS
        and len(filled) == 1
        and filled[0] is row[0]
        and filled[0].rows == 1
        and len(filled[0].text) <= _MAX_LABEL_CHARS
        and sum(bool(cell.text.strip()) for cell in following) > 1
    )


def _labels(rows: Sequence[Sequence[Cell]], head: int, width: int) -> Iterator[int]:
    """The rows that name those below: one cell over all columns, or a first cell alone where that is surely meant."""
    has_lone = head > 0 and head + 1 < len(rows) and _is_lone(rows[head], rows[head + 1], width)
    for n in range(head, len(rows)):
        if _is_across(rows[n], width):
            yield n
        elif n + 1 < len(rows) and _is_lone(rows[n], rows[n + 1], width):
            text = rows[n][0].text.strip()
            if has_lone or text.isupper() or text.endswith(":"):
                yield n


def divide(rows: Sequence[Sequence[Cell]], *, header_rows: int | None = None) -> tuple[list[str], list[list[str]]]:
    """The names of a table's columns, none where it names none, and its other rows; for arguments see `add_table`."""
    grid = expand(rows)
    count = _header_rows(rows, grid) if header_rows is None else min(header_rows, len(grid))
    if count and count == len(grid):  # nothing below it: a reader sees it all the same
        return [], grid
    return column_names(grid[:count]), grid[count:]


def add_rows(builder: TextBuilder, names: Sequence[str], rows: Sequence[Sequence[str]], *, page: int = 0) -> None:
    """Adds rows whose columns have these names; "" or none where a column has no name.

    A row is one block. Rows of questions and answers become those; rows of long texts with a title, as exported
    tickets are, become sections, one paragraph a column.
    """
    question, answer = _asked_columns(names, rows)
    title = _title_column(names, rows)
    is_first = True
    for row in rows:
        if 0 <= max(question, answer) < len(row) and row[question].strip() and row[answer].strip():
            builder.heading(row[question], QUESTION_LEVEL, page=page)
            builder.paragraph(row[answer], page=page)
            rest = [n for n in range(len(row)) if n not in (question, answer)]
            builder.row(row_text([_at(names, n) for n in rest], [row[n] for n in rest]), page=page, is_first=True)
        elif 0 <= title < len(row) and row[title].strip() and sum(bool(cell.strip()) for cell in row) > 1:
            builder.heading(row[title], QUESTION_LEVEL, page=page)
            _add_fields(builder, names, ["" if n == title else cell for n, cell in enumerate(row)], page=page)
        else:
            builder.row(row_text(names, row), page=page, is_first=is_first)
            is_first = False


def _add_fields(builder: TextBuilder, names: Sequence[str], row: Sequence[str], *, page: int) -> None:
    """Adds a row of texts: a paragraph for each long one, short ones between them on one line."""
    for is_long, run in groupby(enumerate(row), key=lambda field: len(field[1]) > _LONG_CELL):
        fields = list(run)
        if is_long:
            for n, cell in fields:
                builder.paragraph(f"{_at(names, n)}: {cell}" if _at(names, n) else cell, page=page)
        else:
            short = row_text([_at(names, n) for n, _ in fields], [cell for _, cell in fields])
            builder.row(short, page=page, is_first=True)


def _asked_columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[int, int]:
    """The columns of questions and of their answers, by their names or by what is in them; -1 where there are none."""
    folded = [" ".join(name.strip(" :?¿.").lower().split()) for name in names]
    question = next((n for n, name in enumerate(folded) if name in _QUESTIONS), -1)
    answer = next((n for n, name in enumerate(folded) if name in _ANSWERS), -1)
    if question >= 0 and answer >= 0:
        return question, answer
    sample = [row for row in rows[:50] if any(cell.strip() for cell in row)]
    for n in range(min(3, max(map(len, sample), default=0))):
        asked = sum(_at(row, n).strip().endswith("?") for row in sample)
        if asked * 5 >= len(sample) * 4 and asked:
            filled = [
                (sum(len(_at(row, m)) for row in sample), m)
                for m in range(max(map(len, sample)))
                if m != n and sum(_has_words(_at(row, m)) for row in sample) * 2 > len(sample)
            ]
            if answer not in (-1, n):
                return n, answer
            return (n, max(filled)[1]) if filled else (-1, -1)
    return -1, -1


def _has_words(cell: str) -> bool:
    return sum(word[:1].isalpha() for word in cell.split()) > 1


def _title_column(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The column that names each row, where rows are long texts; -1 where they are lines of a table."""
    sample = rows[:50]
    long = sum(any(len(cell) > _LONG_CELL for cell in row) for row in sample)
    if not long or long * 3 < len(sample):
        return -1
    return next((n for n, name in enumerate(names) if name.strip(" :").lower() in _TITLES), -1)


def row_text(names: Sequence[str], cells: Sequence[str]) -> str:
    """A row as it is stored: every cell that holds anything, after its column's name."""
    parts: list[str] = []
    for n, cell in enumerate(cells):
        value, name = _in_a_row(cell), _in_a_row(_at(names, n))
        if value:
            part = f"{name}: {value}" if name and name != value else value
            if not (isinstance(cell, Spanned) and parts and parts[-1] == part):  # merged over columns of one name
                parts.append(part)
    if not any(names) and len(parts) == 2 and len(parts[0]) <= _MAX_NAME_CHARS and parts[0][-1] not in ".:?!":
        return f"{parts[0]}: {parts[1]}"  # a form: what it is, and what it says
    return CELL_GAP.join(parts)


def _in_a_row(text: str) -> str:
    """A text on one line, without what stands between the cells of a row."""
    return " ".join("/" if word == CELL_GAP.strip() else word for word in text.split())


def lines_of_cell(extract: Extract) -> list[str]:
    """The blocks of what a cell holds as lines of it; a table in a cell is a line a row, its values apart by commas."""
    return [extract.text[block.start : block.end].replace(CELL_GAP, ", ") for block in extract.blocks]


def expand(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """The text of every place of a table, cells that span several carried over to all of them."""
    grid: list[list[str]] = []
    carried: dict[int, tuple[int, str]] = {}  # column: rows left, text
    for row in rows:
        line: list[str] = []
        waiting = list(row)
        while waiting or any(column >= len(line) for column in carried):
            column = len(line)
            if column in carried:
                left, text = carried.pop(column)
                line.append(text)
                if left > 1:
                    carried[column] = (left - 1, text)
            elif waiting:
                cell = waiting.pop(0)
                for place in range(max(1, min(cell.columns, _MAX_COLUMNS))):
                    text = Spanned(cell.text) if place else cell.text
                    if cell.rows > 1:
                        carried[len(line)] = (min(cell.rows, _MAX_SPAN) - 1, text)
                    line.append(text)
            else:
                line.append("")
            if len(line) >= _MAX_SPAN:
                break
        grid.append(line)
    return grid


def _header_rows(rows: Sequence[Sequence[Cell]], grid: Sequence[Sequence[str]]) -> int:
    """How many rows at the top name columns: those set as headings, else the first where it reads as names."""
    marked = 0
    while marked < len(rows) and rows[marked] and all(cell.is_header or not cell.text.strip() for cell in rows[marked]):
        marked += 1
    if marked:
        return min(marked, 3)
    if len(grid) < 2:
        return 0
    count = 1
    while count < min(3, len(grid) - 1) and any(cell.columns > 1 for cell in rows[count - 1]):
        count += 1  # a name of several columns stands over theirs
    if count > 1 and _names_all(grid[:count]) and reads_as_names(column_names(grid[:count]), grid[count:]):
        return count
    is_carried_down = any(cell.rows > 1 for cell in rows[0])  # a name of rows, not of a column
    return int(not is_carried_down and reads_as_names(grid[0], grid[1:]))


def _names_all(rows: Sequence[Sequence[str]]) -> bool:
    return all(any(map(str.isalpha, cell)) and not cell.strip()[0].isdigit() for row in rows for cell in row if cell)


def _is_marked(rows: Sequence[Sequence[Cell]]) -> bool:
    return any(cell.is_header for row in rows for cell in row[1:])


def reads_as_names(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether a table's first row names its columns: short, different, without figures, and as wide as the others."""
    names = [normalize(cell).strip() for cell in first]
    filled = [name for name in names if name]
    width = max((sum(bool(cell.strip()) for cell in row) for row in others), default=0)
    return (
        len(filled) >= max(2, min(width, len(names)) - 1)
        and len({name.lower() for name in filled}) == len(filled)
        and all(len(name) <= 60 and not name[0].isdigit() and name[-1] not in ".;!" for name in filled)
    )


def column_names(header: Sequence[Sequence[str]]) -> list[str]:
    """A name for each column, of header rows one above the other, as `Price › With tax`."""
    width = max((len(row) for row in header), default=0)
    names = []
    for column in range(width):
        parts: list[str] = []
        for row in header:
            text = " ".join(_at(row, column).split())
            if text and text not in parts:
                parts.append(text)
        names.append(" › ".join(parts)[:_MAX_NAME_CHARS].rstrip(" :"))
    return names


def _at(values: Sequence[str], n: int) -> str:
    return values[n] if n < len(values) else ""
