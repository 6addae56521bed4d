"""National and tax numbers that their check digits or their unmistakable shape tell from others."""

import re
from collections.abc import Callable, Iterator

from student.masking.groups import Format, checked_by
from student.masking.plain_text import PlainText
from student.masking.spans import Kind, Span

_SEPARATOR = r"[ .\-/]?"
_MONTH_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_STATES = "AS|BC|BS|CC|CS|CH|CL|CM|DF|DG|GT|GR|HG|JC|MC|MN|MS|NT|NL|OC|PL|QT|QR|SP|SL|SR|TC|TS|TL|VZ|YN|ZS|NE"
_UNMISTAKABLE = (
    (
        "mx.curp",
        rf"[A-Z][AEIOUX][A-Z]{{2}}{_SEPARATOR}\d\d{_MONTH_DAY}{_SEPARATOR}[HMX]{_SEPARATOR}(?:{_STATES}){_SEPARATOR}"
        rf"[A-Z]{{3}}{_SEPARATOR}[A-Z\d]{_SEPARATOR}\d",
    ),
    ("mx.ine", rf"[A-Z]{{6}}{_SEPARATOR}\d\d{_MONTH_DAY}{_SEPARATOR}\d\d{_SEPARATOR}[HM]{_SEPARATOR}\d{{3}}"),
    ("mx.ine", r"IDMEX[ ]?\d{9,10}"),
    ("mx.rfc", rf"[A-ZÑ&]{{4}}{_SEPARATOR}\d\d{_MONTH_DAY}{_SEPARATOR}[A-Z\d]{{2}}[A\d]"),
    (
        "it.codicefiscale",
        rf"[A-Z]{{3}}{_SEPARATOR}[A-Z]{{3}}{_SEPARATOR}\d\d[A-EHLMPRST][\dLMNP-V]{{2}}{_SEPARATOR}[A-Z]"
        rf"[\dLMNP-V]{{3}}{_SEPARATOR}[A-Z]",
    ),
)
"""Numbers that need no check digit, for nothing else is written so; all begin with letters and a date."""
_PATTERNS = [(name, re.compile(rf"{pattern}(?![A-Za-z0-9])", re.IGNORECASE)) for name, pattern in _UNMISTAKABLE]
_BEGINNING = re.compile(r"(?<![A-Za-z0-9])[A-ZÑ&]{3,6}[ .\-/]?(?:[A-Z]{3}[ .\-/]?)?\d\d", re.IGNORECASE)
_MRZ = re.compile(
    r"(?<![A-Za-z0-9])(?:[PIACV][A-Z<][A-Z]{3}[A-Z<]{4,39}<<[A-Z<]{2,39}"
    r"|[A-Z0-9]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{2,16})(?![A-Za-z0-9])"
)


def find_unmistakable(plain: PlainText) -> Iterator[Span]:
    """The numbers of a text that their shape alone gives away: CURP, RFC, INE, codice fiscale, zones of passports."""
    for beginning in _BEGINNING.finditer(plain.chars):
        for name, pattern in _PATTERNS:
            if match := pattern.match(plain.chars, beginning.start()):
                yield Span(match.start(), match.end(), Kind.ID, name)
    if "<" in plain.chars:
        yield from (Span(m.start(), m.end(), Kind.PASSPORT, "mrz") for m in _MRZ.finditer(plain.chars))


def _is_nuss(number: str) -> bool:
    """Whether 11 or 12 digits are a number of the Spanish social security: province, number, both modulo 97."""
    province, middle, check = int(number[:2]), int(number[2:-2]), int(number[-2:])
    if not (1 <= province <= 53 or province == 66) or middle == 0:
        return False
    whole = middle + province * 10_000_000 if middle < 10_000_000 else int(number[:-2])
    return whole % 97 == check


def _is_uruguayan(number: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(number, (2, 9, 8, 7, 6, 3, 4), strict=False))
    return (10 - total % 10) % 10 == int(number[7])


def _is_salvadoran(number: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(number, range(9, 1, -1), strict=False))
    return (10 - total % 10) % 10 == int(number[8])


def _is_british(number: str) -> bool:
    """Whether a national insurance number has letters that are given out."""
    prefix = number[:2]
    is_given = prefix not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"} and number[1] != "O"
    return is_given and not set(prefix) & set("DFIQUV") and number[-1] in "ABCD"


def _is_cuit(number: str) -> bool:
    return number[:2] in {"20", "23", "24", "25", "26", "27", "30", "33", "34"} and _CUIT(number)


def _is_finnish(number: str) -> bool:
    return checked_by("fi.hetu")(f"{number[:6]}-{number[6:]}")


_CUIT, _LUHN = checked_by("ar.cuit"), checked_by("luhn")


Groupings = tuple[tuple[int, ...], ...]


