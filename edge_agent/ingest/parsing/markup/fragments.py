"""HTML inside of fields: what a program exported with its tags, as the text that people see of it."""

import re
from html import unescape

from edge_agent.errors import InputInvalid
from edge_agent.ingest.parsing.blocks import TextBuilder
from edge_agent.ingest.parsing.markup.elements import add_page
from edge_agent.ingest.parsing.markup.tree import parse_page

_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|br|center|code|dd|div|dl|dt|em|font|h[1-6]|hr|i|img|li|ol|p|pre|q|s|small|span|"
    r"strike|strong|sub|sup|table|tbody|td|th|thead|tr|u|ul)(?:\s[^<>]{0,2000})?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def plain_field(text: str) -> str:
    """A field's text without the tags and entities of HTML; one without them, as `a < b`, stays as it is."""
    if "<" in text and _TAG.search(text):
        builder = TextBuilder()
        try:
            add_page(builder, parse_page(f"<body>{text}</body>"), is_whole=True)
        except InputInvalid:  # nested as nobody writes
            return text
        return builder.build().text
    return _ENTITY.sub(lambda entity: unescape(entity[0]), text) if "&" in text else text
