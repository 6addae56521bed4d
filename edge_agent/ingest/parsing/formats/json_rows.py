"""JSON and JSON lines to text and blocks: objects become rows of named values, lists of them tables.

Numbers stay as they are written, `true` and `false` too; `null` is left out, and so are the tags of HTML.
What is nested is named by its way: `owner › name: Front desk`.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from edge_agent.errors import ContentTooLarge, InputInvalid
from edge_agent.ingest.parsing.blocks import Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.encoding import decode_text
from edge_agent.ingest.parsing.grid import add_rows
from edge_agent.ingest.parsing.markup.fragments import plain_field
from edge_agent.ingest.parsing.spreadsheet import MAX_CELLS, MAX_COLUMNS, MAX_ROWS, add_spreadsheet, require_cells
from edge_agent.settings import ParsingLimits

MAX_DEPTH = 20
_MAX_DIGITS = 400
_WAY, _LIST_GAP = " › ", "; "
_TITLES = ("title", "titulo", "título", "name", "nombre")
Value = Any
"""A value of JSON, numbers as text."""


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """The values of a JSON document or of JSON lines, whichever it is.

    Raises:
        TextUndecodable: no text. InputInvalid: no JSON, or nothing but one value. ContentTooLarge: past a bound.
    """
    text, encoding = decode_text(content)
    builder = TextBuilder()
    whole = _load(text)
    if isinstance(whole, dict | list):
        _Values(builder).add(whole, level=2)
        titles = [whole.get(name) for name in _TITLES] if isinstance(whole, dict) else []
        title = next((title for title in titles if isinstance(title, str)), None)
        return builder.build(title, encoding=encoding)
    if document_format is DocumentFormat.JSON and "\n" not in text.strip():
        raise InputInvalid("the document is not a JSON object or list; expected one, or JSON lines")
    rows = list(_lines(builder, text))
    _Values(builder).add(rows, level=2)
    return builder.build(encoding=encoding)


def _lines(builder: TextBuilder, text: str) -> Iterator[Value]:
    first_bad, good = 0, 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        value = _load(line)
        if isinstance(value, dict | list):
            good += 1
            yield value
        else:
            first_bad = first_bad or number
            builder.notice(f"line {number} is not a JSON object: left out")
    if not good:
        raise InputInvalid(f"line {first_bad} is not a JSON object; expected JSON lines, one object on each, or JSON")


def _load(text: str) -> Value:
    """A value, None for what is no JSON or nests as no document does."""
    try:
        return json.loads(text, parse_float=_digits, parse_int=_digits, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _digits(number: str) -> str:
    if len(number) > _MAX_DIGITS:
        raise ValueError("more digits than any number of a document")
    return number


class _Values:
    """Adds values to a document and counts them."""

    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder
        self._rows, self._cells = 0, 0

    def add(self, value: Value, level: int, depth: int = 0) -> None:
        """Adds a list or an object; lists of objects below it get a heading."""
        _require_depth(depth)
        if _is_map(value) and _is_keyed(value):
            self._add_keyed(value, level, depth)
        elif _is_map(value):
            self._add_object(value, level, depth)
        else:
            for kind, run in groupby(value, key=type):
                self._add_run(kind, list(run), level, depth)

    def _add_keyed(self, value: dict[str, Value], level: int, depth: int) -> None:
        """Adds objects that their keys name: each is a row that begins with its key, or stands below it."""
        if any(_holds_rows(inner, depth) for inner in value.values()):
            for name, inner in value.items():
                self._builder.heading(_readable(name), min(level, 6))
                self.add(inner, level + 1, depth + 1)
            self._builder.end_scope(min(level, 6))
        else:
            self._add_rows([{"": name, **inner} for name, inner in value.items()])

    def _add_object(self, value: dict[str, Value], level: int, depth: int) -> None:
        """Adds an object: its own values as a row, then its lists of objects below headings."""
        below = {
            name: inner
            for name, inner in value.items()
            if _holds_rows(inner, depth) or (not depth and _is_map(inner) and _is_keyed(inner))
        }
        self._add_rows([{name: inner for name, inner in value.items() if name not in below}])
        for name, inner in below.items():
            self._builder.heading(_readable(name), min(level, 6))
            self.add(inner, level + 1, depth + 1)
        if below:
            self._builder.end_scope(min(level, 6))

    def _add_run(self, kind: type, run: list[Value], level: int, depth: int) -> None:
        if kind is dict:
            for is_nested, objects in groupby(run, key=lambda one: any(_holds_rows(v, depth) for v in one.values())):
                if is_nested:
                    for one in objects:
                        self._add_object(one, level, depth + 1)
                else:
                    self._add_rows(list(objects))
        elif kind is list:
            if all(not isinstance(cell, dict | list) for row in run for cell in row):
                self._count(len(run), max(map(len, run)))
                add_spreadsheet(self._builder, [[_scalar(cell) for cell in row] for row in run])
            else:
                for inner in run:
                    self.add(inner, level, depth + 1)
        else:
            for one in run:
                self._builder.item(_scalar(one))

    def _add_rows(self, objects: Sequence[dict[str, Value]]) -> None:
        """Adds objects, those with the same names as rows of one table."""
        flat = [_speaking(list(_flatten(one, "", 0))) for one in objects]
        for names, run in groupby(flat, key=lambda pairs: tuple(name for name, _ in pairs)):
            rows = [[text for _, text in pairs] for pairs in run]
            self._count(len(rows), len(names))
            add_rows(self._builder, names, rows)

    def _count(self, rows: int, columns: int) -> None:
        require_cells(rows, columns)
        self._rows += rows
        self._cells += rows * columns
        if self._rows > MAX_ROWS or self._cells > MAX_CELLS:
            raise ContentTooLarge(f"more than {MAX_ROWS} objects or {MAX_CELLS} values; split the document")


def _flatten(value: Value, way: str, depth: int) -> Iterator[tuple[str, str]]:
    """The values of an object by their ways, lists of single values on one line."""
    _require_depth(depth)
    if _is_map(value):
        for name, inner in value.items():
            yield from _flatten(inner, f"{way}{_WAY}{_readable(name)}" if way else _readable(name), depth + 1)
    elif isinstance(value, list):
        if len(value) > MAX_COLUMNS * 50:
            raise ContentTooLarge(f"a list of more than {MAX_COLUMNS * 50} values in an object; split the document")
        parts = [_brief(inner, depth + 1) for inner in value]
        if text := _LIST_GAP.join(part for part in parts if part):
            yield way, text
    elif text := _scalar(value):
        yield way, text


def _brief(value: Value, depth: int) -> str:
    """A value of a list on one line."""
    if not isinstance(value, dict | list):
        return _scalar(value)
    return ", ".join(f"{name}: {text}" if name else text for name, text in _flatten(value, "", depth))


def _speaking(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Values of an object, those of schema.org's questions by the names of a question and its answer."""
    kinds = {text for name, text in pairs if name == "@type"}
    if "Question" not in kinds:
        return pairs
    usual = {"name": "question", f"acceptedAnswer{_WAY}text": "answer"}
    return [(usual.get(name, name), text) for name, text in pairs if not name.endswith("@type")]


def _holds_rows(value: Value, depth: int) -> bool:
    """Whether a value holds a list of objects or of lists somewhere, which is a table of its own."""
    if depth > MAX_DEPTH:
        return False
    if isinstance(value, list):
        inners = [inner for inner in value if isinstance(inner, dict | list)]
        return bool(inners) and (len(value) > 1 or any(len(inner) > 2 for inner in inners))
    return _is_map(value) and any(_holds_rows(inner, depth + 1) for inner in value.values())


def _readable(name: str) -> str:
    return " ".join(name.replace("_", " ").split()) or name


def _scalar(value: Value) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else plain_field(str(value).strip())


def _is_map(value: Value) -> bool:
    return isinstance(value, dict)


def _is_keyed(value: dict[str, Value]) -> bool:
    """Whether an object holds nothing but objects that have most names in common: records by their keys."""
    inners = [set(inner) if _is_map(inner) else set() for inner in value.values()]
    if len(inners) < 2 or "" in value or not all(inners):
        return False
    return 2 * len(set.intersection(*inners)) >= len(set.union(*inners)) > 1


def _require_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InputInvalid(f"the document nests values deeper than {MAX_DEPTH}; simplify it")
