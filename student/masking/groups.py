"""Numbers with check digits, however their characters are grouped: `12345678Z`, `12.345.678-Z`, `12 345 678 z`.

A text is read once as runs of groups: numbers and letters beside them, between single separators. Neighboring groups
are joined, at most `_MOST_GROUPS` of them, and what is joined is looked up by its shape: a digit is `9` there and a
letter `A`. So the time for a text is linear, and no format costs any where its shape does not occur.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from student.masking.context import is_amount, numbers_a_thing
from student.masking.plain_text import PlainText
from student.masking.spans import Kind, Span

_JOIN = r"(?:[ .\-/_]|[ ][-/ ][ ]?|-[ ])"
_NUMBER = re.compile(r"(?<![^\W_])[A-Za-z]{0,6}\d[A-Za-z0-9]*(?![^\W_])")
_GROUP = re.compile(rf"(?P<join>{_JOIN}?)(?P<text>[A-Za-z0-9]+)")
_LEADING = re.compile(rf"(?<![^\W_])[A-Za-z]{{1,4}}{_JOIN}(?:[A-Za-z]{{1,2}}{_JOIN})?$")
_BETWEEN = re.compile(rf"{_JOIN}(?:[A-Za-z]{{1,4}}{_JOIN})?")
_TRAILING = re.compile(rf"(?:{_JOIN}[A-Za-z]{{1,3}}(?![^\W_])){{0,2}}")
_AROUND = 12
_SHAPE = str.maketrans({**{chr(48 + n): "9" for n in range(10)}, **{chr(65 + n): "A" for n in range(26)}})
_MOST_GROUPS, _MOST_CHARS = 8, 24
_SPELLED = 7  # single characters in a row that are one number, spelled
_WORD_LETTERS = frozenset("aeouy")


@dataclass(frozen=True, slots=True)
class Format:
    """A number that its check digits tell from others.

    Attributes:
        kind, name: see `Span`; the name is its reason.
        shapes: of its characters without separators: `9` for a digit, `A` for a letter.
        is_valid: of those characters, in upper case.
        groupings: lengths of the groups in which it is usually written.
        only_usual: whether no other grouping will do.
        stands_plain: whether it may stand without separators too.
        may_number_things: whether, though it has letters, it is too weak to stand right after a word such as order.
    """

    kind: Kind
    name: str
    shapes: tuple[str, ...]
    is_valid: Callable[[str], bool]
    groupings: tuple[tuple[int, ...], ...] = ()
    only_usual: bool = False
    stands_plain: bool = True
    may_number_things: bool = False


@dataclass(frozen=True, slots=True)
class _Group:
    start: int
    end: int
    text: str
    join: str  # what stands before it, where that joins it to the one before


FormatTable = Mapping[str, tuple[Format, ...]]


def table_of(formats: Iterable[Format]) -> FormatTable:
    """Formats by shape."""
    table: dict[str, list[Format]] = {}
    for each in formats:
        for shape in each.shapes:
            table.setdefault(shape, []).append(each)
    return {shape: tuple(some) for shape, some in table.items()}


def checked_by(module: str) -> Callable[[str], bool]:
    """The validity of a number by a module of python-stdnum, such as `es.dni`, which is loaded when it is needed."""
    return lambda number: bool(_module(module).is_valid(number))


@cache
def _module(name: str) -> Any:
    return import_module(f"stdnum.{name}")


def find_numbers(plain: PlainText, table: FormatTable) -> Iterator[Span]:
    """The numbers of a text that are valid in one of the formats, as spans of `plain.chars`."""
    for run in _runs(plain.chars):
        for first in range(len(run)):
            yield from _windows(plain, run, first, table)


def _runs(chars: str) -> Iterator[list[_Group]]:
    """The numbers of a text with their neighbors, where single separators or a few letters stand between them."""
    start = end = -1
    for match in _NUMBER.finditer(chars):
        if start >= 0 and match.start() - end <= _AROUND and _BETWEEN.fullmatch(chars, end, match.start()):
            end = match.end()
            continue
        if start >= 0:
            yield _groups(chars, start, end)
        start, end = match.span()
    if start >= 0:
        yield _groups(chars, start, end)


def _groups(chars: str, start: int, end: int) -> list[_Group]:
    """The groups of a run of numbers, with letters right before and after it."""
    before = max(0, start - _AROUND)
    if leading := _LEADING.search(chars[before:start]):
        start = before + leading.start()
    if trailing := _TRAILING.match(chars, end):
        end = trailing.end()
    groups = []
    for match in _GROUP.finditer(chars, start, end):
        groups.append(_Group(match.start("text"), match.end(), match["text"].upper(), match["join"]))
    return _joined_where_spelled(groups)


def _joined_where_spelled(run: list[_Group]) -> list[_Group]:
    """A run in which single characters in a row, as in `1 2 3 4 5 6 7 8 Z`, are one group."""
    if len(run) < _SPELLED:
        return run
    joined: list[_Group] = []
    single: list[_Group] = []
    for group in [*run, None]:
        if group is not None and len(group.text) == 1:
            single.append(group)
            continue
        if len(single) >= _SPELLED:
            text = "".join(each.text for each in single)
            joined.append(_Group(single[0].start, single[-1].end, text, single[0].join))
        else:
            joined += single
        single = []
        if group is not None:
            joined.append(group)
    return joined


def _windows(plain: PlainText, run: list[_Group], first: int, table: FormatTable) -> Iterator[Span]:
    """The numbers that begin with a group, from one to `_MOST_GROUPS` of them."""
    text = ""
    for last in range(first, min(first + _MOST_GROUPS, len(run))):
        text += run[last].text
        if len(text) > _MOST_CHARS or (last > first + 1 and text.isalpha()):
            return
        for each in table.get(text.translate(_SHAPE), ()):
            if _is_written_so(each, plain, run[first : last + 1]) and _is_given_out(text) and each.is_valid(text):
                is_usual = tuple(len(group.text) for group in run[first : last + 1]) in each.groupings
                if not _is_cut_from_more(run, first, last, is_usual):
                    yield Span(run[first].start, run[last].end, each.kind, each.name, text)
                    break


def _is_given_out(text: str) -> bool:
    """Whether a number is none that stands for any: its digits are not all the same, as in an example."""
    return len({character for character in text if character.isdigit()}) > 1


def _is_written_so(each: Format, plain: PlainText, groups: list[_Group]) -> bool:
    """Whether groups may be a number of a format, by how they are grouped and by what stands around."""
    lengths = tuple(len(group.text) for group in groups)
    is_usual = lengths in each.groupings
    is_grouped_so = is_usual or not each.only_usual if len(lengths) > 1 else each.stands_plain
    start, end = groups[0].start, groups[-1].end
    is_time = plain.chars[start - 1 : start] == ":" and plain.chars[start - 2 : start - 1].isdigit()
    if not is_grouped_so or is_time:
        return False
    if all(group.text.isdigit() for group in groups):
        return not (is_amount(plain.lower, start, end) or (not is_usual and numbers_a_thing(plain.lower, start)))
    if len(lengths) > 1 and (any(_is_word(plain, group) for group in groups) or _ends_in_word(plain, groups)):
        return False
    return not (each.may_number_things and numbers_a_thing(plain.lower, start))


def _ends_in_word(plain: PlainText, groups: list[_Group]) -> bool:
    """Whether the last letter may be a word, as in `12345678 y`."""
    last = groups[-1]
    return len(last.text) == 1 and last.join == " " and plain.chars[last.start] in _WORD_LETTERS


def _is_word(plain: PlainText, group: _Group) -> bool:
    """Whether a group of letters may be a word, as in `el DNI es 12345678Z`: it is not in capitals."""
    return len(group.text) > 1 and group.text.isalpha() and not plain.chars[group.start : group.end].isupper()


def _is_cut_from_more(run: list[_Group], first: int, last: int, is_usual: bool) -> bool:
    """Whether groups are a piece of a longer row of numbers: a group beside them continues it in the same way."""
    joins = {group.join for group in run[first + 1 : last + 1]}
    pairs = []
    if first > 0:
        pairs.append((run[first - 1], run[first], run[first].join))
    if last + 1 < len(run):
        pairs.append((run[last + 1], run[last], run[last + 1].join))
    for other, own, join in pairs:
        is_mixed = any(map(str.isdigit, other.text)) and not other.text.isdigit()
        if join in ("-", "_") and (is_mixed or (other.text.isdigit() and join not in joins)):  # a piece of a GUID
            return True
        if not (other.text.isdigit() and own.text.isdigit()):
            continue
        if join == "." or (join in joins and not (is_usual and len(other.text) != len(own.text))):
            return True
    return False
