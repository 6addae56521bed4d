"""Cuts text into sentences, Spanish and English, keeping their offsets."""

import re
from itertools import pairwise

_ABBREVIATIONS = frozenset(
    [
        "sr",
        "sra",
        "srta",
        "dr",
        "dra",
        "ud",
        "uds",
        "vd",
        "vds",
        "p.ej",
        "ej",
        "pág",
        "págs",
        "núm",
        "nº",
        "art",
        "av",
        "avda",
        "c/",
        "etc",
        "aprox",
        "tel",
        "mr",
        "mrs",
        "ms",
        "prof",
        "st",
        "vs",
        "e.g",
        "i.e",
        "inc",
        "ltd",
        "no",
        "fig",
        "approx",
        "dept",
        "est",
        "jr",
    ]
)
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'»”’)\]]*+(?=\s)|\n+")
_LAST_WORD = re.compile(r"(\S+?)[.]$")
_LONGEST_WORD = 40  # looked at before a full stop, so that the time stays linear


def split_sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Offsets of the sentences of `text[start:end]`, in order, without surrounding space.

    A line break always ends a sentence; a full stop does not after an abbreviation, an initial, a list number, or
    before a lower-case letter.
    """
    end = len(text) if end is None else end
    cuts = [start, *(m.end() for m in _END.finditer(text, start, end) if _is_end(text, start, m)), end]
    spans = (_strip(text, first, last) for first, last in pairwise(cuts))
    return [(first, last) for first, last in spans if first < last]


def _is_end(text: str, start: int, match: re.Match[str]) -> bool:
    if "\n" in match[0] or match[0][0] in "!?…":
        return True
    following = text[match.end() :].lstrip()[:1]
    near = max(start, match.start() - _LONGEST_WORD)
    line_start = max(near, text.rfind("\n", near, match.start()) + 1)
    before = _LAST_WORD.search(text[line_start : match.start() + 1])
    word = before[1].lower().lstrip('(«"¿¡') if before else ""
    if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha()) or following.islower():
        return False
    return not (word.isdigit() and text[line_start : match.start()].strip() == word)


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
