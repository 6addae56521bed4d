"""Plain text to text and blocks: what its lines are, though nothing marks them.

Prose that was wrapped at a width is joined to paragraphs; lists of short lines, as telephone lists and menus, stay
lines, so that one of them is quoted alone. Headings in capitals or underlined, bullets and numbers, tables drawn with
tabs, bars or aligned columns, quoted mail and form feeds are what they look like.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from edge_agent.characters import with_plain_breaks
from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.encoding import decode_raw
from edge_agent.ingest.parsing.formats.plain_tables import drawn_rows
from edge_agent.ingest.parsing.spreadsheet import MAX_COLUMNS, add_spreadsheet
from edge_agent.settings import ParsingLimits

_RULE = re.compile(r"\s*([=\-_*~#·—─═])(?:\s?\1){2,}\s*")
_HASHES = re.compile(r"(#{1,6})\s+(\S(?:.*[^\s#])?)[\s#]*")
_BULLET = re.compile(r"(\s*)([-*+•▪◦·‣–—●○■□])\s+(\S.*)")
_NUMBER = re.compile(r"(\s*)(\(?\d{1,3}(?:\.\d{1,3}){0,3}(?:[.)]|\.-|º)|\(?[a-z]\))\s+(\S.*)")
_STEP = re.compile(r"(\s*)((?:paso|step)\s+\d{1,2}\s*[:.)-])\s*(\S.*)", re.IGNORECASE)
_QUOTED = re.compile(r"(?:\s{0,3}>\s?)+")
_PAGE = re.compile(r"\s*(?:(?:p[áa]gina|p[áa]g\.?|page)\s*\d{1,4}(?:\s*(?:de|of|/)\s*\d{1,4})?|- ?\d{1,4} ?-)\s*", re.I)
_BARE_NUMBER = re.compile(r"\s*\d{1,4}\s*")
_LABEL = re.compile(r"\s*[^\s:][^:]{0,40}:(?:\s|$)")
_LEADER = re.compile(r"(?<!\s)\s*+(?:\.{4,}|(?:\. ){4,}|_{4,}|…{2,})\s*(?=\S)")
_ASKS_OR_ANSWERS = re.compile(
    r"\s*(?:P|R|Q|A|Preg|Resp|Pregunta|Respuesta|Question|Answer)\s{0,3}\.?\s{0,3}\d{0,3}\s{0,3}[:.)]\s+\S",
    re.IGNORECASE,
)
_MAX_HEADING_CHARS, _MIN_WRAPPED_CHARS, _SURELY_WRAPPED_CHARS, _MIN_WRAPPED_WORDS = 80, 25, 60, 4
_ENDS = (".", ":", ";", "?", "!", "…", ",")


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Text and blocks of a plain text. Raises `TextUndecodable`."""
    raw, encoding = decode_raw(content)
    pages = [with_plain_breaks(page).split("\n") for page in raw.split("\f")]
    reader = _Lines(is_shouted=_is_shouted(pages))
    for number, lines in enumerate(_without_running_heads(pages), start=1):
        reader.read(lines, number if len(pages) > 1 else 0)
    builder = reader.builder
    if builder.is_empty:  # nothing stands below what looks like headings: a note of a few words
        builder = TextBuilder()
        for lines in pages:
            builder.paragraph("\n".join(lines))
    return builder.build(reader.title, encoding=encoding)


