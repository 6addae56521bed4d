"""Numbering of Word: the label that each paragraph of a list shows, as `3.`, `2.1.4` or `b)`, counted as Word does."""

import re
from dataclasses import dataclass, field

from lxml import etree

from edge_agent.ingest.parsing.office.word_styles import Styles, W, is_on, number, value

BULLET = "-"
_LEVELS = 9
_PLACE = re.compile(r"%([1-9])")
_ROMAN = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
          (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))  # fmt: skip


@dataclass(slots=True)
class _Level:
    start: int = 1
    format: str = "decimal"
    text: str = ""
    restart: int | None = None
    is_legal: bool = False
    style_id: str | None = None


@dataclass(slots=True)
class _List:
    """An abstract list, which those that are based on it go on counting."""

    levels: dict[int, _Level] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    style_link: str | None = None


@dataclass(slots=True)
class _Num:
    list_id: str
    starts: dict[int, int] = field(default_factory=dict)
    levels: dict[int, _Level] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)


class Numbering:
    """The lists of a document and how far each has counted."""

    def __init__(self, root: etree._Element | None, styles: Styles) -> None:
        self._styles = styles
        self._lists: dict[str, _List] = {}
        self._nums: dict[str, _Num] = {}
        if root is None:
            return
        for element in root.iterchildren(W + "abstractNum"):
            made = _List(style_link=value(element, "numStyleLink"))
            made.levels = dict(_level(level) for level in element.iterchildren(W + "lvl"))
            self._lists[element.get(W + "abstractNumId") or ""] = made
        for element in root.iterchildren(W + "num"):
            num = _Num(value(element, "abstractNumId") or "")
            for override in element.iterchildren(W + "lvlOverride"):
                place = _place(override.get(W + "ilvl"))
                start = number(value(override, "startOverride"))
                if start is not None:
                    num.starts[place] = start
                if (level := override.find(W + "lvl")) is not None:
                    num.levels[place] = _level(level)[1]
            self._nums[element.get(W + "numId") or ""] = num

    def level_of(self, num_id: str, style_id: str | None) -> int:
        """The level that a style numbers on, for a style that names none."""
        found = self._find(num_id)
        levels = found[1].levels if found else {}
        return next((n for n, level in levels.items() if style_id and level.style_id == style_id), 0)

    def label(self, num_id: str, place: int) -> str | None:
        """Counts one paragraph and gives its label: `BULLET` for a bullet, "" for a list without, None for no list."""
        found = self._find(num_id)
        if found is None:
            return None
        num, counted = found
        place = max(0, min(place, _LEVELS - 1))
        levels = {**counted.levels, **num.levels}
        level = levels.get(place, _Level())
        if place in num.starts and place not in num.begun:
            counted.counts[place] = num.starts[place] - 1
        num.begun.add(place)
        counted.counts[place] = counted.counts.get(place, level.start - 1) + 1
        for deeper in [n for n in counted.counts if n > place]:
            restart = levels.get(deeper, _Level()).restart
            if restart is None or (restart and place < restart):
                del counted.counts[deeper]
        if level.format == "bullet":
            return BULLET

        def shown(match: re.Match[str]) -> str:
            n = int(match[1]) - 1
            other = levels.get(n, _Level())
            style = "decimal" if level.is_legal else other.format
            return format_number(counted.counts.get(n, num.starts.get(n, other.start)), style)

        return " ".join(_PLACE.sub(shown, level.text).split())

    def _find(self, num_id: str) -> tuple[_Num, _List] | None:
        for _ in range(_LEVELS):  # a list may name a style that names another list
            num = self._nums.get(num_id)
            counted = None if num is None else self._lists.get(num.list_id)
            if num is None or counted is None:
                return None
            if counted.levels or not counted.style_link:
                return num, counted
            num_id = self._styles.named(counted.style_link).num_id or ""
        return None


def format_number(count: int, style: str) -> str:
    """A number as a list shows it: `decimal`, `lowerLetter`, `upperRoman`, …, by their names in OOXML."""
    match style:
        case "none" | "bullet":
            return ""
        case "decimalZero":
            return f"{count:02}"
        case "lowerLetter" | "upperLetter" if 0 < count <= 26 * 20:
            letters = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
            return letters.upper() if style == "upperLetter" else letters
        case "lowerRoman" | "upperRoman" if 0 < count < 4000:
            roman = ""
            for size, mark in _ROMAN:
                roman += mark * (count // size)
                count %= size
            return roman if style == "upperRoman" else roman.lower()
        case "ordinal":
            return f"{count}º"
        case _:
            return str(count)


def _level(element: etree._Element) -> tuple[int, _Level]:
    made = _Level(
        start=number(value(element, "start"), 0) or 0,
        format=value(element, "numFmt") or "decimal",
        text=(value(element, "lvlText") or "")[:100],
        restart=number(value(element, "lvlRestart")),
        is_legal=bool(is_on(element, "isLgl")),
        style_id=value(element, "pStyle"),
    )
    return _place(element.get(W + "ilvl")), made


def _place(text: str | None) -> int:
    return max(0, min(number(text, 0) or 0, _LEVELS - 1))
