"""Number formats of spreadsheets: a stored number as people see it, `0.21` as `21%`, `8001` as `08001`.

Days stay in figures from the year on, which reads alike everywhere; those shown without a day or a year are as shown.
"""

import datetime
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

BUILT_IN = {
    **{1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 37: "#,##0", 38: "#,##0", 39: "#,##0.00"},
    **{5: '"$"#,##0', 6: '"$"#,##0', 7: '"$"#,##0.00', 8: '"$"#,##0.00', 40: "#,##0.00", 41: "#,##0", 43: "#,##0.00"},
    **{42: '"$"#,##0', 44: '"$"#,##0.00', 17: "mmm yy"},
}
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<pad>_)(?:.|$)|\*(?:.|$)|\[\$(?P<sign>[^\-\]]*)(?:-(?P<locale>[0-9A-Fa-f]+))?\]|'
    r"\[(?P<condition>(?:<=|>=|<>|<|>|=)-?\d{1,15}(?:\.\d{1,9})?)\]|\[(?P<elapsed>h+|m+|s+)\]|\[[^\]]*\]|(?P<general>general)|"
    r"(?P<place>[#0?])|(?P<point>\.)|(?P<comma>,)|(?P<percent>%)|(?P<power>E[+-])|"
    r"(?P<clock>am/pm|a/p)|(?P<date>y+|m+|d+|h+|s+|e+)|(?P<literal>.)",
    re.DOTALL | re.IGNORECASE,
)
_MAX_CODE_CHARS, _MAX_PLACES = 250, 40
_STORED = "\0"
"""In a section's pieces, the place of a number as it is stored."""
_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)
_DECIMAL_COMMAS = {0x03, 0x07, 0x0A, 0x0C, 0x10, 0x13, 0x16, 0x2D, 0x56}
"""Languages, in the low byte of a Windows locale, that write a comma before decimals."""
_DECIMAL_POINTS = {0x080A, 0x0807, 0x100C, 0x0C0C, 0x0810}
"""Places where those languages write a point: Mexico, Switzerland, Canada."""
_MONTHS = {
    0x09: "January February March April May June July August September October November December".split(),
    0x0A: "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split(),
}
_DAYS = {
    0x09: "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    0x0A: "lunes martes miércoles jueves viernes sábado domingo".split(),
}


@dataclass(frozen=True, slots=True)
class _Section:
    """The part of a code that is for numbers of one kind.

    Attributes:
        pieces: in order: text, "" for the place of a digit, `_STORED` for that of a number as it is stored.
        whole, fraction: the places before and behind the point, as `0`, `#` or `?`.
        factor: powers of ten that the number is shown in: 2 for percent, -3 for thousands.
        condition: on numbers, as `>=1000`; "" for the usual order of positive, negative and zero.
    """

    pieces: tuple[str, ...]
    whole: str
    fraction: str
    factor: int
    is_grouped: bool
    has_comma: bool
    condition: str

    def shown(self, value: float) -> str:
        """A number without its sign."""
        number = Decimal(repr(value)).scaleb(self.factor)
        number = number.quantize(Decimal(1).scaleb(-len(self.fraction)), context=_EXACT)
        digits, _, decimals = f"{number:f}".partition(".")
        digits = digits.lstrip("0").rjust(len(self.whole))
        places = list(digits[len(digits) - len(self.whole) :]) if self.whole else []
        places = [c if c != " " else "0" if "0" in self.whole[: n + 1] else "" for n, c in enumerate(places)]
        if places:
            places[0] = digits[: len(digits) - len(self.whole)].strip() + places[0]
        if self.is_grouped:
            places = _grouped(places, "." if self.has_comma else ",")
        kept = max(len(decimals.rstrip("0")), self.fraction.rfind("0") + 1)
        places += list(decimals[:kept].ljust(len(self.fraction), "\0"))
        point = "," if self.has_comma else "."
        made, waiting, n = [], iter(places), 0
        for piece in self.pieces:
            if piece:
                made.append(piece if piece != _STORED else plain_number(value))
                continue
            digit = next(waiting).replace("\0", "")
            if n == len(self.whole) and digit:
                made.append(point)
            made.append(digit)
            n += 1
        return " ".join("".join(made).split())


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """A format of numbers, one section for all or one each for positive ones, negative ones and zero."""

    sections: tuple[_Section, ...]

    def shown(self, value: float) -> str:
        """A number as this format shows it; one of no section's, as it is stored."""
        if not math.isfinite(value):
            return ""
        for n, section in enumerate(self.sections):
            if section.condition:
                if _holds(section.condition, value):
                    return self._signed(section, value, is_own=False)
            elif any(other.condition for other in self.sections) or len(self.sections) == 1:
                return self._signed(section, value, is_own=False)
            elif n == (1 if value < 0 else 2 if value == 0 and len(self.sections) > 2 else 0):
                return self._signed(section, value, is_own=n == 1)
        return plain_number(value)

    def _signed(self, section: _Section, value: float, *, is_own: bool) -> str:
        text = section.shown(abs(value))
        if value >= 0 or not any(char in "123456789" for char in text):
            return text
        if is_own and text.startswith("(") and text.endswith(")"):
            return "-" + text[1:-1].strip()
        return text if "-" in text else "-" + text


