"""Markdown (CommonMark and what sites add to it) to text and blocks: rendered by pulldown-cmark and read as a page.

HTML may stand anywhere in Markdown, and Markdown inside of it, so that only the page says what belongs to what.
"""

import pyromark
from lxml import html

from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.encoding import decode_text
from edge_agent.ingest.parsing.formats.markdown_site import without_site_tags
from edge_agent.ingest.parsing.front_matter import split_front_matter
from edge_agent.ingest.parsing.markup.elements import add_page
from edge_agent.ingest.parsing.markup.tree import parse_page
from edge_agent.settings import ParsingLimits

_OPTIONS = (
    pyromark.Options.ENABLE_TABLES
    | pyromark.Options.ENABLE_STRIKETHROUGH
    | pyromark.Options.ENABLE_FOOTNOTES
    | pyromark.Options.ENABLE_DEFINITION_LIST
    | pyromark.Options.ENABLE_HEADING_ATTRIBUTES
    | pyromark.Options.ENABLE_MATH
)
"""Without task lists: their boxes stay the text that they are written as, `[x]`."""


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text, title, tags, date and blocks of a Markdown document.

    The title is the front matter's, else the first heading of the highest level. Bullets and numbers of lists are kept,
    since an answer that cites a list reads badly without them.

    Raises:
        TextUndecodable: in an encoding that cannot be told.
        InputInvalid: blocks nested deeper than any document of a person's.
    """
    text, encoding = decode_text(content)
    stated, body = split_front_matter(text)
    builder = TextBuilder()
    page = parse_page(f"<body>{pyromark.html(without_site_tags(body, builder), options=_OPTIONS)}</body>")
    if "[^" in body:
        _place_notes(page)
    add_page(builder, page, is_whole=True)
    return builder.build(stated.title or builder.first_heading, tags=stated.tags, date=stated.date, encoding=encoding)


def _place_notes(page: html.HtmlElement) -> None:
    """Moves each footnote behind the block that refers to it first."""
    notes: dict[str, html.HtmlElement] = {}
    for note in list(page.iter("div")):
        label = note.find("sup")
        if note.get("class") != "footnote-definition" or label is None:
            continue
        first = note.find("p")
        if first is not None:
            first.text = f"[{label.text}] {first.text or ''}"
            note.remove(label)
        notes[f"#{note.get('id')}"] = note
    body = page.find("body")
    last: dict[html.HtmlElement, html.HtmlElement] = {}  # what stands last behind a block
    for link in list(page.iter("a")):
        note = notes.get(link.get("href", ""))
        if note is None or any(outer in notes.values() for outer in link.iterancestors()):
            continue
        del notes[link.get("href", "")]
        block = next(outer for outer in link.iterancestors() if outer.getparent() is body)
        note.tail = None
        last.get(block, block).addnext(note)
        last[block] = note
