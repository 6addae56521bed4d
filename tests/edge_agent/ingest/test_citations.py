"""Every citation reproduces its quote: random documents in every format, ingested for real."""

import csv
import html
import io
import json
from collections.abc import Callable
from email.message import EmailMessage

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pptx import Presentation

from benchmarks.compound_file import compound_file
from edge_agent.agent import Agent
from edge_agent.errors import AgentError
from edge_agent.ingest.parsing.document_format import DocumentFormat
from tests.edge_agent.ingest.test_formats import make_pdf
from tests.edge_agent.ingest.test_opendocument_sheets import make_ods, ods_row
from tests.edge_agent.ingest.test_workbooks import make_xlsx
from tests.edge_agent.stored import text_of

WORDS = st.sampled_from(
    "pago factura ñandú 🚀 copia İstanbul ﬁn e\u0301xito «cita» 14.90 € etc. Sr. ¿dónde? línea- <b> & | # *x*".split()
)
PARAGRAPHS = st.lists(st.lists(WORDS, min_size=1, max_size=40).map(" ".join), min_size=1, max_size=8)


def as_docx(paragraphs: list[str]) -> bytes:
    document = docx.Document()
    for number, paragraph in enumerate(paragraphs):
        if number % 3 == 0:
            document.add_heading(f"Parte {number}", level=2)
        document.add_paragraph(paragraph)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def as_pdf(paragraphs: list[str]) -> bytes:
    plain = [p.encode("cp1252", "ignore").decode("cp1252").replace("(", "").replace(")", "") for p in paragraphs]
    return make_pdf(*([line] for line in plain))


def as_csv(paragraphs: list[str]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["question", "answer"])
    writer.writerows([f"¿Qué {n}?", paragraph] for n, paragraph in enumerate(paragraphs))
    return out.getvalue().encode()


def as_flat_odf(kind: str, inner: str) -> bytes:
    names = {"office": "office", "text": "text", "draw": "drawing"}
    spaces = " ".join(f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{s}:1.0"' for n, s in names.items())
    body = f"<office:body><office:{kind}>{inner}</office:{kind}></office:body>"
    return f"<office:document {spaces}>{body}</office:document>".encode()


def as_slides(paragraphs: list[str]) -> bytes:
    made = Presentation()
    for paragraph in paragraphs:
        slide = made.slides.add_slide(made.slide_layouts[5])
        slide.shapes.title.text = "Parte"
        slide.shapes.add_textbox(0, 0, 9, 9).text_frame.text = paragraph
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def as_rtf(paragraphs: list[str]) -> bytes:
    def escaped(text: str) -> str:
        units = text.encode("utf-16-le")
        codes = [int.from_bytes(units[n : n + 2], "little") for n in range(0, len(units), 2)]
        return "".join(chr(c) if chr(c).isascii() and chr(c).isalnum() else rf"\u{c}?" for c in codes)

    return ("{\\rtf1\\ansi " + "".join(rf"\pard {escaped(paragraph)}\par" for paragraph in paragraphs) + "}").encode()


def as_mail(paragraphs: list[str]) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "a@b.example"
    message.set_content("\n\n".join(paragraphs))
    return message


MAKERS: dict[DocumentFormat, Callable[[list[str]], bytes]] = {
    DocumentFormat.TEXT: lambda paragraphs: "\n\n".join(paragraphs).encode(),
    DocumentFormat.MARKDOWN: lambda paragraphs: ("# Título\n\n" + "\n\n".join(paragraphs)).encode(),
    DocumentFormat.HTML: lambda paragraphs: "".join(f"<p>{html.escape(p)}</p>" for p in paragraphs).encode(),
    DocumentFormat.DOCX: as_docx,
    DocumentFormat.ODT: lambda paragraphs: as_flat_odf(
        "text", "".join(f"<text:p>{html.escape(p)}</text:p>" for p in paragraphs)
    ),
    DocumentFormat.ODP: lambda paragraphs: as_flat_odf(
        "presentation",
        "".join(
            f"<draw:page><draw:frame><draw:text-box><text:p>{html.escape(p)}</text:p></draw:text-box></draw:frame></draw:page>"
            for p in paragraphs
        ),
    ),
    DocumentFormat.PPTX: as_slides,
    DocumentFormat.RTF: as_rtf,
    DocumentFormat.PDF: as_pdf,
    DocumentFormat.CSV: as_csv,
    DocumentFormat.XLSX: lambda paragraphs: make_xlsx([[n, p] for n, p in enumerate(paragraphs)]),
    DocumentFormat.ODS: lambda paragraphs: make_ods("".join(ods_row(str(n), p) for n, p in enumerate(paragraphs))),
    DocumentFormat.TSV: lambda paragraphs: "\n".join(f"{n}\t{p}" for n, p in enumerate(paragraphs)).encode(),
    DocumentFormat.JSON: lambda paragraphs: json.dumps([{"body": p, "n": 1} for p in paragraphs]).encode(),
    DocumentFormat.JSONL: lambda paragraphs: "\n".join(json.dumps({"body": p}) for p in paragraphs).encode(),
    DocumentFormat.EML: lambda paragraphs: as_mail(paragraphs).as_bytes(),
    DocumentFormat.MSG: lambda paragraphs: compound_file(
        {
            "__properties_version1.0": bytes(32),
            "__substg1.0_1000001F": "\n\n".join(paragraphs).encode("utf-16-le", errors="replace"),
        }
    ),
}


@pytest.mark.parametrize("document_format", list(MAKERS))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paragraphs=PARAGRAPHS)
def test_every_quote_stands_where_its_citation_says(
    agent: Agent, document_format: DocumentFormat, paragraphs: list[str]
) -> None:
    try:
        ingested = agent.add_document("a", MAKERS[document_format](paragraphs), document_format)
    except AgentError:
        return  # nothing but marks and spaces
    text = text_of(agent.store, ingested.document.document_id)
    citations = agent.lookup.search(paragraphs[0], count=50) + agent.questions.query(paragraphs[-1]).citations
    assert citations
    for citation in citations:
        assert text[citation.start : citation.end] == citation.quote
        assert citation.quote.strip()
