"""Files of labelled messages as rows with line numbers: CSV as spreadsheets save it, and JSON lines.

Excel's semicolons, tabs and byte-order mark are read; a file that is not UTF-8 is refused, since a guess would spoil
the accents of every message without a word.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from student.intents.errors import IntentsRefused

MAX_FILE_BYTES = 8 << 20
_DELIMITERS = ",;\t"
_SYNONYMS = {"intent": "label"}


@dataclass(frozen=True, slots=True)
class TableName:
    """A table's name and words in refusals.

    Attributes:
        name: a file's path, or words for what has none.
        row: a row's word: a file has lines, a JSON list has rows.
        is_shown: whether refusals may repeat labels; not where they are answered over HTTP.
    """

    name: str
    row: str = "line"
    is_shown: bool = True

    def at(self, *lines: int) -> str:
        """The words for some rows."""
        return f"{self.name} {self.row}{'s' * (len(lines) > 1)} {' and '.join(map(str, lines))}"

    def show(self, value: str) -> str:
        """A value in a refusal, or three dots."""
        return repr(value[:100]) if self.is_shown else "…"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the line that it begins on, from 1, and its columns by lower-case name, values stripped."""

    line: int
    columns: dict[str, str]


def read_table(path: Path, *, required: tuple[str, ...] = ("text", "label")) -> list[Row]:
    """The rows of a CSV file with a header, or of JSON lines where the name ends in `.jsonl`.

    Raises:
        IntentsRefused: the file is too large, is not UTF-8, or has no such columns.
    """
    try:
        require_file_size(path.stat().st_size, str(path))
        content = path.read_bytes()
    except OSError as error:
        raise IntentsRefused(f"{path} cannot be read: {error.strerror}; check the file") from error
    return parse_table(content, TableName(str(path)), suffix=path.suffix, required=required)


def parse_table(
    content: bytes, table: TableName, *, suffix: str, required: tuple[str, ...] = ("text", "label")
) -> list[Row]:
    """The rows of a file's bytes: JSON lines where its name's suffix says so, else CSV. Raises `IntentsRefused`."""
    require_file_size(len(content), table.name)
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = _decoded(table, content, encoding)
    rows = list(_json_rows(table, text) if suffix.lower() in {".jsonl", ".ndjson"} else _csv_rows(table, text))
    if not rows:
        raise IntentsRefused(
            f"{table.name} has no rows; expected a header with {', '.join(required)} and a row a message"
        )
    if [name for name in required if name not in rows[0].columns]:
        found = ", ".join(rows[0].columns) if table.is_shown else "…"
        raise IntentsRefused(
            f"{table.at(rows[0].line)} has the columns {found}, expected {', '.join(required)}; "
            "name them in the first line, with a comma, a semicolon or a tab between them"
        )
    return rows


def require_file_size(size_bytes: int, name: str) -> None:
    """Raises `IntentsRefused` where a file of examples is too large."""
    if size_bytes > MAX_FILE_BYTES:
        raise IntentsRefused(
            f"{name} has {size_bytes} bytes, expected at most {MAX_FILE_BYTES}; give some hundred messages a label"
        )


def _decoded(table: TableName, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise IntentsRefused(
            f"{table.at(line)} is not UTF-8; save it again as UTF-8 (in Excel: CSV UTF-8, comma delimited)"
        ) from error


def _csv_rows(table: TableName, text: str) -> Iterator[Row]:
    header = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=header.count)  # the first of equals
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    before = 0
    try:
        for values in reader:
            line, before = before + 1, reader.line_num
            if not names:
                names = [_name(value) for value in values]
                continue
            if not values:
                continue
            if len(values) != len(names):
                raise IntentsRefused(
                    f"{table.at(line)} has {len(values)} columns, expected {len(names)} as in the first line; put "
                    "quotation marks around a text that holds the delimiter"
                )
            yield Row(line, {name: value.strip() for name, value in zip(names, values, strict=True)})
    except csv.Error as error:
        raise IntentsRefused(f"{table.at(before + 1)} is not CSV: {error}; save it again from a spreadsheet") from error


def _json_rows(table: TableName, text: str) -> Iterator[Row]:
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise IntentsRefused(f"{table.at(line)} is not a JSON object; expected an object a line")
        yield Row(line, {_name(key): str(each).strip() for key, each in value.items() if isinstance(each, str)})


def _name(value: str) -> str:
    name = value.strip().lower()
    return _SYNONYMS.get(name, name)
