"""Writers of abstract documents as Word documents: python-docx, and by hand what it does not write."""

import io
import zipfile
from html import escape
from typing import Any

import docx
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from tests.edge_agent.ingest.documents.abstract import (
    Code,
    Document,
    Heading,
    Hidden,
    Items,
    Layout,
    Pair,
    Paragraph,
    Table,
)
from tests.edge_agent.ingest.documents.marked_text import pair_lines

_W = nsdecls("w")
_STRICT = {
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main": "http://purl.oclc.org/ooxml/wordprocessingml/main",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships": (
        "http://purl.oclc.org/ooxml/officeDocument/relationships"
    ),
    "http://schemas.openxmlformats.org/drawingml/2006/": "http://purl.oclc.org/ooxml/drawingml/",
    "http://schemas.openxmlformats.org/officeDocument/2006/": "http://purl.oclc.org/ooxml/officeDocument/",
}


def write_docx(document: Document) -> bytes:
    """A Word document: styles for headings, own numbering for each list, text boxes, insertions, content controls."""
    made = docx.Document()
    made.core_properties.title = document.title
    made.sections[0].header.paragraphs[0].text = document.running_head
    notes: list[str] = []
    for block in document.blocks:
        match block:
            case Heading(level, text):
                made.add_heading(text, level)
            case Paragraph():
                _add_paragraph(made, block, notes)
            case Items():
                number = _add_numbering(made, block.is_numbered)
                for entry, depth, _ in block.flat():
                    properties = made.add_paragraph(entry.text, style="List Paragraph")._p.get_or_add_pPr()
                    properties.get_or_add_numPr().get_or_add_numId().val = number
                    properties.get_or_add_numPr().get_or_add_ilvl().val = depth - 1
            case Table():
                _add_table(made, block)
            case Pair(question, answer, Layout.HEADING):
                made.add_heading(question, 4)
                made.add_paragraph(answer)
            case Pair():
                first, second = pair_lines(block)
                made.add_paragraph().add_run(first).bold = block.layout in (Layout.BOLD, Layout.NATIVE)
                if second:
                    made.add_paragraph(second)
            case Code(lines):
                run = made.add_paragraph().add_run("\n".join(lines))
                run.font.name = "Courier New"
            case Hidden(text):
                made.add_paragraph().add_run(text).font.hidden = True
    out = io.BytesIO()
    made.save(out)
    return _with_notes(out.getvalue(), notes) if notes else out.getvalue()


def write_strict_docx(document: Document) -> bytes:
    """The same as Strict Open XML, which has names of its own for everything."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(write_docx(document))) as transitional, zipfile.ZipFile(out, "w") as strict:
        for name in transitional.namelist():
            part = transitional.read(name).decode() if name.endswith((".xml", ".rels")) else transitional.read(name)
            if isinstance(part, str):
                for old, new in _STRICT.items():
                    part = part.replace(old, new)
            strict.writestr(name, part)
    return out.getvalue()


def _add_paragraph(made: Any, paragraph: Paragraph, notes: list[str]) -> None:
    run = f'<w:r><w:t xml:space="preserve">{paragraph.text}</w:t></w:r>'
    if paragraph.note:
        notes.append(paragraph.note)
        run += f'<w:r><w:footnoteReference w:id="{len(notes) + 1}"/></w:r>'
    match paragraph.way:
        case 1:
            xml = f'<w:p {_W}><w:ins w:id="9" w:author="A" w:date="2026-11-02T09:30:00Z">{run}</w:ins></w:p>'
        case 2:
            xml = f"<w:sdt {_W}><w:sdtContent><w:p>{run}</w:p></w:sdtContent></w:sdt>"
        case 3:
            xml = (
                f'<w:p {_W} xmlns:v="urn:schemas-microsoft-com:vml"><w:r><w:pict><v:shape><v:textbox><w:txbxContent>'
                f"<w:p>{run}</w:p></w:txbxContent></v:textbox></v:shape></w:pict></w:r></w:p>"
            )
        case _:
            deleted = '<w:del w:id="8" w:author="A"><w:r><w:delText>borrado</w:delText></w:r></w:del>'
            xml = f"<w:p {_W}>{run}{deleted}</w:p>"
    made.element.body.insert_element_before(parse_xml(xml), "w:sectPr")


def _add_numbering(made: Any, is_numbered: bool) -> int:
    """A numbering of three levels for one list; its id."""
    part = made.part.numbering_part.element
    kind = "decimal" if is_numbered else "bullet"
    abstract = len(part) + 100
    levels = "".join(
        f'<w:lvl w:ilvl="{n}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/>'
        f'<w:lvlText w:val="{f"%{n + 1}." if is_numbered else "•"}"/></w:lvl>'
        for n in range(3)
    )
    xml = parse_xml(f'<w:abstractNum {_W} w:abstractNumId="{abstract}">{levels}</w:abstractNum>')
    part.insert(0, xml)
    return int(part.add_num(abstract).numId)


def _add_table(made: Any, table: Table) -> None:
    added = made.add_table(rows=len(table.rows) + 1, cols=len(table.names))
    for row, cells in enumerate((table.names, *table.rows)):
        for column, text in enumerate(cells):
            if not (column == 0 and 1 < row <= table.merged):
                added.cell(row, column).text = text
    if table.merged > 1:
        added.cell(1, 0).merge(added.cell(table.merged, 0))


def _with_notes(content: bytes, notes: list[str]) -> bytes:
    """The document with a part for footnotes, which python-docx does not make."""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    mark = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    inner = '<w:footnote w:id="0" w:type="separator"><w:p><w:r><w:separator/></w:r></w:p></w:footnote>' + "".join(
        f'<w:footnote w:id="{number}"><w:p><w:r><w:footnoteRef/></w:r><w:r><w:t>{escape(note)}</w:t></w:r></w:p>'
        "</w:footnote>"
        for number, note in enumerate(notes, start=2)
    )
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            part = before.read(name)
            if name == "[Content_Types].xml":
                new = f'<Override PartName="/word/footnotes.xml" ContentType="{mark}"/></Types>'
                part = part.replace(b"</Types>", new.encode())
            elif name == "word/_rels/document.xml.rels":
                new = f'<Relationship Id="rNotes" Type="{kind}" Target="footnotes.xml"/></Relationships>'
                part = part.replace(b"</Relationships>", new.encode())
            after.writestr(name, part)
        after.writestr("word/footnotes.xml", f'<?xml version="1.0"?><w:footnotes {_W}>{inner}</w:footnotes>')
    return out.getvalue()