@dataclass(frozen=True, slots=True)
class DateFormat:
    """A format of days that leaves out the day or the year."""

    pieces: tuple[str, ...]
    language: int

    def shown(self, value: datetime.date) -> str:
        """A day as this format shows it; years with four digits."""
        months, days = _MONTHS[self.language], _DAYS[self.language]
        month, day = months[value.month - 1], days[value.weekday()]
        texts = {
            **{"m": str(value.month), "mm": f"{value.month:02}", "mmm": month[:3], "mmmm": month, "mmmmm": month[:1]},
            **{"d": str(value.day), "dd": f"{value.day:02}", "ddd": day[:3], "dddd": day},
        }
        made = [str(value.year) if piece[:1] == "y" else texts.get(piece, piece[1:]) for piece in self.pieces]
        return " ".join("".join(made).split())


Format = NumberFormat | DateFormat


def number_format(code: str) -> Format | None:
    """The format of a code such as `#,##0.00 "€"` or `mmm yyyy`.

    None for a code that leaves a number as it is stored, whole days and times, fractions and powers, and odd ones.
    """
    code = code[:_MAX_CODE_CHARS]
    if not code or code.lower() in ("general", "@", "standard"):
        return None
    tokens = [list(_TOKEN.finditer(section)) for section in _sections(code)[:3]]
    if any(token["date"] or token["elapsed"] for token in tokens[0]):
        return _date_format(tokens[0])
    sections = [_section(part) for part in tokens]
    made = [section for section in sections if section is not None]
    if len(made) < len(sections) or not any("" in section.pieces or _STORED in section.pieces for section in made):
        return None
    return NumberFormat(tuple(made))


def plain_number(value: float) -> str:
    """A number without a format: no point behind whole ones, no more digits than it was typed with."""
    if not math.isfinite(value):
        return ""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.15g}"


def _section(tokens: Sequence[re.Match[str]]) -> _Section | None:
    """A section of its tokens; None where it is of no kind that is followed here."""
    if any(token["power"] or token["date"] or token["clock"] for token in tokens):
        return None
    pieces: list[str] = []
    whole = fraction = ""
    factor, commas = 0, 0
    is_behind = is_grouped = False
    for token in tokens:
        if token["place"]:
            is_grouped |= commas > 0 and not is_behind
            commas = 0
            whole, fraction = (whole, fraction + token["place"]) if is_behind else (whole + token["place"], fraction)
            pieces.append("")
            continue
        if token["point"]:
            factor, commas, is_behind = factor - 3 * commas, 0, True
        elif token["literal"] == "/" and whole:
            return None  # a fraction
        commas += bool(token["comma"] and whole)
        factor += 2 * bool(token["percent"])
        if text := _literal(token, is_behind_places=bool(whole)):
            pieces.append(text)
    if len(whole) + len(fraction) > _MAX_PLACES:
        return None
    factor -= 3 * commas
    has_comma = any(token["locale"] and _writes_comma(token["locale"]) for token in tokens)
    condition = next((token["condition"] for token in tokens if token["condition"]), "")
    return _Section(tuple(pieces), whole, fraction, factor, is_grouped, has_comma, condition)


def _literal(token: re.Match[str], *, is_behind_places: bool) -> str:
    """The text that a token puts beside the digits."""
    if token["general"]:
        return _STORED
    if token["pad"]:
        return " " if is_behind_places else ""
    if token["comma"]:
        return "" if is_behind_places else ","
    return token["quoted"] or token["escaped"] or token["sign"] or token["percent"] or token["literal"] or ""


def _writes_comma(locale: str) -> bool:
    number = int(locale[-4:], 16)
    return number & 0xFF in _DECIMAL_COMMAS and number not in _DECIMAL_POINTS


def _date_format(tokens: Sequence[re.Match[str]]) -> DateFormat | None:
    """The format of days shown without a day or a year; None where all three are there, or a time is."""
    language, pieces = 0x09, []
    for token in tokens:
        if token["locale"] and int(token["locale"][-4:], 16) & 0xFF in _MONTHS:
            language = int(token["locale"][-4:], 16) & 0xFF
        if token["elapsed"] or token["clock"] or token["place"] or token["power"]:
            return None
        if token["date"]:
            pieces.append(token["date"].lower().replace("e", "y"))
        else:
            text = token["quoted"] or token["escaped"] or token["literal"] or token["point"] or token["comma"] or ""
            language = 0x0A if text.strip() == "de" else language
            pieces.append(f" {text}")
    kinds = {piece[0] for piece in pieces} - {" "}
    names_month, has_day = any(piece[:3] == "mmm" for piece in pieces), bool({"d", "dd"} & set(pieces))
    if kinds & {"h", "s"} or ("y" in kinds and has_day) or (has_day and not names_month):
        return None  # in figures, a day without a year could be read either way
    return DateFormat(tuple(pieces), language)


def _holds(condition: str, value: float) -> bool:
    sign, bound = condition.rstrip("0123456789.-"), float(condition.lstrip("<>="))
    return {
        "<": value < bound,
        ">": value > bound,
        "=": value == bound,
        "<=": value <= bound,
        ">=": value >= bound,
        "<>": value != bound,
    }[sign]


def _grouped(places: list[str], separator: str) -> list[str]:
    """Digits, each of its place, with a separator before every third from the right."""
    text = "".join(places)
    made: list[str] = []
    left = len(text)
    for place in places:
        grouped = ""
        for digit in place:
            grouped += separator + digit if grouped + "".join(made) and left % 3 == 0 else digit
            left -= 1
        made.append(grouped)
    return made


def _sections(code: str) -> list[str]:
    """The parts of a code, for positive numbers, negative ones, zero and text."""
    parts, start, is_quoted = [], 0, False
    for n, char in enumerate(code):
        if char == '"':
            is_quoted = not is_quoted
        elif char == ";" and not is_quoted:
            parts.append(code[start:n])
            start = n + 1
    return [*parts, code[start:]]
