"""The walk over a page's tree: its visible text, block by block, told to a `TextBuilder`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lxml import etree, html

from edge_agent.errors import InputInvalid
from edge_agent.ingest.parsing.blocks import QUESTION_LEVEL, TextBuilder
from edge_agent.ingest.parsing.labels import Bold, by_weight
from edge_agent.ingest.parsing.markup.inline import item_number
from edge_agent.ingest.parsing.markup.look import LOOK_ATTRIBUTES, PLAIN, Look, Surroundings, look_of
from edge_agent.ingest.parsing.markup.main_part import SILENT, MainPart
from edge_agent.ingest.parsing.markup.panels import Panels, is_control, opens
from edge_agent.ingest.parsing.markup.style import style_sheet_of
from edge_agent.ingest.parsing.markup.tree import MAX_DEPTH

_BLOCKS = frozenset(
    "p pre blockquote figcaption figure td th tr tbody thead tfoot caption div section article main table header "
    "footer nav aside address center fieldset legend form details dialog hgroup body html hr dir search".split()
)
HEADINGS = {f"h{level}": level for level in range(1, 7)}
_STRUCK = frozenset(("del", "s", "strike"))
_ASKING = re.compile(r"(?:^|[\s_-])(?:question|pregunta)s?(?:$|[\s_-])", re.IGNORECASE)
_ANSWERING = re.compile(r"(?:^|[\s_-])(?:answer|respuesta)s?(?:$|[\s_-])", re.IGNORECASE)
_ICONS = re.compile(r"(?:^|\s)(?:material-(?:icons|symbols)\S*|katex-html)(?:$|\s)")
_LETTERS = re.compile(r"\w\w\w")
_MAX_LABEL_CHARS, _MAX_LOOKS = 300, 10_000
_SENTENCE_END = tuple(".;:,!?…")
_LARGE = re.compile(r"\s*(?:[5-7]|\+[2-4])\s*")


@dataclass(slots=True)
class OpenList:
    """A list that is being read: the number of its next item (None for bullets), its step and its kind of numbers."""

    number: int | None
    step: int = 1
    kind: str = "1"

    def marker(self, value: str | None) -> str:
        """The mark of the next item, whose own number may be given."""
        if self.number is None:
            return "-"
        number = int(value) if value and value.lstrip("-").isdecimal() and len(value) < 10 else self.number
        self.number = number + self.step
        return item_number(number, self.kind)


class Walker:
    """Gathers inline text until a block begins or ends."""

    def __init__(
        self, builder: TextBuilder, page: html.HtmlElement, readers: "Mapping[str, Read]", part: MainPart | None = None
    ) -> None:
        """Starts a walk.

        Args:
            builder: is told the blocks.
            page: all of the page, for its styles and controls.
            readers: of the elements that are more than their text, by tag.
            part: what is the site's in it and left out; None to leave nothing out.
        """
        self.builder = builder
        self.lists: list[OpenList] = []
        self.terms: list[str] = []
        self.prefix = ""
        self.is_capturing = False
        self._readers = readers
        self._part = part
        self._sheet = style_sheet_of(page)
        self._panels = Panels(page, self._sheet)
        self._inline: list[str] = []
        self._pictures: list[str] = []
        self._marker = ""
        self._is_set = False  # text with its line breaks as they are
        self._struck = 0
        self._bold = self._large = 0  # how many elements that set it so are open
        self._is_large = True  # the block that is being gathered, so far
        self._looks: dict[object, Look] = {}

    def read(self, root: html.HtmlElement) -> None:
        """Reads everything in an element, which is shown whatever its style says: pages are faded in by scripts."""
        around = Surroundings()
        for element in (*reversed(list(root.iterancestors())), root):
            around = around.inside(self._look(element)._replace(visibility=None, is_tiny=None))
        self.children(root, around, 0)
        self.flush()
        if self._struck:
            self.builder.notice(f"struck text is left out ({self._struck} times)")

    def visit(self, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
        """Reads an element and everything in it, unless people do not see it."""
        tag = element.tag
        if not isinstance(tag, str):
            if tag is etree.Comment:
                self.builder.hide(element.text or "")
            return
        if depth > MAX_DEPTH:
            raise InputInvalid(f"the document nests elements deeper than {MAX_DEPTH}; simplify it")
        look = self._look(element)
        seen = self._shown(element, look, around)
        if seen is None:
            return
        if tag in _STRUCK or look.is_struck:
            self._struck += 1
        elif not self.is_capturing and self._is_label(element, tag):
            self._read_label(element, seen, depth)
        else:
            read = self._readers.get(tag)
            if read is not None:
                read(self, element, seen, depth)
            elif tag in _BLOCKS or look.is_block:
                self.block(element, seen, depth)
            else:
                self.children(element, seen, depth)

    def _shown(self, element: html.HtmlElement, look: Look, around: Surroundings) -> Surroundings | None:
        """The surroundings of an element's text; None where people do not see it, which is counted."""
        tag = element.tag
        if tag in SILENT:
            if tag in ("template", "noscript"):
                self._hide(element)
            return None
        if self._part is not None and self._part.is_left_out(element):
            return None
        if element.attrib or look is not PLAIN:
            if look.is_unseen or (look.is_off and not self._panels.is_reached(element)):
                self._hide(element)
                return None
            if self._is_icon(element) or (self._panels.is_tab(element) and not self.is_capturing):
                return None
        return around if look is PLAIN else around.inside(look)

    def seen_in(self, element: html.HtmlElement, around: Surroundings) -> Surroundings | None:
        """The surroundings of a row's or a cell's text; None where people do not see it."""
        return self._shown(element, self._look(element), around)

    def children(self, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
        """Reads the text and elements in an element."""
        is_seen = around.is_seen
        self._add(element.text, is_seen)
        for child in element:
            self.visit(child, around, depth + 1)
            self._add(child.tail, is_seen)

    def block(self, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
        """Reads an element that begins and ends a block."""
        self.flush()
        tab = self._panels.label_of(element)
        if tab is not None and not self.is_capturing:
            self.builder.heading(self.capture(tab, around, depth), QUESTION_LEVEL)
        self.children(element, around, depth)
        self.flush()
        if tab is not None and not self.is_capturing:
            self.builder.end_scope(QUESTION_LEVEL)

    def bold(self, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
        """Reads an element whose text is set in bold, or as `<font size=5>` clearly larger than the text."""
        is_large = bool(_LARGE.fullmatch(element.get("size", ""))) if element.tag == "font" else False
        is_bold = is_large or element.tag != "font"
        self._bold, self._large = self._bold + is_bold, self._large + is_large
        self.children(element, around, depth)
        self._bold, self._large = self._bold - is_bold, self._large - is_large

    def capture(self, element: html.HtmlElement, around: Surroundings, depth: int, *, is_set: bool = False) -> str:
        """The text of an element, blocks in it one after the other; that of its pictures where it has none."""
        saved = self._inline, self._pictures, self.is_capturing, self._is_set
        self._inline, self._pictures, self.is_capturing, self._is_set = [], [], True, is_set
        self.children(element, around, depth)
        text = "".join(self._inline)
        if not text.strip():
            text = " ".join(self._pictures)
        self._inline, self._pictures, self.is_capturing, self._is_set = saved
        return text if is_set else text.strip()

    def add(self, text: str) -> None:
        """Adds inline text that is seen."""
        self._inline.append(text)

    def picture(self, text: str) -> None:
        """Notes the text of a picture, for a block that has no other."""
        self._pictures.append(text)

    def ends_with_digit(self) -> bool:
        """Whether the inline text so far ends with a digit."""
        return bool(self._inline) and self._inline[-1][-1:].isdigit()

    def flush(self) -> None:
        """Ends the block that is being gathered."""
        if self.is_capturing:
            if self._inline and self._inline[-1] != "\n":
                self._inline.append("\n")
            return
        text = "".join(self._inline)
        if not text.strip():
            text = " ".join(picture for picture in self._pictures if picture.count(" ") > 1)
        if text.strip():
            if self._marker or self.prefix or not any(isinstance(part, Bold) for part in self._inline):
                self._add_block(text)
            else:
                for lines, is_bold in by_weight(self._inline):
                    self.builder.paragraph(lines, is_label=is_bold, is_large=is_bold and self._is_large)
        self._is_large = True
        if self._inline or self._pictures:
            self._inline, self._pictures = [], []

    def _add_block(self, text: str) -> None:
        text, self.prefix = (f"{self.prefix}{text.lstrip()}" if self.prefix else text), ""
        if self._marker:
            self.builder.item(text, marker=self._marker, depth=max(len(self.lists), 1))
            self._marker = ""
        else:
            self.builder.paragraph(text)

    def start_item(self, marker: str) -> None:
        """Begins a list item: the next block carries this mark."""
        if self.is_capturing:
            while self._inline and not self._inline[-1].strip():
                self._inline.pop()
            before = self._inline[-1].rstrip() if self._inline else ""
            self._inline.append(" " if not before or before.endswith(_SENTENCE_END) else "; ")
            if marker != "-":
                self._inline.append(f"{marker} ")
        else:
            self.flush()
            self._marker = marker

    def end_item(self) -> None:
        """Ends a list item."""
        self.flush()
        self._marker = ""

    def take_number(self) -> str:
        """The number of the item whose first block is no paragraph, with a space; "" for bullets."""
        number, self._marker = self._marker, ""
        return "" if number in ("", "-") else f"{number} "

    def _add(self, text: str | None, is_seen: bool) -> None:
        if not text:
            return
        if is_seen:
            said = text if self._is_set else text.replace("\n", " ")
            self._inline.append(Bold(said) if self._bold else said)
            self._is_large &= self._large > 0 or said.isspace()
        else:
            self.builder.hide(text)

    def _look(self, element: html.HtmlElement) -> Look:
        if self._sheet.is_contextual:
            return look_of(element, self._sheet)
        attributes = element.attrib
        key = (element.tag, *map(attributes.get, LOOK_ATTRIBUTES)) if attributes else element.tag
        look = self._looks.get(key)
        if look is None:
            look = look_of(element, self._sheet)
            if len(self._looks) < _MAX_LOOKS:
                self._looks[key] = look
        return look

    def _hide(self, element: html.HtmlElement) -> None:
        for one in element.iter():
            if one.tag not in ("script", "style"):
                self.builder.hide(one.text or "")
            if one is not element:
                self.builder.hide(one.tail or "")

    def _is_icon(self, element: html.HtmlElement) -> bool:
        if _ICONS.search(element.get("class", "")):
            return True
        return element.get("aria-hidden") == "true" and not _LETTERS.search("".join(element.itertext()))

    def _is_label(self, element: html.HtmlElement, tag: str) -> bool:
        """Whether what follows an element belongs to it: a control of a panel, or a question by its mark-up."""
        if tag in HEADINGS or tag == "summary" or tag in ("li", "ul", "ol", "table", "tr", "dt", "dl", "form"):
            return False
        following = element.getnext()
        if element.get("itemprop") == "name":
            outer = element.getparent()
            is_label = outer is not None and (outer.get("itemtype") or "").endswith("/Question")
        elif element.attrib and (
            "aria-expanded" in element.attrib
            or "collapse" in (element.get("data-toggle"), element.get("data-bs-toggle"))
        ):
            is_label = True
        elif following is None or not isinstance(following.tag, str) or not following.attrib:
            return False
        elif _ASKING.search(element.get("class", "")) and _ANSWERING.search(following.get("class", "")):
            is_label = True
        else:
            is_label = (
                (is_control(element) or tag in ("p", "div"))
                and self._look(following).is_off
                and opens(element, following)
            )
        return (
            is_label
            and all(one is element for one in element.iter("p", "ul", "ol", "table", *HEADINGS))
            and self._is_short(element)
        )

    def _is_short(self, element: html.HtmlElement) -> bool:
        return 0 < len(" ".join("".join(element.itertext()).split())) <= _MAX_LABEL_CHARS

    def _read_label(self, element: html.HtmlElement, around: Surroundings, depth: int) -> None:
        self.flush()
        self.builder.heading(self.take_number() + self.capture(element, around, depth), QUESTION_LEVEL)


Read = Callable[[Walker, html.HtmlElement, Surroundings, int], None]
"""Reads an element of some tag: the walk, the element, its surroundings and its depth."""
