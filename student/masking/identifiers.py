"""Everything that the rules find in a text, family after family, as spans of the text that do not overlap."""

import re
from collections.abc import Iterator, Sequence

from student.masking import accounts, national_ids
from student.masking.credentials import find_credentials
from student.masking.emails import find_emails
from student.masking.groups import find_numbers, table_of
from student.masking.labelled import find_labelled
from student.masking.network import find_addresses, find_urls
from student.masking.phones import find_phones
from student.masking.plain_text import plain_text
from student.masking.spans import Kind, Span, without_overlaps

_NUMBERS = table_of((*accounts.FORMATS, *national_ids.FORMATS))
_WITH_DIGITS = (
    accounts.find_ibans,
    lambda plain: find_numbers(plain, _NUMBERS),
    national_ids.find_unmistakable,
    find_phones,
    find_addresses,
)
_ALWAYS = (find_emails, find_labelled, find_urls, find_credentials)
_PART_CHARS = 50_000
_DIGIT = re.compile(r"\d")
MASK = re.compile(rf"\[({'|'.join(kind.upper() for kind in Kind)})_(\d{{1,9}})\]")
"""What masking writes: the kind and the number of the thing in its document."""


def find_identifiers(text: str, also: Sequence[Span] = ()) -> list[Span]:
    """The personal data of a text that rules find, in order, none overlapping; what is masked already is left alone.

    Args:
        text: any text.
        also: spans that were found otherwise, such as names by a head; overlaps with them are settled by the one rule.
    """
    found: list[Span] = []
    for offset, part in _parts(text):
        found += _find(part, offset)
    masks = [match.span() for match in MASK.finditer(text)]
    return _outside(without_overlaps([*found, *also]), masks)


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """A long text in parts that end with a paragraph, line or word, so that no pattern keeps other threads waiting."""
    start = 0
    while len(text) - start > _PART_CHARS:
        ends = (text.rfind(mark, start + _PART_CHARS // 2, start + _PART_CHARS) for mark in ("\n\n", "\n", " "))
        end = next((end + 1 for end in ends if end > 0), start + _PART_CHARS)
        yield start, text[start:end]
        start = end
    yield start, text[start:]


def _find(text: str, offset: int) -> Iterator[Span]:
    plain = plain_text(text)
    for find in (*_WITH_DIGITS, *_ALWAYS) if _DIGIT.search(plain.chars) else _ALWAYS:
        for span in find(plain):
            start, end = plain.place(span.start, span.end)
            value = span.value or _value(plain.lower, span)
            yield Span(start + offset, end + offset, span.kind, span.reason, value)


def _value(lower: str, span: Span) -> str:
    return re.sub(r"[\W_]", "", lower[span.start : span.end])


def _outside(spans: list[Span], masks: list[tuple[int, int]]) -> list[Span]:
    """The spans that touch no mask; both are in order."""
    kept, place = [], 0
    for span in spans:
        while place < len(masks) and masks[place][1] <= span.start:
            place += 1
        if place == len(masks) or span.end <= masks[place][0]:
            kept.append(span)
    return kept
