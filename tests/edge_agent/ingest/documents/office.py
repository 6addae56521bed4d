"""Writers of abstract documents as slides, RTF, PDF and sheets."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import openpyxl
from pptx import Presentation
from pptx.util import Cm
from reportlab.lib import colors
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.platypus import ListFlowable, ListItem, Preformatted, SimpleDocTemplate
from reportlab.platypus import Paragraph as PdfParagraph
from reportlab.platypus import Table as PdfTable

from tests.edge_agent.ingest.documents.abstract import (
    Block,
    Code,
    Document,
    Entry,
    Heading,
    Hidden,
    Items,
    Layout,
    Pair,
    Paragraph,
    Table,
)
from tests.edge_agent.ingest.documents.marked_text import pair_lines
from tests.edge_agent.ingest.documents.opendocument import sheets


def write_pptx(document: Document) -> bytes:
    """Slides: a heading begins one with its title, anything else stands in a box or table of its own."""
    made = Presentation()
    made.core_properties.title = document.title
    slide, top = None, 4.0
    for block in document.blocks:
        if isinstance(block, Heading) or slide is None or top > 15:
            slide, top = made.slides.add_slide(made.slide_layouts[5]), 4.0
        match block:
            case Heading(_, text):
                slide.shapes.title.text = text
            case Table():
                rows, columns = len(block.rows) + 1, len(block.names)
                table = slide.shapes.add_table(rows, columns, Cm(1), Cm(top), Cm(20), Cm(rows)).table
                for row, cells in enumerate((block.names, *block.rows)):
                    for column, text in enumerate(cells):
                        if not (column == 0 and 1 < row <= block.merged):
                            table.cell(row, column).text = text
                if block.merged > 1:
                    table.cell(1, 0).merge(table.cell(block.merged, 0))
            case _:
                frame = slide.shapes.add_textbox(Cm(1), Cm(top), Cm(20), Cm(2)).text_frame
                for number, (text, depth, mark) in enumerate(_slide_lines(block)):
                    line = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
                    line.text, line.level = text, max(0, depth - 1)
                    if depth:
                        _mark(line, mark)
        top += 3
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def write_rtf(document: Document) -> bytes:
    """Rich text as word processors write it, in Windows-1252 with every second letter beyond ASCII as Unicode."""
    parts = [
        r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}{\f1 Courier New;}}",
        rf"{{\*\listtable{_rtf_list(1, 0)}{_rtf_list(2, 23)}}}",
        r"{\*\listoverridetable{\listoverride\listid1\ls1}{\listoverride\listid2\ls2}}",
        r"{\stylesheet{\s0 Normal;}{\s1 heading 1;}{\s2 heading 2;}{\s3 heading 3;}{\s4 heading 4;}}",
        rf"{{\info{{\title {_rtf(document.title)}}}}}",
        rf"{{\header\pard {_rtf(document.running_head)}\par}}",
    ]
    for block in document.blocks:
        match block:
            case Heading(level, text):
                parts.append(rf"\pard\s{level}\outlinelevel{level - 1}\b {_rtf(text)}\b0\par")
            case Paragraph(text, note):
                foot = rf"{{\super\chftn{{\footnote\pard\chftn {_rtf(note)}}}}}" if note else ""
                parts.append(rf"\pard {_rtf(text)}{foot}\par")
            case Items():
                for entry, depth, number in block.flat():
                    mark = f"{number}." if block.is_numbered else r"\bullet "
                    where = rf"\ls{1 if block.is_numbered else 2}\ilvl{depth - 1}\li{360 * depth}"
                    parts.append(rf"\pard{where}{{\listtext {mark}\tab}}{_rtf(entry.text)}\par")
            case Table():
                parts += _rtf_table(block)
            case Pair(question, answer, Layout.HEADING):
                parts.append(rf"\pard\s4\outlinelevel3 {_rtf(question)}\par\pard {_rtf(answer)}\par")
            case Pair():
                first, second = (_rtf(line) for line in pair_lines(block))
                first = rf"{{\b {first}}}" if block.layout is Layout.BOLD else first
                parts.append(rf"\pard {first}\par" + (rf"\pard {second}\par" if second else ""))
            case Code(lines):
                parts.append(r"\pard\f1 " + r"\line ".join(map(_rtf, lines)) + r"\f0\par")
            case Hidden(text):
                parts.append(rf"\pard {{\v {_rtf(text)}}}\par")
    return ("\r\n".join(parts) + "}").encode("ascii")


def write_pdf(document: Document) -> bytes:
    """A PDF with a running head and page numbers; tables with lines around their cells."""
    styles = getSampleStyleSheet()
    mono = ParagraphStyle("Mono", parent=styles["Code"])
    story: list[Any] = []
    for block in document.blocks:
        match block:
            case Heading(level, text):
                story.append(PdfParagraph(text, styles[f"Heading{level}"]))
            case Paragraph(text, note):
                story.append(PdfParagraph(text, styles["BodyText"]))
                story += [PdfParagraph(note, styles["BodyText"])] if note else []
            case Items():
                story.append(_pdf_items(block.entries, block.is_numbered, styles["BodyText"]))
            case Table():
                grid = [("GRID", (0, 0), (-1, -1), 0.5, colors.black), ("VALIGN", (0, 0), (-1, -1), "TOP")]
                rows = [list(block.names), *(list(row) for row in block.rows)]
                if block.merged > 1:
                    grid.append(("SPAN", (0, 1), (0, block.merged)))
                story.append(PdfTable([[PdfParagraph(c, styles["BodyText"]) for c in row] for row in rows], style=grid))
            case Pair():
                first, second = pair_lines(block)
                style = styles["Heading4" if block.layout is Layout.HEADING else "BodyText"]
                first = f"<b>{first}</b>" if block.layout in (Layout.BOLD, Layout.NATIVE) else first
                story.append(PdfParagraph(first, style))
                story += [PdfParagraph(second, styles["BodyText"])] if second else []
            case Code(lines):
                story.append(Preformatted("\n".join(lines), mono))
            case Hidden():
                pass
    out = io.BytesIO()

    def decorate(canvas: Any, template: Any) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(60, 815, document.running_head)
        canvas.drawRightString(530, 20, f"Página {template.page}")

    SimpleDocTemplate(out, title=document.title, pagesize=(595, 842)).build(
        story, onFirstPage=decorate, onLaterPages=decorate
    )
    return out.getvalue()


def write_xlsx(document: Document) -> bytes:
    """A workbook: each table, or all questions together, a sheet of its own, its merged cells merged."""
    book = openpyxl.Workbook()
    book.properties.title = document.title
    book.remove(book.active)
    for table in sheets(document):
        sheet = book.create_sheet()
        for row in (table.names, *table.rows):
            sheet.append([int(cell) if cell.isdigit() else cell for cell in row])
        if table.merged > 1:
            sheet.merge_cells(start_row=2, end_row=table.merged + 1, start_column=1, end_column=1)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def write_csv(document: Document, *, delimiter: str = ";") -> bytes:
    """The first table, as a Spanish spreadsheet saves it; a merged cell stands in each of its rows."""
    table = sheets(document)[0]
    out = io.StringIO()
    rows = [table.names, *([table.shown(r, c) for c in range(len(table.names))] for r in range(len(table.rows)))]
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode("cp1252")


def write_tsv(document: Document) -> bytes:
    """The same between tabs."""
    return write_csv(document, delimiter="\t")


def write_jsonl(document: Document) -> bytes:
    """The first table, an object a line."""
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in _objects(document)).encode()


def write_json(document: Document) -> bytes:
    """The first table, as one list of objects."""
    return json.dumps(list(_objects(document)), indent=1).encode()


def _objects(document: Document) -> Iterator[dict[str, str | int]]:
    table = sheets(document)[0]
    for number in range(len(table.rows)):
        cells = [table.shown(number, column) for column in range(len(table.names))]
        yield {n: int(cell) if cell.isdigit() else cell for n, cell in zip(table.names, cells, strict=True)}


def _slide_lines(block: Block) -> list[tuple[str, int, str]]:
    """The lines of a box: their text, their depth, 0 for no item, and their number, "" for a bullet."""
    match block:
        case Paragraph(text):
            return [(text, 0, "")]
        case Items():
            return [(e.text, depth, str(number) if block.is_numbered else "") for e, depth, number in block.flat()]
        case Pair():
            return [(line, 0, "") for line in pair_lines(block) if line]
        case Code(lines):
            return [("\v".join(lines), 0, "")]
        case _:
            return []


def _mark(line: Any, mark: str) -> None:
    properties = line._p.get_or_add_pPr()
    name, values = ("buAutoNum", {"type": "arabicPeriod"}) if mark else ("buChar", {"char": "•"})
    properties.append(
        properties.makeelement(f"{{http://schemas.openxmlformats.org/drawingml/2006/main}}{name}", values)
    )


def _rtf(text: str) -> str:
    shown = ""
    for char in text:
        byte = char.encode("cp1252")[0]
        shown += char if char.isascii() else rf"\'{byte:02x}" if byte % 2 else rf"\u{ord(char)}?"
    return shown


def _rtf_list(number: int, kind: int) -> str:
    text = r"\'01\u8226?;" if kind == 23 else r"\'02\'00.;"
    level = rf"{{\listlevel\levelnfc{kind}\levelstartat1{{\leveltext {text}}}{{\levelnumbers;}}}}"
    return rf"{{\list\listtemplateid{number}{level * 3}\listid{number}}}"


def _rtf_table(table: Table) -> Iterator[str]:
    for number, row in enumerate((table.names, *table.rows)):
        mark = ""
        if table.merged > 1 and 1 <= number <= table.merged:
            mark = r"\clvmgf" if number == 1 else r"\clvmrg"
        edges = "".join(rf"{'' if column else mark}\cellx{2000 * (column + 1)}" for column in range(len(row)))
        cells = ["" if mark == r"\clvmrg" and column == 0 else _rtf(cell) for column, cell in enumerate(row)]
        yield rf"\trowd{edges}" + "".join(rf"\pard\intbl {cell}\cell" for cell in cells) + r"\row"


def _pdf_items(entries: tuple[Entry, ...], is_numbered: bool, style: Any) -> Any:
    items = []
    for entry in entries:
        inner = [PdfParagraph(entry.text, style)]
        if entry.entries:
            inner.append(_pdf_items(entry.entries, is_numbered, style))
        items.append(ListItem(inner))
    if is_numbered:
        return ListFlowable(items, bulletType="1", bulletFormat="%s.")
    return ListFlowable(items, bulletType="bullet", start="•")
