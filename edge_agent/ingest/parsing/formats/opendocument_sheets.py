"""OpenDocument spreadsheets (ODS) to text and blocks: each cell's text as the office program showed it."""

import io
from collections.abc import Iterator

from lxml import etree

from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.office.properties import first_date
from edge_agent.ingest.parsing.office.sheets import Merged, Sheet, add_sheets
from edge_agent.ingest.parsing.package import Package
from edge_agent.ingest.parsing.spreadsheet import require_cells
from edge_agent.settings import ParsingLimits

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_HIDDEN = ("collapse", "filter")
_LEFT_OUT = (f"{_OFFICE}annotation", "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}frame")
_MAX_REPEATED, _MAX_COLUMNS = 1_000, 16_384


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """The rows of a spreadsheet's sheets, each with the names of its columns.

    Raises:
        ContentTooLarge: too many cells, or it unpacks to too much. FormatUnsupported: protected by a password.
        InputInvalid: damaged.
    """
    package = Package(content, "spreadsheet", limits)
    if b"encryption-data" in (package.read("META-INF/manifest.xml") or b""):
        raise package.protected()
    sheets = package.read("content.xml")
    if sheets is None:
        raise package.damaged()
    try:
        found = list(_sheets(sheets))
    except etree.XMLSyntaxError as error:
        raise package.damaged() from error
    builder = TextBuilder()
    add_sheets(builder, found)
    meta = package.xml("meta.xml")
    title = meta.findtext(f".//{_DC}title") if meta is not None else None
    return builder.build(title, date=first_date(meta, f"{_DC}date") if meta is not None else "")


def _sheets(content: bytes) -> Iterator[Sheet]:
    """The sheets one after another; rows are forgotten once they are read."""
    hidden_styles: set[str] = set()
    sheet = Sheet("", [])
    columns = 0
    for event, element in _events(content):
        tag = element.tag
        if tag == f"{_STYLE}style" and event == "end":
            if any(child.get(f"{_TABLE}display") == "false" for child in element):
                hidden_styles.add(element.get(f"{_STYLE}name", ""))
        elif tag == f"{_TABLE}table" and event == "start":
            is_hidden = element.get(f"{_TABLE}style-name", "") in hidden_styles
            sheet, columns = Sheet(element.get(f"{_TABLE}name", ""), [], is_hidden=is_hidden), 0
        elif tag == f"{_TABLE}table-column" and event == "end":
            count = _repeated(element, "number-columns-repeated")
            if element.get(f"{_TABLE}visibility") in _HIDDEN:
                sheet.hidden_columns.update(range(columns, min(columns + count, _MAX_COLUMNS)))
            columns += count
        elif tag == f"{_TABLE}table-row" and event == "end":
            _add_row(sheet, element)
            element.clear()
        elif tag == f"{_TABLE}table" and event == "end":
            yield sheet
            element.clear()


def _events(content: bytes) -> Iterator[tuple[str, etree._Element]]:
    tags = (f"{_STYLE}style", f"{_TABLE}table", f"{_TABLE}table-column", f"{_TABLE}table-row")
    yield from etree.iterparse(
        io.BytesIO(content),
        events=("start", "end"),
        tag=tags,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        huge_tree=False,
    )


def _add_row(sheet: Sheet, element: etree._Element) -> None:
    """Adds a row as often as it is repeated; empty ones once, since spreadsheets fill their sheet with them."""
    row: list[str] = []
    top = len(sheet.rows)
    for cell in element:
        if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            continue
        text = _text(cell) if cell.tag == f"{_TABLE}table-cell" else ""
        sheet.comments += map(_comment, cell.iterchildren(f"{_OFFICE}annotation"))
        sheet.uncalculated += not text and bool(cell.get(f"{_TABLE}formula")) and not cell.get(f"{_OFFICE}value-type")
        count = _repeated(cell, "number-columns-repeated")
        wide, high = _repeated(cell, "number-columns-spanned"), _repeated(cell, "number-rows-spanned")
        if text and (wide > 1 or high > 1):
            sheet.merged.append(Merged(top, len(row), top + high - 1, len(row) + wide - 1))
        if text:
            require_cells(top + 1, len(row) + count, is_sparse=True)
        row += [text] * min(count, _MAX_COLUMNS - len(row))
    while row and not row[-1]:
        row.pop()
    require_cells(top + 1, max(map(len, [row, *sheet.rows[-1:]])), is_sparse=True)
    count = _repeated(element, "number-rows-repeated") if row else 1
    if element.get(f"{_TABLE}visibility") in _HIDDEN:
        sheet.hidden_rows.update(range(top, top + min(count, _MAX_REPEATED)))
    sheet.rows += [list(row) for _ in range(min(count, _MAX_REPEATED))]


def _text(cell: etree._Element) -> str:
    """A cell's lines as they are shown; its value where a program wrote none."""
    lines = ["".join(_pieces(line)) for line in cell.iterchildren(f"{_TEXT}p", f"{_TEXT}h")]
    shown = "\n".join(line for line in lines if line.strip())
    if shown or cell.get(f"{_OFFICE}value-type") is None:
        return shown
    values = (cell.get(f"{_OFFICE}{kind}-value") for kind in ("date", "time", "boolean", "string"))
    return str(next(filter(None, values), None) or cell.get(f"{_OFFICE}value", ""))


def _comment(annotation: etree._Element) -> str:
    return "".join(piece for line in annotation.iterchildren(f"{_TEXT}p") for piece in _pieces(line))


def _pieces(element: etree._Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if child.tag == f"{_TEXT}s":
            yield " " * min(_repeated(child, "c", _TEXT), 100)
        elif child.tag in (f"{_TEXT}tab", f"{_TEXT}line-break"):
            yield "\n" if child.tag.endswith("break") else " "
        elif child.tag not in _LEFT_OUT:
            yield from _pieces(child)
        yield child.tail or ""


def _repeated(element: etree._Element, name: str, namespace: str = _TABLE) -> int:
    text = element.get(f"{namespace}{name}", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else 1
