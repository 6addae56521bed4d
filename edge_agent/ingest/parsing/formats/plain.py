"""Plain text to blocks: paragraphs."""

from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.encoding import decode_text
from edge_agent.settings import ParsingLimits


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text and blocks of a plain text. Raises `TextUndecodable`."""
    text, encoding = decode_text(content)
    builder = TextBuilder()
    for paragraph in text.split("\n\n"):
        builder.paragraph(" ".join(paragraph.split()))
    return builder.build(encoding=encoding)
