"""HTML to text and blocks, through lxml: the visible text of the main part, without scripts, menus and forms."""

from collections.abc import Iterator

from lxml import etree, html

from edge_agent.errors import InputInvalid
from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.encoding import decode_text
from edge_agent.ingest.parsing.grid import Cell, add_table
from edge_agent.settings import ParsingLimits

_LEFT_OUT = frozenset(
    "script style noscript template nav header footer aside form button select svg iframe object head".split()
)
_BLOCKS = frozenset(
    "p li pre blockquote dt dd figcaption td th tr caption div section article main table ul ol dl".split()
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
MAX_DEPTH = 200


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text, title and blocks of an HTML document; entities of its own are never resolved.

    Raises:
        InputInvalid: no HTML in it, or elements nested deeper than any page of a person's.
    """
    text, encoding = decode_text(content)
    parser = html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = html.document_fromstring(text, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise InputInvalid("the document cannot be read as HTML; open it in a browser and save it again") from error
    title = " ".join((root.findtext(".//title") or "").split()) or None
    mains = root.xpath("//main | //article")
    page = _Parser()
    page.read(mains[0] if len(mains) == 1 else root, depth=0)
    page.flush()
    return page.builder.build(page.builder.first_heading or title, encoding=encoding)


class _Parser:
    """Walks the tree, gathering inline text until a block begins or ends."""

    def __init__(self) -> None:
        self.builder = TextBuilder()
        self._inline: list[str] = []
        self._mark = ""

    def read(self, element: html.HtmlElement, depth: int) -> None:
        """Reads an element and everything below it."""
        tag = element.tag if isinstance(element.tag, str) else ""
        if depth > MAX_DEPTH:
            raise InputInvalid(f"the document nests elements deeper than {MAX_DEPTH}; simplify it")
        if tag in _LEFT_OUT or element.get("hidden") is not None or element.get("aria-hidden") == "true":
            return
        if tag == "table":
            self._read_table(element)
        elif tag in _HEADINGS:
            self.flush()
            self.builder.heading(_words(element), _HEADINGS[tag])
        elif tag == "pre":
            self.flush()
            self.builder.code("".join(element.itertext()))
        else:
            is_block = tag in _BLOCKS
            if is_block:
                self.flush()
            if tag == "li":
                self._mark = "- "
            if tag == "br":
                self._inline.append("\n")
            self._inline.append((element.text or "").replace("\n", " "))
            for child in element:
                self.read(child, depth + 1)
                self._inline.append((child.tail or "").replace("\n", " "))
            if is_block:
                self.flush()

    def flush(self) -> None:
        """Ends the block that is being gathered."""
        text = "".join(self._inline)
        if text:
            add = self.builder.item if self._mark else self.builder.paragraph
            add(text)
            self._mark = ""
        self._inline = []

    def _read_table(self, table: html.HtmlElement) -> None:
        self.flush()
        rows = [
            [Cell(_words(cell), is_header=cell.tag == "th") for cell in row if cell.tag in ("td", "th")]
            for row in table.iter("tr")
        ]
        add_table(self.builder, rows)


def _words(element: html.HtmlElement) -> str:
    return " ".join("".join(_visible(element)).split())


def _visible(element: html.HtmlElement) -> Iterator[str]:
    if element.tag in _LEFT_OUT:
        return
    yield element.text or ""
    for child in element:
        yield " " if child.tag in _BLOCKS or child.tag == "br" else ""
        if isinstance(child.tag, str):
            yield from _visible(child)
        yield child.tail or ""
