"""Rows of examples as they come over HTTP, checked; refusals give rows and repeat nothing of them."""

import json
from collections.abc import Sequence
from pathlib import PurePath

from edge_agent.errors import ExamplesInvalid, FormatUnsupported, InputInvalid
from edge_agent.text import require_text
from student.intents.errors import IntentsRefused
from student.intents.examples import Examples, check_examples
from student.intents.table_files import Row, TableName, parse_table
from student.masking.identifiers import find_identifiers
from student.masking.pseudonyms import mask_text

LIST, FILE = TableName("the list", row="row", is_shown=False), TableName("the file", is_shown=False)
SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson")


def rows_of_file(content: bytes, name: str) -> list[Row]:
    """The rows of an uploaded file, whose name's suffix says its format.

    Raises:
        FormatUnsupported: it is of no format that is read. ExamplesInvalid: it cannot be read; the message gives lines.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise FormatUnsupported(
            f"examples of that format are not read, expected {', '.join(SUFFIXES)}; save the sheet as CSV UTF-8"
        )
    try:
        return parse_table(content, FILE, suffix=suffix)
    except IntentsRefused as error:
        raise ExamplesInvalid(str(error)) from None


def check_rows(rows: list[Row], row: str, *, languages: Sequence[str], known_labels: Sequence[str]) -> Examples:
    """The examples in some rows.

    Args:
        rows: as they came, or masked.
        row: a row's word, `line` or `row`.
        languages: that the bundle is for.
        known_labels: that the head before has and the new one keeps.

    Raises:
        ExamplesInvalid: they cannot be learned from; the message gives the rows.
    """
    table = FILE if row == FILE.row else LIST
    try:
        for each in rows:
            for name in ("text", "label"):
                require_text(each.columns.get(name, ""), f"{table.at(each.line)}: its {name}")
        examples = check_examples(rows, table, languages=languages, known_labels=known_labels)
    except (IntentsRefused, InputInvalid) as error:
        raise ExamplesInvalid(str(error)) from None
    for label in dict.fromkeys(examples.labels):
        if find_identifiers(label):
            line = examples.lines[examples.labels.index(label)]
            raise ExamplesInvalid(f"{table.at(line)} has personal data in its label, expected the name of an intent")
    return examples


def pack_rows(rows: list[Row]) -> bytes:
    """Rows as JSON lines, with the numbers that they had."""
    return "".join(json.dumps({"line": row.line, "columns": row.columns}) + "\n" for row in rows).encode()


def unpack_masked_rows(content: bytes) -> list[Row]:
    """Rows that were packed, the personal data in their texts replaced by what kind of thing stood there."""
    rows = []
    for line in content.splitlines():
        value = json.loads(line)
        rows.append(Row(value["line"], value["columns"] | {"text": mask_text(value["columns"].get("text", ""))}))
    return rows
