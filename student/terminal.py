"""Progress of long commands on stderr: a bar for people, and a line now and then for a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Show = Callable[[int, int | None, str], None]
"""Called with how much is done, of how much (None: not known yet), and the name of the work."""
_LINES = 20


@contextmanager
def progress_bar(what: str) -> Iterator[Show]:
    """Shows progress until the block ends.

    Args:
        what: is done, at first.

    Yields:
        What to call. At a terminal it moves a bar; elsewhere it prints at most some twenty lines.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total, what: progress.update(task, completed=done, total=total, description=what)


class _Lines:
    """Prints whenever a further twentieth is done."""

    def __init__(self) -> None:
        self._console, self._said = Console(stderr=True, highlight=False, soft_wrap=True), 0

    def __call__(self, done: int, total: int | None, what: str) -> None:
        part = done * _LINES // total if total else 0
        if part < self._said:  # another thing is done now
            self._said = 0
        if part > self._said:
            self._said = part
            self._console.print(f"{what}: {done} of {total}", markup=False)
