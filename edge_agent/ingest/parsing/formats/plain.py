"""Plain text to text and blocks: what its lines are, though nothing marks them.

Prose that was wrapped at a width is joined to paragraphs; lists of short lines, as telephone lists and menus, stay
lines, so that one of them is quoted alone. Headings in capitals or underlined, bullets and numbers, tables drawn with
tabs, bars or aligned columns, quoted mail and form feeds are what they look like.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from edge_agent.characters import with_plain_breaks
from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.encoding import decode_raw
from edge_agent.ingest.parsing.formats.plain_tables import drawn_rows, may_be_table
from edge_agent.ingest.parsing.formats.plain_wrapping import (
    ASKS_OR_ANSWERS,
    LABEL,
    goes_on_surely,
    has_leader,
    joined,
    unwrapped,
    without_leaders,
)
from edge_agent.ingest.parsing.spreadsheet import MAX_COLUMNS, add_spreadsheet
from edge_agent.settings import ParsingLimits

_RULE_CHARS = "-=_*~#·—─═"
_RULE = re.compile(rf"\s*([{_RULE_CHARS}])(?:\s?\1){{2,}}\s*")
_HASHES = re.compile(r"(#{1,6})\s+(\S(?:.*[^\s#])?)[\s#]*")
_DOT, _FIGURE = r"[-*+•▪◦·‣–—●○■□]", r"\(?\d{1,3}(?:\.\d{1,3}){0,3}(?:[.)]|\.-|º)|\(?[a-z]\)"
_STEP_MARK = r"(?i:paso|step)\s+\d{1,2}\s*[:.)-]"
_BULLET = re.compile(rf"\s*{_DOT}\s+\S")
_NUMBER = re.compile(rf"\s*({_FIGURE})\s+\S")
_STEP = re.compile(rf"\s*{_STEP_MARK}\s*\S")
_ITEM = re.compile(rf"(\s*)((?:{_DOT}|{_FIGURE})(?=\s)|{_STEP_MARK})\s*(\S.*)")
_QUOTED = re.compile(r"(?:\s{0,3}>\s?)+")
_PAGE = re.compile(r"\s*(?:(?:p[áa]gina|p[áa]g\.?|page)\s*\d{1,4}(?:\s*(?:de|of|/)\s*\d{1,4})?|- ?\d{1,4} ?-)\s*", re.I)
_BARE_NUMBER = re.compile(r"\s*\d{1,4}\s*")
_MAX_HEADING_CHARS, _MAX_HEAD_CHARS, _HEAD_LEVEL = 80, 40, 3
_ENDS = (".", ":", ";", "?", "!", "…", ",")


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text and blocks of a plain text. Raises `TextUndecodable`."""
    raw, encoding = decode_raw(content)
    pages = [with_plain_breaks(page).split("\n") for page in raw.split("\f")]
    grouped = [list(_groups(page)) for page in _without_running_heads(pages)]
    reader = _Lines(is_shouted=_is_shouted(pages), is_headed=_is_headed(grouped))
    for number, groups in enumerate(grouped, start=1):
        reader.read(groups, number if len(pages) > 1 else 0)
    builder = reader.builder
    if builder.is_empty:  # nothing stands below what looks like headings: a note of a few words
        builder = TextBuilder()
        for lines in pages:
            builder.paragraph("\n".join(lines))
    return builder.build(reader.title, encoding=encoding)


