"""Telephone numbers: what phonenumbers knows as valid where people of our languages live, written as numbers are.

The library's own matcher takes seconds for a page of figures; here it is asked only for what may be a number by
its length and its groups, so that the time is linear.
"""

import re
from collections.abc import Iterator

import phonenumbers

from student.masking.context import is_amount, is_service_number, numbers_a_thing
from student.masking.plain_text import PlainText
from student.masking.spans import Kind, Span

_RUN = re.compile(
    r"(?<![\w@/=.,#&%$-])(?=[\d ().\-/+]{7})[(]?\+?[(]?\d"
    r"(?:\d|[ ](?=[(\d+./-])|[(.\-/][ ]?(?=[(\d])|\)[ ]?-?[ ]?(?=\d)|(?<=[ /])\+(?=\d))*+"
    r"(?![\w@%])"
)
_SPELLED = re.compile(r"(?<![\w.,])(?:\d[ ]){8,12}\d(?![\w]|[ ]\d)")
_NUMBER = re.compile(r"\d+")
_DATES = r"\d{1,2}([./-])\d{1,2}\1(?:19|20)?\d\d(?!\d)|(?:19|20)\d\d([./-])\d{1,2}\2\d{1,2}(?!\d)"
_PIECE = re.compile(
    rf"[ ]?/[ ]|[ ]-[ ]|(?<![(])(?=\+)|(?<=\d{{3}})[ ](?=[(])|(?<=\d{{7}})/(?=\d{{6}})|(?<![\d./-])(?:{_DATES})[ ]?"
)
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3}){2,}")
_A_DATE = re.compile(
    r"\d{1,2}([./-])\d{1,2}\1\d{2,4}|\d{4}([./-])\d{1,2}\2\d{1,2}(?:[ ]\d+)?|(?:19|20)\d\d ?[-/] ?(?:19|20)?\d\d"
)
_REGIONS_BY_DIGITS = {
    9: ("ES", "CL", "PE"), 10: ("MX", "CO", "US", "AR", "GB"), 11: ("GB", "US", "AR", "CL", "ES"),
    12: ("MX", "ES", "AR", "CO"), 13: ("MX", "AR"), 14: ("ES", "GB"), 15: ("MX", "AR"),
}  # fmt: skip
"""Where numbers without a country code may belong, by their digits."""
_PLAIN = re.compile(r"[679]\d{8}|8[1-8]\d{7}|3[0-5]\d{8}|07\d{9}|34[679]\d{8}|549\d{10}|521\d{10}|569\d{8}|573\d{9}")
"""Numbers that are taken without separators or a word for a telephone near: those of mobiles above all."""
_MOST_GROUPS = 6
_AREA = re.compile(r"[(]\d{2,5}[)]")


def find_phones(plain: PlainText) -> Iterator[Span]:
    """The telephone numbers of a text. After a word for a telephone `labelled` finds them by shape alone."""
    for spelled in _SPELLED.finditer(plain.chars):
        digits = re.sub(r"\D", "", spelled[0])
        if _PLAIN.fullmatch(digits) and not numbers_a_thing(plain.lower, spelled.start()):
            yield Span(spelled.start(), spelled.end(), Kind.PHONE, "telephone", digits[-9:])
    for run in _RUN.finditer(plain.chars):
        for start, end in _pieces(plain.chars, run.start(), run.end()):
            if _is_phone(plain, start, end):
                digits = re.sub(r"\D", "", plain.chars[start:end])
                yield Span(start, end, Kind.PHONE, "telephone", digits[-9:])


def _pieces(chars: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The pieces of a run of figures that have the digits of one number."""
    cuts = [start]
    for cut in _PIECE.finditer(chars, start, end):
        cuts += [cut.start(), cut.end()]
    for first, last in zip(cuts[::2], [*cuts[1::2], end], strict=True):
        piece = chars[first:last].rstrip(" -./(")
        is_bracketed = piece.startswith("(") and piece.find(")") in (-1, len(piece) - 1)
        begin, until = first + is_bracketed, first + len(piece.rstrip(")") if is_bracketed else piece)
        digits = sum(map(str.isdigit, piece))
        if 7 <= digits <= 15:
            yield begin, until
        elif digits > 15:
            yield from _windows(chars, begin, until)


def _windows(chars: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Neighboring groups of a long row of figures that have nine to eleven digits; none overlaps the one before."""
    groups = [match.span() for match in _NUMBER.finditer(chars, start, end)]
    first = 0
    while first < len(groups):
        count = 0
        for last in range(first, min(first + _MOST_GROUPS, len(groups))):
            count += groups[last][1] - groups[last][0]
            if 9 <= count <= 11 and last > first and chars[groups[first][0] - 1 : groups[first][0]] != ".":
                yield groups[first][0], groups[last][1]
                break
            if count > 11:
                break
        first += 1


def _is_phone(plain: PlainText, start: int, end: int) -> bool:
    written = plain.chars[start:end]
    digits = re.sub(r"\D", "", written)
    if _A_DATE.fullmatch(written) or is_amount(plain.lower, start, end) or len(set(digits)) < 3:
        return False
    if written.startswith(("+", "(+")):
        return len(digits) >= 9
    if is_service_number(digits) or numbers_a_thing(plain.lower, start):
        return False
    if digits.startswith("00"):
        return len(digits) >= 11 and _is_valid("+" + digits[2:], None)
    if digits == written:
        return _PLAIN.fullmatch(digits) is not None and _is_valid_somewhere(digits)
    return _is_grouped(written) and (_AREA.match(written) is not None or _is_valid_somewhere(digits))


def _is_grouped(written: str) -> bool:
    """Whether figures stand in groups as those of a telephone number do, not as those of a version or a table."""
    lengths = [len(group) for group in _NUMBER.findall(written)]
    if not 2 <= len(lengths) <= _MOST_GROUPS or max(lengths) > 8:
        return False
    if ("." in written and "/" in written) or _looks_like_ip(written):
        return False
    if lengths == [2, 8] and "-" in written:  # a range
        return False
    if _THOUSANDS.fullmatch(written) and not re.match(r"[6-9]\d\d\.\d{3}\.\d{3}$", written):
        return False
    if set(lengths) == {2} and len(lengths) == 5:  # a row of a table as often as not
        return False
    inner = lengths[1:] if lengths[0] in (1, 2) else lengths
    is_decimal = written.count(".") == 1 and len(lengths) == 2
    is_row = len(re.sub(r"\D", "", written)) == 9 and written[0] in "012345"  # no mobile, and grouped as amounts are
    return min(inner) >= 2 and not is_decimal and not is_row


def _looks_like_ip(written: str) -> bool:
    parts = written.split(".")
    return len(parts) == 4 and all(part.isdigit() and len(part) <= 3 and int(part) <= 255 for part in parts)


def _is_valid_somewhere(digits: str) -> bool:
    return any(_is_valid(digits, region) for region in _REGIONS_BY_DIGITS.get(len(digits), ()))


def _is_valid(digits: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        return False
