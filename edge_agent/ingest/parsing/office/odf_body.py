"""The blocks of an OpenDocument text or slide: paragraphs, lists, tables, frames, notes, as its pages show them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from lxml import etree

from edge_agent.ingest.parsing.blocks import TextBuilder
from edge_agent.ingest.parsing.grid import add_table, lines_of_cell
from edge_agent.ingest.parsing.office.odf_styles import (
    DRAW,
    OFFICE,
    PRESENTATION,
    TABLE,
    TEXT,
    XLINK,
    Counter,
    Look,
    OdfStyles,
)
from edge_agent.ingest.parsing.office.odf_tables import read_odf_table
from edge_agent.ingest.parsing.office.symbols import without_private_use
from edge_agent.ingest.parsing.office.word_numbering import BULLET
from edge_agent.ingest.parsing.office.word_styles import number

_CONTENTS = frozenset(
    TEXT + name for name in ("table-of-content", "illustration-index", "table-index", "object-index", "user-index")
)
_LEFT_OUT = frozenset(
    (
        *_CONTENTS,
        TEXT + "tracked-changes",
        TEXT + "page-number",
        TEXT + "page-count",
        TEXT + "script",
        TEXT + "index-title-template",
        TEXT + "note-citation",
        TEXT + "number",
        OFFICE + "forms",
        OFFICE + "event-listeners",
        PRESENTATION + "notes",
    )
)
_CHARACTERS = {TEXT + "tab": "\t", TEXT + "line-break": "\n"}
_XML = "{http://www.w3.org/XML/1998/namespace}"
_MATH = "{http://www.w3.org/1998/Math/MathML}"
_CHART_TITLES = tuple(
    "{urn:oasis:names:tc:opendocument:xmlns:chart:1.0}" + name for name in ("title", "subtitle", "footer")
)
_MAX_SPACES = 100
_MAX_HEADING_CHARS = 300

OpenObject = Callable[[str], etree._Element | None]


@dataclass(slots=True)
class _Line:
    parts: list[str] = field(default_factory=list)
    notes: list[tuple[str, etree._Element]] = field(default_factory=list)
    frames: list[etree._Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        return without_private_use("".join(self.parts))


@dataclass(slots=True)
class _Place:
    """A place in lists: its style, how far it counted, how deep it is, and the label that its next paragraph shows."""

    style: str = ""
    counter: Counter = field(default_factory=Counter)
    depth: int = 0
    label: str | None = None


class OdfBody:
    """Adds the blocks of a document: knows what its lists have counted.

    Attributes:
        builder: that blocks are added to.
        page: that they stand on; 0 where pages are not known.
        title: the first paragraph that is set as the document's title.
    """

    def __init__(self, styles: OdfStyles, builder: TextBuilder, open_object: OpenObject) -> None:
        self.builder, self.page = builder, 0
        self.title: str | None = None
        self._styles, self._hide, self._open_object = styles, builder.hide, open_object
        self._headings = Counter()
        self._code: list[str] = []
        self._has_code = True
        self._lists: dict[str, Counter] = {}
        self._last: dict[str, Counter] = {}
        self._mark = ""  # of the note that is being read

    def add_blocks(self, container: etree._Element, *, is_on_color: bool = False, place: _Place | None = None) -> None:
        """Adds what an element holds, which may be the body, a header, a note, a frame or an item of a list."""
        place = place or _Place()
        for element in container:
            tag = element.tag
            if tag == TEXT + "p":
                self._add_paragraph(element, place, is_on_color)
            elif tag == TEXT + "h":
                self._add_heading(element, place, is_on_color)
            elif tag == TEXT + "list":
                self._add_list(element, place, is_on_color)
            elif tag == TABLE + "table":
                self._add_table(element, is_on_color)
            elif tag == TEXT + "numbered-paragraph":
                level = number(element.get(TEXT + "level"), 1) or 1
                self._add_item(element, self._begin(element, place), min(level, 10), is_on_color)
            elif tag == OFFICE + "annotation" or self._is_invisible(element):
                self._hide("".join(element.itertext()))
            elif isinstance(tag, str) and tag.startswith(DRAW):
                self.add_frame(element)
            elif tag not in _LEFT_OUT and isinstance(tag, str):
                self.add_blocks(element, is_on_color=is_on_color, place=place)
        self._end_code()

    def set_code(self, body: etree._Element) -> None:
        """Decides whether styles for code mean code: not in a document that is written in them as a whole."""
        names = [paragraph.get(TEXT + "style-name") for paragraph in body.iterchildren(TEXT + "p")]
        self._has_code = 2 * sum(self._styles.look("paragraph", name).is_code for name in names) <= len(names)

    def add_frame(self, frame: etree._Element) -> None:
        """Adds the text of a frame, shape or group, and of the formula or chart in it."""
        for element in frame:
            tag = element.tag
            if tag in (TEXT + "p", TEXT + "h", TEXT + "list", TABLE + "table"):
                self.add_blocks(frame, is_on_color=True)
                return
            if tag == DRAW + "object" and self._add_object(element):
                return
            if isinstance(tag, str) and tag.startswith((DRAW, OFFICE, TEXT)):
                self.add_frame(element)

    def _is_invisible(self, element: etree._Element) -> bool:
        if element.tag == TEXT + "section":
            return bool(element.get(TEXT + "display") == "none" or element.get(TEXT + "is-hidden") == "true")
        is_field = element.tag in (TEXT + "hidden-text", TEXT + "hidden-paragraph")
        return bool(is_field and element.get(TEXT + "is-hidden") == "true")

    # Paragraphs

    def _line(self, paragraph: etree._Element, is_on_color: bool) -> tuple[_Line, Look]:
        look = self._styles.look("paragraph", paragraph.get(TEXT + "style-name"))
        line = _Line()
        if next(paragraph.iterchildren(TEXT + "hidden-paragraph"), None) is not None:
            hidden = paragraph.find(TEXT + "hidden-paragraph")
            if hidden is not None and hidden.get(TEXT + "is-hidden") == "true":
                self._hide("".join(paragraph.itertext()))
                return line, look
        is_hidden = look.is_hidden or (look.is_white and not (is_on_color or look.is_shaded))
        self._walk(paragraph, line, is_hidden, is_on_color or look.is_shaded)
        return line, look

    def _walk(self, element: etree._Element, line: _Line, is_hidden: bool, is_on_color: bool) -> None:
        self._say(element.text, line, is_hidden)
        for child in element:
            tag = child.tag
            if tag == TEXT + "s":
                self._say(" " * min(number(child.get(TEXT + "c"), 1) or 1, _MAX_SPACES), line, is_hidden)
            elif tag in _CHARACTERS:
                self._say(_CHARACTERS[tag], line, is_hidden)
            elif tag == TEXT + "note":
                mark = " ".join("".join(child.itertext(TEXT + "note-citation")).split())
                line.notes += ((mark, body) for body in child.iterchildren(TEXT + "note-body"))
                self._say(f"[{mark}]" if mark and not is_hidden else "", line, is_hidden)
            elif tag == TEXT + "span":
                look = self._styles.look("text", child.get(TEXT + "style-name"))
                is_white = look.is_white and not (is_on_color or look.is_shaded)
                self._walk(child, line, is_hidden or look.is_hidden or is_white, is_on_color)
            elif tag == TEXT + "ruby":
                self._ruby(child, line, is_hidden, is_on_color)
            elif tag == OFFICE + "annotation" or self._is_invisible(child):
                self._hide("".join(child.itertext()))
            elif isinstance(tag, str) and tag.startswith(DRAW):
                if not self._say_formula(child, line):
                    line.frames.append(child)
            elif isinstance(tag, str) and tag not in _LEFT_OUT:
                self._walk(child, line, is_hidden, is_on_color)
            self._say(child.tail, line, is_hidden)

    def _ruby(self, ruby: etree._Element, line: _Line, is_hidden: bool, is_on_color: bool) -> None:
        for child in ruby:
            is_above = child.tag == TEXT + "ruby-text"
            self._say("(" if is_above else "", line, is_hidden)
            self._walk(child, line, is_hidden, is_on_color)
            self._say(")" if is_above else "", line, is_hidden)

    def _say(self, text: str | None, line: _Line, is_hidden: bool) -> None:
        if text and is_hidden:
            self._hide(text)
        elif text:
            # Breaks of lines in the file are space; those that show are elements.
            line.parts.append(text if text == "\n" else " ".join(text.split("\n")))

    def _add_paragraph(self, paragraph: etree._Element, place: _Place, is_on_color: bool) -> None:
        line, look = self._line(paragraph, is_on_color)
        label, place.label = place.label, None
        text, self._mark = (self._mark + line.text if line.text.strip() else line.text), ""
        is_code = look.is_code and self._has_code
        if not is_code:
            self._end_code()
        if look.is_title and len(text) <= _MAX_HEADING_CHARS and text.strip():
            self.title = self.title or " ".join(text.split())
            self.builder.heading(text, 1, page=self.page)
        elif is_code and not place.depth:
            self._code.append(text)
        elif label:
            self.builder.item(text, marker=label, depth=max(place.depth, look.list_depth), page=self.page)
        else:
            self.builder.paragraph(text, page=self.page)
        self._end_line(line)

    def _add_heading(self, heading: etree._Element, place: _Place, is_on_color: bool) -> None:
        self._end_code()
        line, _ = self._line(heading, is_on_color)
        level = max(1, number(heading.get(TEXT + "outline-level"), 1) or 1)
        label, place.label = place.label, None
        if label is None and heading.get(TEXT + "is-list-header") != "true":
            label = self._styles.heading_label(level, self._headings)
        text = f"{label} {line.text}" if label and label != BULLET else line.text
        if line.text.strip() and len(text) <= _MAX_HEADING_CHARS:
            self.builder.heading(text, min(level, 6), page=self.page)
        else:
            self.builder.paragraph(text if line.text.strip() else "", page=self.page)
        self._end_line(line)

    def _end_code(self) -> None:
        if self._code:
            self.builder.code("\n".join(self._code), page=self.page)
            self._code = []

    def _end_line(self, line: _Line) -> None:
        if line.frames or line.notes:
            self._end_code()
        for frame in line.frames:
            self.add_frame(frame)
        for mark, note in line.notes:
            self._add_note(mark, note)

    def _add_note(self, mark: str, note: etree._Element) -> None:
        """Adds a note below the block that refers to it, both with its mark."""
        self._mark = f"[{mark}] " if mark else ""
        self.add_blocks(note)
        self._mark = ""

    # Lists

    def _begin(self, element: etree._Element, outer: _Place) -> _Place:
        """The place at the beginning of a list, which may go on counting another."""
        style = element.get(TEXT + "style-name") or outer.style
        if not style and (first := next(element.iter(TEXT + "p", TEXT + "h"), None)) is not None:
            style = self._styles.look("paragraph", first.get(TEXT + "style-name")).list_style
        depth = outer.depth + 1
        if outer.depth:
            outer.counter.counts = {n: count for n, count in outer.counter.counts.items() if n < depth}
            return _Place(style, outer.counter, depth)
        continued = element.get(TEXT + "continue-list") or element.get(TEXT + "list-id") or ""
        if continued in self._lists:
            counter = self._lists[continued]
        elif element.get(TEXT + "continue-numbering") == "true" and style in self._last:
            counter = self._last[style]
        else:
            counter = Counter()
        for key in (element.get(TEXT + "list-id"), element.get(_XML + "id")):
            if key:
                self._lists[key] = counter
        self._last[style] = counter
        return _Place(style, counter, depth)

    def _add_list(self, element: etree._Element, outer: _Place, is_on_color: bool) -> None:
        self._end_code()
        place = self._begin(element, outer)
        for item in element:
            if item.tag == TEXT + "list-item":
                self._add_item(item, place, place.depth, is_on_color)
            elif item.tag == TEXT + "list-header":
                self.add_blocks(item, is_on_color=is_on_color, place=_Place(place.style, place.counter, place.depth))

    def _add_item(self, item: etree._Element, place: _Place, depth: int, is_on_color: bool) -> None:
        inner = _Place(place.style, place.counter, depth)
        first = next((child for child in item if isinstance(child.tag, str) and child.tag != TEXT + "number"), None)
        if item.tag == TEXT + "numbered-paragraph" or (first is not None and first.tag in (TEXT + "p", TEXT + "h")):
            start = number(item.get(TEXT + "start-value"))
            inner.label = self._styles.label(place.style, depth, place.counter, start)
        self.add_blocks(item, is_on_color=is_on_color, place=inner)

    # Tables, formulas, charts

    def _add_table(self, table: etree._Element, is_on_color: bool) -> None:
        self._end_code()
        rows = [list(row.iterchildren(TABLE + "table-cell")) for row in table.iter(TABLE + "table-row")]
        if all(len(row) <= 1 for row in rows) and table.get(TABLE + "is-sub-table") != "true":
            for row in rows:
                for cell in row:  # it only places text
                    self.add_blocks(cell, is_on_color=True)
            return
        waiting: list[tuple[str, etree._Element]] = []
        made, header_rows = read_odf_table(table, lambda cell: self._cell(cell, waiting), self._hide)
        add_table(self.builder, made, header_rows=header_rows or None, page=self.page)
        for mark, note in waiting:
            self._add_note(mark, note)

    def _cell(self, cell: etree._Element, waiting: list[tuple[str, etree._Element]]) -> str:
        """The text of a cell, its paragraphs one below the other; the notes in it wait until its table ends."""
        outer, self.builder = self.builder, TextBuilder()
        for note in list(cell.iter(TEXT + "note-body")):
            parent = note.getparent()
            if parent is not None:
                waiting.append((parent.findtext(TEXT + "note-citation") or "", note))
                parent.remove(note)
        self.add_blocks(cell, is_on_color=True)
        inner, self.builder = self.builder.build(), outer
        outer.add_omissions(inner)
        return "\n".join(lines_of_cell(inner))

    def _say_formula(self, frame: etree._Element, line: _Line) -> bool:
        """Whether a frame held a formula, which is text of its line."""
        held = frame.find(DRAW + "object")
        root = None if held is None else self._object(held)
        if root is None or not root.tag.startswith(_MATH):
            return False
        words = (text.text or "" for text in root.iter(_MATH + "mi", _MATH + "mn", _MATH + "mo", _MATH + "mtext"))
        line.parts.append(" ".join(words))
        return True

    def _object(self, held: etree._Element) -> etree._Element | None:
        inline = next((child for child in held if isinstance(child.tag, str)), None)
        return inline if inline is not None else self._open_object(held.get(XLINK + "href") or "")

    def _add_object(self, held: etree._Element) -> bool:
        """Adds a chart: its titles and its table of values."""
        root = self._object(held)
        if root is None:
            return False
        for title in root.iter(*_CHART_TITLES):
            self.builder.paragraph("".join(title.itertext()), page=self.page)
        for table in root.iter(TABLE + "table"):
            self._add_table(table, is_on_color=True)
        return True
