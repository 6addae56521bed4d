"""Pictures of text, such as photographs of a notice or scans, to text and blocks by OCR."""

from edge_agent.errors import FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.formats import ocr
from edge_agent.ingest.parsing.pdf.blocks import add_pages
from edge_agent.ingest.parsing.pdf.page import Page
from edge_agent.settings import ParsingLimits

_SECONDS = 25.0


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text and blocks of a picture.

    Raises:
        FormatUnsupported: OCR is not installed.
        InputInvalid: damaged, or there is no text in it that can be read.
    """
    if not ocr.languages():
        raise FormatUnsupported(f"text in pictures needs OCR, which is not installed; {ocr.INSTALL}")
    found = ocr.recognize(content, _SECONDS)
    if found is None:
        raise InputInvalid("the picture is damaged or takes too long to read; save it again, smaller, as PNG or JPEG")
    builder = TextBuilder()
    pages = [
        Page(number, max(word.x1 for word in words), max(word.bottom for word in words), words)
        for number, words in enumerate(found, start=1)
        if words
    ]
    title = add_pages(builder, pages)
    if builder.is_empty and not title:
        raise InputInvalid("the picture holds no text that can be read; expected at least a sentence")
    return builder.build(title or builder.first_heading)
