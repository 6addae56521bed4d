"""Workbooks of Excel, made by openpyxl: rows with their names, numbers as people see them, hidden cells left out."""

import datetime
import io
import struct
import zipfile
from collections.abc import Sequence
from typing import Any

import openpyxl
import pytest

from benchmarks.compound_file import compound_file
from edge_agent.errors import ContentTooLarge, FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.parsing.office.biff_look import biff_looks
from edge_agent.ingest.parsing.office.number_formats import NumberFormat, number_format, plain_number
from edge_agent.settings import ParsingLimits

PRICES: list[list[Any]] = [["Producto", "Precio", "Plazo"], ["Cable", 9.9, "24 h"], ["Monitor", 189, "10 días"]]
EXPECTED = ["Producto: Cable | Precio: 9.9 | Plazo: 24 h", "Producto: Monitor | Precio: 189 | Plazo: 10 días"]


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def book_of(**sheets: Sequence[Sequence[Any]]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    return book


def make_xlsx(rows: Sequence[Sequence[Any]]) -> bytes:
    return saved(book_of(Hoja1=rows))


def read(content: bytes) -> Extract:
    return extract(content, DocumentFormat.XLSX, ParsingLimits())


def texts(content: bytes) -> list[str]:
    made = read(content)
    return [made.text[block.start : block.end] for block in made.blocks]


def test_each_row_is_one_block_and_sheets_are_headings() -> None:
    assert texts(make_xlsx(PRICES)) == EXPECTED
    phones: list[list[Any]] = [["Sede", "Ext."], ["Vigo", 5504]]
    assert texts(saved(book_of(Tarifas=PRICES, Teléfonos=phones, Vacía=[]))) == [
        "Tarifas",
        *EXPECTED,
        "Teléfonos",
        "Sede: Vigo | Ext.: 5504",
    ]


def test_tables_below_and_beside_each_other_keep_their_own_names() -> None:
    below: list[list[Any]] = [["Lista de precios"], *PRICES, [], ["Teléfonos"], ["Sede", "Ext."], ["Vigo", 5504]]
    assert texts(make_xlsx(below)) == ["Lista de precios", *EXPECTED, "Teléfonos", "Sede: Vigo | Ext.: 5504"]
    beside: list[list[Any]] = [["Sede", "Ext.", None, "Plan", "Días"], ["Vigo", 5504, None, "Duna", 7]]
    beside.append(["Lugo", 5505, None, "Mar", 14])
    assert texts(make_xlsx(beside)) == [
        "Sede: Vigo | Ext.: 5504",
        "Sede: Lugo | Ext.: 5505",
        "Plan: Duna | Días: 7",
        "Plan: Mar | Días: 14",
    ]


def test_tables_beside_each_other_stand_below_their_own_titles() -> None:
    rows: list[list[Any]] = [
        ["Depósitos", None, None, "Divisas", None],
        ["Plazo", "Interés", None, "Divisa", "Compra"],
        ["3 meses", 1.25, None, "Libra", 1.132],
        ["1 año", 2.15, None, "Dólar", 0.884],
        [],
        ["Revisado", datetime.date(2026, 2, 9)],
    ]
    expected = ["Depósitos", "Plazo: 3 meses | Interés: 1.25", "Plazo: 1 año | Interés: 2.15", "Divisas"]
    expected += ["Divisa: Libra | Compra: 1.132", "Divisa: Dólar | Compra: 0.884", "Revisado: 2026-02-09"]
    assert texts(make_xlsx(rows)) == expected
    merged = book_of(Hoja1=rows)
    for region in ("A1:B1", "D1:E1"):
        merged["Hoja1"].merge_cells(region)
    made = read(saved(merged))
    assert [made.text[block.start : block.end] for block in made.blocks] == expected
    assert made.blocks[-1].closes == 2  # the note belongs to no title alone


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (["Total", None, 300], "Plan: Total | Cuota: 300"),
        (["Playa", 8, 90], "Plan: Playa | Días: 8 | Cuota: 90"),
        (["Revisó", "Ana"], "Revisó: Ana"),
        (["Revisado", datetime.date(2026, 2, 9)], "Revisado: 2026-02-09"),
        (["Visto", datetime.date(2026, 2, 9), "Ana"], "Visto | 2026-02-09 | Ana"),
    ],
)
def test_a_row_below_a_blank_one_is_of_the_table_where_it_is_of_its_kind(row: list[Any], shown: str) -> None:
    rows: list[list[Any]] = [["Plan", "Días", "Cuota"], ["Duna", 7, 100], ["Mar", 14, 200], [], row]
    assert texts(make_xlsx(rows))[2:] == [shown]


