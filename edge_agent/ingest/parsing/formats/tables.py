"""CSV and JSON lines to text and blocks: answered questions, tickets, or any rows of named fields.

Each row becomes a section: its question, subject or title is the heading, so that what is cited names itself.
"""

import csv
import io
import json
from collections.abc import Iterator

from edge_agent.errors import ContentTooLarge, InputInvalid
from edge_agent.ingest.parsing.blocks import QUESTION_LEVEL, Extract, TextBuilder
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.encoding import decode_text
from edge_agent.settings import ParsingLimits

_HEADINGS = ("question", "pregunta", "subject", "asunto", "title", "titulo", "título", "name", "nombre")
_LEFT_OUT = ("id", "lang", "language", "idioma", "tags", "date", "fecha", "url")
MAX_ROWS = 50_000
MAX_FIELDS = 50


def parse(content: bytes, document_format: DocumentFormat, limits: ParsingLimits) -> Extract:
    """Rows of a CSV with a header, or of JSON lines, each an object.

    Raises:
        InputInvalid: no header of different names, a row with more fields than the header, a line that is no object.
        ContentTooLarge: too many rows or fields.
    """
    text, encoding = decode_text(content)
    if document_format is DocumentFormat.JSONL:
        return _extract(_json_rows(text), encoding)
    return _extract(_read_csv(text), encoding)


def _read_csv(text: str) -> Iterator[dict[str, str]]:
    first_line = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first_line.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if not header or "" in header or len(set(header)) != len(header):
            raise InputInvalid("the CSV has no header of different names; its first line names the columns")
        yield from _csv_rows(reader, header)
    except csv.Error as error:
        raise InputInvalid(f"line {reader.line_num} of the CSV cannot be read: {error}") from error


def _csv_rows(reader: Iterator[list[str]], header: list[str]) -> Iterator[dict[str, str]]:
    for number, row in enumerate(reader, start=2):
        if len(row) > len(header):
            raise InputInvalid(f"row {number} of the CSV has {len(row)} fields, its header {len(header)}")
        yield dict(zip(header, row, strict=False))


def _json_rows(text: str) -> Iterator[dict[str, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise InputInvalid(f"line {number} is not a JSON object; expected JSON lines, one object on each")
        yield {str(name): value for name, value in row.items() if isinstance(value, str)}


def _extract(rows: Iterator[dict[str, str]], encoding: str) -> Extract:
    builder = TextBuilder()
    for number, row in enumerate(rows, start=1):
        if number > MAX_ROWS or len(row) > MAX_FIELDS:
            raise ContentTooLarge(f"more than {MAX_ROWS} rows or {MAX_FIELDS} fields; split the table")
        named = {name.lower(): " ".join(value.split()) for name, value in row.items() if value.strip()}
        heading = next((named[name] for name in _HEADINGS if name in named), "")
        texts = {name: text for name, text in named.items() if name not in (*_HEADINGS, *_LEFT_OUT)}
        if heading and texts:
            builder.heading(heading, QUESTION_LEVEL)
        elif heading:
            builder.paragraph(heading)
        for name, text in texts.items():
            builder.paragraph(text if len(texts) == 1 or heading else f"{name}: {text}")
    return builder.build(encoding=encoding)
