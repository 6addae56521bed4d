"""Examples: a branch's messages with their labels, checked as a whole before anything is learned."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from student.bundle.lexical_features import fold
from student.intents.errors import IntentsRefused
from student.intents.table_files import Row, TableName, read_table

MIN_EXAMPLES = 3
"""Of a label: two to learn from while the third is held out."""
MAX_LABELS = 300
MAX_EXAMPLES = 6000
OUT_OF_SCOPE = "out_of_scope"
"""The label of messages that are none of the others': the threshold is chosen by them, and no head has it."""
_MAX_LABEL_CHARS = 100
_MAX_TEXT_CHARS = 4000
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Examples:
    """N messages.

    Attributes:
        texts, labels: N of each.
        languages: of N messages, "" where unknown.
        lines: on which they stand in their file, from 1.
        repeated: how many rows were left out because another has the same text and label.
        outside: texts of M further messages, which are of none of the labels; their `outside_languages`.
    """

    texts: list[str]
    labels: list[str]
    languages: list[str]
    lines: list[int]
    repeated: int = 0
    outside: list[str] = field(default_factory=list)
    outside_languages: list[str] = field(default_factory=list)


def read_examples(path: Path, *, languages: Sequence[str], known_labels: Sequence[str] = ()) -> Examples:
    """Reads a file of examples with the columns `text`, `label` and, where it has one, `language`.

    Args:
        path: CSV or JSON lines.
        languages: that the bundle is for.
        known_labels: that the bundle's head keeps.

    Raises:
        IntentsRefused: a row or the whole cannot be used; the message gives the lines.
    """
    return check_examples(read_table(path), TableName(str(path)), languages=languages, known_labels=known_labels)


def check_examples(
    rows: list[Row], table: TableName, *, languages: Sequence[str], known_labels: Sequence[str] = ()
) -> Examples:
    """The examples in some rows; see `read_examples`."""
    _refuse_many(table, rows)
    for row in rows:
        _check_row(table, row, languages)
    _refuse_case_apart(table, rows, known_labels)
    kept = list(rows_by_text(table, rows).values())
    inside = [row for row in kept if not is_out_of_scope(row.columns["label"])]
    outside = [row for row in kept if is_out_of_scope(row.columns["label"])]
    _refuse_few(table, inside, fewest_labels=1 if known_labels else 2)
    return Examples(
        [row.columns["text"] for row in inside],
        [row.columns["label"] for row in inside],
        _languages(inside),
        [row.line for row in inside],
        len(rows) - len(kept),
        [row.columns["text"] for row in outside],
        _languages(outside),
    )


def is_out_of_scope(label: str) -> bool:
    """Whether a label says that a message is of none: `out_of_scope`, in any case, with spaces or hyphens too."""
    return "_".join(label.casefold().replace("-", " ").replace("_", " ").split()) == OUT_OF_SCOPE


def _languages(rows: list[Row]) -> list[str]:
    return [row.columns.get("language", "").lower() for row in rows]


def _refuse_many(table: TableName, rows: list[Row]) -> None:
    labels = len({label for row in rows if not is_out_of_scope(label := row.columns.get("label", ""))})
    if labels > MAX_LABELS:
        raise IntentsRefused(
            f"{table.name} has {labels} labels, expected at most {MAX_LABELS}; is the label's column the right one? "
            "Merge labels that the same people answer"
        )
    if len(rows) > MAX_EXAMPLES:
        raise IntentsRefused(
            f"{table.name} has {len(rows)} rows, expected at most {MAX_EXAMPLES}; keep some hundred messages a label"
        )


def _check_row(table: TableName, row: Row, languages: Sequence[str]) -> None:
    text, label = require_text_and_label(table, row)
    where = table.at(row.line)
    if len(text) > _MAX_TEXT_CHARS or len(label) > _MAX_LABEL_CHARS:
        raise IntentsRefused(
            f"{where} has a text of {len(text)} and a label of {len(label)} characters, expected at most "
            f"{_MAX_TEXT_CHARS} and {_MAX_LABEL_CHARS}; is a quotation mark missing above?"
        )
    language = row.columns.get("language", "").lower()
    if language and language not in languages:
        raise IntentsRefused(
            f"{where} has the language {table.show(language[:20])}, expected one of {', '.join(languages)} or none; "
            "correct it, or use a bundle that reads it"
        )


def _refuse_case_apart(table: TableName, rows: list[Row], known_labels: Sequence[str]) -> None:
    written = {label.casefold(): (label, 0) for label in known_labels}
    for row in rows:
        label = row.columns["label"]
        first, line = written.setdefault(label.casefold(), (label, row.line))
        if first != label:
            where = f"{table.row} {line}" if line else "the bundle"
            raise IntentsRefused(
                f"{table.at(row.line)} has the label {table.show(label)}, {where} has {table.show(first)}; they differ "
                "only in case: write them alike"
            )


def require_text_and_label(table: TableName, row: Row) -> tuple[str, str]:
    """Both of a row. Raises `IntentsRefused` where one is missing."""
    text, label = row.columns.get("text", ""), row.columns.get("label", "")
    if not text or not label:
        missing = "text" if not text else "label"
        raise IntentsRefused(f"{table.at(row.line)} has no {missing}; fill it in, or delete the row")
    return text, label


def rows_by_text(table: TableName, rows: list[Row]) -> dict[str, Row]:
    """The first row of each text, by the text in lower case, without accents, with single spaces.

    Raises:
        IntentsRefused: a text has two labels.
    """
    first_with: dict[str, Row] = {}
    for row in rows:
        first = first_with.setdefault(" ".join(fold(row.columns["text"]).split()), row)
        if first.columns["label"] != row.columns["label"]:
            raise IntentsRefused(
                f"{table.at(first.line, row.line)} have the same text with the labels "
                f"{table.show(first.columns['label'])} and {table.show(row.columns['label'])}; keep the one that is "
                "right"
            )
    return first_with


def _refuse_few(table: TableName, rows: list[Row], *, fewest_labels: int) -> None:
    counts = Counter(row.columns["label"] for row in rows)
    lines = defaultdict(list)
    for row in rows:
        lines[row.columns["label"]].append(str(row.line))
    few = [label for label, count in counts.items() if count < MIN_EXAMPLES]
    if few:
        named = "; ".join(f"{table.show(label)} in {table.row} {' and '.join(lines[label])}" for label in few[:_SHOWN])
        more = f" and {len(few) - _SHOWN} more" if len(few) > _SHOWN else ""
        raise IntentsRefused(
            f"{table.name} has {len(few)} label(s) with fewer than {MIN_EXAMPLES} different texts: {named}{more}; add "
            "messages, or merge the label into another"
        )
    if len(counts) < fewest_labels:
        raise IntentsRefused(f"{table.name} has one label, expected at least 2; add messages that are something else")
