"""Looks: whether people see an element's text as the page sets it, by its attributes and the page's own styles."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from lxml import html

from edge_agent.ingest.parsing.markup.style import StyleSheet

Color = tuple[int, int, int]
_OFF_CLASSES = frozenset("hidden hide d-none is-hidden u-hidden oculto oculta invisible ng-hide".split())
_UNSEEN_CLASSES = frozenset("sr-only visually-hidden visuallyhidden screen-reader-text screen-reader-only".split())
_SHOWN_ABOVE = re.compile(r"\b(?:(?:sm|md|lg|xl|2xl):(?:block|flex|grid|inline\S*)|d-(?:sm|md|lg|xl|xxl)-(?!none)\w+)")
_COLORS = {
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "red": (255, 0, 0),
    "blue": (0, 0, 255),
    "green": (0, 128, 0),
    "yellow": (255, 255, 0),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "silver": (192, 192, 192),
    "navy": (0, 0, 128),
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "whitesmoke": (245, 245, 245),
}
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)")
_LENGTH = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))\s*(px|pt|em|rem|%|vw|vh|)(?![\w.])")
_NOTHING = re.compile(r"0+(?:\.0+)?(?:px|pt|em|rem|%)?$")
_CLIPPED = re.compile(r"rect\(\s*(?:0|1px)|inset\(\s*(?:50|[6-9]\d|100)%|circle\(\s*0")
_FAR_PX, _TINY_PX, _NEAR = 900, 2.0, 10
_BLOCK_DISPLAYS = frozenset("block flex grid table list-item table-row flow-root".split())
WHITE: Color = (255, 255, 255)
BLACK: Color = (0, 0, 0)


class Look(NamedTuple):
    """The look of an element by itself.

    Attributes:
        is_off: not shown now, as a panel that opens at a click, or text meant for nobody.
        is_unseen: nowhere on the page, whatever is clicked: off the screen, transparent, of no size.
        visibility: of its text and of what is in it; None as around it.
        is_tiny: whether its letters are too small to see; None as around it.
        color, background: None as around it; a background of "" is not known.
        is_struck: whether its text is struck through.
        is_block: whether it stands on lines of its own by its style.
    """

    is_off: bool = False
    is_unseen: bool = False
    visibility: bool | None = None
    is_tiny: bool | None = None
    color: Color | None = None
    background: Color | str | None = None
    is_struck: bool = False
    is_block: bool = False


class Surroundings(NamedTuple):
    """The look that text has from the elements around it."""

    color: Color = BLACK
    background: Color | str = WHITE
    is_tiny: bool = False
    is_invisible: bool = False

    @property
    def is_seen(self) -> bool:
        """Whether people see text here."""
        if self.is_tiny or self.is_invisible:
            return False
        return not isinstance(self.background, tuple) or any(
            abs(one - other) > _NEAR for one, other in zip(self.color, self.background, strict=True)
        )

    def inside(self, look: Look) -> "Surroundings":
        """The surroundings of text in an element of this look."""
        return Surroundings(
            self.color if look.color is None else look.color,
            self.background if look.background is None else look.background,
            self.is_tiny if look.is_tiny is None else look.is_tiny,
            self.is_invisible if look.visibility is None else not look.visibility,
        )


PLAIN = Look()
LOOK_ATTRIBUTES = ("class", "id", "style", "hidden", "color", "bgcolor", "background", "text")
"""All that the look of an element depends on, besides its tag and what it is in."""
_PAINTED_TAGS = frozenset("header footer nav section article aside th td button a table thead label".split())


def look_of(element: html.HtmlElement, sheet: StyleSheet) -> Look:
    """The look of an element."""
    style = sheet.of(element)
    attributes = element.attrib
    if not attributes and not style:
        return PLAIN if not sheet.is_partial else _painted_elsewhere(element)
    words = attributes.get("class", "").lower().split()
    is_off = (
        style.get("display") == "none"
        or ("hidden" in attributes and style.get("display") in (None, "none"))
        or "mso-hide" in style
        or ("display" not in style and not _OFF_CLASSES.isdisjoint(words) and not _SHOWN_ABOVE.search(" ".join(words)))
        or _is_folded(style)
    )
    color, background = _color(style.get("color") or attributes.get("color") or attributes.get("text")), None
    painted = style.get("background-color") or style.get("background") or attributes.get("bgcolor")
    if painted is not None or "background-image" in style or "background" in attributes:
        background = _background(painted or "", style, attributes)
    elif sheet.is_partial:
        background = _painted_elsewhere(element).background
    return Look(
        is_off,
        _is_unseen(style) or not _UNSEEN_CLASSES.isdisjoint(words) or _is_transparent(style),
        {"hidden": False, "collapse": False, "visible": True}.get(style.get("visibility", "")),
        _is_tiny(style, attributes),
        color,
        background,
        "line-through" in (style.get("text-decoration", "") + style.get("text-decoration-line", "")),
        style.get("display", "") in _BLOCK_DISPLAYS,
    )


def _painted_elsewhere(element: html.HtmlElement) -> Look:
    """A look whose background may come from a sheet that is not part of the page."""
    is_painted = element.tag in _PAINTED_TAGS or "class" in element.attrib or "id" in element.attrib
    return Look(background="") if is_painted and element.tag not in ("html", "body") else PLAIN


def _is_folded(style: dict[str, str]) -> bool:
    """Whether an element has no height and lets nothing out, as a panel that unfolds."""
    is_flat = any(_NOTHING.match(style.get(name, "")) for name in ("max-height", "height"))
    return is_flat and ("hidden" in style.get("overflow", "") or "hidden" in style.get("overflow-y", ""))


def _is_unseen(style: dict[str, str]) -> bool:
    if "position" in style and style["position"] in ("absolute", "fixed"):
        if any(_length(style.get(side, "")) <= -_FAR_PX for side in ("left", "top", "right")):
            return True
        if _CLIPPED.search(style.get("clip", "")) or _CLIPPED.search(style.get("clip-path", "")):
            return True
    if _length(style.get("text-indent", "")) <= -_FAR_PX or _CLIPPED.search(style.get("clip-path", "")):
        return True
    is_dot = all(name in style and abs(_length(style[name])) <= 1 for name in ("width", "height"))
    return is_dot and "hidden" in style.get("overflow", "")


def _is_transparent(style: dict[str, str]) -> bool:
    """Whether an element is transparent and stays so; one that moves or fades is shown by a script."""
    if "clip" not in style.get("-webkit-background-clip", "") and style.get("color") == "transparent":
        return "text" not in style.get("background-clip", "") + style.get("-webkit-background-clip", "")
    if "opacity" not in style or any(name in style for name in ("transform", "transition", "animation")):
        return False
    opacity = _NUMBER.match(style["opacity"])
    return opacity is not None and float(opacity[0]) < (5 if "%" in style["opacity"] else 0.05)


def _is_tiny(style: dict[str, str], attributes: Mapping[str, str]) -> bool | None:
    size = style.get("font-size", "")
    if not size and "font" in style:
        size = next((word.partition("/")[0] for word in style["font"].split() if _LENGTH.match(word)), "")
    found = _LENGTH.match(size)
    if found is None:
        return False if size and size[0].isalpha() and size not in ("inherit", "smaller", "larger") else None
    amount = float(found[1])
    if found[2] in ("em", "%"):  # of the size around it: nothing of nothing is nothing
        return True if amount < (10 if found[2] == "%" else 0.1) else None
    return amount * 16 < _TINY_PX if found[2] == "rem" else amount < _TINY_PX


def _length(value: str) -> float:
    found = _LENGTH.match(value)
    if found is None:
        return 0.0
    return float(found[1]) * {"em": 16, "rem": 16, "%": 9, "vw": 9, "vh": 9}.get(found[2], 1)


def _background(painted: str, style: dict[str, str], attributes: Mapping[str, str]) -> Color | str | None:
    """A known color, "" for a picture or one that is not known, None for none."""
    if "url(" in painted or "gradient" in painted or "background" in attributes:
        return ""
    if style.get("background-image", "none") not in ("none", "initial"):
        return ""
    if painted in ("transparent", "none", "inherit", "initial", "unset", "0"):
        return None
    color = _color(painted) or next((color for word in painted.split() if (color := _color(word))), None)
    return "" if color is None else color


def _color(value: str | None) -> Color | None:
    value = (value or "").strip().lower()
    if value in _COLORS:
        return _COLORS[value]
    digits = value.lstrip("#")
    if len(digits) in (3, 4, 6, 8) and all(digit in "0123456789abcdef" for digit in digits):
        if len(digits) < 6:
            digits = "".join(digit * 2 for digit in digits[:3])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
    if value.startswith("rgb"):
        parts = [float(part) for part in _NUMBER.findall(value)]
        if len(parts) >= 3 and (len(parts) == 3 or parts[3] >= 0.5):
            return round(parts[0]), round(parts[1]), round(parts[2])
    return None
