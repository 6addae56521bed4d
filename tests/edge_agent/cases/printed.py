"""Cases of Word documents and of PDF."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import docx
import matplotlib
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pypdf import PdfReader, PdfWriter
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from tests.edge_agent.cases.case import Case
from tests.edge_agent.ingest.documents.abstract import Document, Entry, Items, Paragraph
from tests.edge_agent.ingest.documents.word import write_docx, write_strict_docx

_W = nsdecls("w")
_DEJAVU = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"  # it has accents apart
pdfmetrics.registerFont(TTFont("DejaVu", str(_DEJAVU)))


def _word(*xml: str) -> bytes:
    """A Word document whose body is some XML."""
    made = docx.Document()
    for part in xml:
        made.element.body.insert_element_before(parse_xml(part), "w:sectPr")
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def _paragraph(text: str) -> str:
    return f"<w:p {_W}><w:r><w:t>{text}</w:t></w:r></w:p>"


def _cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>"


def _table(*rows: str) -> str:
    return f"<w:tbl {_W}>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


def _pdf(*pages: Callable[[Any], None], title: str = "", packed: int = 1) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), pageCompression=packed)
    canvas.setTitle(title)
    for draw in pages:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _lines(
    *lines: str | Sequence[str], top: int = 760, columns: Sequence[int] = (60, 320), font: str = "Helvetica"
) -> Callable[[Any], None]:
    """Draws lines one below the other, those of several parts at columns, as office programs do: row by row."""

    def draw(canvas: Any) -> None:
        canvas.setFont(font, 11)
        for number, line in enumerate(lines):
            for column, part in zip(columns, (line,) if isinstance(line, str) else line, strict=False):
                canvas.drawString(column, top - 16 * number, part)

    return draw


def _headed(head: str, foot: str, draw: Callable[[Any], None]) -> Callable[[Any], None]:
    def draw_all(canvas: Any) -> None:
        _lines(head, top=810)(canvas)
        draw(canvas)
        _lines(foot, top=30)(canvas)

    return draw_all


def _locked(algorithm: str) -> bytes:
    writer = PdfWriter(PdfReader(io.BytesIO(_pdf(_lines("The loading bay opens at five.")))))
    writer.encrypt("", "owner", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _document(*blocks: Any) -> Document:
    return Document("Manual", "Manual", blocks)


_BROKEN = _table(
    _cell("Sede") + _cell("Aforo"),
    _cell("Lugo", '<w:vMerge w:val="continue"/>') + _cell("30"),
    '<w:tc><w:tcPr><w:gridSpan w:val="x"/></w:tcPr></w:tc>',
)
_MERGED = _table(
    _cell("Planta") + _cell("Sala") + _cell("Plazas"),
    _cell("Segunda", '<w:vMerge w:val="restart"/>') + _cell("Ebro") + _cell("12"),
    _cell("", "<w:vMerge/>") + _cell("Miño") + _cell("18"),
)
_BEFORE = (
    f"<w:tbl {_W}><w:tr>{_cell('Tool')}{_cell('Shelf')}</w:tr>"
    f'<w:tr><w:trPr><w:gridBefore w:val="1"/></w:trPr>{_cell("Shelf nine")}</w:tr></w:tbl>'
)
_LEFT = ("Travel by train is paid in full", "and in second class. Cabs are", "paid after ten at night.")
_RIGHT = ("Hotels cost eighty dollars at", "most. Breakfast is seventeen", "dollars at most.")

CASES = (
    Case(
        "tracked insertions are text, deletions are not",
        {
            "plazos.docx": _word(
                f"<w:p {_W}><w:r><w:t xml:space='preserve'>El alquiler del furgón dura </w:t></w:r><w:del "
                f"w:id='1' w:author='A'>"
                "<w:r><w:delText>dos semanas</w:delText></w:r></w:del><w:ins w:id='2' "
                "w:author='A'><w:r><w:t>nueve semanas</w:t>"
                "</w:r></w:ins><w:r><w:t>.</w:t></w:r></w:p>"
            )
        },
        "¿Cuánto dura el alquiler del furgón?",
        ("nueve semanas",),
        ("dos semanas",),
        text_lacks=("dos semanas",),
    ),
    Case(
        "text boxes and content controls are text",
        {
            "hours.docx": write_docx(
                _document(
                    Paragraph("The depot keeps these hours."),
                    Paragraph("The Bristol depot opens at 7:45.", way=3),
                    Paragraph("The Cardiff depot opens at 9:15.", way=2),
                )
            )
        },
        "When does the Bristol depot open?",
        ("7:45",),
        text_holds=("the cardiff depot opens at 9:15",),
    ),
    Case(
        "footnotes are text",
        {
            "dietas.docx": write_docx(
                _document(
                    Paragraph("Las comidas de trabajo se pagan con factura.", note="Las propinas no se pagan nunca."),
                )
            )
        },
        "¿Se pagan las propinas?",
        ("no se pagan",),
    ),
    Case(
        "numbers of steps are kept",
        {
            "steps.docx": write_docx(
                _document(
                    Items(
                        is_numbered=True,
                        entries=tuple(Entry(t) for t in ("Open the flap", "Lift the lever", "Pull the tray")),
                    ),
                )
            )
        },
        text_holds=("1. open the flap", "2. lift the lever", "3. pull the tray"),
    ),
    Case(
        "a broken row costs nothing but itself",
        {
            "aforo.docx": _word(
                _paragraph("La sala grande se reserva con Ana."), _BROKEN, _paragraph("La chica, con Luis.")
            )
        },
        text_holds=("la sala grande se reserva con ana", "la chica, con luis"),
        notice_holds=("row",),
    ),
    Case(
        "cells merged over rows",
        {"salas.docx": _word(_paragraph("Salas del edificio."), _MERGED)},
        "¿Cuántas plazas tiene la sala Miño?",
        ("18",),
        ("12",),
        text_holds=("planta: segunda | sala: miño | plazas: 18",),
    ),
    Case(
        "a row that begins later",
        {"tools.docx": _word(_paragraph("Tools are kept in the annex."), _BEFORE)},
        text_holds=("tools are kept in the annex", "shelf nine"),
    ),
    Case(
        "Strict Open XML",
        {"strict.docx": write_strict_docx(_document(Paragraph("La prensa se engrasa cada lunes.")))},
        "¿Cuándo se engrasa la prensa?",
        ("cada lunes",),
    ),
    Case(
        "two columns drawn row by row",
        {"travel.pdf": _pdf(_lines(*zip(_LEFT, _RIGHT, strict=True)))},
        "How much is breakfast at most?",
        ("seventeen dollars",),
        ("second class", "ten at night"),
    ),
    Case(
        "one line of a list alone",
        {
            "guardias.pdf": _pdf(
                _lines(
                    "Teléfonos internos",
                    *(("Enfermería", "6104"), ("Mantenimiento", "6115"), ("Cocina", "6126"), ("Almacén", "6137")),
                    columns=(60, 200),
                )
            )
        },
        "Teléfono de mantenimiento",
        ("6115",),
        ("6104", "6126"),
    ),
    Case(
        "a table of prices",
        {
            "precios.pdf": _pdf(
                _lines(
                    ("Producto", "Precio", "Plazo"),
                    ("Silla plegable", "24 euros", "3 días"),
                    ("Mesa redonda", "88 euros", "9 días"),
                    ("Armario alto", "140 euros", "21 días"),
                    columns=(60, 240, 400),
                )
            )
        },
        "¿Qué precio tiene la mesa redonda?",
        ("88 euros",),
        ("140", "24 euros"),
    ),
    Case(
        "a sentence over a page break, running heads removed",
        {
            "manual.pdf": _pdf(
                _headed(
                    "Internal - depot handbook",
                    "Page 1 of 3",
                    _lines("Claims over ninety dollars are sent to Oslo within", top=60),
                ),
                _headed(
                    "Internal - depot handbook",
                    "Page 2 of 3",
                    _lines("sixteen working days.", "Older claims are refused."),
                ),
                _headed("Internal - depot handbook", "Page 3 of 3", _lines("Claims are kept in a blue folder.")),
            )
        },
        "Within how long are claims over ninety dollars sent?",
        ("sixteen working days",),
        ("page 1 of 3", "handbook"),
    ),
    Case(
        "soft hyphens and hyphens at the end of a line join",
        {
            "cese.pdf": _pdf(
                _lines("La liqui\u00addación del contrato se entrega con la docu-", "mentación firmada.", font="DejaVu")
            )
        },
        text_holds=("la liquidación del contrato", "documentación firmada"),
    ),
    Case(
        "letters and accents apart",
        {"nfd.pdf": _pdf(_lines("La evaluacio\u0301n es en septiembre.", font="DejaVu"))},
        text_holds=("la evaluación es en septiembre",),
    ),
    Case(
        "junk before a PDF",
        {"junk.pdf": b"\r\nContent-Type: x\r\n\r\n" + _pdf(_lines("The lift is serviced in May."))},
        text_holds=("the lift is serviced in may",),
    ),
    *(
        Case(f"an empty user password, {algorithm}", {"locked.pdf": _locked(algorithm)}, text_holds=("opens at five",))
        for algorithm in ("RC4-128", "AES-128", "AES-256")
    ),
)
