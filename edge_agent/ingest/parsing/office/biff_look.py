"""The look of a workbook of before 2007 (XLS, [MS-XLS]) that its values do not tell, from the records of its stream."""

import io
import struct
from collections.abc import Iterator

import olefile

from edge_agent.ingest.parsing.compound_file import DAMAGE
from edge_agent.ingest.parsing.office.number_formats import BUILT_IN, Format, number_format
from edge_agent.ingest.parsing.office.workbook_look import SheetLook

_BOF, _EOF, _CONTINUE, _PROTECTED = 0x0809, 0x000A, 0x003C, 0x002F
_SHEET, _FORMAT, _STYLE = 0x0085, 0x041E, 0x00E0
_NUMBER, _RK, _FORMULA, _NUMBERS = 0x0203, 0x027E, 0x0006, 0x00BD
_ROW, _COLUMNS, _NOTE, _OBJECT, _TEXT = 0x0208, 0x007D, 0x001C, 0x005D, 0x01B6
_BIFF8, _OF_NOTE = 0x0600, 0x0019
_MAX_CELLS = 1_000_000
Records = Iterator[tuple[int, bytes]]


def biff_looks(content: bytes) -> dict[str, SheetLook]:
    """The looks of a workbook's sheets, by name; none where the file is damaged, encrypted or of another kind."""
    try:
        with olefile.OleFileIO(io.BytesIO(content)) as file:
            name = next((name for name in ("Workbook", "Book") if file.exists(name)), "")
            return _looks(file.openstream(name).read()) if name else {}
    except DAMAGE:
        return {}


def _looks(stream: bytes) -> dict[str, SheetLook]:
    sheets: list[tuple[str, int]] = []
    codes, styles = dict(BUILT_IN), list[int]()
    is_unicode = True
    for kind, data in _records(stream, 0):
        if kind == _BOF:
            is_unicode = struct.unpack_from("<H", data)[0] == _BIFF8
        elif kind == _SHEET:
            sheets.append((_text(data[6:], 1, is_unicode), struct.unpack_from("<I", data)[0]))
        elif kind == _FORMAT:
            codes[struct.unpack_from("<H", data)[0]] = _text(data[2:], 2 if is_unicode else 1, is_unicode)
        elif kind == _STYLE:
            styles.append(struct.unpack_from("<H", data, 2)[0])
        elif kind == _PROTECTED:
            return {}
    by_code = {number: number_format(codes.get(number, "")) for number in set(styles)}
    formats = [by_code[number] for number in styles]
    return {name: _look(_records(stream, start), formats) for name, start in sheets}


def _records(stream: bytes, start: int) -> Records:
    """The records from one that begins a part of the stream up to the one that ends it, those of charts in it aside."""
    depth = 0
    while start + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, start)
        start += 4 + size
        depth += (kind == _BOF) - (kind == _EOF)
        if depth <= 0:
            return
        if depth == 1:
            yield kind, stream[start - size : start]


def _look(records: Records, formats: list[Format | None]) -> SheetLook:
    look = SheetLook()
    is_note = is_text = False
    for kind, data in records:
        if kind in (_NUMBER, _RK, _FORMULA):
            row, column, style = struct.unpack_from("<HHH", data)
            _set(look, row, column, style, formats)
        elif kind == _NUMBERS:
            row, column = struct.unpack_from("<HH", data)
            for n in range((len(data) - 6) // 6):
                _set(look, row, column + n, struct.unpack_from("<H", data, 4 + 6 * n)[0], formats)
        elif kind == _ROW and data[12] & 0x20:
            look.hidden_rows.add(struct.unpack_from("<H", data)[0])
        elif kind == _COLUMNS and data[8] & 1:
            first, last = struct.unpack_from("<HH", data)
            look.hidden_columns.update(range(first, min(last, 255) + 1))
        elif kind == _OBJECT:
            is_note = struct.unpack_from("<H", data, 4)[0] == _OF_NOTE
        elif kind == _CONTINUE and is_note and is_text:
            look.comments.append(_characters(data, len(data)))
        is_text = kind == _TEXT
    return look


def _set(look: SheetLook, row: int, column: int, style: int, formats: list[Format | None]) -> None:
    made = formats[style] if style < len(formats) else None
    if made and len(look.formats) < _MAX_CELLS:
        look.formats[row, column] = made


def _text(data: bytes, size_bytes: int, is_unicode: bool) -> str:
    """A string behind its length: of bytes, or with a flag that says whether its characters have two."""
    count = int.from_bytes(data[:size_bytes], "little")
    data = data[size_bytes:]
    return _characters(data, count) if is_unicode else data[:count].decode("cp1252", "replace")


def _characters(data: bytes, count: int) -> str:
    return (
        data[1 : 1 + count * 2].decode("utf-16-le", "replace") if data[0] & 1 else data[1 : 1 + count].decode("latin-1")
    )
