"""Progress of long commands on stderr: a bar for people, and a line now and then for a log."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

_LINES, _LINE_S = 20, 600.0
_PACE_S = 300.0
"""The speed is that of the last five minutes: texts and encoders of one command differ."""


class Show(Protocol):
    """A display of progress."""

    def __call__(self, done: int, total: int | None, what: str, *, kept: int = 0) -> None:
        """Shows how much is done, of how much (None: not known yet), and the name of the work.

        Args:
            done: so far.
            total: in all.
            what: is done.
            kept: of what is done, how much an earlier run had done already; it does not count for the speed.
        """


@contextmanager
def progress_bar(
    what: str, *, unit: str = "", units: int = 1, is_plain: bool = False, is_silent: bool = False
) -> Iterator[Show]:
    """Shows progress until the block ends.

    Args:
        what: is done, at first.
        unit: name of what the speed counts, such as texts; empty where no speed is shown.
        units: of these in one of what is done, such as the texts of a batch.
        is_plain: lines at a terminal too, as beside JSON.
        is_silent: nothing is shown, as by all but one of several processes.

    Yields:
        The display. At a terminal it moves a bar; elsewhere it prints some twenty lines, and one every ten minutes.
    """
    console = Console(stderr=True)
    pace = _Pace(unit, units)
    if is_silent:
        yield lambda done, total, what, *, kept=0: None
        return
    if is_plain or not console.is_terminal:
        yield _Lines(pace)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TaskProgressColumn())
    with Progress(
        *columns, TimeElapsedColumn(), TextColumn("{task.fields[pace]}"), console=console, transient=True
    ) as progress:
        task = progress.add_task(what, total=None, pace="")

        def show(done: int, total: int | None, what: str, *, kept: int = 0) -> None:
            pace.note(done, total, kept)
            progress.update(task, completed=done, total=total, description=what, pace=str(pace))

        yield show


class _Pace:
    """Speed of the work, and how long the rest takes at that speed; as text, empty until a second of it was seen."""

    def __init__(self, unit: str, units: int) -> None:
        self._unit, self._units = unit, units
        self._total: int | None = None
        self._left = 0
        self._marks: deque[tuple[float, int]] = deque()  # time, and what this run had done by then

    def note(self, done: int, total: int | None, kept: int) -> None:
        """Takes note of what is done; less than before, or of another total, is other work."""
        now, worked = time.monotonic(), done - kept
        if total != self._total or worked <= 0 or (self._marks and worked < self._marks[-1][1]):
            self._marks.clear()
        self._total, self._left = total, (total or done) - done
        if len(self._marks) > 1 and now - self._marks[-2][0] < 1:
            self._marks.pop()  # a mark a second is enough
        self._marks.append((now, worked))
        while len(self._marks) > 2 and now - self._marks[1][0] > _PACE_S:
            self._marks.popleft()

    def __str__(self) -> str:
        if len(self._marks) < 2 or self._total is None:
            return ""
        (since, before), (now, worked) = self._marks[0], self._marks[-1]
        if now - since < 1 or worked <= before:
            return ""
        speed = (worked - before) / (now - since)
        left = f"{_duration(self._left / speed)} left" if self._left else ""
        return ", ".join(part for part in (_speed(speed * self._units, self._unit), left) if part)


def _speed(a_second: float, unit: str) -> str:
    return f"{a_second:.{0 if a_second >= 10 else 1}f} {unit}/s" if unit else ""


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class _Lines:
    """Prints whenever a further twentieth is done, and when nothing was printed for ten minutes."""

    def __init__(self, pace: _Pace) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._pace, self._said, self._total, self._said_at = pace, 0, 0, time.monotonic()

    def __call__(self, done: int, total: int | None, what: str, *, kept: int = 0) -> None:
        self._pace.note(done, total, kept)
        if not total:
            return
        part, now = done * _LINES // total, time.monotonic()
        if part < self._said or total != self._total:  # another thing is done now
            self._said, self._total = kept * _LINES // total, total
        if part > self._said or now - self._said_at > _LINE_S:
            self._said, self._said_at = part, now
            pace = str(self._pace)
            self._console.print(f"{what}: {done} of {total}{', ' if pace else ''}{pace}", markup=False)
