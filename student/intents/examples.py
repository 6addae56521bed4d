"""Examples: a branch's messages with their labels, checked as a whole before anything is learned."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from student.bundle.lexical_features import fold
from student.intents.errors import IntentsRefused
from student.intents.table_files import Row, read_table

MIN_EXAMPLES = 3
"""Of a label: two to learn from while the third is held out."""
MAX_LABELS = 300
MAX_EXAMPLES = 6000
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
    """

    texts: list[str]
    labels: list[str]
    languages: list[str]
    lines: list[int]
    repeated: int = 0


def read_examples(path: Path, *, languages: Sequence[str], known_labels: Sequence[str] = ()) -> Examples:
    """Reads a file of examples with the columns `text`, `label` and, where it has one, `language`.

    Args:
        path: CSV or JSON lines.
        languages: that the bundle is for.
        known_labels: that the bundle's head keeps.

    Raises:
        IntentsRefused: a row or the whole cannot be used; the message gives the lines.
    """
    rows = read_table(path)
    _refuse_many(path, rows)
    for row in rows:
        _check_row(path, row, languages)
    _refuse_case_apart(path, rows, known_labels)
    kept = list(rows_by_text(path, rows).values())
    _refuse_few(path, kept, fewest_labels=1 if known_labels else 2)
    columns = [row.columns for row in kept]
    return Examples(
        [each["text"] for each in columns],
        [each["label"] for each in columns],
        [each.get("language", "").lower() for each in columns],
        [row.line for row in kept],
        len(rows) - len(kept),
    )


def _refuse_many(path: Path, rows: list[Row]) -> None:
    labels = len({row.columns.get("label") for row in rows})
    if labels > MAX_LABELS:
        raise IntentsRefused(
            f"{path} has {labels} labels, expected at most {MAX_LABELS}; is the label's column the right one? Merge "
            "labels that the same people answer"
        )
    if len(rows) > MAX_EXAMPLES:
        raise IntentsRefused(
            f"{path} has {len(rows)} rows, expected at most {MAX_EXAMPLES}; keep some hundred messages a label"
        )


def _check_row(path: Path, row: Row, languages: Sequence[str]) -> None:
    text, label = require_text_and_label(path, row)
    where = f"{path} line {row.line}"
    if len(text) > _MAX_TEXT_CHARS or len(label) > _MAX_LABEL_CHARS:
        raise IntentsRefused(
            f"{where} has a text of {len(text)} and a label of {len(label)} characters, expected at most "
            f"{_MAX_TEXT_CHARS} and {_MAX_LABEL_CHARS}; is a quotation mark missing above?"
        )
    language = row.columns.get("language", "").lower()
    if language and language not in languages:
        raise IntentsRefused(
            f"{where} has the language {language[:20]!r}, expected one of {', '.join(languages)} or none; correct it, "
            "or use a bundle that reads it"
        )


def _refuse_case_apart(path: Path, rows: list[Row], known_labels: Sequence[str]) -> None:
    written = {label.casefold(): (label, 0) for label in known_labels}
    for row in rows:
        label = row.columns["label"]
        first, line = written.setdefault(label.casefold(), (label, row.line))
        if first != label:
            where = f"line {line}" if line else "the bundle"
            raise IntentsRefused(
                f"{path} line {row.line} has the label {label!r}, {where} has {first!r}; they differ only in case: "
                "write them alike"
            )


def require_text_and_label(path: Path, row: Row) -> tuple[str, str]:
    """Both of a row. Raises `IntentsRefused` where one is missing."""
    text, label = row.columns.get("text", ""), row.columns.get("label", "")
    if not text or not label:
        missing = "text" if not text else "label"
        raise IntentsRefused(f"{path} line {row.line} has no {missing}; fill it in, or delete the row")
    return text, label


def rows_by_text(path: Path, rows: list[Row]) -> dict[str, Row]:
    """The first row of each text, by the text in lower case, without accents, with single spaces.

    Raises:
        IntentsRefused: a text has two labels.
    """
    first_with: dict[str, Row] = {}
    for row in rows:
        first = first_with.setdefault(" ".join(fold(row.columns["text"]).split()), row)
        if first.columns["label"] != row.columns["label"]:
            raise IntentsRefused(
                f"{path} lines {first.line} and {row.line} have the same text with the labels "
                f"{first.columns['label']!r} and {row.columns['label']!r}; keep the one that is right"
            )
    return first_with


def _refuse_few(path: Path, rows: list[Row], *, fewest_labels: int) -> None:
    counts = Counter(row.columns["label"] for row in rows)
    lines = defaultdict(list)
    for row in rows:
        lines[row.columns["label"]].append(str(row.line))
    few = [label for label, count in counts.items() if count < MIN_EXAMPLES]
    if few:
        named = "; ".join(f"{label!r} in line {' and '.join(lines[label])}" for label in few[:_SHOWN])
        more = f" and {len(few) - _SHOWN} more" if len(few) > _SHOWN else ""
        raise IntentsRefused(
            f"{path} has {len(few)} label(s) with fewer than {MIN_EXAMPLES} different texts: {named}{more}; add "
            "messages, or merge the label into another"
        )
    if len(counts) < fewest_labels:
        raise IntentsRefused(f"{path} has one label, expected at least 2; add messages that are something else")
