"""CSV and TSV to text and blocks, in the dialects that spreadsheets and exports write.

Nothing is refused for a row: one with too many fields, or a quote that is never closed, is named and the others are
read.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from edge_agent.errors import InputInvalid
from edge_agent.ingest.parsing.blocks import QUESTION_LEVEL, BlockKind, Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.encoding import decode_text
from edge_agent.ingest.parsing.markup.fragments import plain_field
from edge_agent.ingest.parsing.spreadsheet import add_spreadsheet, header_rows, require_cells
from edge_agent.settings import ParsingLimits

_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?[;,\t ]*\n", re.IGNORECASE)
_DELIMITERS = ";\t,|"
_SAMPLE_CHARS, _SAMPLE_ROWS = 100_000, 200
_QUOTED = re.compile(r' {0,8}"((?:[^"]|""){0,50000}+)" {0,8}')
Record = tuple[int, list[str], bool]
"""The number of its first line, its fields, and whether a quote in it is never closed."""


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Rows of a table, each with the names of its columns.

    Raises:
        TextUndecodable: no text. ContentTooLarge: too many rows or fields. InputInvalid: nothing in it.
    """
    text, encoding = decode_text(content)
    text = text.strip("\n") + "\n"
    said = _SEPARATOR_LINE.match(text)
    start = said.end() if said else 0
    delimiter = said[1] if said else delimiter_of(text)
    builder = TextBuilder()
    records = []
    for number, fields, is_open in read_records(text, delimiter, start):
        if is_open:
            builder.notice(f"line {number} has a quote that is never closed; read to the end of the line")
        while fields and not fields[-1].strip():
            fields.pop()
        records.append((number, [plain_field(field) for field in fields]))
        require_cells(len(records), len(fields))
    rows = list(_evened(builder, records, delimiter))
    if not rows:
        raise InputInvalid("the table is empty; expected rows")
    add_spreadsheet(builder, rows)
    return _titled(builder.build(encoding=encoding))


def _titled(made: Extract) -> Extract:
    """A table whose only heading stands above all of it, with that for a title."""
    headings = [block for block in made.blocks if block.kind is BlockKind.HEADING and block.level < QUESTION_LEVEL]
    if len(headings) != 1 or headings[0] is not made.blocks[0]:
        return made
    return replace(made, title=made.text[headings[0].start : headings[0].end])


def delimiter_of(text: str) -> str:
    """The character between fields: the one that divides most rows into the same number of fields."""
    sample = text[:_SAMPLE_CHARS]
    return max(_DELIMITERS, key=lambda delimiter: _consistency(sample, delimiter))


def _consistency(sample: str, delimiter: str) -> tuple[float, int]:
    """The share of rows that have as many fields as most, and how many those are."""
    counts: Counter[int] = Counter()
    for number, (_, fields, _) in enumerate(read_records(sample, delimiter)):
        if number >= _SAMPLE_ROWS:
            break
        if len(fields) > 1 or fields[0].strip():
            counts[len(fields)] += 1
    divided = {width: count for width, count in counts.items() if width > 1}
    if not divided:
        return 0.0, 1
    width = max(divided, key=lambda width: (divided[width], width))
    return round(divided[width] / counts.total(), 1), width


def read_records(text: str, delimiter: str, start: int = 0) -> Iterator[Record]:
    """The records of a text: a line each, or several where a quoted field holds line breaks. Linear in its length."""
    at, line = start, text.count("\n", 0, start) + 1
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if '"' not in text[at:end]:
            yield line, text[at:end].split(delimiter), False
            at, line = end + 1, line + 1
        else:
            fields, after, is_open = _quoted_record(text, at, delimiter)
            yield line, fields, is_open
            line += text.count("\n", at, after)
            at = after


def _quoted_record(text: str, at: int, delimiter: str) -> tuple[list[str], int, bool]:
    """The fields of the record at a place, and the place of the next one."""
    fields, is_open = [], False
    while True:
        quoted = _QUOTED.match(text, at)
        end = quoted.end() if quoted else 0
        if quoted and (end == len(text) or text[end] in (delimiter, "\n")):
            fields.append(quoted[1].replace('""', '"'))
        else:
            line_end = text.find("\n", at)
            line_end = len(text) if line_end < 0 else line_end
            found = text.find(delimiter, at, line_end)
            end = found if found >= 0 else line_end
            field = text[at:end]
            is_opened = field.lstrip(" ").startswith('"')
            is_open |= is_opened and not (quoted and quoted.end() <= line_end)
            fields.append(field.lstrip(" ")[1:] if is_opened and field.count('"') == 1 else field)
        if end >= len(text) or text[end] == "\n":
            return fields, end + 1, is_open
        at = end + 1


def _evened(builder: TextBuilder, records: list[tuple[int, list[str]]], delimiter: str) -> Iterator[list[str]]:
    """Rows no wider than their header; those that are say so."""
    counts = Counter(len(fields) for _, fields in records if len(fields) > 1)
    header = next((fields for _, fields in records[:20] if len(fields) > 1 and header_rows([fields])), [])
    width = len(header)
    if width < 2 or sum(count for size, count in counts.items() if size > width) * 2 > counts.total():
        width = max(counts, default=1)  # no header, or one that names only some columns
    for number, fields in records:
        if len(fields) > width:
            joined = _rejoined(fields, width, delimiter)
            how = "read with the surplus joined" if len(joined) <= width else "the surplus has no column name"
            builder.notice(f"row {number} has {len(fields)} fields, the header {width}: {how}")
            yield joined
            continue
        if 1 < len(fields) < width - 1 and counts[len(fields)] * 10 < counts.total():
            builder.notice(f"row {number} has {len(fields)} fields, the header {width}: read as far as named")
        yield fields


def _rejoined(fields: list[str], width: int, delimiter: str) -> list[str]:
    """A row whose text held the delimiter without quotes: a space after it shows where."""
    joined = fields[:1]
    surplus = len(fields) - width
    for field in fields[1:]:
        if surplus and field.startswith(" "):
            joined[-1] += delimiter + field
            surplus -= 1
        else:
            joined.append(field)
    return joined