class _Lines:
    """Reads groups of lines between blank ones."""

    def __init__(self, *, is_shouted: bool, is_headed: bool) -> None:
        self.builder = TextBuilder()
        self.title: str | None = None
        self._is_shouted, self._is_headed, self._is_first, self._page = is_shouted, is_headed, True, 0
        self._indents: list[int] = []  # of the last item and those that it stands below

    def read(self, groups: Sequence[list[str]], page: int) -> None:
        """Reads the groups of a page, or all of them."""
        self._page = page
        for group, following in zip(groups, [*groups[1:], []], strict=False):
            if len(group) == 1 and _PAGE.fullmatch(group[0]):
                continue
            if len(group) == 1 and _heads(group[0], following, is_first=self._is_first):
                self._add_lone_heading(group[0])
            else:
                self._read_group(group)
            self._is_first = False

    def _read_group(self, lines: list[str]) -> None:
        """Reads neighbouring lines: a table, perhaps below a title, or headings, items and prose one after another."""
        if self._is_headed and _is_head(lines):
            self.builder.heading(lines[0].strip().rstrip(":"), _HEAD_LEVEL, page=self._page)
            lines = lines[1:]
        elif self._is_first and _is_titled(lines) and not self._heading_level(lines[0], lines[1], ""):
            self._add_heading(lines[0].strip(), 1, is_first=True)
            lines = lines[1:]
        if may_be_table(lines):
            for start in range(min(3, len(lines) - 1)):
                rows = drawn_rows(lines[start:])
                if rows and max(map(len, rows)) <= MAX_COLUMNS:
                    self._read_lines(lines[:start])
                    add_spreadsheet(self.builder, rows)
                    return
        self._read_lines(lines)

    def _read_lines(self, lines: list[str]) -> None:
        waiting: list[str] = []
        n = 0
        while n < len(lines):
            line, following = lines[n], lines[n + 1] if n + 1 < len(lines) else ""
            heading = self._heading_level(line, following, lines[n - 1] if n else "")
            item = _ITEM.fullmatch(line)
            if heading or _is_rule(line):
                self._add_prose(waiting)
                waiting = []
                if heading:
                    hashes = _HASHES.fullmatch(line)
                    self._add_heading(
                        hashes[2] if hashes else line, heading, is_first=n < 2 and all(map(_is_rule, lines[:n]))
                    )
            elif item and not (item[3][-1] == "?" and _NUMBER.match(line)):  # a numbered question is no step of a list
                self._add_prose(waiting)
                waiting = []
                end = n + 1
                while end < len(lines) and _goes_on(lines[end - 1], lines[end], len(item[1])):
                    end += 1
                text = joined([item[3], *lines[n + 1 : end]])
                self.builder.item(text, marker=item[2], depth=self._depth(_indent(item[1])), page=self._page)
                n = end - 1
            else:
                waiting.append(line)
            n += 1
        self._add_prose(waiting)

    def _depth(self, indent: int) -> int:
        """The depth of an item, from 1: it stands below the items above it that are indented less."""
        while self._indents and self._indents[-1] > indent:
            self._indents.pop()
        if not self._indents or self._indents[-1] + 1 < indent:  # one column more is a figure less, as ` 9.`
            self._indents.append(indent)
        return len(self._indents)

    def _heading_level(self, line: str, following: str, before: str) -> int:
        """The level of a line that is a heading, else 0."""
        text = line.strip()
        if not before and (hashes := _HASHES.fullmatch(text)) and hashes[2][0].isupper():
            return len(hashes[1])
        if len(text) > _MAX_HEADING_CHARS or text[-1] in ".;," or _is_rule(text):
            return 0
        if _is_rule(following):
            if _is_rule(before):
                return 1
            if len(following.strip()) * 2 >= len(text):
                return 1 if following.strip()[0] in "=═#*" else 2
        if not text.isupper() or self._is_shouted or text[-1] in "?!" or following.isupper():
            return 0
        letters = sum(map(str.isalpha, text))
        begins = text[0].isalnum() or text[0] in '¿¡«"“('
        is_capital = begins and letters > 3 and letters * 2 > len(text)
        return 2 if is_capital and not LABEL.match(text.rstrip(":")) and not _BULLET.match(text) else 0

    def _add_lone_heading(self, line: str) -> None:
        number = _NUMBER.match(line)
        level = 1 if self._is_first else 2 + (number[1].strip("().").count(".") if number else 0)
        self._add_heading(line, min(level, 6), is_first=True)

    def _add_heading(self, text: str, level: int, *, is_first: bool) -> None:
        if self._is_first and is_first:
            self.title = text
        self._indents = []
        self.builder.heading(text, level, page=self._page)

    def _add_prose(self, lines: Sequence[str]) -> None:
        """Adds lines as a paragraph, those joined that were one before a program wrapped them."""
        if not lines:
            return
        if self._indents and _indent(lines[0]) <= self._indents[0]:
            self._indents = []
        parts = [without_leaders(joined(part)) for part in unwrapped(lines)]
        self.builder.paragraph("\n".join(parts), page=self._page)


def _groups(lines: Sequence[str]) -> Iterator[list[str]]:
    """Lines between blank ones, without the marks of quoted mail."""
    group: list[str] = []
    for line in [*lines, ""]:
        text = line[mark.end() :] if ">" in line and (mark := _QUOTED.match(line)) else line
        if text := text.rstrip():
            group.append(text)
        elif group:
            yield group
            group = []


def _heads(line: str, following: Sequence[str], *, is_first: bool) -> bool:
    """Whether a line between blank ones is a heading: short, without an end, and prose or steps stand below it.

    The first line of a document needs nothing of it but text below.
    """
    text = line.strip()
    if len(text) > 60 or text[-1] in _ENDS or LABEL.match(text) or not any(map(str.isalpha, text)) or not following:
        return False
    if not (text[0].isupper() or _NUMBER.match(line)) or _BULLET.match(line) or "\t" in text or "@" in text:
        return False
    if is_first:
        return True
    below = following[0].strip()
    is_prose = len(" ".join(following)) > 40 and following[-1].rstrip()[-1] in ".:!?" and below[0].isupper()
    return is_prose or (len(following) > 1 and bool(_BULLET.match(below) or _STEP.match(below)))


