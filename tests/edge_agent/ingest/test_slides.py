"""Presentations: each slide's title, its text as it is read, its tables, drawings and notes."""
# ruff: noqa: E501

import io
import zipfile
from typing import Any

import pytest
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Cm

from edge_agent.errors import FormatUnsupported
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.parsing.office.reading_order import Box, in_reading_order
from edge_agent.settings import ParsingLimits
from tests.edge_agent.ingest.office import pack, shown


def saved(made: Any) -> bytes:
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def read(content: bytes) -> Extract:
    return extract(content, DocumentFormat.PPTX, ParsingLimits())


def changed(content: bytes, name: str, old: bytes, new: bytes) -> bytes:
    """A presentation with something replaced in the parts whose names begin so."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts: dict[str, bytes | str] = {
            part: archive.read(part).replace(old, new) if part.startswith(name) else archive.read(part)
            for part in archive.namelist()
        }
    return pack(parts)


def test_titles_lists_and_notes() -> None:
    made = Presentation()
    cover = made.slides.add_slide(made.slide_layouts[0])
    cover.shapes.title.text, cover.placeholders[1].text = "Bienvenida", "Oficina de Soria"
    slide = made.slides.add_slide(made.slide_layouts[1])
    slide.shapes.title.text = "Pasos"
    frame = slide.placeholders[1].text_frame
    frame.text = "Pedir"
    for text, level in (("Firmar", 1), ("Esperar", 0)):
        line = frame.add_paragraph()
        line.text, line.level = text, level
    slide.notes_slide.notes_text_frame.text = "Dígalo despacio."
    empty = made.slides.add_slide(made.slide_layouts[1])  # its prompts belong to the layout
    empty.shapes.title.text = "Vacía"
    read_back = read(saved(made))
    assert shown(read_back) == [
        "# Bienvenida", "Oficina de Soria", "## Pasos", "- Pedir", "- Firmar", "- Esperar", "Dígalo despacio.", "## Vacía",
    ]  # fmt: skip
    assert [block.page for block in read_back.blocks] == [1, 1, 2, 2, 2, 2, 2, 3]
    assert [block.level for block in read_back.blocks if block.kind == "list item"] == [1, 2, 1]
    assert (read_back.title, read_back.date) == ("Bienvenida", "")


def test_numbers_are_those_that_slides_show() -> None:
    made = Presentation()
    frame = made.slides.add_slide(made.slide_layouts[6]).shapes.add_textbox(0, 0, Cm(5), Cm(5)).text_frame
    for number, (text, level, mark) in enumerate(
        (("Uno", 0, "arabicPeriod"), ("a", 1, "alphaLcParenR"), ("b", 1, "alphaLcParenR"), ("Dos", 0, "arabicPeriod"),
         ("Nada", 0, ""), ("IV", 0, 'romanUcParenBoth" startAt="4'))
    ):  # fmt: skip
        line = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        line.text, line.level = text, level
        if mark:
            line._p.get_or_add_pPr().append(line._p.makeelement(f"{{{A}}}buAutoNum", _attributes(mark)))
    assert shown(read(saved(made))) == ["1. Uno", "a) a", "b) b", "2. Dos", "Nada", "(IV) IV"]


A = "http://schemas.openxmlformats.org/drawingml/2006/main"


def _attributes(mark: str) -> dict[str, str]:
    kind, _, start = mark.partition('" startAt="')
    return {"type": kind, **({"startAt": start} if start else {})}


def test_shapes_are_read_from_the_top_and_the_left() -> None:
    made = Presentation()
    slide = made.slides.add_slide(made.slide_layouts[6])
    for text, x, y in (
        ("Abajo.", 1, 12),
        ("Derecha 2.", 12, 7),
        ("Izquierda 2.", 1, 7),
        ("Derecha.", 12, 3),
        ("Izquierda.", 1, 3),
    ):
        slide.shapes.add_textbox(Cm(x), Cm(y), Cm(8), Cm(5)).text_frame.text = text
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(Cm(1), Cm(0), Cm(8), Cm(1)).text_frame.text = "Arriba."
    assert shown(read(saved(made))) == ["Arriba.", "Izquierda.", "Izquierda 2.", "Derecha.", "Derecha 2.", "Abajo."]


def test_many_shapes_are_read_in_order_too() -> None:
    shapes = [(Box(0, 10 * n, 5, 50), n) for n in range(500)]
    assert in_reading_order(shapes[::-1]) == list(range(500))
    assert in_reading_order([(Box(0, 0, 9, 9), "a"), (Box(1, 1, 9, 9), "b")]) == ["a", "b"]


def test_tables_and_charts_keep_their_columns() -> None:
    made = Presentation()
    slide = made.slides.add_slide(made.slide_layouts[6])
    table = slide.shapes.add_table(3, 3, 0, 0, Cm(9), Cm(3)).table
    for row, cells in enumerate((("Zona", "Precio", "Firma"), ("Norte", "4 €", ""), ("", "9 €", ""))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    data = CategoryChartData()
    data.categories = ["2024", "2025"]
    data.add_series("Ventas", (0.1 + 0.2, 12))
    chart = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, Cm(9), Cm(9), Cm(9), data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Resultados"
    assert shown(read(saved(made))) == [
        "Firma", "Zona: Norte | Precio: 4 €", "Zona: Norte | Precio: 9 €", "Resultados", "2024 | Ventas: 0.3",
        "2025 | Ventas: 12",
    ]  # fmt: skip


def test_hidden_slides_and_shapes_are_counted_and_named() -> None:
    made = Presentation()
    for text in ("Se ve.", "No se ve."):
        made.slides.add_slide(made.slide_layouts[6]).shapes.add_textbox(0, 0, 9, 9).text_frame.text = text
    made.slides[1]._element.set("show", "0")
    box = made.slides[0].shapes.add_textbox(0, 0, 9, 9)
    box.text_frame.text = "oculta"
    box._element.nvSpPr.cNvPr.set("hidden", "1")
    read_back = read(saved(made))
    assert shown(read_back) == ["Se ve."]
    assert read_back.invisible_chars == len("Noseve.oculta")
    assert read_back.notices == ("slide 2 is hidden; left out",)


def test_footers_stand_once_and_numbers_of_slides_never() -> None:
    made = Presentation()
    for number, text in enumerate(("Uno.", "Dos.")):
        slide = made.slides.add_slide(made.slide_layouts[6])
        slide.shapes.add_textbox(0, 0, 9, 9).text_frame.text = text
        for kind, footer in (("ftr", "Marea S.A."), ("sldNum", str(number)), ("dt", "1/2/2025")):
            box = slide.shapes.add_textbox(0, Cm(15), 9, 9)
            box.text_frame.text = footer
            properties = box._element.nvSpPr.nvPr
            properties.append(properties.makeelement(f"{{{P}}}ph", {"type": kind, "idx": "99"}))
    assert shown(read(saved(made))) == ["Uno.", "Dos.", "Marea S.A."]


P = "http://schemas.openxmlformats.org/presentationml/2006/main"


def test_strict_presentations_are_read_and_those_with_macros_refused() -> None:
    made = Presentation()
    made.slides.add_slide(made.slide_layouts[6]).shapes.add_textbox(0, 0, 9, 9).text_frame.text = "Hola."
    content = saved(made)
    strict = changed(
        changed(content, "ppt/", b"http://schemas.openxmlformats.org/presentationml/2006/", b"http://purl.oclc.org/ooxml/presentationml/"),
        "ppt/", b"http://schemas.openxmlformats.org/drawingml/2006/", b"http://purl.oclc.org/ooxml/drawingml/",
    )  # fmt: skip
    assert read(strict).text == "Hola."
    main = b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
    for other, message in (
        (b"application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml", "macros"),
        (b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml", "not a presentation"),
    ):
        with pytest.raises(FormatUnsupported, match=message):
            read(changed(content, "[Content_Types]", main, other))


def test_a_slide_that_is_missing_is_named() -> None:
    made = Presentation()
    for text in ("Hola.", "Adiós."):
        made.slides.add_slide(made.slide_layouts[6]).shapes.add_textbox(0, 0, 9, 9).text_frame.text = text
    read_back = read(changed(saved(made), "ppt/_rels/", b"slides/slide2.xml", b"slides/slide7.xml"))
    assert shown(read_back) == ["Hola."]
    assert read_back.notices == ("slide 2 is missing from the file",)
