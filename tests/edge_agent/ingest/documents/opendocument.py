"""Writers of abstract documents as OpenDocument text and sheets, by hand: the format is plain enough."""

import io
import zipfile

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

_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
_NAMES = "office text table style manifest meta".split()
_NAMESPACES = (
    " ".join(f'xmlns:{name}="{_OASIS}{name}:1.0"' for name in _NAMES)
    + f' xmlns:draw="{_OASIS}drawing:1.0" xmlns:fo="{_OASIS}xsl-fo-compatible:1.0"'
    + f' xmlns:svg="{_OASIS}svg-compatible:1.0"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
)
_STYLES = (
    '<style:style style:name="Bold" style:family="text"><style:text-properties fo:font-weight="bold"/></style:style>'
    '<style:style style:name="Hidden" style:family="text"><style:text-properties text:display="none"/></style:style>'
    '<style:style style:name="Mono" style:family="paragraph"><style:text-properties style:font-name="Courier New"/>'
    "</style:style>"
    + "".join(
        f'<text:list-style style:name="{name}">'
        + "".join(f'<text:list-level-style-{kind} text:level="{level}" {more}/>' for level in (1, 2, 3))
        + "</text:list-style>"
        for name, kind, more in (
            ("Bullets", "bullet", 'text:bullet-char="•"'),
            ("Numbers", "number", 'style:num-format="1" style:num-suffix="."'),
        )
    )
)


def write_odt(document: Document) -> bytes:
    """An OpenDocument text with lists, frames, sections, notes, insertions and hidden text."""
    inner = "".join(_block(number, block) for number, block in enumerate(document.blocks))
    changes = (
        '<text:tracked-changes><text:changed-region text:id="c1"><text:insertion/></text:changed-region>'
        '<text:changed-region text:id="c2"><text:deletion><text:p>borrado</text:p></text:deletion>'
        "</text:changed-region></text:tracked-changes>"
    )
    head = (
        '<style:page-layout style:name="L"/>',
        f'<style:master-page style:name="Standard" style:page-layout-name="L"><style:header><text:p>'
        f"{document.running_head}</text:p></style:header></style:master-page>",
    )
    return _pack("text", document.title, f"<office:text>{changes}{inner}</office:text>", head)


def write_ods(document: Document) -> bytes:
    """An OpenDocument spreadsheet: each table, or all questions together, a sheet of its own."""
    inner = ""
    for number, table in enumerate(sheets(document), start=1):
        inner += f'<table:table table:name="Hoja{number}">{_rows(table)}</table:table>'
    return _pack("spreadsheet", document.title, f"<office:spreadsheet>{inner}</office:spreadsheet>")


def sheets(document: Document) -> list[Table]:
    """The tables of a document, its questions and answers as one of two columns."""
    pairs = [block for block in document.blocks if isinstance(block, Pair)]
    tables = [block for block in document.blocks if isinstance(block, Table)]
    if pairs:
        tables.append(Table(("Pregunta", "Respuesta"), tuple((pair.question, pair.answer) for pair in pairs)))
    return tables


def _pack(kind: str, title: str, body: str, head: tuple[str, str] = ("", "")) -> bytes:
    mime = f"application/vnd.oasis.opendocument.{kind}"
    parts = {
        "content.xml": f'<office:document-content {_NAMESPACES} office:version="1.3"><office:automatic-styles>{_STYLES}'
        f"</office:automatic-styles><office:body>{body}</office:body></office:document-content>",
        "styles.xml": f'<office:document-styles {_NAMESPACES} office:version="1.3"><office:automatic-styles>{head[0]}'
        f"</office:automatic-styles><office:master-styles>{head[1]}</office:master-styles></office:document-styles>",
        "meta.xml": f'<office:document-meta {_NAMESPACES} office:version="1.3"><office:meta>'
        f"<dc:title>{title}</dc:title></office:meta></office:document-meta>",
        "META-INF/manifest.xml": f'<manifest:manifest {_NAMESPACES} manifest:version="1.3">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mime}"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
        '<manifest:file-entry manifest:full-path="styles.xml" manifest:media-type="text/xml"/>'
        '<manifest:file-entry manifest:full-path="meta.xml" manifest:media-type="text/xml"/></manifest:manifest>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", mime)
        for name, part in parts.items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + part)
    return out.getvalue()


def _block(number: int, block: Block) -> str:  # noqa: PLR0911  (one for each kind)
    match block:
        case Heading(level, text):
            return f'<text:h text:outline-level="{level}">{text}</text:h>'
        case Paragraph():
            return _paragraph(number, block)
        case Items():
            return _items(block.entries, "Numbers" if block.is_numbered else "Bullets")
        case Table():
            return f'<table:table table:name="T{number}">{_rows(block)}</table:table>'
        case Pair(question, answer, Layout.HEADING):
            return f'<text:h text:outline-level="4">{question}</text:h><text:p>{answer}</text:p>'
        case Pair():
            first, second = pair_lines(block)
            if block.layout in (Layout.BOLD, Layout.NATIVE):
                first = f'<text:span text:style-name="Bold">{first}</text:span>'
            return f"<text:p>{first}</text:p>" + (f"<text:p>{second}</text:p>" if second else "")
        case Code(lines):
            return f'<text:p text:style-name="Mono">{"<text:line-break/>".join(lines)}</text:p>'
        case Hidden(text):
            return f'<text:p><text:span text:style-name="Hidden">{text}</text:span></text:p>'


def _paragraph(number: int, paragraph: Paragraph) -> str:
    inner = paragraph.text
    if paragraph.note:
        inner += (
            f'<text:note text:id="n{number}" text:note-class="footnote"><text:note-citation>1</text:note-citation>'
            f"<text:note-body><text:p>{paragraph.note}</text:p></text:note-body></text:note>"
        )
    match paragraph.way:
        case 1:
            change = 'text:change-id="c1"'
            return f"<text:p><text:change-start {change}/>{inner}<text:change-end {change}/></text:p>"
        case 2:
            return f'<text:section text:name="S{number}"><text:p>{inner}</text:p></text:section>'
        case 3:
            frame = f"<draw:text-box><text:p>{inner}</text:p></draw:text-box>"
            return f'<text:p><draw:frame svg:width="9cm" svg:height="4cm">{frame}</draw:frame></text:p>'
        case _:
            return f'<text:p>{inner}<text:change text:change-id="c2"/></text:p>'


def _items(entries: tuple[Entry, ...], style: str) -> str:
    inner = "".join(
        f"<text:list-item><text:p>{entry.text}</text:p>{_items(entry.entries, '') if entry.entries else ''}"
        "</text:list-item>"
        for entry in entries
    )
    named = f' text:style-name="{style}"' if style else ""
    return f"<text:list{named}>{inner}</text:list>"


def _rows(table: Table) -> str:
    rows = ["".join(_cell(name) for name in table.names)]
    for number, row in enumerate(table.rows):
        cells = [_cell(text) for text in row]
        if table.merged > 1 and number < table.merged:
            cells[0] = (
                "<table:covered-table-cell/>"
                if number
                else _cell(row[0], f' table:number-rows-spanned="{table.merged}" table:number-columns-spanned="1"')
            )
        rows.append("".join(cells))
    return f'<table:table-column table:number-columns-repeated="{len(table.names)}"/>' + "".join(
        f"<table:table-row>{row}</table:table-row>" for row in rows
    )


def _cell(text: str, span: str = "") -> str:
    kind = f'"float" office:value="{text}"' if text.isdigit() else '"string"'
    return f"<table:table-cell{span} office:value-type={kind}><text:p>{text}</text:p></table:table-cell>"
