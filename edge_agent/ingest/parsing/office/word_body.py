"""The blocks of a Word document: paragraphs as what they are, tables, boxes, notes after the block that names them."""

import re
from collections.abc import Callable, Iterator

from lxml import etree

from edge_agent.ingest.parsing.blocks import TextBuilder
from edge_agent.ingest.parsing.grid import add_table, lines_of_cell
from edge_agent.ingest.parsing.office.drawing import A, R, add_linked, paragraph_text
from edge_agent.ingest.parsing.office.word_inline import MC, Line, Lines, alternatives
from edge_agent.ingest.parsing.office.word_numbering import BULLET, Numbering
from edge_agent.ingest.parsing.office.word_styles import BODY_LEVEL, Style, Styles, W, is_colored, number, value
from edge_agent.ingest.parsing.office.word_tables import read_table, through
from edge_agent.ingest.parsing.package import Package, Relation

_BLOCKS = (W + "p", W + "tbl", W + "altChunk")
_MAX_HEADING_CHARS = 300
_CONTENTS_LINE = re.compile(r"(?:.*[\t.…\s])?\d+\s*|\s*", re.DOTALL)

AddChunk = Callable[[str], None]


class Body:
    """Adds the blocks of a document to its builder: knows what lists have counted and which notes wait for their block.

    Attributes:
        builder: that blocks are added to.
        relations: of the part that is being read.
        title: the first paragraph that is set as the document's title.
    """

    def __init__(
        self,
        package: Package,
        styles: Styles,
        numbering: Numbering,
        notes: dict[tuple[str, str], etree._Element],
        *,
        builder: TextBuilder,
        add_chunk: AddChunk,
    ) -> None:
        """Starts with the styles, lists and notes of a document; `add_chunk` adds a part that is a document itself."""
        self.builder, self.package, self.relations = builder, package, dict[str, Relation]()
        self.title: str | None = None
        self._styles, self._numbering, self._notes, self._add_chunk = styles, numbering, notes, add_chunk
        self._hide = builder.hide
        self._lines = Lines(styles, self._hide)
        self._waiting: list[tuple[str, str]] = []
        self._carried = ""
        self._code: list[str] = []
        self._tables = 0
        self._has_code = True

    def add_blocks(self, container: etree._Element, *, is_on_color: bool) -> None:
        """Adds what an element holds, which may be the body, a header, a note or a cell."""
        for element in through(container, *_BLOCKS, hide=self._hide):
            if element.tag == W + "p":
                self._add_paragraph(element, is_on_color)
                continue
            self._end_code()
            if element.tag == W + "tbl":
                self._add_table(element, is_on_color)
            else:
                self._add_chunk(element.get(R + "id") or "")
            self._add_notes()
        self._end_code()
        if self._carried.strip():  # its mark was deleted, and nothing followed to join it
            self.builder.paragraph(self._carried)
        self._carried = ""

    def set_code(self, body: etree._Element) -> None:
        """Decides whether styles for code mean code: not in a document that is written in them as a whole."""
        styles = [self._styles.of(value(p.find(W + "pPr"), "pStyle")) for p in body.iterchildren(W + "p")]
        self._has_code = 2 * sum(bool(style.is_code) for style in styles) <= len(styles)

    def _add_paragraph(self, paragraph: etree._Element, is_on_color: bool) -> None:
        properties = paragraph.find(W + "pPr")
        style_id = value(properties, "pStyle")
        style = self._styles.of(style_id)
        line = self._line(paragraph, properties, style, is_on_color)
        if line is None:
            return
        if not self._is_contents(line, style_id):
            self._place(line, properties, style_id, style)
        for drawing in line.drawings:
            self._add_drawing(drawing)
        self._waiting += line.notes
        if not self._code:
            self._add_notes()

    def _line(
        self, paragraph: etree._Element, properties: etree._Element | None, style: Style, is_on_color: bool
    ) -> Line | None:
        """A paragraph's text; None where its mark is deleted, so that the next one goes on with it."""
        shade = None if properties is None else properties.find(W + "shd")
        line = self._lines.read(paragraph, style, is_on_color=is_on_color or is_colored(shade))
        if self._carried:
            line.text, self._carried, line.weighed = self._carried + line.text, "", []
        mark = None if properties is None else properties.find(W + "rPr")
        if mark is not None and (mark.find(W + "del") is not None or mark.find(W + "moveFrom") is not None):
            self._waiting += line.notes
            for drawing in line.drawings:
                self._add_drawing(drawing)
            self._carried = line.text
            return None
        return line

    def _place(self, line: Line, properties: etree._Element | None, style_id: str | None, style: Style) -> None:
        """Adds a paragraph as what it is: heading, item, code or text."""
        label = self._label(properties, style_id, style)
        is_code = bool(style.is_code) and self._has_code
        if not is_code:
            self._end_code()
        if not line.text.strip():
            if is_code and self._code:
                self._code.append("")
            return
        outline = number(value(properties, "outlineLvl"), style.outline)
        if self._styles.is_title(style_id):
            self.title = self.title or " ".join(line.text.split())
            outline = 0
        if outline is not None and 0 <= outline < BODY_LEVEL and len(line.text) <= _MAX_HEADING_CHARS:
            marker = f"{label} " if label and label != BULLET else ""
            self.builder.heading(marker + line.text, min(outline + 1, 6))
        elif is_code:
            self._code.append(line.text)
        elif label:
            level = number(value(_numbering_of(properties), "ilvl"), style.list_level) or 0
            self.builder.item(line.text, marker=label, depth=max(level + 1, self._styles.list_depth(style_id)))
        elif label is None and self._styles.is_list(style_id):
            self.builder.item(line.text, depth=self._styles.list_depth(style_id))
        else:
            for text, is_bold in line.weighed or [(line.text, False)]:
                self.builder.paragraph(text, is_label=is_bold, is_large=is_bold and line.is_large)

    def _label(self, properties: etree._Element | None, style_id: str | None, style: Style) -> str | None:
        """Counts a paragraph of a list and gives its number or bullet; None where it is in none."""
        own = _numbering_of(properties)
        num_id = value(own, "numId") or style.num_id
        if num_id is None or num_id == "0":
            return None
        level = number(value(own, "ilvl"), style.list_level)
        if level is None:
            level = self._numbering.level_of(num_id, style_id)
        return self._numbering.label(num_id, level)

    def _is_contents(self, line: Line, style_id: str | None) -> bool:
        """Whether a paragraph is a line of a table of contents, which only repeats headings."""
        return self._styles.is_contents(style_id) or (line.is_contents and bool(_CONTENTS_LINE.fullmatch(line.text)))

    def _end_code(self) -> None:
        if self._code:
            self.builder.code("\n".join(self._code))
            self._code = []
            self._add_notes()

    def _add_notes(self) -> None:
        """Adds the notes that the last block refers to, each once."""
        waiting, self._waiting = self._waiting, []
        for key in waiting:
            note = self._notes.pop(key, None)
            if note is not None:
                self.add_blocks(note, is_on_color=False)

    # Tables

    def _add_table(self, table: etree._Element, is_on_color: bool) -> None:
        if _is_frame(table):
            for row in through(table, W + "tr"):
                if row.find(f"{W}trPr/{W}del") is None:
                    for cell in through(row, W + "tc"):
                        self.add_blocks(cell, is_on_color=True)
            return
        self._tables += 1
        number_of_table = self._tables
        made = read_table(table, self._styles, lambda cell, colored: self._cell(cell, colored or is_on_color),
                          self._hide)  # fmt: skip
        for row in made.odd_rows:
            self.builder.notice(
                f"table {number_of_table}, row {row}: a merged cell whose beginning is missing; read as it is"
            )
        add_table(self.builder, made.rows, header_rows=made.header_rows or None)

    def _cell(self, cell: etree._Element, is_on_color: bool) -> str:
        """The text of a cell, its paragraphs one below the other."""
        parts: list[str] = []
        for element in through(cell, *_BLOCKS, hide=self._hide):
            if element.tag == W + "tbl":
                if parts:
                    parts[-1] = f"{parts[-1].rstrip(' ;')};"
                parts.append("; ".join(self._nested(element, is_on_color)))
            elif element.tag == W + "p":
                properties = element.find(W + "pPr")
                style_id = value(properties, "pStyle")
                style = self._styles.of(style_id)
                line = self._line(element, properties, style, is_on_color)
                if line is None:
                    continue
                label = self._label(properties, style_id, style)
                if line.text.strip():
                    parts.append(f"{label} {line.text}" if label else line.text)
                self._waiting += line.notes
                for drawing in line.drawings:
                    parts += (self._cell(box, True) for box in _boxes(drawing) if box.tag != A + "p")
        parts.append(self._carried)
        self._carried = ""
        return "\n".join(part for part in parts if part.strip())

    def _nested(self, table: etree._Element, is_on_color: bool) -> list[str]:
        """A table inside a cell: a line a row, every value with its column's name."""
        made = read_table(table, self._styles, lambda cell, colored: self._cell(cell, colored or is_on_color),
                          self._hide)  # fmt: skip
        inner = TextBuilder()
        add_table(inner, made.rows, header_rows=made.header_rows or None)
        return lines_of_cell(inner.build())

    # Drawings, other documents

    def _add_drawing(self, drawing: etree._Element) -> None:
        self._end_code()
        for box in _boxes(drawing):
            if box.tag == A + "p":
                self.builder.paragraph(paragraph_text(box))
            else:
                lines, self._lines = self._lines, Lines(self._styles, self._hide)
                self.add_blocks(box, is_on_color=True)
                self._lines = lines
        add_linked(self.builder, self.package, self.relations, drawing)


def _numbering_of(properties: etree._Element | None) -> etree._Element | None:
    return None if properties is None else properties.find(W + "numPr")


def _is_frame(table: etree._Element) -> bool:
    """Whether a table only places text: one cell in each row, or one row of cells that hold several paragraphs."""
    rows = list(through(table, W + "tr"))
    cells = [list(through(row, W + "tc")) for row in rows]
    if all(len(row) <= 1 for row in cells):
        return True
    return len(rows) == 1 and any(
        cell.find(W + "tbl") is not None or sum(next(p.iter(W + "t"), None) is not None for p in cell.iter(W + "p")) > 2
        for cell in cells[0]
    )


def _boxes(element: etree._Element) -> Iterator[etree._Element]:
    """The contents of the text boxes and the paragraphs of the shapes in a drawing, those in others aside."""
    for child in element:
        if child.tag in (W + "txbxContent", A + "p"):
            yield child
        elif child.tag == MC + "AlternateContent":
            for branch in alternatives(child):
                yield from _boxes(branch)
        elif isinstance(child.tag, str):
            yield from _boxes(child)
