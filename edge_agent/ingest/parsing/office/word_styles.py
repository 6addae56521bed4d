"""Styles of Word: what a paragraph or run is by its style, inherited from the styles that it is based on."""

import re
from dataclasses import dataclass, fields

from lxml import etree

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
BODY_LEVEL = 9
"""The outline level that means none."""
_HEADING = re.compile(
    r"(?:heading|t[ií]tulo|encabezado|überschrift|titre|titolo|cabeçalho|kop|rubrik|overskrift|nagłówek)\s*([1-9])\b",
    re.I,
)
_TITLE = frozenset("title título titulo puesto titre titel titolo".split())
_CONTENTS = re.compile(r"(?:toc|tdc|contents|table of figures|toa|índice de (?:contenido|ilustraciones))\b", re.I)
_CODE = re.compile(
    r"(?:source ?code|c[oó]digo(?: fuente)?|code|html preformatted|preformatted text|texto preformateado|macro text"
    r"|verbatim|listing|programlisting|consola|console|terminal)\b",
    re.IGNORECASE,
)
_LIST_DEPTH = re.compile(r"\D ?([2-5])(?: (?:start|end|cont\.?|inicio|fin))?$", re.I)
_LIST = re.compile(r"(?:list|lista|liste|elenco|listenabsatz)\b(?! (?:table|paragraph))", re.I)
_MONOSPACED = re.compile(r"(?:courier|consolas|lucida console|menlo|monaco|.*\bmono\b)", re.I)
_MAX_ANCESTORS = 30


@dataclass(frozen=True, slots=True)
class Style:
    """The properties that a style sets; None where it leaves it to the style that it is based on.

    Attributes:
        outline: from 0 for a main heading to `BODY_LEVEL`.
        num_id, list_level: its numbering.
        is_hidden: whether its text does not show.
        is_white: whether its text is white.
        is_shaded: whether there is a color behind it.
        is_code: whether it is for code.
    """

    outline: int | None = None
    num_id: str | None = None
    list_level: int | None = None
    is_hidden: bool | None = None
    is_white: bool | None = None
    is_shaded: bool | None = None
    is_code: bool | None = None


PLAIN = Style()


class Styles:
    """The styles of a document, by id."""

    def __init__(self, root: etree._Element | None) -> None:
        self._elements: dict[str, etree._Element] = {}
        self._default: str | None = None
        self._resolved: dict[str, Style] = {}
        for element in [] if root is None else root.iterchildren(W + "style"):
            style_id = element.get(W + "styleId") or ""
            self._elements[style_id] = element
            is_default = element.get(W + "default") in ("1", "true", "on")
            if is_default and element.get(W + "type") == "paragraph":
                self._default = style_id

    def of(self, style_id: str | None) -> Style:
        """A style with all that it inherits; the default one where no id is given or none has it."""
        if style_id is None or style_id not in self._elements:
            style_id = self._default
        return self.named(style_id)

    def named(self, style_id: str | None) -> Style:
        """A style with all that it inherits; a plain one where none has the id, as for runs."""
        if style_id is None or style_id not in self._elements:
            return PLAIN
        if style_id not in self._resolved:
            self._resolved[style_id] = self._resolve(style_id)
        return self._resolved[style_id]

    def name(self, style_id: str | None) -> str:
        """A style's name, in lower case; its id where it has none."""
        element = self._elements.get(style_id or "")
        return (value(element, "name") or style_id or "").lower() if element is not None else (style_id or "").lower()

    def is_title(self, style_id: str | None) -> bool:
        """Whether a style is for the title of a document."""
        return is_title_name(self.name(style_id))

    def is_contents(self, style_id: str | None) -> bool:
        """Whether a style is for the lines of a table of contents."""
        return is_contents_name(self.name(style_id))

    def is_list(self, style_id: str | None) -> bool:
        """Whether a style is for items of a list, numbered or not."""
        return bool(_LIST.match(self.name(style_id)))

    def list_depth(self, style_id: str | None) -> int:
        """The depth of items in a style, from 1, where each depth has a style of its own."""
        return list_depth(self.name(style_id))

    def has_color(self, style_id: str | None) -> bool:
        """Whether a style of tables sets a color behind any of its cells."""
        for _ in range(_MAX_ANCESTORS):
            element = self._elements.get(style_id or "")
            if element is None:
                return False
            if any(is_colored(shade) for shade in element.iter(W + "shd")):
                return True
            style_id = value(element, "basedOn")
        return False

    def _resolve(self, style_id: str) -> Style:
        made: dict[str, object] = {}
        ancestor: str | None = style_id
        for _ in range(_MAX_ANCESTORS):
            element = self._elements.get(ancestor or "")
            if element is None:
                break
            own = _own_style(element, self.name(ancestor), is_default=ancestor == self._default)
            for field in fields(Style):
                said = getattr(own, field.name)
                if said is not None and made.get(field.name) is None:
                    made[field.name] = said
            ancestor = value(element, "basedOn")
        return Style(**made)  # type: ignore[arg-type]


