"""Lines of plain text that were one before a program or a person broke it at a width.

A line is joined to the next one where it plainly goes on there (a small letter, a comma, an article at its end), or
where the lines around agree on a width and it fills that. Being the longest of its neighbours proves nothing: lists
and telephone lines stay lines.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

LABEL = re.compile(r"\s*[^\s:][^:]{0,40}:(?:\s|$)")
"""A label before its value, as `Ext.: 5501`."""
_LEADER = re.compile(r"(?<!\s)\s*+(?:\.{4,}|(?:\. ){4,}|_{4,}|…{2,})\s*(?=\S)")
"""Dots that lead to a value."""
ASKS_OR_ANSWERS = re.compile(
    r"\s*(?:P|R|Q|A|Preg|Resp|Pregunta|Respuesta|Question|Answer)\s{0,3}\.?\s{0,3}\d{0,3}\s{0,3}[:.)]\s+\S",
    re.IGNORECASE,
)
_OPENS = re.compile(
    r"\s*(?:[¿¡]|[-=–—]{1,2}>|[→⇒➜►▶•▪◦·‣*+–—-]\s|\(?\d{1,3}(?:\.\d{1,3}){0,3}(?:[.)]|\.-|º)+\s|\(?[a-z]\)\s|\d+\s*$)"
)
_LITTLE = frozenset(
    """el la los las un una unos unas de del al y o e u en con por para sin sobre desde hasta entre su sus que
    the a an of to and or in on with by for from at as his her its their our your""".split()
)
_STOPS, _MIN_WIDTH, _SURE_WIDTH, _MIN_WORDS = ".?!:;…", 25, 60, 4


def unwrapped(lines: Sequence[str]) -> list[list[str]]:
    """Neighbouring lines, those together that were one."""
    if len(lines) < 2:
        return [[line] for line in lines]
    apart = [_are_apart(before, line) for before, line in pairwise(lines)]
    pairs = list(zip(lines, lines[1:], apart, strict=False))
    sure = [not is_apart and _goes_on_surely(before, line) for before, line, is_apart in pairs]
    width = max(map(len, lines))
    is_believed = _agree(lines, sure, width)
    joined = [[line] for line in lines[:1]]
    for (before, line, is_apart), is_sure in zip(pairs, sure, strict=True):
        if is_sure or (not is_apart and _may_go_on(before, line, width, is_believed=is_believed)):
            joined[-1].append(line)
        else:
            joined.append([line])
    return joined


def goes_on_surely(before: str, line: str) -> bool:
    """Whether a line shows by itself that the next one belongs to it."""
    return _goes_on_surely(before, line) and not _are_apart(before, line)


def has_leader(line: str) -> bool:
    """Whether dots lead to a value in a line."""
    may_lead = "...." in line or ". . . . " in line or "____" in line or "……" in line  # which most lines tell at once
    return may_lead and _LEADER.search(line) is not None


def without_leaders(line: str) -> str:
    """A line with a colon in place of dots that lead to a value."""
    return _LEADER.sub(": ", line) if has_leader(line) else line


def joined(lines: Sequence[str]) -> str:
    """Wrapped lines as one, words that were divided at a line's end whole again."""
    text = lines[0].strip()
    for line in map(str.strip, lines[1:]):
        is_divided = text[-1:] == "-" and text[-2:-1].isalpha() and line[:1].islower()
        text = text[:-1] + line if is_divided else f"{text} {line}"
    return text


def _are_apart(before: str, line: str) -> bool:
    """Whether two lines are two whatever their words are: one asks or answers, is set in, or leads to a value."""
    return line[:1] == "\t" or has_leader(before) or has_leader(line) or ASKS_OR_ANSWERS.match(line) is not None


def _goes_on_surely(before: str, line: str) -> bool:
    """As `goes_on_surely`, of lines that are not apart."""
    before = before.rstrip()
    is_open = before[-1] == "," or before.rsplit(None, 1)[-1].lower() in _LITTLE
    if not is_open and (not line.lstrip()[0].islower() or before[-1] in _STOPS or _OPENS.match(line)):
        return False
    return not (LABEL.match(line) and LABEL.match(before))


def _agree(lines: Sequence[str], sure: Sequence[bool], width: int) -> bool:
    """Whether lines were broken at a width: most that surely go on have no room for the next one's first word."""
    full = [_is_full(before, line, width) for before, line in pairwise(lines)]
    both = sum(a and b for a, b in zip(full, sure, strict=True))
    return both > 0 and both * 2 >= sum(sure) and both * 3 >= sum(full)


def _is_full(before: str, line: str, width: int) -> bool:
    return len(before) + 1 + len(line.split(None, 1)[0]) > width


def _may_go_on(before: str, line: str, width: int, *, is_believed: bool) -> bool:
    """Whether a line without such signs was broken at a width."""
    if not _is_full(before, line, width) or before.rstrip()[-1] in "?:;" or _OPENS.match(line):
        return False
    if LABEL.match(line):
        return line.lstrip()[0].islower() and width > 2 * _MIN_WIDTH
    if not is_believed:  # a sentence of two lines
        return len(before) >= _SURE_WIDTH and line.rstrip()[-1] == "." and before.rstrip()[-1] not in _STOPS
    is_prose = width >= _MIN_WIDTH and len(before.split()) >= _MIN_WORDS and not LABEL.match(before)
    return is_prose or width >= _SURE_WIDTH
