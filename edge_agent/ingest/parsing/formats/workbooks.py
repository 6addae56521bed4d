"""Workbooks of Excel (XLSX, XLSM, XLSB, XLS) to text and blocks, their cells by python-calamine.

Formulas stand by the value that was saved with them. Comments are left out and counted, and so are formulas without a
value; charts and pictures are left out.
"""

import datetime
import io

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from edge_agent.errors import FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat, is_ole, is_zip
from edge_agent.ingest.parsing.office.biff_look import biff_looks
from edge_agent.ingest.parsing.office.number_formats import DateFormat, NumberFormat, plain_number
from edge_agent.ingest.parsing.office.properties import core_properties
from edge_agent.ingest.parsing.office.sheets import Merged, Sheet, add_sheets
from edge_agent.ingest.parsing.office.workbook_look import SheetLook, sheet_looks
from edge_agent.ingest.parsing.package import Package
from edge_agent.ingest.parsing.spreadsheet import require_cells
from edge_agent.settings import ParsingLimits

_KIND = "workbook"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""The stream of a compound file that holds a workbook with a password."""


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """The rows of a workbook's sheets, each with the names of its columns.

    Raises:
        ContentTooLarge: too many cells, or it unpacks to too much. FormatUnsupported: protected by a password.
        InputInvalid: damaged.
    """
    title, date, looks = None, "", dict[str, SheetLook]()
    if is_zip(content):
        package = Package(content, _KIND, limits)
        title, date = core_properties(package)
        looks = sheet_looks(package)
    elif _ENCRYPTED in content:
        raise _protected()
    elif is_ole(content):
        looks = biff_looks(content)
    builder = TextBuilder()
    add_sheets(builder, _sheets(content, looks))
    return builder.build(title, date=date)


def _sheets(content: bytes, looks: dict[str, SheetLook]) -> list[Sheet]:
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            return [
                _sheet(book, about.name, looks.get(about.name, SheetLook()), about.visible != SheetVisibleEnum.Visible)
                for about in book.sheets_metadata
                if about.typ == SheetTypeEnum.WorkSheet
            ]
    except PasswordError as error:
        raise _protected() from error
    except (CalamineError, OSError, ValueError) as error:
        raise InputInvalid(f"the {_KIND} is damaged; open it in an office program and save it again") from error


def _protected() -> FormatUnsupported:
    return FormatUnsupported(f"the {_KIND} is protected by a password; save it without one")


def _sheet(book: CalamineWorkbook, name: str, look: SheetLook, is_hidden: bool) -> Sheet:
    sheet = book.get_sheet_by_name(name)
    require_cells(sheet.total_height, sheet.total_width, is_sparse=True)
    rows = [
        [_shown(cell, look, row, column) for column, cell in enumerate(cells)]
        for row, cells in enumerate(sheet.to_python(skip_empty_area=False))
    ]
    merged = [Merged(top, left, bottom, right) for (top, left), (bottom, right) in sheet.merged_cell_ranges or ()]
    hidden = look.hidden_rows, look.hidden_columns
    return Sheet(name, rows, merged, is_hidden, *hidden, look.comments, look.uncalculated)


def _shown(value: object, look: SheetLook, row: int, column: int) -> str:
    """A cell as people see it: whole numbers without a point, whole days and times in figures."""
    if isinstance(value, bool):
        return str(value).upper()
    made = look.formats.get((row, column))
    if isinstance(value, int | float):
        return made.shown(value) if isinstance(made, NumberFormat) else plain_number(value)
    if isinstance(value, datetime.date):
        return made.shown(value) if isinstance(made, DateFormat) else _day(value)
    if isinstance(value, datetime.timedelta):
        minutes = round(value.total_seconds() / 60)
        return f"{minutes // 60}:{minutes % 60:02}"
    if isinstance(value, datetime.time):
        return value.strftime("%H:%M")
    return str(value)


def _day(value: datetime.date) -> str:
    has_time = isinstance(value, datetime.datetime) and value.time() != datetime.time()
    return value.strftime("%Y-%m-%d %H:%M" if has_time else "%Y-%m-%d")
