"""Masks identifiers of persons in a text before it is written: e-mail, phone, card, IBAN, national ids.

Numbers are masked when their check digits or their numbering plan say that they are what they look like (python-stdnum,
phonenumbers), so that order numbers and prices stay. It finds identifiers, not names and addresses: what is masked is
still to be treated as a customer's text.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import phonenumbers
from stdnum import iban, luhn

REGIONS = ("ES", "MX", "AR", "CO", "CL", "PE", "US", "GB")
"""Where numbers without a country code may belong."""

_EMAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{2,4}){3,8}\b")
_CARD = re.compile(r"(?<![\d.,])\d(?:[ -]?\d){12,18}(?![\d])")
_ID = re.compile(r"(?<!\w)[A-Za-z0-9](?:[A-Za-z0-9]|[.\-/](?=[A-Za-z0-9])){6,19}(?!\w)")
_DATE = re.compile(r"\d{4}([-./])\d{1,2}\1\d{1,2}|\d{1,2}([-./])\d{1,2}\2\d{4}")
_ID_KINDS = (
    "es.dni", "es.nie", "es.cif", "mx.rfc", "mx.curp", "ar.cuit", "cl.rut", "co.nit", "pe.cui", "pe.ruc", "br.cpf",
    "us.ssn", "uy.rut", "ec.ci", "do.cedula", "gt.nit", "pt.nif", "fr.nir",
)  # fmt: skip
_NEEDS_MARK = frozenset({"co.nit", "gt.nit", "us.ssn", "pe.cui", "pt.nif", "es.cif", "ec.ci", "uy.rut"})
"""Kinds that many plain numbers would pass: taken only with letters or separators, as people write them."""

Span = tuple[int, int, str]


def mask(text: str, regions: Sequence[str] = REGIONS) -> str:
    """The text with each identifier replaced by its kind: `<email>`, `<iban>`, `<card>`, `<id>`, `<phone>`."""
    parts, position = [], 0
    for start, end, kind in _without_overlaps(find_identifiers(text, regions)):
        parts += [text[position:start], f"<{kind}>"]
        position = end
    return "".join(parts) + text[position:]


def find_identifiers(text: str, regions: Sequence[str] = REGIONS) -> list[Span]:
    """The spans of identifiers (start, end, kind), the surer kinds first."""
    spans: list[Span] = [(m.start(), m.end(), "email") for m in _EMAIL.finditer(text)]
    spans += [(start, end, "iban") for start, end in _valid_prefixes(_IBAN, text, iban.is_valid)]
    spans += [(m.start(), m.end(), "card") for m in _CARD.finditer(text) if luhn.is_valid(re.sub(r"[ -]", "", m[0]))]
    spans += [(start, end, "id") for start, end in _valid_prefixes(_ID, text, _is_national_id)]
    for region in regions:
        spans += [(m.start, m.end, "phone") for m in phonenumbers.PhoneNumberMatcher(text, region)]
    return spans


def _valid_prefixes(pattern: re.Pattern[str], text: str, is_valid: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """Matches, or their longest beginning at a word's end, that are valid: a pattern with spaces may cover more."""
    for match in pattern.finditer(text):
        for end in [match.end(), *(match.start() + m.start() for m in reversed(list(re.finditer(r" ", match[0]))))]:
            if is_valid(text[match.start() : end]):
                yield match.start(), end
                break


def _is_national_id(candidate: str) -> bool:
    if _DATE.fullmatch(candidate):
        return False
    has_digits = sum(c.isdigit() for c in candidate) >= 6
    is_marked = any(not c.isdigit() for c in candidate)
    return has_digits and any(
        (is_marked or kind not in _NEEDS_MARK) and _validator(kind).is_valid(candidate) for kind in _ID_KINDS
    )


@cache
def _validator(kind: str) -> Any:
    return import_module(f"stdnum.{kind}")


def _without_overlaps(spans: list[Span]) -> list[Span]:
    """In the order of the text; of overlapping ones the first found, widened to what the others cover."""
    chosen: list[Span] = []
    for span in spans:
        overlapping = [other for other in chosen if other[0] < span[1] and span[0] < other[1]]
        group = [*overlapping, span]
        chosen = [other for other in chosen if other not in overlapping]
        chosen.append((min(s[0] for s in group), max(s[1] for s in group), group[0][2]))
    return sorted(chosen)
