"""The submission of a run to the SuperLink, and the wait for it: once, however often the command is given.

A command that was interrupted leaves its run going at the SuperLink. Given again it waits for that one; it hands in a
new one only where none is going, and none at all where every round is finished.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

from federation.center.evaluation_round import has_no_evaluation_left
from federation.center.prepared_run import PreparedRun
from federation.center.rounds import is_over, read_progress
from federation.center.server_app import FAILURE_FILE
from federation.errors import DeploymentFailed, RunFailed
from federation.transport.processes import CONNECTION, FLOWER_APP, run_flower
from student.artifacts.durable import write_durably

FLOWER_RUN_FILE = "flower_run"
_LOOK_S, _ASK_S = 0.5, 8.0
"""Between looks into the run's folder, and between questions to Flower, each of which starts a process."""


def run_deployed(
    home: Path, run: PreparedRun, folder: Path, on_rounds: Callable[[int], None] = lambda done: None
) -> None:
    """Has the SuperLink run the rounds with the branches that have joined, and waits until the last one.

    Args:
        home: the federation's folder.
        run: as its folder holds it.
        folder: of the run.
        on_rounds: called with how many rounds are finished.

    Raises:
        DeploymentFailed: the center does not answer.
        RunFailed: too few branches came, or a round failed as often as the recipe allows.
    """
    number = _going(home, folder)
    is_ours = number is None
    if number is None:
        if is_over(run, folder):
            return
        number = _submit(home, run, folder)
    asked = time.monotonic()
    while _count_rounds(run, folder, on_rounds) < run.recipe.rounds or not has_no_evaluation_left(run, folder):
        time.sleep(_LOOK_S)
        if not (folder / FAILURE_FILE).exists() and time.monotonic() - asked < _ASK_S:
            continue
        asked, status = time.monotonic(), _status(home, number)
        if not status.startswith("finished"):
            continue
        if is_ours or is_over(run, folder):
            _check_finished(home, run, folder, status)
            return
        # It was handed in before this command, to a SuperLink that has been cut off since.
        number, is_ours = _submit(home, run, folder), True


def _count_rounds(run: PreparedRun, folder: Path, on_rounds: Callable[[int], None]) -> int:
    done = len(read_progress(folder, run)[1])
    on_rounds(done)
    return done


def _check_finished(home: Path, run: PreparedRun, folder: Path, status: str) -> None:
    """Raises `RunFailed` unless the run is over; it may have fewer rounds, where attempts at some failed."""
    if is_over(run, folder):
        return
    failure = folder / FAILURE_FILE
    why = failure.read_text().strip() if failure.exists() else f"Flower says {status}; see {home}/superlink.log"
    raise RunFailed(f"run {run.recipe.run_id} did not finish: {why}")


def _going(home: Path, folder: Path) -> str | None:
    """Flower's number of this run, where it was handed in before and is not finished."""
    try:
        number = (folder / FLOWER_RUN_FILE).read_text().strip()
    except FileNotFoundError:
        return None
    return number if _status(home, number) in {"pending", "starting", "running"} else None


def _submit(home: Path, run: PreparedRun, folder: Path) -> str:
    (folder / FAILURE_FILE).unlink(missing_ok=True)
    configuration = f"run={json.dumps(run.recipe.run_id)}"
    answer = run_flower(home, "run", str(FLOWER_APP), CONNECTION, "--run-config", configuration)
    if "run-id" not in answer:
        raise DeploymentFailed(f"the SuperLink took no run; see {home}/superlink.log")
    number = str(answer["run-id"])
    write_durably(folder / FLOWER_RUN_FILE, number.encode())
    return number


def _status(home: Path, number: str) -> str:
    """Flower's status of a run: `running`, `finished:completed`, `finished:failed` and the like."""
    for run in run_flower(home, "list", CONNECTION).get("runs", []):
        if str(run.get("run-id")) == number:
            return str(run["status"])
    return "finished: unknown to this SuperLink"
