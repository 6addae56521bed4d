"""Lists on slides: whether a paragraph of a shape shows a bullet or a number, by itself, its layout or its master."""

from dataclasses import dataclass, field

from lxml import etree

from edge_agent.ingest.parsing.office.drawing import A
from edge_agent.ingest.parsing.office.word_numbering import BULLET, format_number
from edge_agent.ingest.parsing.office.word_styles import number

_FORMATS = {
    "arabic": "decimal",
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
    "romanUc": "upperRoman",
}
_NONE, _BULLETS, _NUMBERS = A + "buNone", (A + "buChar", A + "buBlip"), A + "buAutoNum"


@dataclass(slots=True)
class SlideLists:
    """The lists of one shape: the styles that its paragraphs inherit, nearest first, and what its numbers counted."""

    styles: list[etree._Element] = field(default_factory=list)
    _counts: dict[int, tuple[str, int]] = field(default_factory=dict)

    def label(self, paragraph: etree._Element) -> tuple[str | None, int]:
        """Counts a paragraph and gives its bullet or number, None where it shows none, and its depth from 1."""
        properties = paragraph.find(A + "pPr")
        level = 0 if properties is None else max(0, min(number(properties.get("lvl"), 0) or 0, 8))
        mark = self._mark(properties, level)
        for deeper in [n for n in self._counts if n > level]:
            del self._counts[deeper]
        if mark is None or mark.tag != _NUMBERS:
            self._counts.pop(level, None)
            return (None if mark is None or mark.tag == _NONE else BULLET), level + 1
        kind, start = mark.get("type") or "arabicPeriod", number(mark.get("startAt"), 1) or 1
        before, count = self._counts.get(level, ("", 0))
        count = count + 1 if before == kind else start
        self._counts[level] = (kind, count)
        return _shown(count, kind), level + 1

    def _mark(self, properties: etree._Element | None, level: int) -> etree._Element | None:
        places = [] if properties is None else [properties]
        places += [found for style in self.styles if (found := style.find(f"{A}lvl{level + 1}pPr")) is not None]
        for place in places:
            mark = next(place.iterchildren(_NONE, *_BULLETS, _NUMBERS), None)
            if mark is not None:
                return mark
        return None


def _shown(count: int, kind: str) -> str:
    style = next((style for name, style in _FORMATS.items() if kind.startswith(name)), "decimal")
    text = format_number(count, style)
    if kind.endswith("ParenBoth"):
        return f"({text})"
    return text + (")" if kind.endswith("ParenR") else "" if kind.endswith("Plain") else ".")
