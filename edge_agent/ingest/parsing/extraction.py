"""Extraction: the bytes of a document become its text, title and blocks; the one function that knows all formats."""

import re
import unicodedata
from dataclasses import replace

from edge_agent.errors import ContentTooLarge, InputInvalid, TextNotUtf8
from edge_agent.ingest.parsing.blocks import BlockKind, Extract, TextBuilder
from edge_agent.ingest.parsing.formats import DocumentFormat, require_format
from edge_agent.settings import ParsingLimits

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def extract(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Reads a document. Parsers run here: call it through `isolation.IsolatedParser`, but for plain text.

    Raises:
        ContentTooLarge: past a limit.
        FormatUnsupported: not the format it is said to be, or protected by a password.
        TextNotUtf8: text in another encoding.
        InputInvalid: damaged, or no text in it.
    """
    require_size(content, limits)
    if not content:
        raise InputInvalid("the document is empty; expected some text")
    require_format(content, document_format)
    made = _normalized(_extract(content, document_format, limits))
    if len(made.text) > limits.chars:
        raise ContentTooLarge(
            f"the document's text has {len(made.text)} characters, at most {limits.chars} are accepted"
        )
    if not any(block.kind is BlockKind.TEXT for block in made.blocks):
        raise InputInvalid("the document holds no text besides headings; expected at least a sentence")
    return made


def require_size(content: bytes, limits: ParsingLimits) -> None:
    """Raises `ContentTooLarge` for a document of too many bytes."""
    if len(content) > limits.bytes:
        raise ContentTooLarge(f"the document has {len(content)} bytes, at most {limits.bytes} are accepted; split it")


def _extract(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Each parser is imported when its format comes: a server that reads Markdown alone never loads lxml."""
    match document_format:
        case DocumentFormat.PDF:
            from edge_agent.ingest.parsing.pdf import extract_pdf  # noqa: PLC0415

            return extract_pdf(content, max_pages=limits.pages)
        case DocumentFormat.DOCX:
            from edge_agent.ingest.parsing.docx import extract_docx  # noqa: PLC0415

            return extract_docx(content, max_unpacked_bytes=limits.unpacked_bytes)
        case _:
            return _extract_text(decode_text(content), document_format)


def _extract_text(text: str, document_format: DocumentFormat) -> Extract:
    match document_format:
        case DocumentFormat.HTML:
            from edge_agent.ingest.parsing.html import extract_html  # noqa: PLC0415

            return extract_html(text)
        case DocumentFormat.CSV:
            from edge_agent.ingest.parsing.tables import extract_csv  # noqa: PLC0415

            return extract_csv(text)
        case DocumentFormat.JSONL:
            from edge_agent.ingest.parsing.tables import extract_jsonl  # noqa: PLC0415

            return extract_jsonl(text)
        case DocumentFormat.MARKDOWN:
            from edge_agent.ingest.parsing.markdown import extract_markdown  # noqa: PLC0415

            return extract_markdown(text)
        case _:
            return _extract_plain(text)


def decode_text(content: bytes) -> str:
    """Bytes as NFC text with plain line breaks. Raises `TextNotUtf8`."""
    try:
        return normalize(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise TextNotUtf8(
            f"the document is not UTF-8: byte {error.start} cannot be decoded; save it as UTF-8"
        ) from None


def normalize(text: str) -> str:
    """NFC, line feeds as line breaks; control characters but tab and line break, and lone surrogates, as spaces."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return re.sub(r"[\ud800-\udfff]", " ", _CONTROL.sub(" ", text))


def _normalized(made: Extract) -> Extract:
    """An extract whose text is normalized; parsers may give anything."""
    title = " ".join(normalize(made.title).split()) or None if made.title else None
    if normalize(made.text) == made.text:
        return replace(made, title=title)
    builder = TextBuilder()
    for block in made.blocks:
        text = normalize(made.text[block.start : block.end])
        builder.add(text, block.kind, level=block.level, page=block.page)
    return builder.build(title, made.tags)


def _extract_plain(text: str) -> Extract:
    builder = TextBuilder()
    for paragraph in text.split("\n\n"):
        builder.add(" ".join(paragraph.split()))
    return builder.build(title=None)
