"""Files of texts, masked into copies: plain text whole, CSV and JSON lines row by row, in one pass over each."""

import csv
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from student.artifacts.durable import fsync_path
from student.artifacts.json_lines import DataRefused
from student.masking.pseudonyms import Pseudonyms, mask_text
from student.masking.spans import Kind

_JSON_LINES, _TABLES = {".jsonl", ".ndjson"}, {".csv", ".tsv"}
_MOST_FIELD_CHARS = 10_000_000
Write = Callable[[str], object]


@dataclass(slots=True)
class FileCounts:
    """Counts of a masked file: its documents (rows, or the whole of a text) and how many things of each kind."""

    documents: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)

    def mask(self, pseudonyms: Pseudonyms, text: str, name: str = "") -> str:
        """A text masked, and counted."""
        masked = pseudonyms.mask(text, name=name)
        self.kinds.update(masked.counts())
        return masked.text


def mask_file(path: Path, out: Path | None, columns: Sequence[str] = ()) -> FileCounts:
    """Masks a file into a copy, which only its owner may read; the file itself stays as it is.

    A row of CSV or JSON lines is a document of its own: its columns share their masks. A column's name says what its
    values are.

    Args:
        path: `.csv` and `.tsv` with a header, `.jsonl`, or any other text; in UTF-8.
        out: the copy, complete or not there at all; None to count only.
        columns: that are masked; all where none is named. Plain text has none.

    Raises:
        DataRefused: it cannot be read, is not in UTF-8 or of its format, lacks a column, or the copy is there already.
    """
    counts = FileCounts()
    try:
        with path.open(encoding="utf-8", newline="") as source, _writing(out) as write:
            if path.suffix.lower() in _JSON_LINES:
                _mask_json_lines(source, write, columns, counts, path)
            elif path.suffix.lower() in _TABLES:
                _mask_table(source, write, columns, counts, path)
            elif columns:
                raise DataRefused(f"{path} is plain text and has no columns; expected .csv, .tsv or .jsonl")
            else:
                counts.documents = 1
                write(counts.mask(Pseudonyms(), source.read()))
    except UnicodeDecodeError as error:
        raise DataRefused(f"{path} is not in UTF-8; convert it, as with iconv -f WINDOWS-1252 -t UTF-8") from error
    except FileExistsError as error:
        raise DataRefused(f"{out} is there already; name another folder, or remove it") from error
    except OSError as error:
        raise DataRefused(f"{error.filename or path} cannot be used: {error.strerror}; check the path") from error
    return counts


@contextmanager
def _writing(out: Path | None) -> Iterator[Write]:
    """Writes a file that is there when the block ends, whole and durable, and is not when it raises."""
    if out is None:
        yield lambda text: None
        return
    if out.exists():
        raise FileExistsError
    temporary = out.with_name(f".{out.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file.write
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(out)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_path(out.parent)


def _mask_json_lines(source: TextIO, write: Write, columns: Sequence[str], counts: FileCounts, path: Path) -> None:
    for number, line in enumerate(source, start=1):
        if not line.strip():
            write(line)
            continue
        try:
            row = json.loads(line.lstrip("\ufeff"))
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise DataRefused(f"{path} line {number} is not a JSON object; expected JSON lines")
        _require_columns(columns, row, path, f"line {number}")
        pseudonyms = Pseudonyms()
        masked = {
            name: _masked_value(value, name, pseudonyms, counts) if not columns or name in columns else value
            for name, value in row.items()
        }
        counts.documents += 1
        write(json.dumps(masked, ensure_ascii=False) + "\n")


def _masked_value(value: Any, name: str, pseudonyms: Pseudonyms, counts: FileCounts) -> Any:
    """A value of JSON with all its texts masked; a number that its column says is personal becomes a text."""
    if isinstance(value, str):
        return counts.mask(pseudonyms, value, name)
    if isinstance(value, dict):
        return {key: _masked_value(each, key, pseudonyms, counts) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked_value(each, name, pseudonyms, counts) for each in value]
    if isinstance(value, int) and not isinstance(value, bool):
        masked = counts.mask(pseudonyms, str(value), name)
        return value if masked == str(value) else masked
    return value


def _mask_table(source: TextIO, write: Write, columns: Sequence[str], counts: FileCounts, path: Path) -> None:
    csv.field_size_limit(_MOST_FIELD_CHARS)
    first = source.readline()
    source.seek(0)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=first.count)
    ending = "\r\n" if first.endswith("\r\n") else "\n"
    rows = csv.writer(_Lines(write), delimiter=delimiter, lineterminator=ending)
    try:
        header: list[str] = []
        for number, cells in enumerate(csv.reader(source, delimiter=delimiter, strict=True), start=1):
            pseudonyms = Pseudonyms()
            if number == 1:
                header = [cell.lstrip("\ufeff").strip() for cell in cells]
                _require_columns(columns, header, path, "the header")
                rows.writerow([counts.mask(pseudonyms, cell) for cell in cells])
                continue
            names = [*header, *("" for _ in cells[len(header) :])]
            is_chosen = [not columns or name in columns for name in names]
            rows.writerow(
                counts.mask(pseudonyms, cell, name) if chosen else cell
                for cell, name, chosen in zip(cells, names, is_chosen, strict=False)
            )
            counts.documents += 1
    except csv.Error as error:
        raise DataRefused(
            f"{path} is no table: {error}; expected {delimiter!r} between cells, quotes in pairs"
        ) from error


@dataclass(frozen=True, slots=True)
class _Lines:
    """A file for the writer of CSV."""

    write: Write


def _require_columns(columns: Sequence[str], names: Sequence[str] | dict[str, Any], path: Path, where: str) -> None:
    if missing := [name for name in columns if name not in names]:
        shown = sorted(mask_text(name) for name in names)  # of a table without a header they are a customer's row
        raise DataRefused(f"{path}: {where} has no column {missing[0]!r}; expected one of {shown}")
