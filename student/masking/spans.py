"""Spans: where a text holds personal data, of which kind, and why it is taken for that."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A kind of personal data, the surest to tell first; a mask says it in capitals."""

    JWT = "jwt"
    API_KEY = "api_key"
    URL = "url"
    EMAIL = "email"
    IBAN = "iban"
    CARD = "card"
    CVV = "cvv"
    PIN = "pin"
    PASSWORD = "password"  # noqa: S105  # the name of a kind
    BIRTH_DATE = "birth_date"
    SOCIAL_SECURITY = "social_security"
    PASSPORT = "passport"
    ACCOUNT = "account"
    PHONE = "phone"
    ID = "id"
    PLATE = "plate"
    BIC = "bic"
    MAC = "mac"
    IP = "ip"
    NAME = "name"
    ADDRESS = "address"


_RANK = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Span:
    """Personal data at `text[start:end]`, in code points.

    Attributes:
        start, end: see above.
        kind: of what stands there.
        reason: what it was recognized by, such as "es.dni" or "after its word"; it repeats nothing of the text.
        value: in one writing, so that the same thing written otherwise is the same; "" for its letters and digits.
    """

    start: int
    end: int
    kind: Kind
    reason: str
    value: str = ""


def without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Spans in the order of the text, of which none overlap.

    The rule: those that overlap, one the next, become one from the first character to the last. It is what the longest
    of them is; of equally long ones, what is the surest kind.
    """
    merged: list[Span] = []
    end = -1
    for span in sorted(spans, key=lambda span: (span.start, -span.end, _RANK[span.kind])):
        if not merged or span.start >= end:
            merged.append(span)
            end = span.end
            continue
        first, last = merged[-1], max(end, span.end)
        main = min(first, span, key=lambda each: (each.start - each.end, _RANK[each.kind]))
        is_whole = (main.start, main.end) == (first.start, last)
        merged[-1] = Span(first.start, last, main.kind, main.reason, main.value if is_whole else "")
        end = last
    return merged
