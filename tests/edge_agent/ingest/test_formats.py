"""Documents of every format, made here by real writers: what is read of them, and the hostile ones."""

import contextlib
import io
import zipfile
from collections.abc import Iterator

import docx
import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from edge_agent.agent import Agent
from edge_agent.errors import (
    AgentError,
    ContentTooLarge,
    FormatUnsupported,
    InputInvalid,
    TextUndecodable,
)
from edge_agent.ingest.parsing.blocks import BlockKind, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat, format_of
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.parsing.isolation import IsolatedParser
from edge_agent.settings import ParsingLimits
from tests.edge_agent.stored import text_of


def read(content: bytes | str, document_format: DocumentFormat, **limits: int) -> Extract:
    return extract(content.encode() if isinstance(content, str) else content, document_format, ParsingLimits(**limits))


def texts(made: Extract) -> list[tuple[str, str]]:
    return [(block.kind.value, made.text[block.start : block.end]) for block in made.blocks]


def make_pdf(*pages: list[str], title: str = "", lock: str = "") -> bytes:
    """A PDF with one line of text below the other, in Helvetica."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
            NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
        }
    )
    for lines in pages:
        page = writer.add_blank_page(595, 842)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F"): font})}
        )
        shown = "".join(f"({line}) Tj 0 -14 Td " for line in lines)
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F 11 Tf 50 780 Td {shown}ET".encode("cp1252"))
        page[NameObject("/Contents")] = writer._add_object(stream)
    if title:
        writer.add_metadata({"/Title": title})
    if lock:
        writer.encrypt(lock)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def make_docx() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Copias de seguridad"
    document.add_heading("Copias de seguridad", level=1)
    document.add_paragraph("Se hacen cada noche a las 2:00.")
    document.add_heading("Plazos", level=2)
    document.add_paragraph("Plan Marea", style="List Bullet")
    document.add_paragraph("Plan Duna", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, cells in enumerate((("Plan", "Días"), ("Marea", "14"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_html_is_read_as_a_person_sees_it() -> None:
    page = """<!doctype html><html><head><title>Ayuda | Marea</title><style>p{}</style></head><body>
      <nav><a href=/>Inicio</a></nav><main><h1>Pagar una <em>factura</em></h1>
      <p>Abra&nbsp;la p&aacute;gina<br>de facturas.</p><script>alert(1)</script>
      <ul><li>Una</li><li>Otra</li></ul>
      <table><tr><th>Plan</th><th>Precio</th></tr><tr><td>Duna</td><td>4 €</td></tr></table>
      <h2>Con tarjeta</h2><p>Pulse <b>Pagar</b>.</p></main><footer>©</footer></body></html>"""
    made = read(page, DocumentFormat.HTML)
    assert made.title == "Pagar una factura"
    assert texts(made) == [
        ("heading", "Pagar una factura"),
        ("paragraph", "Abra la página\nde facturas."),
        ("list item", "- Una"),
        ("list item", "- Otra"),
        ("table row", "Plan: Duna | Precio: 4 €"),
        ("heading", "Con tarjeta"),
        ("paragraph", "Pulse Pagar."),
    ]


def test_word_documents_keep_headings_lists_and_tables() -> None:
    made = read(make_docx(), DocumentFormat.DOCX)
    assert made.title == "Copias de seguridad"
    assert texts(made) == [
        ("heading", "Copias de seguridad"),
        ("paragraph", "Se hacen cada noche a las 2:00."),
        ("heading", "Plazos"),
        ("list item", "- Plan Marea"),
        ("list item", "- Plan Duna"),
        ("table row", "Plan: Marea | Días: 14"),
    ]


def test_pdf_keeps_pages_and_joins_lines() -> None:
    long = "Los cambios de servidores de nombres pueden tardar hasta cuarenta y ocho horas en ver-"
    made = read(
        make_pdf(
            [long, "se en todo el mundo.", "1. Primero", "2. Luego"], ["Otra página, con más texto."], title="DNS"
        ),
        DocumentFormat.PDF,
    )
    assert made.title == "DNS"
    assert [(made.text[b.start : b.end], b.page) for b in made.blocks] == [
        (long[:-1] + "se en todo el mundo.", 1),
        ("1. Primero", 1),
        ("2. Luego", 1),
        ("Otra página, con más texto.", 2),
    ]


def zip_of(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


HOSTILE: list[tuple[str, bytes, str, type[AgentError]]] = [
    ("nothing", b"", "a.pdf", InputInvalid),
    ("a text called PDF", b"Hola", "a.pdf", FormatUnsupported),
    ("a PDF called text", make_pdf(["Hola"]), "a.txt", FormatUnsupported),
    ("a PDF called HTML", make_pdf(["Hola"]), "a.html", FormatUnsupported),
    ("a PDF cut short", make_pdf(["Hola"])[:300], "a.pdf", InputInvalid),
    ("a PDF of pictures", make_pdf([]), "a.pdf", InputInvalid),
    ("a PDF with a password", make_pdf(["Hola"], lock="x"), "a.pdf", FormatUnsupported),
    ("an archive called Word", zip_of(a=b"Hola"), "a.docx", FormatUnsupported),
    ("a Word document cut short", make_docx()[:2000], "a.docx", InputInvalid),
    ("an old Word document", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "a.docx", FormatUnsupported),
    ("a zip bomb", zip_of(**{"word/document.xml": bytes(300_000_000)}), "a.docx", ContentTooLarge),
    ("deep HTML", b"<div>" * 50_000 + b"Hola", "a.html", InputInvalid),
    ("HTML of another encoding", "<p>Здравствуйте".encode("koi8-r"), "a.html", TextUndecodable),
    ("a CSV of nothing but commas", b",,,\n,,\n", "a.csv", InputInvalid),
    ("a CSV of too many fields", b"a," * 201, "a.csv", ContentTooLarge),
    ("deep JSON", b"[" * 100_000, "a.jsonl", InputInvalid),
    ("JSON that is no object", b"1\n", "a.jsonl", InputInvalid),
    ("JSON that is one text", b'"Hola"', "a.json", InputInvalid),
    ("rows without values", b'{"a": null}\n{"a": []}', "a.jsonl", InputInvalid),
]


@pytest.fixture(scope="module")
def reader() -> Iterator[IsolatedParser]:
    opened = IsolatedParser(ParsingLimits())
    yield opened
    opened.close()


@pytest.mark.parametrize(("content", "name", "refusal"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_hostile_documents_are_refused_by_name(
    reader: IsolatedParser, content: bytes, name: str, refusal: type[AgentError]
) -> None:
    with pytest.raises(refusal) as raised:
        reader.read(content, format_of(name))
    assert "Hola" not in str(raised.value)
    assert reader.read(make_pdf(["Still here."]), DocumentFormat.PDF).text == "Still here."


def test_entities_of_a_document_are_never_expanded(reader: IsolatedParser) -> None:
    laughs = '<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    bomb = f'<?xml version="1.0"?><!DOCTYPE html [{laughs}]><html><body><p>So &i; it is.</p></body></html>'
    assert len(reader.read(bomb.encode(), DocumentFormat.HTML).text) < 1000
    inner = f'<?xml version="1.0"?><!DOCTYPE d [{laughs}]><w:document xmlns:w="x"><w:body>&i;</w:body></w:document>'
    original, changed = zipfile.ZipFile(io.BytesIO(make_docx())), io.BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        for name in original.namelist():
            archive.writestr(name, inner if name == "word/document.xml" else original.read(name))
    with contextlib.suppress(AgentError):
        assert len(reader.read(changed.getvalue(), DocumentFormat.DOCX).text) < 1000


def test_a_pdf_of_too_many_pages_is_refused() -> None:
    reader = IsolatedParser(ParsingLimits(pages=5))
    with pytest.raises(ContentTooLarge, match="6 pages, at most 5"):
        reader.read(make_pdf(*(["Hola."] for _ in range(6))), DocumentFormat.PDF)
    reader.close()


def test_the_page_of_a_quote_is_cited(agent: Agent) -> None:
    pages = ["Invoices are paid by card or by transfer."], ["Backups are kept for fourteen days on the Marea plan."]
    agent.add_document("guide.pdf", make_pdf(*pages, title="Guide"), DocumentFormat.PDF)
    found = agent.lookup.search("how long are backups kept on Marea")[0]
    assert (found.page, found.title) == (2, "Guide")
    text = text_of(agent.store, found.document_id)
    assert text[found.start : found.end] == found.quote


def test_blocks_lie_in_the_text_in_order() -> None:
    for content, document_format in (
        (make_docx(), DocumentFormat.DOCX),
        (make_pdf(["Una.", "Dos."], ["Tres."]), DocumentFormat.PDF),
        (b"<p>Uno<p>Dos<h2>Tres</h2>cuatro", DocumentFormat.HTML),
    ):
        made = read(content, document_format)
        ends = [0, *(block.end for block in made.blocks)]
        assert all(end <= block.start < block.end for end, block in zip(ends, made.blocks, strict=False))
        assert all(made.text[b.start : b.end].strip() == made.text[b.start : b.end] for b in made.blocks)
        assert any(block.kind is not BlockKind.HEADING for block in made.blocks)
