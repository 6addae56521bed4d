"""Values after their word: `CVV 123`, `pasaporte nº AAB123456`, `nací el 3 de mayo de 1980`.

A word that names a thing makes of a value of its shape that thing, also where a check digit is wrong: people mistype.
Each word of a text is looked up once; only words that may name something are looked at further, in a bounded stretch.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from student.masking.context import is_amount, is_in_link, is_service_number, numbers_a_thing
from student.masking.label_words import DATE, LABELS, Label
from student.masking.plain_text import PlainText
from student.masking.spans import Kind, Span

_WORD = re.compile(r"(?<![a-z0-9])[a-zº]+[0-9]?(?![a-z])")
_BEFORE_CHARS = 44
_SORT_CODE = len("12-34-56")  # of a British bank; it may look like a date
_CASED, _TRIES = frozenset({Kind.PLATE, Kind.BIC}), 4
"""Kinds that are written in capitals, which `PlainText.lower` does not show: a word in between may look like one."""
_LINK = (
    r"[\s\"')\],.:-]{0,3}(?:(?:es|is|era|como|as|como es)[ ])?(?:(?:el|la|mi|my|su|the|un|mis)[ ])?"
    r"(?:(?:numero|number|n[.]?[oº]?) (?:de |of )?)?[(]?$"
)
_VERSION = re.compile(r"\d+(?:\.\d+)*\.\d(?:\.\d+)+")
_A_DATE = re.compile(DATE)
_COUNTRIES = frozenset(
    """AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BG BH BM BN BO BR BS BY BZ CA CH CI CL CM CN CO CR CU CY CZ DE DK DO
    DZ EC EE EG ES ET FI FR GB GE GH GI GR GT HK HN HR HU ID IE IL IN IQ IR IS IT JM JO JP KE KR KW KY KZ LB LI LK LT LU
    LV LY MA MC MD ME MK MO MT MU MX MY NG NI NL NO NP NZ OM PA PE PH PK PL PR PS PT PY QA RO RS RU SA SE SG SI SK SM SN
    SV SY TH TN TR TT TW TZ UA US UY UZ VA VE VG VN ZA ZM ZW""".split()
)


class _Rule(NamedTuple):
    label: Label
    phrase: re.Pattern[str]
    after: re.Pattern[str]  # than the phrase
    before: re.Pattern[str]


def _pattern(phrase: str) -> str:
    return re.escape(phrase).replace(r"\.", r"\.?\ ?").replace(r"\ ", r"[ ]?" if "." in phrase else r"[ ]")


def _rules() -> dict[str, list[_Rule]]:
    """The rules by the first word of what they begin with."""
    rules: dict[str, list[_Rule]] = {}
    for label in LABELS:
        by_word: dict[str, list[str]] = {}
        for phrase in label.words.split("|"):
            first = _WORD.match(phrase)
            if first is None:
                raise ValueError(f"{phrase!r} does not begin with a word")
            by_word.setdefault(first[0], []).append(phrase)
        after = re.compile(rf"(?:[ ]?:[ ]?\n[ ]?)?{label.gap}(?P<value>{label.value})")
        before = re.compile(f"(?P<value>{label.value}){_LINK}")
        for word, phrases in by_word.items():
            longest = sorted(phrases, key=len, reverse=True)
            named = re.compile(rf"(?:{'|'.join(map(_pattern, longest))})(?![a-z0-9])")
            rules.setdefault(word, []).append(_Rule(label, named, after, before))
    return rules


_RULES = _rules()


def find_labelled(plain: PlainText) -> Iterator[Span]:
    """The values of a text that a word beside them names."""
    for word in _WORD.finditer(plain.lower):
        if plain.lower[word.start() - 1 : word.start()] == "." and word.start() > 1 and len(word[0]) == 1:
            continue  # a later letter of an abbreviation
        for rule in _RULES.get(word[0], ()):
            phrase = rule.phrase.match(plain.lower, word.start())
            if phrase is None:
                continue
            place = _value_after(rule, plain, phrase.end())
            if place is None and rule.label.also_before:
                place = _value_before(rule, plain, word.start())
            if place is not None:
                yield Span(*place, rule.label.kind, f"after its word ({word[0]})")


def _value_after(rule: _Rule, plain: PlainText, since: int) -> tuple[int, int] | None:
    """The value that follows the end of a phrase which names it."""
    start = since
    for _ in range(_TRIES if rule.label.kind in _CASED else 1):
        found = rule.after.match(plain.lower, start)
        if found is None:
            return None
        if _is_value(rule.label, plain, found.span("value"), since):
            return found.span("value")
        start = found.start("value") + 1  # a word, as in `la matrícula es 1234 BCD`
    return None


def _value_before(rule: _Rule, plain: PlainText, end: int) -> tuple[int, int] | None:
    """The value that ends right before a word which names it, within a bounded stretch of its line."""
    start = max(0, end - _BEFORE_CHARS, plain.lower.rfind("\n", max(0, end - _BEFORE_CHARS), end) + 1)
    found = rule.before.search(plain.lower[start:end])
    if found is None or plain.lower[start + found.start("value") - 1 : start + found.start("value")].isalnum():
        return None
    place = start + found.start("value"), start + found.end("value")
    return place if _is_value(rule.label, plain, place, 0) else None


def _is_value(label: Label, plain: PlainText, place: tuple[int, int], since: int) -> bool:
    """Whether a value can be what a label names, beyond its shape."""
    value = plain.chars[slice(*place)]
    is_thing = numbers_a_thing(plain.lower, place[0], since)
    match label.kind:
        case Kind.BIRTH_DATE:
            return True
        case Kind.BIC:
            return value.isupper() and value[4:6] in _COUNTRIES
        case Kind.PLATE:
            return not value.islower() and not is_thing
        case Kind.PHONE if is_service_number(re.sub(r"\D", "", value)):
            return False
    is_sort_code = label.kind is Kind.ACCOUNT and len(value) == _SORT_CODE
    is_dated = label.kind not in {Kind.PIN, Kind.CVV} and not is_sort_code
    is_date = is_dated and _A_DATE.fullmatch(plain.lower, *place) is not None
    is_plain_link = label.kind not in {Kind.PIN, Kind.CARD} and is_in_link(plain.chars, place[0])
    if is_date or is_amount(plain.lower, *place) or _VERSION.fullmatch(value) or is_plain_link:
        return False
    return label.kind in {Kind.PIN, Kind.CVV, Kind.CARD} or not is_thing
