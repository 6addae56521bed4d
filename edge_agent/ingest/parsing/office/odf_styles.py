"""Styles of OpenDocument: how paragraphs, runs and tables look, and the labels that the items of lists show."""

import re
from dataclasses import dataclass, field

from lxml import etree

from edge_agent.ingest.parsing.office.word_numbering import BULLET, format_number
from edge_agent.ingest.parsing.office.word_styles import is_code_name, is_title_name, list_depth, number

_OASIS = "{urn:oasis:names:tc:opendocument:xmlns:"
OFFICE, TEXT, TABLE = f"{_OASIS}office:1.0}}", f"{_OASIS}text:1.0}}", f"{_OASIS}table:1.0}}"
DRAW, STYLE, SVG = f"{_OASIS}drawing:1.0}}", f"{_OASIS}style:1.0}}", f"{_OASIS}svg-compatible:1.0}}"
FO, PRESENTATION = f"{_OASIS}xsl-fo-compatible:1.0}}", f"{_OASIS}presentation:1.0}}"
XLINK = "{http://www.w3.org/1999/xlink}"
_EXTENDED = "{urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0}"
_FORMATS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_PLACE = re.compile(r"%(\d{1,2})%")
_MAX_ANCESTORS, _MAX_LEVELS = 30, 10


@dataclass(frozen=True, slots=True)
class Look:
    """The looks of a paragraph or run, inherited from the styles that its own is based on."""

    is_hidden: bool = False
    is_white: bool = False
    is_shaded: bool = False
    is_title: bool = False
    is_code: bool = False
    list_style: str = ""
    list_depth: int = 1


@dataclass(frozen=True, slots=True)
class _Level:
    is_bullet: bool = True
    format: str = ""
    prefix: str = ""
    suffix: str = ""
    pattern: str = ""
    levels_shown: int = 1
    start: int = 1


@dataclass(slots=True)
class Counter:
    """How far a list has counted, level by level."""

    counts: dict[int, int] = field(default_factory=dict)

    def count(self, level: int, start: int) -> None:
        """Counts one item; what is deeper begins again."""
        self.counts[level] = self.counts.get(level, start - 1) + 1
        for deeper in [n for n in self.counts if n > level]:
            del self.counts[deeper]


class OdfStyles:
    """The styles of a document by family and name, its own and the automatic ones of its text."""

    def __init__(self, *roots: etree._Element | None) -> None:
        self._styles: dict[tuple[str, str], etree._Element] = {}
        self._lists: dict[str, dict[int, _Level]] = {}
        self._outline: dict[int, _Level] = {}
        self._looks: dict[tuple[str, str], Look] = {}
        for root in roots:
            for place in [] if root is None else root.iterchildren(OFFICE + "styles", OFFICE + "automatic-styles"):
                self._read(place)

    def look(self, family: str, name: str | None) -> Look:
        """The looks of a style of the family `paragraph`, `text`, …; plain ones where there is none."""
        key = (family, name or "")
        if key not in self._looks:
            self._looks[key] = self._resolve(*key)
        return self._looks[key]

    def is_invisible(self, family: str, name: str | None) -> bool:
        """Whether a section, row or slide of this style does not show."""
        element = self._styles.get((family, name or ""))
        properties = () if element is None else element
        return any(
            child.get(PRESENTATION + "visibility") == "hidden" or child.get(TEXT + "display") == "none"
            for child in properties
        )

    def master_pages(self) -> set[str]:
        """The names of the pages that styles of paragraphs and tables begin."""
        return {element.get(STYLE + "master-page-name") or "" for element in self._styles.values()} - {""}

    def label(self, list_style: str, level: int, counter: Counter, start: int | None = None) -> str | None:
        """Counts one item of a list and gives its label: a number, `BULLET`, or "" where it shows none."""
        return _label(self._lists.get(list_style, {}), level, counter, start)

    def heading_label(self, level: int, counter: Counter) -> str:
        """Counts one heading and gives the number that it shows, "" where headings have none."""
        label = _label(self._outline, level, counter, None) if level in self._outline else ""
        return "" if label == BULLET else label

    def _read(self, place: etree._Element) -> None:
        for element in place:
            name = element.get(STYLE + "name") or ""
            if element.tag == STYLE + "style":
                self._styles[element.get(STYLE + "family") or "", name] = element
            elif element.tag == TEXT + "list-style":
                self._lists[name] = dict(_level(child) for child in element if isinstance(child.tag, str))
            elif element.tag == TEXT + "outline-style":
                levels = (_level(child) for child in element if isinstance(child.tag, str))
                self._outline = {n: level for n, level in levels if level.format}

    def _resolve(self, family: str, name: str) -> Look:
        display, color, background, list_style = None, None, None, ""
        is_title, is_code, depth, ancestor = False, False, 1, name
        for _ in range(_MAX_ANCESTORS):
            element = self._styles.get((family, ancestor))
            if element is None:
                break
            shown_name = (element.get(STYLE + "display-name") or ancestor.replace("_20_", " ")).lower()
            is_title |= family == "paragraph" and is_title_name(shown_name)
            is_code |= family == "paragraph" and is_code_name(shown_name)
            depth = max(depth, list_depth(shown_name))
            list_style = list_style or element.get(STYLE + "list-style-name") or ""
            for properties in element:
                display = display or properties.get(TEXT + "display")
                color = color or properties.get(FO + "color")
                background = background or properties.get(FO + "background-color")
            ancestor = element.get(STYLE + "parent-style-name") or ""
        is_shaded = background not in (None, "transparent", "#ffffff")
        is_white = (color or "").lower() == "#ffffff"
        return Look(display == "none", is_white, is_shaded, is_title, is_code, list_style, depth)


def _level(element: etree._Element) -> tuple[int, _Level]:
    place = number(element.get(TEXT + "level"), 1) or 1
    pattern = element.get(STYLE + "num-list-format") or element.get(_EXTENDED + "num-list-format") or ""
    style = element.get(STYLE + "num-format") or ""
    return place, _Level(
        is_bullet=element.tag in (TEXT + "list-level-style-bullet", TEXT + "list-level-style-image"),
        format=_FORMATS.get(style, "decimal" if style else ""),
        prefix=(element.get(STYLE + "num-prefix") or "")[:50],
        suffix=(element.get(STYLE + "num-suffix") or "")[:50],
        pattern=pattern[:100],
        levels_shown=number(element.get(TEXT + "display-levels"), 1) or 1,
        start=number(element.get(TEXT + "start-value"), 1) or 0,
    )


def _label(levels: dict[int, _Level], place: int, counter: Counter, start: int | None) -> str:
    level = levels.get(place, _Level())
    if start is not None:
        counter.counts[place] = start - 1
    counter.count(place, level.start)
    if level.is_bullet:
        return BULLET
    if not level.format:
        return " ".join((level.prefix + level.suffix).split())

    def shown(n: int) -> str:
        other = levels.get(n, level)
        return format_number(counter.counts.get(n, other.start), other.format or "decimal")

    if level.pattern:
        label = _PLACE.sub(lambda found: shown(int(found[1])), level.pattern)
    else:
        first = max(1, place - min(level.levels_shown, _MAX_LEVELS) + 1)
        parts = [shown(n) for n in range(first, place + 1) if n == place or levels.get(n, level).format]
        label = level.prefix + ".".join(parts) + level.suffix
    return " ".join(label.split())
