"""OpenDocument texts and presentations to text and blocks, packed (.odt, .odp) or as one XML file (.fodt)."""

from collections.abc import Iterator

from lxml import etree

from edge_agent.errors import FormatUnsupported, InputInvalid
from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat, is_zip
from edge_agent.ingest.parsing.office.merging import add_extract, is_page_number
from edge_agent.ingest.parsing.office.odf_body import OdfBody
from edge_agent.ingest.parsing.office.odf_styles import DRAW, OFFICE, PRESENTATION, STYLE, SVG, OdfStyles
from edge_agent.ingest.parsing.office.properties import first_date
from edge_agent.ingest.parsing.package import Package, parse_xml
from edge_agent.ingest.parsing.titles import own_title
from edge_agent.settings import ParsingLimits

_MANIFEST = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_META = "{urn:oasis:names:tc:opendocument:xmlns:meta:1.0}"
_HEADERS = tuple(STYLE + name for name in ("header", "header-left", "header-first"))
_FOOTERS = tuple(STYLE + name for name in ("footer", "footer-left", "footer-first"))
_UNITS = {"cm": 28.35, "mm": 2.835, "in": 72.0, "pt": 1.0, "px": 0.75, "pc": 12.0}


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text, title, date and blocks of an OpenDocument text or presentation.

    Tracked changes are read as accepted, lists with the numbers that they show, notes after the block that refers to
    them, headers once before the text and footers once after it; of a presentation each slide, its notes after it.

    Raises:
        ContentTooLarge: it unpacks to more (a zip bomb). InputInvalid: damaged.
        FormatUnsupported: another kind of archive, or protected by a password.
    """
    return (_packed(content, limits) if is_zip(content) else _flat(content)).read()


def _packed(content: bytes, limits: ParsingLimits) -> "_Document":
    package = Package(content, "OpenDocument file", limits)
    manifest = package.xml("META-INF/manifest.xml") if "META-INF/manifest.xml" in package else None
    if "encrypted-package" in package or (
        manifest is not None and next(manifest.iter(_MANIFEST + "encryption-data"), None) is not None
    ):
        raise package.protected()
    root = package.xml("content.xml")
    if root is None:
        raise FormatUnsupported("the document is an archive, but not an OpenDocument one; save it as .odt")

    def open_object(address: str) -> etree._Element | None:
        return package.xml(f"{address.removeprefix('./')}/content.xml")

    document = _Document(root, package.xml("styles.xml"), package.xml("meta.xml"))
    document.body = OdfBody(document.styles, document.builder, open_object)
    return document


def _flat(content: bytes) -> "_Document":
    try:
        root = parse_xml(content)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InputInvalid(
            "the OpenDocument file is damaged; open it in an office program and save it again"
        ) from error
    return _Document(root, None, root)


class _Document:
    """The parts of a document: its text or slides, styles and properties."""

    def __init__(self, root: etree._Element, styles: etree._Element | None, meta: etree._Element | None) -> None:
        self.builder = TextBuilder()
        self.styles = OdfStyles(styles, root)
        self.body = OdfBody(self.styles, self.builder, lambda _: None)
        self._root, self._meta = root, meta
        self._masters = root if styles is None else styles

    def read(self) -> Extract:
        """The whole document."""
        body = self._root.find(OFFICE + "body")
        kinds = {} if body is None else {child.tag: child for child in body}
        if OFFICE + "text" in kinds:
            self._add_edges(_HEADERS)
            self.body.set_code(kinds[OFFICE + "text"])
            self.body.add_blocks(kinds[OFFICE + "text"])
            self._add_edges(_FOOTERS)
        elif OFFICE + "presentation" in kinds:
            for number, slide in enumerate(kinds[OFFICE + "presentation"].iterchildren(DRAW + "page"), start=1):
                self._add_slide(slide, number)
        else:
            raise FormatUnsupported("the OpenDocument file is no text and no presentation; save it as .odt")
        title, date = None, ""
        if self._meta is not None:
            title = own_title(self._meta.findtext(f".//{_DC}title"))
            date = first_date(self._meta, _DC + "date", _META + "creation-date")
        return self.builder.build(title or self.body.title or self.builder.first_heading, date=date)

    def _add_edges(self, tags: tuple[str, ...]) -> None:
        """Adds the headers or footers of the pages that the text has, each once, if they say more than a number."""
        seen: set[str] = set()
        for page in self._pages():
            for edge in page.iterchildren(*tags):
                if edge.get(STYLE + "display") == "false":
                    continue
                inner = self.body.builder = TextBuilder()
                self.body.add_blocks(edge, is_on_color=True)
                self.body.builder = self.builder
                made = inner.build()
                if made.text not in seen and not is_page_number(made.text):
                    seen.add(made.text)
                    add_extract(self.builder, made)

    def _pages(self) -> Iterator[etree._Element]:
        masters = self._masters.find(OFFICE + "master-styles")
        pages = [] if masters is None else list(masters.iterchildren(STYLE + "master-page"))
        named = self.styles.master_pages()
        named |= {page.get(STYLE + "next-style-name") or "" for page in pages if page.get(STYLE + "name") in named}
        for number, page in enumerate(pages):
            if number == 0 or page.get(STYLE + "name") in named | {"Standard"}:
                yield page

    def _add_slide(self, slide: etree._Element, number: int) -> None:
        self.body.page = number
        if self.styles.is_invisible("drawing-page", slide.get(DRAW + "style-name")):
            self.builder.hide("".join(slide.itertext()))
            self.builder.notice(f"slide {number} is hidden; left out")
            return
        frames = [
            frame
            for frame in slide
            if isinstance(frame.tag, str)
            and frame.tag.startswith(DRAW)
            and frame.get(PRESENTATION + "placeholder") != "true"
        ]
        titles = [frame for frame in frames if frame.get(PRESENTATION + "class") == "title"]
        for title in titles:
            self.builder.heading(" ".join(title.itertext()), 1, page=number)
        for frame in sorted(frames, key=lambda frame: (_length(frame, "y"), _length(frame, "x"))):
            if frame not in titles:
                self.body.add_frame(frame)
        for notes in slide.iterchildren(PRESENTATION + "notes"):
            for frame in notes.iterchildren(DRAW + "frame"):
                if frame.get(PRESENTATION + "class") == "notes" and frame.get(PRESENTATION + "placeholder") != "true":
                    self.body.add_frame(frame)


def _length(frame: etree._Element, name: str) -> float:
    """A length such as `2.5cm`, in points; shapes that say none stand at the top."""
    text = frame.get(SVG + name) or ""
    try:
        return float(text[:-2]) * _UNITS.get(text[-2:], 1.0)
    except ValueError:
        return 0.0
