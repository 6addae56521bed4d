"""Cards and accounts: card numbers, IBAN, account numbers of Spain (CCC), Mexico (CLABE) and Argentina (CBU)."""

import re
from collections.abc import Iterator

from stdnum import luhn
from stdnum.iso7064 import mod_97_10

from student.masking.groups import Format, checked_by
from student.masking.plain_text import PlainText
from student.masking.spans import Kind, Span

_IBAN_LENGTHS = {
    text[:2]: int(text[2:])
    for text in """AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28
    EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30
    KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29
    PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20
    YE30""".split()
}
"""Characters of an IBAN by its country, of the registry of SWIFT."""
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z][ ]?[A-Za-z][ .\-/_]{0,2}\d[ .\-/_]?\d(?=(?:[ .\-/_]{0,3}[A-Za-z0-9]){8})")
_NEXT = re.compile(r"[ .\-/_]{0,3}([A-Za-z0-9])")


def find_ibans(plain: PlainText) -> Iterator[Span]:
    """The IBANs of a text: as many characters as their country has, with check digits that are right."""
    for match in _IBAN.finditer(plain.chars):
        text, end = re.sub(r"[^A-Za-z0-9]", "", match[0]).upper(), match.end()
        length = _IBAN_LENGTHS.get(text[:2])
        if length is None:
            continue
        while len(text) < length and (following := _NEXT.match(plain.chars, end)):
            text, end = text + following[1].upper(), following.end()
        written = plain.chars[match.start() : end]
        is_whole = not plain.chars[end : end + 1].isalnum() and (written.isupper() or written.islower())
        if written[2] in " .-" and not written.isupper():  # a word, as in `no. 8309638985`
            continue
        if len(text) == length and is_whole and mod_97_10.is_valid(text[4:] + text[:4]):
            yield Span(match.start(), end, Kind.IBAN, "iban", text)


_NETWORKS = {
    13: re.compile("4"),
    14: re.compile("3(?:0|6|8|9)"),
    15: re.compile("3[47]|2131|1800"),
    16: re.compile("4|5|6|35|22[2-9]|2[3-6]|27[01]|2720"),
    17: re.compile("5|6"),
    18: re.compile("5|6"),
    19: re.compile("4|5|6"),
}
"""Beginnings of the networks' card numbers, by their length."""


def _is_card(number: str) -> bool:
    """Whether digits begin as those of a network of cards do, and their last digit is right."""
    return bool(_NETWORKS[len(number)].match(number)) and len(set(number)) > 1 and bool(luhn.is_valid(number))


def _is_clabe(number: str) -> bool:
    """Whether a bank's code leads 18 digits, and the last digit is right."""
    total = sum(int(digit) * (3, 7, 1)[place % 3] % 10 for place, digit in enumerate(number[:17]))
    return number[0] in "01679" and number[:3] != "000" and (10 - total % 10) % 10 == int(number[17])


_FOURS = ((4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 4, 4, 1), (4, 4, 4, 2), (4, 4, 4, 3))
FORMATS = (
    Format(
        Kind.CARD, "card", tuple("9" * length for length in range(13, 20)), _is_card, (*_FOURS, (4, 6, 5), (4, 6, 4))
    ),
    Format(
        Kind.ACCOUNT,
        "es.ccc",
        ("9" * 20,),
        checked_by("es.ccc"),
        ((4, 4, 2, 10), (4, 4, 4, 4, 4)),
    ),
    Format(
        Kind.ACCOUNT,
        "ar.cbu",
        ("9" * 22,),
        checked_by("ar.cbu"),
        ((7, 1, 13, 1), (3, 4, 1, 13, 1), (8, 14)),
    ),
    Format(Kind.ACCOUNT, "mx.clabe", ("9" * 18,), _is_clabe, ((3, 3, 11, 1),)),
)
