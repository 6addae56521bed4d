"""Labelled texts and answered questions, the raw material of examples, and the files of tickets that hold them.

The unit of privacy is the customer, so every row has one. Rows without a customer are all taken as of one and the same:
they may be, and what is bounded must be bounded for the worst case.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.errors import ExamplesInvalid
from student.artifacts.json_lines import DataRefused, column, read_rows
from student.embeddings import Embeddings

NO_CUSTOMER = ""
"""The one customer of all rows that name none."""


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A message and its right intent."""

    text: str
    label: str
    customer: str = NO_CUSTOMER


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A question and the document that answers it."""

    text: str
    source: str
    customer: str = NO_CUSTOMER


@dataclass(frozen=True, slots=True)
class Passages:
    """Passages of a branch's own documents: the document of each (N,), and their embeddings (N, D)."""

    sources: NDArray[Any]
    embeddings: Embeddings


def read_tickets(
    path: Path, *, text: str = "text", label: str = "intent", customer: str = "customer"
) -> list[LabelledText]:
    """The labelled tickets of a CSV or JSON-lines file, by its suffix; rows without text or label are passed over.

    Args:
        path: `.csv` with a header, or `.jsonl`.
        text: name of the column with the message.
        label: of the one with its intent.
        customer: of the one with the customer's pseudonym.

    Raises:
        ExamplesInvalid: not readable, of another format, or without those columns.
    """
    rows = _read_csv(path) if path.suffix == ".csv" else read_lines(path)
    tickets, names = [], set[str]()
    for row in rows:
        names |= set(row)
        if isinstance(row.get(text), str) and isinstance(row.get(label), str) and row[text] and row[label]:
            tickets.append(LabelledText(str(row[text]), str(row[label]), str(row.get(customer) or NO_CUSTOMER)))
    if names and not {text, label} <= names:
        raise ExamplesInvalid(
            f"{path} lacks a column; expected {text!r} and {label!r}, named in each row, or in a CSV file's first line"
        )
    return tickets


def read_lines(path: Path, *columns: str) -> Iterator[dict[str, Any]]:
    """The rows of a file of JSON lines, whose `columns` are texts. Raises `ExamplesInvalid`."""
    try:
        for row in read_rows(path):
            yield row | {name: column(row, name, path) for name in columns}
    except DataRefused as error:
        raise ExamplesInvalid(str(error)) from error


def bound_contributions(customers: Sequence[str], most: int) -> NDArray[np.int64]:
    """Rows (n,) of the newest `most` examples of each customer, in their order."""
    seen: dict[str, int] = {}
    kept = []
    for row in range(len(customers) - 1, -1, -1):
        seen[customers[row]] = seen.get(customers[row], 0) + 1
        if seen[customers[row]] <= most:
            kept.append(row)
    return np.array(kept[::-1], dtype=np.int64)


def number_customers(names: Iterable[str]) -> NDArray[np.int64]:
    """Numbers (n,) from 0, equal for equal names."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def _read_csv(path: Path) -> Iterable[dict[str, object]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file, strict=True)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ExamplesInvalid(f"{path} cannot be read as CSV in UTF-8; check the file") from error
