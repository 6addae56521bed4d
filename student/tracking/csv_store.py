"""Figures of a run as a CSV file: a line for each, `step,name,value,time`; no server and no dependency."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from student.artifacts.durable import write_durably
from student.errors import TrackingFailed
from student.tracking.tracked_run import RunFacts

METRICS_FILE = "metrics.csv"
_COLUMNS = ("step", "name", "value", "time")


class CsvStore:
    """`metrics.csv` of a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / METRICS_FILE

    def begin(self, facts: RunFacts, step: int) -> None:
        """Opens the file; lines of later steps, and one that a crash cut off, are dropped."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            before = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
            whole = before[: before.rfind("\n") + 1]
            kept = [row for row in csv.reader(io.StringIO(whole)) if row and row[0].isdigit() and int(row[0]) <= step]
            write_durably(self._path, _lines([_COLUMNS, *kept]).encode())
        except OSError as error:
            raise self._failure(error) from error

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Adds a line for each figure."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            with self._path.open("a", encoding="utf-8", newline="") as file:
                file.write(_lines([(step, name, f"{value:.6g}", now) for name, value in figures.items()]))
        except OSError as error:
            raise self._failure(error) from error

    def end(self, facts: RunFacts) -> None:
        """Does nothing: status and artifacts are in `run.json`."""

    def _failure(self, error: OSError) -> TrackingFailed:
        return TrackingFailed(f"{self._path} cannot be written: {error.strerror}; see to the folder, or leave it out")


def _lines(rows: Sequence[Sequence[object]]) -> str:
    held = io.StringIO()
    csv.writer(held, lineterminator="\n").writerows(rows)
    return held.getvalue()