def test_a_note_beside_the_names_of_columns_is_a_paragraph() -> None:
    rows: list[list[Any]] = [["Turno", "Inicio", None, "Nota: la noche se paga más"], ["Mañana", 8], ["Tarde", 15]]
    assert texts(make_xlsx(rows)) == ["Turno: Mañana | Inicio: 8", "Turno: Tarde | Inicio: 15", rows[0][3]]


def test_names_with_a_colon_at_the_left_are_a_form_without_a_header() -> None:
    made = texts(make_xlsx([["Centro:", "Ribera"], ["Directora:", "Ana"], ["Camas:", 84]]))
    assert [text.replace(" |", "") for text in made] == ["Centro: Ribera", "Directora: Ana", "Camas: 84"]


@pytest.mark.parametrize("is_text", [False, True], ids=["figures", "texts"])
def test_a_header_of_three_rows_names_each_column_by_all_of_them(is_text: bool) -> None:
    rows: list[list[Any]] = [["Planta", "Primero", None, None, "Segundo"], [None, "Enero", None, "Mayo", "Julio"]]
    rows += [[None, "Altas", "Bajas", "Altas", "Altas"], ["Norte", 12, 15, 9, 11], ["Sur", 22, 25, 19, 21]]
    if is_text:
        rows[3:] = [["Norte", "doce", "quince", "nueve", "once"], ["Sur", "dos", "cinco", "seis", "uno"]]
    book = book_of(Hoja1=rows)
    for region in ("A1:A3", "B1:D1", "B2:C2"):
        book["Hoja1"].merge_cells(region)
    names = ["Planta", "Primero › Enero › Altas", "Primero › Enero › Bajas", "Primero › Mayo › Altas"]
    names.append("Segundo › Julio › Altas")
    assert texts(saved(book)) == [
        " | ".join(f"{name}: {cell}" for name, cell in zip(names, row, strict=True)) for row in rows[3:]
    ]
    if not is_text:  # as people leave it out who merge nothing
        assert texts(make_xlsx(rows)) == texts(saved(book))


def test_a_table_that_does_not_begin_at_the_top_left_is_found() -> None:
    book = book_of(Hoja1=[])
    for r, row in enumerate(PRICES):
        for c, cell in enumerate(row):
            book["Hoja1"].cell(r + 5, c + 4, cell)
    assert texts(saved(book)) == EXPECTED


def test_merged_cells_stand_in_every_row_and_column_that_they_span() -> None:
    rows: list[list[Any]] = [["Zona", "Precio", None], [None, "Con IVA", "Sin IVA"], ["Norte", 12, 10], [None, 24, 20]]
    rows.append(["Sur", "Cerrado", None])
    book = book_of(Hoja1=rows)
    for region in ("A1:A2", "B1:C1", "A3:A4", "B5:C5"):
        book["Hoja1"].merge_cells(region)
    assert texts(saved(book)) == [
        "Zona: Norte | Precio › Con IVA: 12 | Precio › Sin IVA: 10",
        "Zona: Norte | Precio › Con IVA: 24 | Precio › Sin IVA: 20",
        "Zona: Sur | Precio › Con IVA: Cerrado | Precio › Sin IVA: Cerrado",
    ]


def test_a_title_merged_over_the_table_is_one_heading() -> None:
    book = book_of(Hoja1=[["Lista de precios", None, None], *PRICES])
    book["Hoja1"].merge_cells("A1:C1")
    assert texts(saved(book)) == ["Lista de precios", *EXPECTED]


