"""Presentations to text and blocks: each slide's title, its text as it is read, its notes. Macros are never run."""

from collections.abc import Iterator

from lxml import etree

from edge_agent.errors import FormatUnsupported
from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.grid import Cell, add_table
from edge_agent.ingest.parsing.office.drawing import A, R, add_linked, paragraph_text
from edge_agent.ingest.parsing.office.merging import is_page_number
from edge_agent.ingest.parsing.office.properties import core_properties
from edge_agent.ingest.parsing.office.reading_order import Box, in_reading_order
from edge_agent.ingest.parsing.office.slide_lists import SlideLists
from edge_agent.ingest.parsing.office.word_inline import MC, alternatives
from edge_agent.ingest.parsing.office.word_styles import number
from edge_agent.ingest.parsing.package import Package, Relation
from edge_agent.ingest.parsing.titles import own_title
from edge_agent.settings import ParsingLimits

P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_TITLES = frozenset(("title", "ctrTitle"))
_BODIES = frozenset(("body", "obj", "", "subTitle", "tbl", "chart", "dgm"))
_NOT_SLIDES = "the document is an archive, but not a presentation; save it as .pptx"
_SHAPES = (P + "sp", P + "grpSp", P + "graphicFrame", P + "cxnSp")
_MAX_HEADING_CHARS = 300


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text, title, date and blocks of a .pptx; a slide's number is its page.

    Hidden slides and shapes are left out and counted, and so are comments; the prompts of empty placeholders belong to
    the layout and never show. Footers stand once, after the last slide.

    Raises:
        ContentTooLarge: it unpacks to more (a zip bomb). InputInvalid: damaged.
        FormatUnsupported: another kind of archive, one with macros, or protected by a password.
    """
    package = Package(content, "presentation", limits)
    part = _main_part(package)
    root = package.xml(part)
    if root is None:
        raise package.damaged()
    return _Slides(package, part).read(root)


def _main_part(package: Package) -> str:
    types = package.xml("[Content_Types].xml")
    part = next((r.target for r in package.relations().values() if r.kind == "officeDocument"), "ppt/presentation.xml")
    if types is None or part not in package:
        raise FormatUnsupported(_NOT_SLIDES)
    for override in types.iterchildren("{*}Override"):
        if (override.get("PartName") or "").lstrip("/").lower() == part.lower():
            kind = override.get("ContentType") or ""
            if "macroEnabled" in kind:
                raise FormatUnsupported("the presentation may hold macros (.pptm); save it as .pptx")
            if "presentationml" not in kind:
                raise FormatUnsupported(_NOT_SLIDES)
    return part


class _Slides:
    """Adds the slides of a presentation; knows its layouts and masters once they were needed."""

    def __init__(self, package: Package, part: str) -> None:
        self._package, self._relations = package, package.relations(part)
        self._builder = TextBuilder()
        self._layouts: dict[str, tuple[etree._Element | None, str]] = {}
        self._footers: list[str] = []
        self._page = 0

    def read(self, root: etree._Element) -> Extract:
        """All slides, in the order in which they are shown."""
        for reference in root.iterfind(f"{P}sldIdLst/{P}sldId"):
            self._page += 1
            relation = self._relations.get(reference.get(R + "id") or "")
            slide = None if relation is None or relation.is_external else self._package.xml(relation.target)
            if relation is None or slide is None:
                self._builder.notice(f"slide {self._page} is missing from the file")
            elif slide.get("show") in ("0", "false"):
                self._builder.hide("".join(text.text or "" for text in slide.iter(A + "t")))
                self._builder.notice(f"slide {self._page} is hidden; left out")
            else:
                self._add_slide(slide, self._package.relations(relation.target))
        for footer in dict.fromkeys(self._footers):
            if not is_page_number(footer):
                self._builder.paragraph(footer, page=self._page)
        stated, date = core_properties(self._package)
        return self._builder.build(own_title(stated) or self._builder.first_heading, date=date)

    def _add_slide(self, slide: etree._Element, relations: dict[str, Relation]) -> None:
        shapes = list(_shapes(slide.find(f"{P}cSld/{P}spTree")))
        layouts = self._layouts_of(relations)
        titles = [shape for shape in shapes if _placeholder(shape)[0] in _TITLES]
        for title in titles:
            text = " ".join(paragraph_text(paragraph) for paragraph in title.iter(A + "p"))
            if len(text) <= _MAX_HEADING_CHARS:
                self._builder.heading(text, 1 if _placeholder(title)[0] == "ctrTitle" else 2, page=self._page)
            else:
                self._builder.paragraph(text, page=self._page)
        others = [(_box(shape, layouts), shape) for shape in shapes if shape not in titles]
        for shape in in_reading_order(others):
            self._add_shape(shape, relations, layouts)
        for relation in relations.values():
            if relation.kind == "comments" and not relation.is_external:
                comments = self._package.xml(relation.target)
                texts = () if comments is None else comments.iter("{*}text", A + "t")
                self._builder.hide("".join(text.text or "" for text in texts))
            if relation.kind == "notesSlide" and not relation.is_external:
                self._add_notes(self._package.xml(relation.target))

    def _add_notes(self, notes: etree._Element | None) -> None:
        for shape in () if notes is None else _shapes(notes.find(f"{P}cSld/{P}spTree")):
            if _placeholder(shape)[0] == "body":
                self._add_text(shape, [])

    def _add_shape(self, shape: etree._Element, relations: dict[str, Relation], layouts: list[etree._Element]) -> None:
        kind, _ = _placeholder(shape)
        if kind in ("sldNum", "dt", "hdr"):
            return
        if kind == "ftr":
            self._footers.append(" ".join(paragraph_text(paragraph) for paragraph in shape.iter(A + "p")).strip())
        elif _is_hidden(shape):
            self._builder.hide("".join(text.text or "" for text in shape.iter(A + "t")))
        elif shape.tag == P + "grpSp":
            inner = [(_box(child, []), child) for child in _shapes(shape)]
            for child in in_reading_order(inner):
                self._add_shape(child, relations, [])
        elif shape.tag == P + "graphicFrame":
            for table in shape.iter(A + "tbl"):
                self._add_table(table)
            add_linked(self._builder, self._package, relations, shape, page=self._page)
        else:
            self._add_text(shape, layouts)

    def _add_text(self, shape: etree._Element, layouts: list[etree._Element]) -> None:
        body = shape.find(P + "txBody")
        if body is None:
            return
        lists = SlideLists(list(_list_styles(shape, body, layouts)))
        for paragraph in body.iterchildren(A + "p"):
            text = paragraph_text(paragraph)
            if not text.strip():
                continue
            label, depth = lists.label(paragraph)
            if label is None:
                self._builder.paragraph(text, page=self._page)
            else:
                self._builder.item(text, marker=label, depth=depth, page=self._page)

    def _add_table(self, table: etree._Element) -> None:
        properties = table.find(A + "tblPr")
        has_head = properties is not None and properties.get("firstRow") in ("1", "true")
        rows: list[list[Cell]] = []
        for row in table.iterchildren(A + "tr"):
            cells = []
            for cell in row.iterchildren(A + "tc"):
                if any(cell.get(merged) in ("1", "true") for merged in ("hMerge", "vMerge")):
                    continue
                text = "\n".join(paragraph_text(paragraph) for paragraph in cell.iter(A + "p"))
                columns, down = (max(1, number(cell.get(name), 1) or 1) for name in ("gridSpan", "rowSpan"))
                cells.append(Cell(text, columns, down))
            rows.append(cells)
        add_table(self._builder, rows, header_rows=1 if has_head and len(rows) > 1 else None, page=self._page)

    def _layouts_of(self, relations: dict[str, Relation]) -> list[etree._Element]:
        """The layout of a slide and the master of that."""
        found: list[etree._Element] = []
        for kind in ("slideLayout", "slideMaster"):
            part = next((r.target for r in relations.values() if r.kind == kind and not r.is_external), "")
            if part not in self._layouts:
                self._layouts[part] = (self._package.xml(part) if part else None, part)
            if (root := self._layouts[part][0]) is not None:
                found.append(root)
            relations = self._master_relations(part) if kind == "slideLayout" else relations
        return found

    def _master_relations(self, layout: str) -> dict[str, Relation]:
        return self._package.relations(layout) if layout else {}


def _shapes(tree: etree._Element | None) -> Iterator[etree._Element]:
    for element in () if tree is None else tree:
        if element.tag in _SHAPES:
            yield element
        elif element.tag == MC + "AlternateContent":
            for branch in alternatives(element):
                yield from _shapes(branch)


def _placeholder(shape: etree._Element) -> tuple[str | None, str]:
    """The kind and index of a placeholder; None and "" for any other shape."""
    found = shape.find(f"{{*}}*/{P}nvPr/{P}ph")
    return (None, "") if found is None else (found.get("type", ""), found.get("idx", ""))


def _is_hidden(shape: etree._Element) -> bool:
    about = shape.find(f"{{*}}*/{P}cNvPr")
    return about is not None and about.get("hidden") in ("1", "true")


def _twins(shape: etree._Element, layouts: list[etree._Element]) -> Iterator[etree._Element]:
    """The placeholders of a layout and its master that a shape takes its place and lists from."""
    kind, index = _placeholder(shape)
    if kind is None:
        return
    for layout in layouts:
        others = list(_shapes(layout.find(f"{P}cSld/{P}spTree")))
        twin = next((other for other in others if index and _placeholder(other)[1] == index), None)
        if twin is None:
            wanted = (kind, "body") if kind in _BODIES else (kind,)
            twin = next((other for other in others if _placeholder(other)[0] in wanted), None)
        if twin is not None:
            yield twin


def _box(shape: etree._Element, layouts: list[etree._Element]) -> Box:
    for element in (shape, *_twins(shape, layouts)):
        place = element.find(f"{P}spPr/{A}xfrm")
        if place is None:
            place = (
                element.find(P + "xfrm") if element.tag == P + "graphicFrame" else element.find(f"{P}grpSpPr/{A}xfrm")
            )
        offset, size = (None, None) if place is None else (place.find(A + "off"), place.find(A + "ext"))
        if offset is not None:
            width, height = ("0", "0") if size is None else (size.get("cx"), size.get("cy"))
            return Box(*(float(_length(text)) for text in (offset.get("x"), offset.get("y"), width, height)))
    return Box(0.0, 0.0)


def _length(text: str | None) -> int:
    try:
        return max(-(10**9), min(int(text or ""), 10**9))
    except ValueError:
        return 0


def _list_styles(
    shape: etree._Element, body: etree._Element, layouts: list[etree._Element]
) -> Iterator[etree._Element]:
    """The styles of lists that a shape inherits, nearest first."""
    for holder in (body, *(twin.find(P + "txBody") for twin in _twins(shape, layouts))):
        if holder is not None and (style := holder.find(A + "lstStyle")) is not None:
            yield style
    kind, _ = _placeholder(shape)
    name = "otherStyle" if kind is None or kind not in _BODIES else "bodyStyle"
    for layout in layouts:
        if (style := layout.find(f"{P}txStyles/{P}{name}")) is not None:
            yield style
