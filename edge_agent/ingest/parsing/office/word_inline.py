"""The text of one paragraph of Word: runs, changes as accepted, fields as their results, equations, symbols, ruby.

Hidden and white text is left out and counted. Text boxes, drawings and notes are handed on: they are other blocks.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lxml import etree

from edge_agent.ingest.parsing.labels import Bold, by_weight
from edge_agent.ingest.parsing.office.symbols import symbol, without_private_use
from edge_agent.ingest.parsing.office.word_styles import PLAIN, Style, Styles, W, is_on, number, run_style, value

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_REMOVED = frozenset((W + "del", W + "moveFrom", W + "pPr", W + "rPr", W + "sdtPr", W + "sdtEndPr"))
_DRAWINGS = frozenset((W + "drawing", W + "pict", W + "object"))
_CHARACTERS = {
    W + "tab": "\t",
    W + "ptab": "\t",
    W + "br": "\n",
    W + "cr": "\n",
    W + "noBreakHyphen": "-",
}
_NOTES = {W + "footnoteReference": "footnote", W + "endnoteReference": "endnote"}
_MATH_MARKS = {M + "sup": "^", M + "sub": "_", M + "den": "/", M + "rad": "√", M + "d": "("}
_LARGE = 28  # half points, where text has 20 to 24
_MAX_CODE_CHARS, _MAX_FIELDS = 200, 30
_PAGE_FIELDS = frozenset(("PAGE", "NUMPAGES", "SECTIONPAGES"))
_PROMPT = re.compile(
    r"(?:haga|pulse|haz|click|klicken|cliquez)\b.{0,40}\b(?:clic|aquí|tap|here|hier|ici|escribir|text|texto)\b.*"
    r"|(?:elija un elemento|choose an item|seleccione una fecha|select a date)\W*",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(slots=True)
class _Field:
    """A field: its code, and whether that has ended and its result goes on."""

    code: str = ""
    shows: bool = False

    @property
    def name(self) -> str:
        words = self.code.split(maxsplit=1)
        return words[0].upper() if words else ""


@dataclass(slots=True)
class Line:
    """A paragraph as its runs make it.

    Attributes:
        text: of it, with tabs and line breaks.
        notes: the footnotes and endnotes that it refers to: kind and id.
        drawings: elements in it that may hold text boxes, diagrams or charts.
        is_contents: whether all of it is the result of a field that lists contents.
        weighed: its lines, those in bold apart from those that are not; none where nothing in it is bold.
        is_large: whether all of it is set clearly larger than text is.
    """

    text: str = ""
    notes: list[tuple[str, str]] = field(default_factory=list)
    drawings: list[etree._Element] = field(default_factory=list)
    is_contents: bool = False
    weighed: list[tuple[str, bool]] = field(default_factory=list)
    is_large: bool = False


class Lines:
    """Makes the text of paragraphs; fields may go on from one to the next."""

    def __init__(self, styles: Styles, hide: Callable[[str], None]) -> None:
        self._styles, self._hide = styles, hide
        self._fields: list[_Field] = []
        self._parts: list[str] = []
        self._line = Line()
        self._is_outside_contents = False
        self._is_bold = self._is_large = False  # the run that is being read

    def read(self, paragraph: etree._Element, style: Style, *, is_on_color: bool) -> Line:
        """The text of a paragraph.

        Args:
            paragraph: a `w:p`.
            style: of it, for the looks of its runs.
            is_on_color: whether something colored lies behind it, so that white text shows.
        """
        self._parts, self._line = [], Line(is_large=True)
        self._is_outside_contents = False
        self._walk(paragraph, style, is_on_color or bool(style.is_shaded))
        self._fields = [open_field for open_field in self._fields if open_field.shows]  # codes end with their paragraph
        self._line.is_contents &= not self._is_outside_contents
        self._line.text = without_private_use("".join(self._parts)).strip("\n")
        if any(isinstance(part, Bold) for part in self._parts):
            self._line.weighed = [(without_private_use(text), is_bold) for text, is_bold in by_weight(self._parts)]
        return self._line

    def _walk(self, element: etree._Element, style: Style, is_on_color: bool) -> None:
        for child in element:
            tag = child.tag
            if tag == W + "r":
                self._run(child, style, is_on_color)
            elif tag == M + "t":
                self._say(child.text, False)
            elif tag in _MATH_MARKS:
                self._math(child, style, is_on_color)
            elif tag == W + "sdt" and is_prompt(child):
                self._hide("".join(child.itertext(W + "t")))
            elif tag == MC + "AlternateContent":
                for branch in alternatives(child):
                    self._walk(branch, style, is_on_color)
            elif tag == W + "fldSimple":
                self._fields.append(_Field(child.get(W + "instr") or "", shows=True))
                self._walk(child, style, is_on_color)
                self._fields.pop()
            elif tag not in _REMOVED and isinstance(tag, str):
                self._walk(child, style, is_on_color)

    def _run(self, run: etree._Element, style: Style, is_on_color: bool) -> None:
        properties = run.find(W + "rPr")
        is_hidden = self._is_hidden(properties, style, is_on_color)
        self._is_large = (number(value(properties, "sz"), 0) or 0) >= _LARGE
        self._is_bold = self._is_large or bool(is_on(properties, "b"))
        for child in run:
            tag = child.tag
            if tag == W + "t":
                self._say(child.text, is_hidden)
            elif tag in _CHARACTERS:
                self._say(_CHARACTERS[tag], is_hidden)
            elif tag == W + "sym":
                self._say(symbol(child.get(W + "font") or "", _code(child.get(W + "char"))), is_hidden)
            elif tag == W + "fldChar":
                self._field(child)
            elif tag == W + "instrText":
                self._add_code(child.text or "")
            elif tag in _NOTES:
                if self._shows() and not is_hidden:
                    self._line.notes.append((_NOTES[tag], child.get(W + "id") or ""))
            else:
                self._other(child, style, is_on_color)

    def _other(self, child: etree._Element, style: Style, is_on_color: bool) -> None:
        if child.tag in _DRAWINGS:
            self._line.drawings.append(child)
        elif child.tag == MC + "AlternateContent":
            for branch in alternatives(child):
                self._run(branch, style, is_on_color)
        elif child.tag == W + "ruby":
            self._ruby(child, style, is_on_color)

    def _ruby(self, ruby: etree._Element, style: Style, is_on_color: bool) -> None:
        for base in ruby.iterchildren(W + "rubyBase"):
            self._walk(base, style, is_on_color)
        for above in ruby.iterchildren(W + "rt"):
            self._say("(", False)
            self._walk(above, style, is_on_color)
            self._say(")", False)

    def _math(self, element: etree._Element, style: Style, is_on_color: bool) -> None:
        if next(element.iter(M + "t"), None) is None:
            return
        opens, closes = _MATH_MARKS[element.tag], ""
        if element.tag == M + "d":
            opens, closes = (_bracket(element, name, usual) for name, usual in (("begChr", "("), ("endChr", ")")))
        self._say(opens, False)
        self._walk(element, style, is_on_color)
        self._say(closes, False)

    def _field(self, mark: etree._Element) -> None:
        match mark.get(W + "fldCharType"):
            case "begin":
                self._fields = [*self._fields[-_MAX_FIELDS:], _Field()]
                if (choices := mark.find(f"{W}ffData/{W}ddList")) is not None:
                    entries = [entry.get(W + "val") or "" for entry in choices.iterchildren(W + "listEntry")]
                    chosen = number(value(choices, "result"), 0) or 0
                    if 0 <= chosen < len(entries):
                        self._parts.append(entries[chosen])
            case "separate" if self._fields:
                self._fields[-1].shows = True
            case "end" if self._fields:
                self._fields.pop()

    def _add_code(self, text: str) -> None:
        if self._fields and not self._fields[-1].shows and len(self._fields[-1].code) < _MAX_CODE_CHARS:
            self._fields[-1].code += text

    def _shows(self) -> bool:
        return all(open_field.shows and open_field.name not in _PAGE_FIELDS for open_field in self._fields)

    def _say(self, text: str | None, is_hidden: bool) -> None:
        if not text or not self._shows():
            return
        if is_hidden:
            self._hide(text)
            return
        self._parts.append(Bold(text) if self._is_bold and text != "\n" else text)
        if text.strip():
            self._line.is_large &= self._is_large
            is_contents = any(open_field.name == "TOC" for open_field in self._fields)
            self._line.is_contents |= is_contents
            self._is_outside_contents |= not is_contents

    def _is_hidden(self, properties: etree._Element | None, style: Style, is_on_color: bool) -> bool:
        if properties is None:
            return bool(style.is_hidden) or bool(style.is_white and not is_on_color)
        own, named = run_style(properties), PLAIN
        if (name := value(properties, "rStyle")) is not None:
            named = self._styles.named(name)
        chain = (own, named, style)
        is_white = next((said.is_white for said in chain if said.is_white is not None), False)
        is_shaded = is_on_color or any(said.is_shaded for said in chain)
        return bool(next((said.is_hidden for said in chain if said.is_hidden is not None), False)) or bool(
            is_white and not is_shaded
        )


def alternatives(element: etree._Element) -> Iterator[etree._Element]:
    """The branch of an `mc:AlternateContent` that shows: the first that holds text, for the same never counts twice."""
    branches = [branch for branch in element if branch.tag in (MC + "Choice", MC + "Fallback")]
    for branch in branches:
        if any((text.text or "").strip() for text in branch.iter(W + "t", "{*}t", "{*}relIds", "{*}chart")):
            yield branch
            return
    yield from branches[:1]


def is_prompt(control: etree._Element) -> bool:
    """Whether a content control holds nothing but the program's request to fill it in."""
    properties = control.find(W + "sdtPr")
    if properties is None or properties.find(W + "showingPlcHdr") is None:
        return False
    return bool(_PROMPT.fullmatch("".join(text.text or "" for text in control.iter(W + "t")).strip()))


def _bracket(element: etree._Element, name: str, usual: str) -> str:
    found = element.find(f"{M}dPr/{M}{name}")
    return usual if found is None else (found.get(M + "val") or "")[:2]


def _code(text: str | None) -> int:
    try:
        return int(text or "0", 16)
    except ValueError:
        return 0