def test_numbers_and_dates_are_shown_as_people_see_them() -> None:
    book = book_of(Hoja1=[["a", "b", "c", "d", "e", "f", "g"]])
    sheet = book["Hoja1"]
    day = datetime.datetime(2026, 12, 1)
    sheet.append([0.21, 9.9, 8001, 5, 12.0, day, day.replace(hour=9, minute=30)])
    for cell, code in zip(sheet[2], ["0%", '#,##0.00 "€"', "00000", '0" días"', "General"], strict=False):
        cell.number_format = code
    sheet.append([True, 0.1 + 0.2, datetime.time(9, 0), "=1+1", "#N/A", -3, "x"])
    assert texts(saved(book)) == [
        "a: 21% | b: 9.90 € | c: 08001 | d: 5 días | e: 12 | f: 2026-12-01 | g: 2026-12-01 09:30",
        "a: TRUE | b: 0.3 | c: 09:00 | f: -3 | g: x",
    ]


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("0.0%", 0.215, "21.5%"),
        ("0%", 1, "100%"),
        ("#,##0", 1234567, "1,234,567"),
        ('#,##0.00 "€"', 1234567.5, "1,234,567.50 €"),
        ("[$€-40A]#,##0.00", 1234567.5, "€1.234.567,50"),
        ("00000", 417, "00417"),
        ("000 000 000", 981555027, "981 555 027"),
        ('"+34 "00-00', 1234, "+34 12-34"),
        ("[<=9999999]###-####;(###) ###-####", 5551234, "555-1234"),
        ("[<=9999999]###-####;(###) ###-####", 9815551234, "(981) 555-1234"),
        ('0.0,,"M"', 2_500_000, "2.5M"),
        ("0.##", 3, "3"),
        ("0.00", 2.675, "2.68"),
        ('General" kg"', 3.5, "3.5 kg"),
        ('#,##0.00 "€";[Red]-#,##0.00 "€"', -350, "-350.00 €"),
        ("#,##0_);(#,##0)", -1200, "-1,200"),
        ("0.0", -0.01, "0.0"),
        ('0;-0;"gratis"', 0, "gratis"),
        ('"$"#,##0.00', 9.5, "$9.50"),
        ("[$€-40A]#,##0.00", 9.5, "€9,50"),
        ('#,##0.00\\ [$€-C0A];[Red]-#,##0.00\\ "€"', 189, "189,00 €"),
        ("0.0%", 0.07, "7.0%"),
        ("0%", 0.125, "13%"),
        ("_-* #,##0.00 €_-;-* #,##0.00 €_-", 0.5, "0.50 €"),
        ("0.00", 3.14159, "3.14"),
    ],
)
def test_number_formats_that_change_what_a_number_says(code: str, value: float, shown: str) -> None:
    made = number_format(code)
    assert isinstance(made, NumberFormat)
    assert made.shown(value) == shown


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("mmm yyyy", "Dec 2026"),
        ("mmmm yy", "December 2026"),
        ("[$-C0A]mmmm yyyy", "diciembre 2026"),
        ('mmmm" de "yyyy', "diciembre de 2026"),
        ("mm/yyyy", "12/2026"),
        ("yyyy", "2026"),
        ("d mmm", "1 Dec"),
        ("dddd", "Tuesday"),
        ("dd/mm/yyyy", "2026-12-01"),
        ("dd/mm", "2026-12-01"),
    ],
)
def test_a_day_that_is_shown_without_its_day_or_year_is_stored_so(code: str, shown: str) -> None:
    book = book_of(Hoja1=[["Curso", "Mes"], ["Vela", datetime.date(2026, 12, 1)]])
    book["Hoja1"]["B2"].number_format = code
    assert texts(saved(book)) == [f"Curso: Vela | Mes: {shown}"]


