"""Number formats of spreadsheets: a stored number as people see it, `0.21` as `21%`, `8001` as `08001`.

Only what changes a number's meaning is followed: percent, currency, units in quotes, leading zeros and decimals.
Thousands are not set apart, so that a number is found as it is typed.
"""

import re
from dataclasses import dataclass

BUILT_IN = {1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 37: "#,##0", 39: "#,##0.00"}
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_.|\*.|\[\$(?P<sign>[^\-\]]*)(?:-(?P<locale>[0-9A-Fa-f]+))?\]|\[[^\]]*\]|'
    r"(?P<digits>[#0?][#0?,.]*)|(?P<percent>%)|(?P<literal>[€$£¥ ()+\-])|(?P<other>.)",
    re.DOTALL,
)
_MAX_CODE_CHARS, _MAX_DECIMALS = 250, 10
_SPANISH = 0x0A
"""The language in the low byte of a Windows locale."""


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """The effect of a format on a number: text before and behind it, a factor, digits at least and behind the point."""

    before: str = ""
    behind: str = ""
    is_percent: bool = False
    min_digits: int = 1
    decimals: int = -1
    has_comma: bool = False

    def shown(self, value: float) -> str:
        """A number as this format shows it."""
        if self.decimals > 0:
            text = f"{value * 100 if self.is_percent else value:.{self.decimals}f}"
        elif self.is_percent:
            text = _trimmed(f"{value * 100:.2f}")
        else:
            text = plain_number(value)
        if self.min_digits > 1 and text.isdigit():
            text = text.zfill(self.min_digits)
        return self.before + (text.replace(".", ",") if self.has_comma else text) + self.behind


def number_format(code: str) -> NumberFormat | None:
    """The format of a code such as `#,##0.00 "€"`; None for those of dates, fractions and powers, and for odd ones."""
    section = _first_section(code[:_MAX_CODE_CHARS])
    before, behind, digits, is_percent, has_comma = "", "", "", False, False
    for token in _TOKEN.finditer(section):
        if token["other"] or (token["digits"] and digits):
            return None
        if token["locale"]:
            has_comma = int(token["locale"], 16) & 0xFF == _SPANISH
        is_percent |= bool(token["percent"])
        digits = digits or token["digits"] or ""
        text = token["quoted"] or token["escaped"] or token["sign"] or token["percent"] or token["literal"] or ""
        if digits:
            behind += text
        else:
            before += text
    if not digits:
        return None
    whole, _, fraction = digits.partition(".")
    decimals = min(len(fraction.replace(",", "")), _MAX_DECIMALS)
    before, behind = before.replace("(", "").lstrip(), behind.replace(")", "").rstrip()
    return NumberFormat(before, behind, is_percent, min(whole.count("0"), 20), decimals, has_comma)


def plain_number(value: float) -> str:
    """A number without a format: no point behind whole ones, no more digits than it was typed with."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.15g}"


def _first_section(code: str) -> str:
    """The part of a code that is for positive numbers."""
    is_quoted = False
    for n, char in enumerate(code):
        if char == '"':
            is_quoted = not is_quoted
        elif char == ";" and not is_quoted:
            return code[:n]
    return code


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
