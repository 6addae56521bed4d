"""HTML and XHTML to text and blocks: the visible text of the page's document, without its menus and banners."""

from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.encoding import decode_text
from edge_agent.ingest.parsing.markup.elements import add_page
from edge_agent.ingest.parsing.markup.properties import date_of, title_of
from edge_agent.ingest.parsing.markup.tree import declared_charset, parse_page
from edge_agent.settings import ParsingLimits


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text, title, date and blocks of a page.

    Raises:
        InputInvalid: no HTML in it, or elements nested deeper than any page of a person's.
    """
    text, encoding = decode_text(content, declared_charset(content))
    page = parse_page(text)
    builder = TextBuilder()
    add_page(builder, page)
    if builder.is_empty:  # all of its text stands where menus and banners do
        builder = TextBuilder()
        add_page(builder, page, is_whole=True)
    return builder.build(title_of(page, builder.first_heading), date=date_of(page), encoding=encoding)