def biff(kind: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack("<HH", kind, len(content)) + content


def biff_text(text: str, size: str = "<H") -> bytes:
    return struct.pack(size, len(text)) + b"\1" + text.encode("utf-16-le")


def make_xls(rows: Sequence[Sequence[str | tuple[float, int]]], codes: Sequence[str], *more: bytes) -> bytes:
    """A workbook of before 2007 with one sheet: texts, and numbers with the place of their format."""
    cells = b""
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            if isinstance(cell, str):
                cells += biff(0x0204, struct.pack("<HHH", r, c, 0), biff_text(cell))
            else:
                cells += biff(0x0203, struct.pack("<HHHd", r, c, cell[1] + 1, cell[0]))
    sheet = biff(0x0809, struct.pack("<HHHH8x", 0x0600, 0x0010, 0, 0)) + cells + b"".join(more) + biff(0x000A)
    head = biff(0x0809, struct.pack("<HHHH8x", 0x0600, 0x0005, 0, 0))
    for n, code in enumerate(codes):
        head += biff(0x041E, struct.pack("<H", 164 + n), biff_text(code))
    for number in (0, *range(164, 164 + len(codes))):
        head += biff(0x00E0, struct.pack("<HH", 0, number), bytes(16))
    name = biff_text("Hoja1", "<B")
    place = len(head) + 4 + 6 + len(name) + 4
    return compound_file({"Workbook": head + biff(0x0085, struct.pack("<IH", place, 0), name) + biff(0x000A) + sheet})


def test_numbers_of_workbooks_before_2007_are_shown_by_their_formats() -> None:
    rows: list[list[str | tuple[float, int]]] = [
        ["Código", "Cuota", "Parte", "Teléfono", "Mes"],
        [(417, 0), (1234567.5, 1), (0.125, 2), (981555027, 3), (46357, 4)],
        [(418, 0), (12, 5), (1, 2), (981555028, 3), (46357, 4)],
    ]
    content = make_xls(rows, ["00000", '#,##0.00 "€"', "0.0%", "000 000 000", "mmm yyyy", '"£"0.00'])
    assert texts(content) == [
        "Código: 00417 | Cuota: 1,234,567.50 € | Parte: 12.5% | Teléfono: 981 555 027 | Mes: Dec 2026",
        "Código: 00418 | Cuota: £12.00 | Parte: 100.0% | Teléfono: 981 555 028 | Mes: Dec 2026",
    ]


@pytest.mark.parametrize("place", [30, 32, 44, 48, 60, 76])
def test_a_damaged_container_of_before_2007_gives_no_looks(place: int) -> None:
    content = bytearray(make_xls([["Código"], [(417, 0)]], ["00000"]))
    content[place : place + 2] = b"\x40\x00"  # of the sizes and places of its sectors
    assert set(biff_looks(bytes(content))) <= {"Hoja1"}


def test_hidden_rows_columns_and_comments_of_workbooks_before_2007_are_counted() -> None:
    hidden_row = biff(0x0208, struct.pack("<HHHHIHH", 2, 0, 3, 255, 0, 0x20, 0))
    hidden_column = biff(0x007D, struct.pack("<HHHHHH", 2, 2, 0, 0, 1, 0))
    note = biff(0x005D, struct.pack("<HHHH", 0x15, 0x12, 0x19, 1)) + biff(0x01B6, bytes(18))
    note += biff(0x003C, b"\0secreto")
    rows = [["Sede", "Ciudad", "Clave"], ["Norte", "Vigo", "x1"], ["Sur", "Lugo", "x2"]]
    made = read(make_xls(rows, [], hidden_row, hidden_column, note))
    assert made.text == "Sede: Norte | Ciudad: Vigo"
    assert made.invisible_chars == len("SurLugox2") + len("Clavex1") + len("secreto")
    assert made.notices[1] == "comments on cells were left out: 1"


def test_formulas_without_a_value_are_counted() -> None:
    made = read(make_xlsx([["Mesa", "Neto", "Bruto"], ["Roble", 100, "=B2*1.21"]]))
    assert made.notices[0].startswith("cells with a formula that was never calculated are empty: 1;")


def test_a_lone_note_beside_a_table_is_a_paragraph_of_its_own() -> None:
    prices: list[list[Any]] = [
        ["Zona", "Precio"],
        ["Norte", 4],
        ["Sur", 5, None, "Los sábados, tres euros más."],
        ["Este", 6],
    ]
    assert texts(make_xlsx(prices)) == [
        "Zona: Norte | Precio: 4",
        "Zona: Sur | Precio: 5",
        "Zona: Este | Precio: 6",
        "Los sábados, tres euros más.",
    ]


@pytest.mark.parametrize(
    "code", ["dd/mm/yyyy", "h:mm", "0.00E+00", "# ?/?", "General", "@", "", "[h]:mm", '"x"', "000/000"]
)
def test_other_number_formats_are_left_to_the_value(code: str) -> None:
    assert number_format(code) is None
    assert plain_number(12.0) == "12"


def test_hidden_sheets_rows_and_columns_are_counted_and_not_read() -> None:
    book = book_of(Tarifas=PRICES, Secreto=[["a", "b"], ["clave", "1234"]])
    book["Secreto"].sheet_state = "hidden"
    book["Tarifas"].row_dimensions[2].hidden = True
    book["Tarifas"].column_dimensions["C"].hidden = True
    made = read(saved(book))
    assert made.text == "Tarifas\n\nProducto: Monitor | Precio: 189"
    assert made.invisible_chars == len("abclave1234Cable9.924hPlazo10días")
    assert made.notices == ("3 hidden sheets, rows or columns with text were left out",)


def test_comments_are_left_out_and_title_and_date_are_the_properties() -> None:
    book = book_of(Hoja1=PRICES)
    book["Hoja1"]["A1"].comment = openpyxl.comments.Comment("secreto", "Ana")
    book.properties.title, book.properties.modified = "Tarifas 2026", datetime.datetime(2026, 3, 4)
    made = read(saved(book))
    assert "secreto" not in made.text
    assert made.notices == ("comments on cells were left out: 1",)
    assert made.invisible_chars == len("secreto")
    assert made.title == "Tarifas 2026"


def test_cells_are_bounded_wherever_they_stand() -> None:
    book = book_of(Hoja1=PRICES)
    book["Hoja1"]["XFD1048576"] = "x"
    with pytest.raises(ContentTooLarge, match="1000000 cells; split the table"):
        read(saved(book))
    with pytest.raises(ContentTooLarge, match="200 fields a row"):
        read(make_xlsx([["a"] * 201]))


def test_damaged_protected_and_foreign_files_are_refused() -> None:
    with pytest.raises(InputInvalid, match="damaged"):
        read(make_xlsx(PRICES)[:2000])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "Hola")
    with pytest.raises(InputInvalid, match="damaged"):
        read(out.getvalue())
    compound = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
    with pytest.raises(InputInvalid, match="damaged"):
        read(compound)
    with pytest.raises(FormatUnsupported, match="protected by a password"):
        read(compound + "EncryptedPackage".encode("utf-16-le") + bytes(480))
    with pytest.raises(FormatUnsupported, match="expected an Excel workbook"):
        read(b"Sede;Ext.\n")


def test_a_bomb_of_one_part_is_refused_before_it_is_unpacked() -> None:
    original, out = zipfile.ZipFile(io.BytesIO(make_xlsx(PRICES))), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in original.namelist():
            is_sheet = name.endswith("sheet1.xml")
            archive.writestr(name, bytes(300_000_000) if is_sheet else original.read(name))
    with pytest.raises(ContentTooLarge, match="unpacks to"):
        read(out.getvalue())


def test_a_table_goes_on_below_a_form() -> None:
    form: list[list[Any]] = [["Cliente:", "Ida Pell"], ["Sala:", "B4"], []]
    table: list[list[Any]] = [["Plan", "Cuota"], ["Duna", 100], ["Mar", 200]]
    made = texts(make_xlsx(form + table))
    assert [text.replace(" |", "") for text in made[:2]] == ["Cliente: Ida Pell", "Sala: B4"]
    assert made[2:] == ["Plan: Duna | Cuota: 100", "Plan: Mar | Cuota: 200"]