def _is_head(lines: Sequence[str]) -> bool:
    """Whether the first of neighbouring lines may name those below it: it is short, they are longer or have figures."""
    if len(lines) < 2:
        return False
    head, below = lines[0].strip(), lines[1].strip()
    if not _may_head(lines[0]) or len(head) > _MAX_HEAD_CHARS or len(head.split()) > 5 or goes_on_surely(head, below):
        return False
    if len(head) * 5 > max(map(len, lines[1:])) * 4:
        return False
    has_figures = any(map(str.isdigit, below)) and (head.isalpha() or not LABEL.match(below))
    return head[-1] == ":" or below[-1] in ".!" or len(below) >= 2 * len(head) or has_figures


def _is_titled(lines: Sequence[str]) -> bool:
    """Whether the first of a document's lines is its title: labels with values stand below it, or longer lines."""
    head, below = lines[0].strip(), [line.strip() for line in lines[1:]]
    if not below or not _may_head(lines[0]) or head[-1] == ":" or goes_on_surely(head, below[0]):
        return False
    is_labelled = all(LABEL.match(line) and line[-1] != ":" for line in below)
    return is_labelled or (len(below) > 1 and all(len(line) >= 2 * len(head) for line in below[:-1]))


def _may_head(line: str) -> bool:
    text = line.strip()
    is_value = LABEL.match(text) and text[-1] != ":"
    if len(text) > 60 or text[-1] in ".;,?!…" or is_value or _BULLET.match(line) or _NUMBER.match(line):
        return False
    is_marked = "\t" in text or "@" in text or has_leader(text) or _is_rule(line) or _HASHES.fullmatch(text)
    return text[0].isupper() and not is_marked and not ASKS_OR_ANSWERS.match(line)


def _is_headed(pages: Sequence[Sequence[list[str]]]) -> bool:
    """Whether most groups of lines in a text begin with the name of what stands below it, twice or more."""
    groups = [group for page in pages for group in page if len(group) > 1]
    heads = sum(map(_is_head, groups))
    return heads > 1 and heads * 3 >= len(groups) * 2


def _indent(line: str) -> int:
    """The column where a line's text begins."""
    line = line.expandtabs(4)
    return len(line) - len(line.lstrip())


def _goes_on(before: str, line: str, indent: int) -> bool:
    """Whether a line belongs to the list item above it."""
    if _ITEM.fullmatch(line) or _is_rule(line) or ASKS_OR_ANSWERS.match(line):
        return False
    own = len(line) - len(line.lstrip())
    return own > indent or line.lstrip()[0].islower() or before.rstrip()[-1] == "," or len(before) > 60


def _is_rule(line: str) -> bool:
    """Whether a line, without space at its end, is drawn."""
    return line[-1:] in _RULE_CHARS and _RULE.fullmatch(line) is not None  # which most lines' last characters tell


def _is_shouted(pages: Sequence[Sequence[str]]) -> bool:
    """Whether most of a text is in capitals, so that these mark no headings."""
    lines = [line for page in pages for line in page]
    shouted = sum(map(str.isupper, lines))
    return shouted > 1 and 2 < sum(any(map(str.isalpha, line)) for line in lines) < 2 * shouted


def _without_running_heads(pages: Sequence[list[str]]) -> Iterator[list[str]]:
    """Pages without the lines that stand at the edge of most of them, and without their numbers."""
    if len(pages) < 2:
        yield from pages
        return
    edges: Counter[str] = Counter()
    for page in pages:
        texts = [line for line in page if line.strip()]
        edges.update({_pattern(line) for line in [*texts[:1], *texts[-1:]]})
    for page in pages:
        filled = [n for n, line in enumerate(page) if line.strip()]
        outer = {*filled[:1], *filled[-1:]} if len(filled) > 1 else set()
        yield [line for n, line in enumerate(page) if not (n in outer and _is_running(line, edges, len(pages)))]


def _is_running(line: str, edges: Counter[str], pages: int) -> bool:
    if _PAGE.fullmatch(line) or _BARE_NUMBER.fullmatch(line):
        return True
    count = edges[_pattern(line)]
    return count >= 3 and count * 2 > pages


def _pattern(line: str) -> str:
    return re.sub(r"\d+", "0", " ".join(line.split()))
