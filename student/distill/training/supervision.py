"""Supervision of a run: who hears of it, how much of it a crash may cost, and how it is asked to stop.

Nothing of this changes a run's result, so nothing of it is in a recipe or in a run's digest.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from student.terminal import Show
from student.tracking.tracked_run import TrackedRun

CHECKPOINT_MINUTES = 10.0
_ONE_REQUEST_S = 2.0
"""A terminal and a launcher may each pass on the same Ctrl-C."""


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """A running training: the step of at most how many, the loss, the speed since the last report, the best score.

    `best_score` is None where no run ends early; `kept_steps` were taken before this process began.
    """

    step: int
    steps: int
    loss: float
    steps_per_s: float
    best_score: float | None
    kept_steps: int = 0


@dataclass(frozen=True, slots=True)
class Supervision:
    """Supervision of a run.

    Attributes:
        on_progress: called every few steps.
        on_figures: called with a step and figures of it by name: loss, learning rate and speed, and those of each
            validation (`validation/…`).
        on_resume: called once, before the first step, with the steps that were done before; later ones come again.
        checkpoint_s: seconds after which a checkpoint is written though none is due by steps.
    """

    on_progress: Callable[[TrainingProgress], None] = lambda progress: None
    on_figures: Callable[[int, Mapping[str, float]], None] = lambda step, figures: None
    on_resume: Callable[[int], None] = lambda step: None
    checkpoint_s: float = CHECKPOINT_MINUTES * 60


def supervise(
    show: Show, run: TrackedRun, describe: Callable[[TrainingProgress], str], *, checkpoint_minutes: float
) -> Supervision:
    """The supervision by a command.

    Args:
        show: its display of progress.
        run: its tracked run.
        describe: a running training in words.
        checkpoint_minutes: between two checkpoints at most.
    """
    return Supervision(
        on_progress=lambda p: show(p.step, p.steps, describe(p), kept=p.kept_steps),
        on_figures=run.log,
        on_resume=run.resume,
        checkpoint_s=checkpoint_minutes * 60,
    )


class StopRequest:
    """A request to stop, by Ctrl-C or SIGTERM; a second one, seconds later, ends the process where it stands."""

    def __init__(self) -> None:
        self.signal_number: int = signal.SIGINT
        self.is_asked = False
        self._asked_at = 0.0

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Takes note of a signal."""
        now = time.monotonic()
        if self.is_asked and now - self._asked_at > _ONE_REQUEST_S:
            raise KeyboardInterrupt
        self.signal_number, self.is_asked, self._asked_at = number, True, now


@contextmanager
def listen_for_stop() -> Iterator[StopRequest]:
    """Turns Ctrl-C and SIGTERM into a request until the block ends; in another thread than the main one, nothing."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
