"""OpenDocument spreadsheets: the text that each cell shows, repeated and merged cells in all their places."""

import html
import io
import zipfile

import pytest

from edge_agent.errors import ContentTooLarge, FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits

_NAMES = "".join(
    f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text", "style")
)
CELL, ROW = "table:table-cell", "table:table-row"


def cell(text: str, **numbers: int) -> str:
    attributes = " ".join(f'table:number-{name.replace("_", "-")}="{n}"' for name, n in numbers.items())
    return f"<{CELL} {attributes}><text:p>{html.escape(text)}</text:p></{CELL}>"


def ods_row(*texts: str, attributes: str = "") -> str:
    return f"<{ROW} {attributes}>{''.join(cell(text) for text in texts)}</{ROW}>"


def sheet_of(rows: str, name: str = "Hoja1", style: str = "") -> str:
    return f'<table:table table:name="{name}" table:style-name="{style}">{rows}</table:table>'


def make_ods(rows: str, *, sheets: str = "", manifest: str = "<manifest/>") -> bytes:
    styles = '<style:style style:name="off"><style:table-properties table:display="false"/></style:style>'
    body = f"<office:spreadsheet>{sheets or sheet_of(rows)}</office:spreadsheet>"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr(
            "content.xml",
            f"<office:document-content{_NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
            f"<office:body>{body}</office:body></office:document-content>",
        )
        archive.writestr(
            "meta.xml",
            f'<office:document-meta{_NAMES} xmlns:dc="http://purl.org/dc/elements/1.1/"><office:meta>'
            "<dc:title>Tarifas</dc:title><dc:date>2026-03-04T10:00:00</dc:date></office:meta></office:document-meta>",
        )
    return out.getvalue()


def read(content: bytes) -> Extract:
    return extract(content, DocumentFormat.ODS, ParsingLimits())


def texts(content: bytes) -> list[str]:
    made = read(content)
    return [made.text[block.start : block.end] for block in made.blocks]


HEADER = ods_row("Sede", "Ext.", "Cuota")


def test_cells_are_read_as_they_are_shown() -> None:
    shown = f'<{CELL} office:value-type="percentage" office:value="0.215"><text:p>21,5 %</text:p></{CELL}>'
    bare = f'<{CELL} office:value-type="float" office:value="5504"/>'
    made = read(make_ods(f"{HEADER}<{ROW}>{cell('Vigo')}{bare}{shown}</{ROW}>"))
    assert (made.title, made.date) == ("Tarifas", "2026-03-04")
    assert made.text == "Sede: Vigo | Ext.: 5504 | Cuota: 21,5 %"


def test_comments_and_formulas_without_a_value_are_counted() -> None:
    note = "<office:annotation><text:p>secreto</text:p></office:annotation>"
    noted = f"<{CELL}>{note}<text:p>5504</text:p></{CELL}>"
    formula = f'<{CELL} table:formula="of:=1+1"/>'
    made = read(make_ods(f"{HEADER}<{ROW}>{cell('Vigo')}{noted}{formula}</{ROW}>"))
    assert made.text == "Sede: Vigo | Ext.: 5504"
    assert made.invisible_chars == len("secreto")
    assert [notice.split(":")[0] for notice in made.notices] == [
        "comments on cells were left out",
        "cells with a formula that was never calculated are empty",
    ]


def test_repeated_rows_and_cells_and_the_empty_rest_of_a_sheet() -> None:
    rest = f'<{CELL} table:number-columns-repeated="16000"/>'
    cells = cell("Vigo") + cell("1", columns_repeated=2) + rest
    twice = f'<{ROW} table:number-rows-repeated="2">{cells}</{ROW}>'
    empty = f'<{ROW} table:number-rows-repeated="1048000">{rest}</{ROW}>'
    assert texts(make_ods(HEADER + twice + empty)) == ["Sede: Vigo | Ext.: 1 | Cuota: 1"] * 2


def test_merged_cells_are_carried_over() -> None:
    covered = "<table:covered-table-cell/>"
    tall = f"<{ROW}>{cell('Norte', rows_spanned=2)}{cell('1')}{cell('2')}</{ROW}>"
    below = f"<{ROW}>{covered}{cell('3')}{cell('4')}</{ROW}>"
    wide = f"<{ROW}>{cell('Sur')}{cell('Cerrado', columns_spanned=2)}{covered}</{ROW}>"
    assert texts(make_ods(HEADER + tall + below + wide)) == [
        "Sede: Norte | Ext.: 1 | Cuota: 2",
        "Sede: Norte | Ext.: 3 | Cuota: 4",
        "Sede: Sur | Ext.: Cerrado | Cuota: Cerrado",
    ]


def test_lines_spaces_and_comments_of_a_cell() -> None:
    inner = "<office:annotation><text:p>secreto</text:p></office:annotation>"
    inner += '<text:p>Calle<text:s text:c="2"/>Mayor</text:p><text:p>3º B</text:p>'
    made = texts(make_ods(f"{HEADER}<{ROW}><{CELL}>{inner}</{CELL}>{cell('1')}{cell('2')}</{ROW}>"))
    assert made == ["Sede: Calle Mayor 3º B | Ext.: 1 | Cuota: 2"]


def test_hidden_sheets_rows_and_columns_are_counted_and_not_read() -> None:
    columns = '<table:table-column table:number-columns-repeated="2"/><table:table-column table:visibility="collapse"/>'
    hidden = ods_row("Lugo", "2", "9", attributes='table:visibility="collapse"')
    first = sheet_of(columns + HEADER + ods_row("Vigo", "1", "8") + hidden, "Uno")
    made = read(make_ods("", sheets=first + sheet_of(ods_row("clave", "1234"), "Dos", "off")))
    assert made.text == "Uno\n\nSede: Vigo | Ext.: 1"
    assert made.invisible_chars == len("clave1234Lugo29Cuota8")
    assert made.notices == ("3 hidden sheets, rows or columns with text were left out",)


def test_sheets_are_bounded_and_protected_or_damaged_ones_refused() -> None:
    many = f"<{ROW}>{cell('x', columns_repeated=16000)}</{ROW}>" * 100
    with pytest.raises(ContentTooLarge, match="1000000 cells"):
        read(make_ods(many))
    with pytest.raises(ContentTooLarge, match="200 fields"):
        read(make_ods(f"<{ROW}>{cell('x', columns_repeated=201)}</{ROW}>"))
    with pytest.raises(FormatUnsupported, match="protected by a password"):
        read(make_ods(HEADER, manifest="<manifest:encryption-data/>"))
    with pytest.raises(InputInvalid, match="damaged"):
        read(make_ods("<unclosed>"))
    laughs = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    assert "ha" not in laughs_of(laughs)


def laughs_of(doctype: str) -> str:
    original, out = zipfile.ZipFile(io.BytesIO(make_ods(HEADER + ods_row("Vigo", "ENT", "2")))), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in original.namelist():
            content = original.read(name).decode()
            archive.writestr(name, doctype + content.replace("ENT", "&b;") if name == "content.xml" else content)
    return read(out.getvalue()).text
