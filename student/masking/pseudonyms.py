"""Masks: personal data replaced by its kind and a number, the same thing by the same number in all of a document."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from student.masking.identifiers import MASK, find_identifiers
from student.masking.spans import Kind, Span


@dataclass(frozen=True, slots=True)
class Masked:
    """A masked text.

    Attributes:
        text: with masks such as `[EMAIL_1]`.
        spans: what was masked, in the text as it was, in order.
        masks: what stands for each of them.
    """

    text: str
    spans: tuple[Span, ...]
    masks: tuple[str, ...]

    def counts(self) -> Counter[Kind]:
        """How many of each kind were masked."""
        return Counter(span.kind for span in self.spans)


class Pseudonyms:
    """The masks of one document: the parts that are masked with it share their numbers.

    It holds what was masked for as long as it lives, and nothing writes it anywhere.
    """

    def __init__(self) -> None:
        self._masks: dict[tuple[Kind, str], str] = {}
        self._last = Counter[str]()

    def mask(self, text: str, also: Sequence[Span] = (), *, name: str = "") -> Masked:
        """A text with its personal data masked.

        Guarantees:
            Masking a masked text again changes nothing.

        Args:
            text: any text.
            also: see `find_identifiers`.
            name: of the field that the text is the value of, such as a column's: it may say what a number is.
        """
        for kind, number in MASK.findall(text):
            self._last[kind] = max(self._last[kind], int(number))
        spans = find_identifiers(text, also) if not name else _find_in_field(text, also, name)
        parts, masks, position = [], [], 0
        for span in spans:
            masks.append(self._mask_of(span, text))
            parts += [text[position : span.start], masks[-1]]
            position = span.end
        return Masked("".join(parts) + text[position:], tuple(spans), tuple(masks))

    def _mask_of(self, span: Span, text: str) -> str:
        value = span.value or re.sub(r"[\W_]", "", text[span.start : span.end].lower())
        known = self._masks.get((span.kind, value))
        if known is None:
            name = span.kind.upper()
            self._last[name] += 1
            known = self._masks[span.kind, value] = f"[{name}_{self._last[name]}]"
        return known


def _find_in_field(text: str, also: Sequence[Span], name: str) -> list[Span]:
    """The personal data of a value, read as it would be after the name of its field."""
    before = f"{name.replace('_', ' ')}: "
    shifted = [replace(span, start=span.start + len(before), end=span.end + len(before)) for span in also]
    found = find_identifiers(before + text, shifted)
    return [
        replace(span, start=max(0, span.start - len(before)), end=span.end - len(before))
        for span in found
        if span.end > len(before)
    ]


def mask_text(text: str, also: Sequence[Span] = ()) -> str:
    """A text that is a document of its own, masked; see `Pseudonyms.mask`."""
    return Pseudonyms().mask(text, also).text


def moved(masked: Masked, places: Sequence[int]) -> list[int]:
    """The places in the masked text of places in the text, ascending; a place inside a mask moves to the mask's end.

    Args:
        masked: see above.
        places: offsets in the text as it was, each at most its length.
    """
    moved_places, shift, number = [], 0, 0
    spans: Sequence[Span] = masked.spans
    for place in places:
        while number < len(spans) and spans[number].end <= place:
            shift += len(masked.masks[number]) - (spans[number].end - spans[number].start)
            number += 1
        if number < len(spans) and spans[number].start < place:
            moved_places.append(spans[number].start + shift + len(masked.masks[number]))
        else:
            moved_places.append(place + shift)
    return moved_places