def _id(name: str, *shapes: str, groupings: Groupings = (), plain: bool = True, kind: Kind = Kind.ID) -> Format:
    only_usual = not plain or not any("A" in shape for shape in shapes)
    return Format(kind, name, shapes, checked_by(name), groupings, only_usual, plain)


def _own(
    name: str, is_valid: Callable[[str], bool], *shapes: str, groupings: Groupings = (), kind: Kind = Kind.ID
) -> Format:
    """One that is written in its groupings alone."""
    return Format(kind, name, shapes, is_valid, groupings, only_usual=True, stands_plain=False)


_VAT_SHAPES = (
    *("AA" + "9" * digits for digits in range(8, 13)), "AAA99999999", "AAAA999999999", "AA999999999A99", "AAA9999999A",
    "AA99999999A", "AA9999999A", "AA9999999AA", "AA9A99999A",
)  # fmt: skip
_LAST_APART = tuple((*front, 1) for front in ((7,), (8,), (1, 3, 3), (2, 3, 3)))
_SOCIAL = Kind.SOCIAL_SECURITY
FORMATS = (
    _id("es.dni", "99999999A"),
    _own("es.dni", lambda number: checked_by("es.dni")("0" + number), "9999999A", groupings=((1, 3, 3, 1), (7, 1))),
    _id("es.nie", "A9999999A"),
    Format(Kind.ID, "es.cif", ("A99999999", "A9999999A"), checked_by("es.cif"), may_number_things=True),
    Format(_SOCIAL, "es.nuss", ("9" * 11, "9" * 12), _is_nuss, ((2, 8, 2), (2, 7, 2), (2, 10), (2, 9)), True),
    _own("mx.nss", _LUHN, "9" * 11, groupings=((2, 2, 2, 4, 1),), kind=_SOCIAL),
    Format(Kind.ID, "ar.cuit", ("9" * 11,), _is_cuit, ((2, 8, 1), (2, 2, 3, 3, 1)), True),
    _id("cl.rut", "99999999", "9999999A", "999999999", "99999999A", groupings=_LAST_APART, plain=False),
    _id("co.nit", "9999999999", "999999999", groupings=((9, 1), (3, 3, 3, 1), (8, 1)), plain=False),
    _id("br.cpf", "9" * 11, groupings=((3, 3, 3, 2), (9, 2))),
    _id("br.cnpj", "9" * 14, groupings=((2, 3, 3, 4, 2), (8, 4, 2), (12, 2))),
    _id("pe.ruc", "9" * 11),
    _own("uy.ci", _is_uruguayan, "99999999", groupings=((1, 3, 3, 1), (7, 1))),
    _id("ec.ci", "9" * 10, groupings=((9, 1),), plain=False),
    _id("do.cedula", "9" * 11, groupings=((3, 7, 1),), plain=False),
    _id("ve.rif", "A999999999", groupings=((1, 8, 1), (9, 1), (1, 9), (1, 2, 3, 3, 1))),
    _own("sv.dui", _is_salvadoran, "999999999", groupings=((8, 1),)),
    _id("us.ssn", "999999999", groupings=((3, 2, 4),), plain=False, kind=_SOCIAL),
    _id("us.itin", "999999999", groupings=((3, 2, 4),), plain=False),
    Format(_SOCIAL, "gb.nino", ("AA999999A",), _is_british, ((2, 2, 2, 2, 1),)),
    _id("fr.nir", "9" * 15, groupings=((1, 2, 2, 2, 3, 3, 2), (13, 2)), kind=_SOCIAL),
    _id("pt.cc", "999999999AA9"),
    _id("de.idnr", "9" * 11, groupings=((2, 3, 3, 3),), plain=False),
    _id("be.nn", "9" * 11, groupings=((2, 2, 2, 3, 2), (6, 3, 2)), kind=_SOCIAL),
    _id("pl.pesel", "9" * 11),
    _id("se.personnummer", "9" * 10, "9" * 12, groupings=((6, 4), (8, 4)), plain=False),
    _id("fi.hetu", "999999A999A"),
    _own("fi.hetu", _is_finnish, "9" * 10, "999999999A", groupings=((6, 4),)),
    _id("dk.cpr", "9" * 10, groupings=((6, 4),), plain=False),
    _id("no.fodselsnummer", "9" * 11, groupings=((6, 5),)),
    _id("ro.cnp", "9" * 13),
    _id("cz.rc", "9" * 10, groupings=((6, 4),), plain=False),
    _id("si.emso", "9" * 13),
    _id("lv.pvn", "9" * 11, groupings=((6, 5),), plain=False),
    _id("ee.ik", "9" * 11),
    _id("ie.pps", "9999999A", "9999999AA"),
    _id("ch.ssn", "9" * 13, groupings=((3, 4, 4, 2),), kind=_SOCIAL),
    Format(Kind.ID, "eu.vat", _VAT_SHAPES, checked_by("eu.vat"), may_number_things=True),
)
