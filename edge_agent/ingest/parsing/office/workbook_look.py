"""The look of an XLSX workbook that its values do not tell: what is hidden, and how its numbers are shown.

Read before the cells are, so that a sheet with a cell in its last row and column is refused and not laid out in memory.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from edge_agent.ingest.parsing.office.number_formats import BUILT_IN, Format, number_format
from edge_agent.ingest.parsing.package import Package
from edge_agent.ingest.parsing.spreadsheet import require_cells

_MAX_COLUMNS = 16_384
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


@dataclass(slots=True)
class SheetLook:
    """The look of a sheet; rows and columns count from 0.

    Attributes:
        formats: of the cells whose numbers are not shown as they are stored, by row and column.
        comments: on its cells, which are beside the text.
        uncalculated: how many cells hold a formula and no value.
    """

    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    formats: dict[tuple[int, int], Format] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    uncalculated: int = 0


def sheet_looks(package: Package) -> dict[str, SheetLook]:
    """The looks of a workbook's sheets, by name.

    Raises:
        ContentTooLarge: a sheet of too many cells. InputInvalid: damaged.
    """
    book = package.xml("xl/workbook.xml")
    if book is None:
        return {}
    package.read("xl/sharedStrings.xml")  # not larger than its header says, before a library unpacks it
    relations = package.relations("xl/workbook.xml")
    formats = _cell_formats(package)
    looks = {}
    for sheet in book.iterfind("{*}sheets/{*}sheet"):
        relation = relations.get(sheet.get(_RELATION, ""))
        if relation is None or relation.kind != "worksheet":
            continue
        content = package.read(relation.target)
        if content is not None:
            try:
                look = looks[sheet.get("name", "")] = _look(content, formats)
            except etree.XMLSyntaxError as error:
                raise package.damaged() from error
            look.comments += _comments(package, relation.target)
    return looks


def _comments(package: Package, sheet: str) -> Iterator[str]:
    """The texts of comments on a sheet's cells; of a thread the notes alone, which repeat it."""
    for relation in package.relations(sheet).values():
        if relation.kind == "comments" and not relation.is_external:
            root = package.xml(relation.target)
            for comment in [] if root is None else root.iter("{*}comment"):
                yield "".join(text.text or "" for text in comment.iter("{*}t"))


def _cell_formats(package: Package) -> dict[int, Format]:
    """The formats that change how a number reads, by the index of a cell's style."""
    root = package.xml("xl/styles.xml")
    if root is None:
        return {}
    codes = dict(BUILT_IN)
    for element in root.iterfind("{*}numFmts/{*}numFmt"):
        codes[_whole(element.get("numFmtId"))] = element.get("formatCode", "")
    formats = {}
    for n, style in enumerate(root.iterfind("{*}cellXfs/{*}xf")):
        code = codes.get(_whole(style.get("numFmtId")), "")
        if code and (made := number_format(code)):
            formats[n] = made
    return formats


def _look(content: bytes, formats: dict[int, Format]) -> SheetLook:
    look, height, width = SheetLook(), 0, 0
    for element in _elements(content):
        if element.tag.endswith("}col"):
            first, last = _whole(element.get("min")), _whole(element.get("max"))
            if element.get("hidden") in ("1", "true"):
                look.hidden_columns.update(range(first - 1, min(last, _MAX_COLUMNS)))
            continue
        row = _whole(element.get("r")) - 1 if element.get("r") else height
        if element.get("hidden") in ("1", "true"):
            look.hidden_rows.add(row)
        column = -1
        for cell in element:
            place = _REFERENCE.fullmatch(cell.get("r", ""))
            column = _column(place[1]) if place else column + 1
            if len(cell) == 0:
                continue
            look.uncalculated += cell.find("{*}f") is not None and _is_without_value(cell)
            height, width = max(height, row + 1), max(width, column + 1)
            made = formats.get(_whole(cell.get("s")))
            if made and cell.get("t", "n") == "n":
                look.formats[row, column] = made
        require_cells(height, width, is_sparse=True)
    return look


def _is_without_value(cell: etree._Element) -> bool:
    value = cell.find("{*}v")
    return value is None or (not value.text and cell.get("t") != "str")


def _elements(content: bytes) -> Iterator[etree._Element]:
    """The columns and rows of a sheet, each forgotten when the next comes."""
    parsed = etree.iterparse(
        io.BytesIO(content),
        tag=("{*}row", "{*}col"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        huge_tree=False,
    )
    for _, element in parsed:
        yield element
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else 0
