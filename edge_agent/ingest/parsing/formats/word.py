"""Word documents to text and blocks: what a reader of the printed pages sees, in order. Macros are never run."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from lxml import etree

from edge_agent.errors import AgentError, FormatUnsupported
from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.formats import html, plain
from edge_agent.ingest.parsing.office.merging import add_extract, is_page_number
from edge_agent.ingest.parsing.office.properties import core_properties
from edge_agent.ingest.parsing.office.word_body import Body
from edge_agent.ingest.parsing.office.word_numbering import Numbering
from edge_agent.ingest.parsing.office.word_styles import Styles, W, is_on
from edge_agent.ingest.parsing.package import Package, Relation
from edge_agent.ingest.parsing.titles import own_title
from edge_agent.settings import ParsingLimits

_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_NOT_WORD = "the document is an archive, but not a Word document; save it as .docx"


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text, title, date and blocks of a .docx or .dotx.

    Tracked changes are read as accepted, lists with the numbers that they show, notes after the block that refers to
    them, headers once before the text and footers once after it. Comments and hidden text are left out and counted.

    Raises:
        ContentTooLarge: it unpacks to more (a zip bomb). InputInvalid: damaged.
        FormatUnsupported: another kind of archive, one with macros, or protected by a password.
    """
    package = Package(content, "Word document", limits)
    part = _main_part(package)
    root = package.xml(part)
    body = None if root is None else root.find(W + "body")
    if body is None:
        raise package.damaged()
    return _Document(package, part, limits).read(body)


def _main_part(package: Package) -> str:
    types = package.xml("[Content_Types].xml")
    part = next((r.target for r in package.relations().values() if r.kind == "officeDocument"), "word/document.xml")
    if types is None or part not in package:
        raise FormatUnsupported(_NOT_WORD)
    for override in types.iterchildren("{*}Override"):
        if (override.get("PartName") or "").lstrip("/").lower() == part.lower():
            kind = override.get("ContentType") or ""
            if "macroEnabled" in kind:
                raise FormatUnsupported("the Word document may hold macros (.docm); save it as .docx")
            if "wordprocessingml" not in kind:
                raise FormatUnsupported(_NOT_WORD)
    return part


class _Document:
    """The parts of a document: its text, and the headers, footers, notes and other documents that it refers to."""

    def __init__(self, package: Package, part: str, limits: ParsingLimits) -> None:
        self._package, self._limits = package, limits
        self._builder = TextBuilder()
        self._relations = package.relations(part)
        styles = Styles(self._part("styles"))
        notes = {
            (kind, note.get(W + "id") or ""): note
            for kind in ("footnote", "endnote")
            for note in _children(self._part(f"{kind}s"), W + kind)
            if note.get(W + "type", "normal") == "normal"
        }
        numbering = Numbering(self._part("numbering"), styles)
        self._body = Body(package, styles, numbering, notes, builder=self._builder, add_chunk=self._add_chunk)

    def read(self, body: etree._Element) -> Extract:
        """The whole document, given the body of its main part."""
        for comment in _children(self._part("comments"), W + "comment"):
            self._builder.hide("".join(text.text or "" for text in comment.iter(W + "t")))
        self._add_edges(body, W + "headerReference")
        self._body.relations = self._relations
        self._body.set_code(body)
        self._body.add_blocks(body, is_on_color=_is_colored(body))
        self._add_edges(body, W + "footerReference")
        stated, date = core_properties(self._package)
        return self._builder.build(own_title(stated) or self._body.title or self._builder.first_heading, date=date)

    def _part(self, kind: str) -> etree._Element | None:
        for relation in self._relations.values():
            if relation.kind == kind and not relation.is_external:
                return self._package.xml(relation.target)
        return None

    def _add_edges(self, body: etree._Element, tag: str) -> None:
        """Adds the headers or footers that show on any page, each once, if they say more than the page's number."""
        has_even = is_on(self._part("settings"), "evenAndOddHeaders")
        seen: set[str] = set()
        for section in body.iter(W + "sectPr"):
            for reference in section.iterchildren(tag):
                kind = reference.get(W + "type")
                relation = self._relations.get(reference.get(_ID) or "")
                is_shown = (kind != "first" or is_on(section, "titlePg")) and (kind != "even" or has_even)
                if relation is None or relation.is_external or relation.target in seen or not is_shown:
                    continue
                seen.add(relation.target)
                made = self._edge(relation)
                if made.text not in seen and not is_page_number(made.text):
                    seen.add(made.text)
                    add_extract(self._builder, made)

    def _edge(self, relation: Relation) -> Extract:
        root = self._package.xml(relation.target)
        inner = self._body.builder = TextBuilder()
        self._body.relations = self._package.relations(relation.target)
        if root is not None:
            self._body.add_blocks(root, is_on_color=True)
        self._body.builder = self._builder
        return inner.build()

    def _add_chunk(self, reference: str) -> None:
        """Adds a part that is a document by itself (`w:altChunk`): a page or plain text."""
        relation = self._relations.get(reference)
        content = None if relation is None or relation.is_external else self._package.read(relation.target)
        if relation is None or content is None:
            return
        suffix = PurePosixPath(relation.target).suffix.lower()
        try:
            if suffix in (".htm", ".html", ".xhtml"):
                add_extract(self._body.builder, html.parse(content, DocumentFormat.HTML, self._limits))
            elif suffix == ".txt":
                add_extract(self._body.builder, plain.parse(content, DocumentFormat.TEXT, self._limits))
            else:
                self._builder.notice("a document inside the document was left out; open it in Word and save it again")
        except AgentError:
            self._builder.notice("a damaged document inside the document was left out")


def _children(element: etree._Element | None, tag: str) -> Iterator[etree._Element]:
    return iter(()) if element is None else element.iterchildren(tag)


def _is_colored(body: etree._Element) -> bool:
    """Whether white text may show: on a colored page, or over a drawing that lies behind the text."""
    root = body.getparent()
    background = None if root is None else root.find(W + "background")
    if background is not None and (background.get(W + "color") or "").lower() not in ("ffffff", "auto", ""):
        return True
    return any(anchor.get("behindDoc") in ("1", "true") for anchor in body.iter("{*}anchor"))