def list_depth(name: str) -> int:
    """The depth of items in a style by its name, from 1, as 2 for `list bullet 2`."""
    found = _LIST_DEPTH.search(name)
    return int(found[1]) if found and _LIST.match(name) else 1


def is_title_name(name: str) -> bool:
    """Whether a style of this name, in lower case, is for the title of a document."""
    return name in _TITLE


def is_contents_name(name: str) -> bool:
    """Whether a style of this name is for the lines of a table of contents."""
    return bool(_CONTENTS.match(name))


def heading_level(name: str) -> int | None:
    """The outline level of a style by its name, from 0; None where it is for no heading."""
    found = _HEADING.match(name)
    return int(found[1]) - 1 if found else None


def is_code_name(name: str) -> bool:
    """Whether a style of this name is for code."""
    return bool(_CODE.match(name))


def value(element: etree._Element | None, name: str) -> str | None:
    """The `w:val` of a child element; None where there is none."""
    child = None if element is None else element.find(W + name)
    return None if child is None else child.get(W + "val")


def number(text: str | None, default: int | None = None) -> int | None:
    """A whole number of an attribute, within reason; the default where it is none."""
    try:
        return max(-1_000_000, min(int(text or ""), 1_000_000))
    except ValueError:
        return default


def is_on(element: etree._Element | None, name: str) -> bool | None:
    """A property that is on or off; None where it is not set."""
    child = None if element is None else element.find(W + name)
    if child is None:
        return None
    return (child.get(W + "val") or "true").lower() not in ("0", "false", "off", "none")


def is_colored(shade: etree._Element | None) -> bool:
    """Whether a `w:shd` sets a color behind text."""
    if shade is None:
        return False
    fill = (shade.get(W + "fill") or "auto").lower()
    return fill not in ("auto", "ffffff") or (shade.get(W + "val") or "clear").lower() in ("solid",)


def run_style(properties: etree._Element | None) -> Style:
    """The looks of a run by its own properties (`w:rPr`)."""
    if properties is None:
        return PLAIN
    color, size = value(properties, "color"), number(value(properties, "sz"))
    highlight = value(properties, "highlight")
    is_marked = is_colored(properties.find(W + "shd")) or highlight not in (None, "none", "white")
    is_hidden = is_on(properties, "vanish")
    if size is not None and 0 < size <= 3:  # half points: nobody can read it
        is_hidden = True
    return Style(
        is_hidden=is_hidden, is_white=None if color is None else _is_white(color), is_shaded=True if is_marked else None
    )


def _own_style(element: etree._Element, name: str, *, is_default: bool) -> Style:
    paragraph, run = element.find(W + "pPr"), element.find(W + "rPr")
    looks = run_style(run)
    outline = number(value(paragraph, "outlineLvl"))
    if outline is None:
        outline = heading_level(name)
    numbering = None if paragraph is None else paragraph.find(W + "numPr")
    fonts = None if run is None else run.find(W + "rFonts")
    font = "" if fonts is None else fonts.get(W + "ascii") or ""
    is_shaded = paragraph is not None and is_colored(paragraph.find(W + "shd"))
    return Style(
        outline,
        value(numbering, "numId"),
        number(value(numbering, "ilvl")),
        looks.is_hidden,
        looks.is_white,
        True if is_shaded or looks.is_shaded else None,
        True if is_code_name(name) or (not is_default and font and _MONOSPACED.match(font)) else None,
    )


def _is_white(color: str) -> bool:
    try:
        return len(color) == 6 and min(bytes.fromhex(color)) >= 0xFA
    except ValueError:
        return False
