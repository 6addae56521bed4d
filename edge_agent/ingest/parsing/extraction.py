"""Extraction: the bytes of a document become its text, title and blocks; the one function that knows all formats."""

from importlib import import_module
from typing import Protocol, cast

from edge_agent.errors import ContentTooLarge, InputInvalid
from edge_agent.ingest.parsing.blocks import BlockKind, Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat, require_format
from edge_agent.settings import ParsingLimits

_PARSERS = {
    DocumentFormat.MARKDOWN: "markdown",
    DocumentFormat.TEXT: "plain",
    DocumentFormat.HTML: "html",
    DocumentFormat.PDF: "pdf",
    DocumentFormat.DOCX: "word",
    DocumentFormat.ODT: "odf",
    DocumentFormat.ODP: "odf",
    DocumentFormat.PPTX: "slides",
    DocumentFormat.RTF: "rtf",
    DocumentFormat.IMAGE: "images",
    DocumentFormat.XLSX: "workbooks",
    DocumentFormat.ODS: "opendocument_sheets",
    DocumentFormat.CSV: "csv_tables",
    DocumentFormat.TSV: "csv_tables",
    DocumentFormat.JSON: "json_rows",
    DocumentFormat.JSONL: "json_rows",
    DocumentFormat.EML: "mail",
    DocumentFormat.MSG: "outlook",
}
"""The module of `edge_agent.ingest.parsing.formats` that parses a format."""


class Parser(Protocol):
    """A module that parses a format or a family of them."""

    def parse(self, content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
        """Parses a document. Raises: see `extract`."""


def extract(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Parses a document. Call it through `isolation.IsolatedParser`: parsers run here.

    Raises:
        ContentTooLarge: past a limit.
        FormatUnsupported: not the format it is said to be, or protected by a password.
        TextUndecodable: text in no encoding that can be told.
        InputInvalid: damaged, or no text in it.
    """
    require_size(content, limits)
    if not content:
        raise InputInvalid("the document is empty; expected some text")
    require_format(content, document_format)
    made = _parser_of(document_format).parse(content, document_format, limits)
    if len(made.text) > limits.chars:
        raise ContentTooLarge(
            f"the document's text has {len(made.text)} characters, at most {limits.chars} are accepted"
        )
    if not any(block.kind is not BlockKind.HEADING for block in made.blocks) and not made.attachments:
        raise InputInvalid("the document holds no text besides headings; expected at least a sentence")
    return made


def require_size(content: bytes, limits: ParsingLimits) -> None:
    """Raises `ContentTooLarge` for a document of too many bytes."""
    if len(content) > limits.bytes:
        raise ContentTooLarge(f"the document has {len(content)} bytes, at most {limits.bytes} are accepted; split it")


def _parser_of(document_format: DocumentFormat) -> Parser:
    """Imported when its format comes: one that gets text alone never loads lxml."""
    return cast("Parser", import_module(f"edge_agent.ingest.parsing.formats.{_PARSERS[document_format]}"))
