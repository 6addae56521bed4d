"""Untrusted HTML and XHTML to a tree, through lxml: no entity of its own is expanded, nothing is fetched."""

import re
from html.entities import html5

from lxml import etree, html

from edge_agent.errors import InputInvalid

MAX_DEPTH = 200
"""Elements in elements; no page of a person's has more, and every walk of a tree goes as deep."""
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_XHTML = re.compile(r"\s*(?:<\?xml|<!DOCTYPE[^>]{0,200}XHTML|<html[^>]{0,500}\sxmlns\s*=)", re.IGNORECASE)
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31};)")
_OF_XML = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})
_CLOSED_AT_ONCE = re.compile(
    r"<(script|style|title|textarea|iframe|div|span|a|p|i|b|em|strong|td|th|li|ul|h[1-6])\b([^<>]*)/>", re.IGNORECASE
)
_CHARSET = re.compile(
    rb"""<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([\w.:-]{2,40})|<meta[^>]{0,500}?\scharset\s*=\s*["']?([\w.:-]{2,40})"""
    rb"""|<meta[^>]{0,500}?charset\s*=\s*([\w.:-]{2,40})""",
    re.IGNORECASE,
)


def declared_charset(content: bytes) -> str | None:
    """The encoding that a page states in its first 4 KB, as written there; None where it states none."""
    found = _CHARSET.search(content[:4096])
    return next(name for name in found.groups() if name).decode("ascii") if found else None


def parse_page(text: str) -> html.HtmlElement:
    """The root of a page or of a part of one.

    Raises:
        InputInvalid: no HTML, or elements nested deeper than any page of a person's.
    """
    is_xhtml = _XHTML.match(text[:2_000])
    declaration = _DECLARATION.match(text[:2_000])
    if declaration:
        text = text[declaration.end() :]
    if is_xhtml:
        root = _parse_xhtml(text)
        if root is not None:
            return root
        text = _CLOSED_AT_ONCE.sub(r"<\1\2></\1>", text)
    parser = html.HTMLParser(no_network=True, remove_pis=True, huge_tree=False)
    try:
        root = html.document_fromstring(text, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError) as error:
        raise InputInvalid("the document cannot be read as HTML; open it in a browser and save it again") from error
    return root


def _parse_xhtml(text: str) -> html.HtmlElement | None:
    """The root of well-formed XHTML; None where it is not, as most pages that say they are."""

    def resolved(found: re.Match[str]) -> str:
        return found[0] if found[1] in _OF_XML else html5.get(found[1], found[0])

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_pis=True, huge_tree=False, strip_cdata=False
    )
    try:
        root = etree.fromstring(_ENTITY.sub(resolved, text).encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    for element in root.iter(etree.Element):
        element.tag = etree.QName(element).localname.lower()
    return root if root.tag == "html" else None
