"""Tables of Word as rows of cells: merged cells begun where they begin, deleted rows out, odd rows read as they are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from lxml import etree

from edge_agent.ingest.parsing.grid import Cell
from edge_agent.ingest.parsing.office.word_inline import MC, alternatives, is_prompt
from edge_agent.ingest.parsing.office.word_styles import Styles, W, is_colored, is_on, number, value

_WRAPPERS = frozenset(W + name for name in ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag"))
_MAX_COLUMNS = 1_000


@dataclass(slots=True)
class WordTable:
    """A table: its rows, how many of them at the top repeat on each page as its head, and which rows are odd."""

    rows: list[list[Cell]] = field(default_factory=list)
    header_rows: int = 0
    odd_rows: list[int] = field(default_factory=list)


def through(element: etree._Element, *tags: str, hide: Callable[[str], None] | None = None) -> Iterator[etree._Element]:
    """The children with these tags, also inside content controls and insertions; not those deleted or moved away."""
    for child in element:
        if child.tag in tags:
            yield child
        elif child.tag == MC + "AlternateContent":
            for branch in alternatives(child):
                yield from through(branch, *tags, hide=hide)
        elif child.tag in _WRAPPERS:
            if child.tag == W + "sdt" and hide is not None:
                if _is_contents(child):
                    continue
                if is_prompt(child):
                    hide("".join(text.text or "" for text in child.iter(W + "t")))
                    continue
            yield from through(child, *tags, hide=hide)


def read_table(
    table: etree._Element, styles: Styles, text_of: Callable[[etree._Element, bool], str], hide: Callable[[str], None]
) -> WordTable:
    """A table of a document.

    Args:
        table: a `w:tbl`.
        styles: of the document.
        text_of: the text of a cell, given it and whether a color lies behind it.
        hide: counts text that does not show.
    """
    made = WordTable()
    properties = table.find(W + "tblPr")
    is_on_color = styles.has_color(value(properties, "tblStyle")) or (
        properties is not None and is_colored(properties.find(W + "shd"))
    )
    begun: dict[int, tuple[int, int]] = {}  # column where a merged cell begins: its row and place in it
    for number_in_table, row in enumerate(through(table, W + "tr"), start=1):
        about = row.find(W + "trPr")
        if about is not None and about.find(W + "del") is not None:
            continue
        if is_on(about, "hidden"):
            hide("".join(text.text or "" for text in row.iter(W + "t")))
            continue
        is_header = bool(is_on(about, "tblHeader"))
        if is_header and made.header_rows == len(made.rows):
            made.header_rows += 1
        cells = _Row(made, begun, is_header=is_header, hide=hide)
        cells.skip(number(value(about, "gridBefore"), 0) or 0)
        for cell in through(row, W + "tc"):
            cells.add(cell, text_of, is_on_color)
        if cells.is_odd:
            made.odd_rows.append(number_in_table)
        made.rows.append(cells.cells)
    return made


class _Row:
    """A row as it grows, cell by cell."""

    def __init__(
        self, table: WordTable, begun: dict[int, tuple[int, int]], *, is_header: bool, hide: Callable[[str], None]
    ) -> None:
        self.cells: list[Cell] = []
        self.is_odd = False
        self._table, self._begun, self._is_header, self._hide = table, begun, is_header, hide
        self._column = 0

    def skip(self, columns: int) -> None:
        """Leaves columns empty."""
        columns = max(0, min(columns, _MAX_COLUMNS))
        if columns:
            self.cells.append(Cell("", columns))
            self._column += columns

    def add(self, cell: etree._Element, text_of: Callable[[etree._Element, bool], str], is_on_color: bool) -> None:
        """Adds a cell, or makes the one that it is merged into larger."""
        properties = cell.find(W + "tcPr")
        if properties is not None and properties.find(W + "cellDel") is not None:
            return
        span = max(1, min(number(value(properties, "gridSpan"), 1) or 1, _MAX_COLUMNS))
        text = text_of(cell, is_on_color or (properties is not None and is_colored(properties.find(W + "shd"))))
        merge = None if properties is None else properties.find(W + "vMerge")
        across = None if properties is None else properties.find(W + "hMerge")
        if across is not None and across.get(W + "val") != "restart" and self.cells:
            before = self.cells[-1]
            joined = f"{before.text}\n{text}".strip()
            self.cells[-1] = replace(before, text=joined, columns=before.columns + span)
        elif merge is not None and merge.get(W + "val") != "restart" and self._column in self._begun:
            self._extend(text)
        else:
            if merge is not None and merge.get(W + "val") != "restart":
                self.is_odd = True
            if merge is not None:
                self._begun[self._column] = (len(self._table.rows), len(self.cells))
            else:
                self._begun.pop(self._column, None)
            self.cells.append(Cell(text, span, is_header=self._is_header))
        self._column += span

    def _extend(self, text: str) -> None:
        row, place = self._begun[self._column]
        origin = self._table.rows[row][place]
        if row + origin.rows != len(self._table.rows):  # a row between that did not go on with it
            self.is_odd = True
            self.cells.append(Cell(text or origin.text, is_header=self._is_header))
            return
        self._hide(text)  # Word shows the text of the first cell alone
        self._table.rows[row][place] = replace(origin, rows=origin.rows + 1)


def _is_contents(control: etree._Element) -> bool:
    """Whether a content control holds a table of contents, which repeats the headings."""
    gallery = control.find(f"{W}sdtPr/{W}docPartObj/{W}docPartGallery")
    return gallery is not None and "table of contents" in (gallery.get(W + "val") or "").lower()