class _Lines:
    """Reads groups of lines between blank ones."""

    def __init__(self, *, is_shouted: bool) -> None:
        self.builder = TextBuilder()
        self.title: str | None = None
        self._is_shouted, self._is_first, self._page = is_shouted, True, 0

    def read(self, lines: Sequence[str], page: int) -> None:
        """Reads the lines of a page, or all of them."""
        self._page = page
        groups = list(_groups(lines))
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
            item = _BULLET.fullmatch(line) or _NUMBER.fullmatch(line) or _STEP.fullmatch(line)
            if heading or _RULE.fullmatch(line):
                self._add_prose(waiting)
                waiting = []
                if heading:
                    hashes = _HASHES.fullmatch(line)
                    self._add_heading(
                        hashes[2] if hashes else line, heading, is_first=n < 2 and all(map(_RULE.fullmatch, lines[:n]))
                    )
            elif item and not (_NUMBER.fullmatch(line) and _is_question_number(item[3])):
                self._add_prose(waiting)
                waiting = []
                end = n + 1
                while end < len(lines) and _goes_on(lines[end - 1], lines[end], len(item[1])):
                    end += 1
                text = _joined([item[3], *lines[n + 1 : end]])
                self.builder.item(text, marker=item[2], depth=1 + min(len(item[1]) // 2, 5), page=self._page)
                n = end - 1
            else:
                waiting.append(line)
            n += 1
        self._add_prose(waiting)

    def _heading_level(self, line: str, following: str, before: str) -> int:
        """The level of a line that is a heading, else 0."""
        text = line.strip()
        if (hashes := _HASHES.fullmatch(text)) and hashes[2][0].isupper() and not before:
            return len(hashes[1])
        if len(text) > _MAX_HEADING_CHARS or _RULE.fullmatch(line) or text[-1] in ".;,":
            return 0
        if _RULE.fullmatch(following):
            if _RULE.fullmatch(before):
                return 1
            if len(following.strip()) * 2 >= len(text):
                return 1 if following.strip()[0] in "=═#*" else 2
        letters = sum(map(str.isalpha, text))
        is_capital = text.isupper() and letters > 3 and letters * 2 > len(text) and not self._is_shouted
        is_capital = is_capital and (text[0].isalnum() or text[0] in '¿¡«"“(')
        if is_capital and text[-1] not in "?!" and not _LABEL.match(text.rstrip(":")) and not following.isupper():
            return 2 if not _BULLET.match(text) else 0
        return 0

    def _add_lone_heading(self, line: str) -> None:
        number = _NUMBER.fullmatch(line)
        level = 1 if self._is_first else 2 + (number[2].strip("().").count(".") if number else 0)
        self._add_heading(line, min(level, 6), is_first=True)

    def _add_heading(self, text: str, level: int, *, is_first: bool) -> None:
        if self._is_first and is_first:
            self.title = text
        self.builder.heading(text, level, page=self._page)

    def _add_prose(self, lines: Sequence[str]) -> None:
        """Adds lines as a paragraph, those joined that were one before a program wrapped them."""
        if not lines:
            return
        width = max(map(len, lines))
        joined = [[lines[0]]]
        for before, line in pairwise(lines):
            if _was_wrapped(before, line, width):
                joined[-1].append(line)
            else:
                joined.append([line])
        self.builder.paragraph("\n".join(_LEADER.sub(": ", _joined(parts)) for parts in joined), page=self._page)


def _groups(lines: Sequence[str]) -> Iterator[list[str]]:
    """Lines between blank ones, without the marks of quoted mail."""
    group: list[str] = []
    for line in [*lines, ""]:
        text = line[mark.end() :] if (mark := _QUOTED.match(line)) else line
        if text.strip():
            group.append(text.rstrip())
        elif group:
            yield group
            group = []


def _heads(line: str, following: Sequence[str], *, is_first: bool) -> bool:
    """Whether a line between blank ones is a heading: short, without an end, and prose or steps stand below it.

    The first line of a document needs nothing of it but text below.
    """
    text = line.strip()
    if len(text) > 60 or text[-1] in _ENDS or _LABEL.match(text) or not any(map(str.isalpha, text)) or not following:
        return False
    if not (text[0].isupper() or _NUMBER.fullmatch(line)) or _BULLET.match(line) or "\t" in text or "@" in text:
        return False
    if is_first:
        return True
    below = following[0].strip()
    is_prose = len(" ".join(following)) > 40 and following[-1].rstrip()[-1] in ".:!?" and below[0].isupper()
    return is_prose or (len(following) > 1 and bool(_BULLET.match(below) or _STEP.match(below)))


def _was_wrapped(before: str, line: str, width: int) -> bool:
    """Whether a line goes on in the next one, which a program or a person broke at a width."""
    if _ASKS_OR_ANSWERS.match(line) or line[:1] == "\t":
        return False
    first, start = line.split(None, 1)[0], line.lstrip()[0]
    if before.rstrip()[-1] == "," or (start.islower() and not before.rstrip().endswith((".", "?", "!", ":", ";"))):
        return not (_LABEL.match(line) and _LABEL.match(before))
    if _LABEL.match(line) or before.rstrip()[-1] in ":;":
        return start.islower() and len(before) + len(first) >= width > 2 * _MIN_WRAPPED_CHARS
    if len(before) + 1 + len(first) <= width:
        return False
    is_prose = width >= _MIN_WRAPPED_CHARS and len(before.split()) >= _MIN_WRAPPED_WORDS and not _LABEL.match(before)
    return is_prose or width >= _SURELY_WRAPPED_CHARS


def _goes_on(before: str, line: str, indent: int) -> bool:
    """Whether a line belongs to the list item above it."""
    if any(kind.fullmatch(line) for kind in (_BULLET, _NUMBER, _STEP, _RULE)) or _ASKS_OR_ANSWERS.match(line):
        return False
    own = len(line) - len(line.lstrip())
    return own > indent or line.lstrip()[0].islower() or before.rstrip()[-1] == "," or len(before) > 60


def _is_question_number(text: str) -> bool:
    """Whether a numbered line is a question, which is no step of a list."""
    return text.rstrip()[-1] == "?"


def _joined(lines: Sequence[str]) -> str:
    """Wrapped lines as one, words that were divided at a line's end whole again."""
    text = lines[0].strip()
    for line in map(str.strip, lines[1:]):
        is_divided = text[-1:] == "-" and text[-2:-1].isalpha() and line[:1].islower()
        text = text[:-1] + line if is_divided else f"{text} {line}"
    return text


def _is_shouted(pages: Sequence[Sequence[str]]) -> bool:
    """Whether most of a text is in capitals, so that these mark no headings."""
    lines = [line for page in pages for line in page if any(map(str.isalpha, line))]
    return sum(map(str.isupper, lines)) * 2 > len(lines) and len(lines) > 2


def _without_running_heads(pages: Sequence[list[str]]) -> Iterator[list[str]]:
    """Pages without the lines that stand at the edge of most of them, and without their numbers."""
    edges: Counter[str] = Counter()
    for page in pages:
        texts = [line for line in page if line.strip()]
        edges.update({_pattern(line) for line in [*texts[:1], *texts[-1:]]})
    for page in pages:
        filled = [n for n, line in enumerate(page) if line.strip()]
        outer = {*filled[:1], *filled[-1:]} if len(pages) > 1 and len(filled) > 1 else set()
        yield [line for n, line in enumerate(page) if not (n in outer and _is_running(line, edges, len(pages)))]


def _is_running(line: str, edges: Counter[str], pages: int) -> bool:
    if _PAGE.fullmatch(line) or _BARE_NUMBER.fullmatch(line):
        return True
    count = edges[_pattern(line)]
    return count >= 3 and count * 2 > pages


def _pattern(line: str) -> str:
    return re.sub(r"\d+", "0", " ".join(line.split()))
