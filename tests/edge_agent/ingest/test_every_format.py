"""Random documents written in every format from one abstract document: all that a reader sees arrives, nothing else.

What must hold (`documents.expected`): every word that a reader sees arrives once and in order, and no other word; a
heading is a heading of its level, a list item an item of its own with its mark and depth, code as it is written; every
row of a table is one block where each cell follows its column's name, merged cells in every row that they cover; a
question is a heading and its answer stands alone below it; hidden text is counted; the title is the document's own, or
one of its headings. Names of columns and text of merged cells may be repeated.

Allowances of the formats:

| format | what is not asked |
|---|---|
| Markdown, HTML, XHTML | the place of footnotes; running heads, which they do not have |
| mail, Outlook's too | the same; its subject and addresses are text too |
| Word, Strict Word, ODT, RTF | the place of footnotes and running heads; code is a paragraph, as it has no mark |
| slides | levels of headings, which are titles of slides; code as above; footnotes, hidden text |
| PDF | levels of headings, depth of items; code as above; footnotes and hidden text; running heads on one page alone |
| text | kinds of headings and code, depth of items; tables, footnotes, hidden text, titles |
| XLSX, ODS | all but tables, and questions as a table; titles; names of sheets are text |
| CSV, TSV, JSON, JSON lines | all but one table, or questions as a table; a merged cell is written in each row |
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.ingest.parsing.document_format import FORMAT_OF_SUFFIX
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits
from tests.edge_agent.ingest.documents.abstract import Document, documents
from tests.edge_agent.ingest.documents.expected import Allowances, faults_of
from tests.edge_agent.ingest.documents.marked_text import (
    write_html,
    write_mail,
    write_markdown,
    write_message,
    write_text,
    write_xhtml,
)
from tests.edge_agent.ingest.documents.office import (
    write_csv,
    write_json,
    write_jsonl,
    write_pdf,
    write_pptx,
    write_rtf,
    write_tsv,
    write_xlsx,
)
from tests.edge_agent.ingest.documents.opendocument import write_ods, write_odt
from tests.edge_agent.ingest.documents.word import write_docx, write_strict_docx


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its suffix, the writer of a document in it, what is not asked of it."""

    suffix: str
    write: Callable[[Document], bytes]
    allowed: Allowances


_PAGE = Allowances(has_code=True)
_OFFICE = Allowances(is_head_shown=True)
_MAIL = Allowances(
    has_code=True,
    is_title_shown=True,
    own_words="From To Date Subject De Para Fecha Asunto soporte turno marea example 2026 11 02 09 30 UTC 01 00",
)
_TABLES = Allowances(is_table=True, has_title=False, own_words="Sheet Sheet1 Hoja1 Hoja2")
FORMATS = {
    "markdown": Format(".md", write_markdown, _PAGE),
    "html": Format(".html", write_html, _PAGE),
    "xhtml": Format(".xhtml", write_xhtml, _PAGE),
    "mail": Format(".eml", write_mail, _MAIL),
    "outlook": Format(".msg", write_message, _MAIL),
    "text": Format(
        ".txt",
        write_text,
        Allowances(
            has_headings=False,
            has_tables=False,
            has_notes=False,
            has_hidden=False,
            has_title=False,
            is_title_shown=True,
        ),
    ),
    "word": Format(".docx", write_docx, _OFFICE),
    "strict word": Format(".docx", write_strict_docx, _OFFICE),
    "odt": Format(".odt", write_odt, _OFFICE),
    "rtf": Format(".rtf", write_rtf, _OFFICE),
    "slides": Format(".pptx", write_pptx, Allowances(has_levels=False, has_notes=False, has_hidden=False)),
    "pdf": Format(".pdf", write_pdf, Allowances(has_levels=False, has_depth=False, has_hidden=False)),
    "xlsx": Format(".xlsx", write_xlsx, _TABLES),
    "ods": Format(".ods", write_ods, _TABLES),
    "csv": Format(".csv", write_csv, _TABLES),
    "tsv": Format(".tsv", write_tsv, _TABLES),
    "json": Format(".json", write_json, _TABLES),
    "json lines": Format(".jsonl", write_jsonl, _TABLES),
}


def check(name: str, document: Document) -> None:
    """Writes a document, parses it, and fails with what is wrong."""
    made_of = FORMATS[name]
    made = extract(made_of.write(document), FORMAT_OF_SUFFIX[made_of.suffix], ParsingLimits())
    faults = faults_of(document, made, made_of.allowed)
    assert not faults, "\n".join([*faults, "", made.text])


@pytest.mark.parametrize("name", FORMATS)
@given(st.data())
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_what_a_reader_sees_arrives_in_order_and_nothing_else(name: str, data: st.DataObject) -> None:
    check(name, data.draw(documents(is_table=FORMATS[name].allowed.is_table)))
