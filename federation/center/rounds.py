"""A run at the center, round after round, from where its folder says it stands.

    run.json, feature_map…, start…   prepared once              prepared_run.py
    attempt.json                     before branches are asked  here
    evaluation.json                  after the last round       evaluation_round.py
    history.json                     after a round              here
    state.safetensors                after a round, last        aggregation.py

A center killed at any moment goes on after the last round that `state.safetensors` holds. The round that was under way
is asked for again with fresh noise, and branches pay for it again: what they sent may have been seen. That is counted.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout
from flwr.serverapp import Grid
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from federation.center.collection import Collected, ask_branches
from federation.center.evaluation_round import RunEvaluation, has_no_evaluation_left, read_evaluation, run_evaluation
from federation.center.prepared_run import PreparedRun
from federation.errors import AggregationRefused, CheckpointInvalid, RunFailed, UpdateInvalid
from federation.learning.aggregation import RunState, load_state, save_state, start_run, step
from federation.release.format import LedgerEntry
from student.artifacts.durable import write_durably

_log = logging.getLogger(__name__)
STATE_FILE, HISTORY_FILE, ATTEMPT_FILE, LOCK_FILE = "state.safetensors", "history.json", "attempt.json", "run.lock"
_LOCK_POLL_S = 0.1


class RoundRecord(BaseModel):
    """A finished round as its run's history tells it, all of it public.

    Attributes:
        epsilon: of the run so far at the recipe's delta, for a customer of a branch that took part in every attempt.
        accuracy: on the center's own validation set.
        ledgers: branch → its ledger after the round, of those whose updates came.
        survivors, asked: branches in the sum, and asked.
        attempts: times that branches were asked for updates, and may have paid.
        refusals: how many of the asked are not in the sum, or not to its end, by reason.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    round_number: int
    epsilon: float
    accuracy: float
    ledgers: dict[str, LedgerEntry]
    survivors: int
    asked: int
    attempts: int
    refusals: dict[str, int]
    up_bytes: int
    down_bytes: int
    seconds: float


class _Attempt(BaseModel):
    round_number: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A run after its last round, and after its evaluation where it has one."""

    state: RunState
    history: tuple[RoundRecord, ...]
    evaluation: RunEvaluation | None = None


_HISTORY = TypeAdapter(tuple[RoundRecord, ...])


def run_rounds(
    grid: Grid, run: PreparedRun, folder: Path, on_round: Callable[[RoundRecord], None] = lambda record: None
) -> Finished:
    """Runs the rounds that are left, then the evaluation; what a round has given is durable before the next begins.

    A failed attempt that branches have paid for is made up for by one round fewer, so the run never costs more than its
    recipe says.

    Args:
        grid: Flower's, or a `LocalGrid`.
        run: as its folder holds it.
        folder: of the run.
        on_round: called with each finished round.

    Raises:
        RunFailed: too few branches came, or a round failed as often as the recipe allows; run it again to go on. Or
            branches have paid for the whole run and no round was finished, or another process is at it.
    """
    with exclusive_lock(folder):
        state, history = read_progress(folder, run)
        while not is_finished(run, state, folder):
            started = time.monotonic()
            collected, state = _run_round(grid, run, folder, state)
            if collected is None:
                break
            record = _record(run, state, collected, time.monotonic() - started)
            history = (*history, record)
            write_durably(folder / HISTORY_FILE, _HISTORY.dump_json(history, indent=1))
            save_state(folder / STATE_FILE, state)
            spent = state.guarantee(run.recipe.delta)
            _log.info("round %d: accuracy %.4f, %s", record.round_number, record.accuracy, spent)
            on_round(record)
        run_evaluation(grid, run, folder, read_finished(folder, run).state.weights)
        return read_finished(folder, run)


@contextmanager
def exclusive_lock(folder: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Holds a run's folder until the end, or the end of the process, however that comes.

    Raises:
        RunFailed: another process still holds it after `wait_s`.
    """
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=wait_s, poll_interval=_LOCK_POLL_S)
    except Timeout as error:
        raise RunFailed(f"run {folder.name} is under way in another process; wait for it, or stop that") from error
    try:
        yield
    finally:
        lock.release()


def read_finished(folder: Path, run: PreparedRun) -> Finished:
    """A run after its last round; `evaluation` is None where it has none, or none yet.

    Raises:
        RunFailed: rounds are left, or branches have paid for all of them and none was finished.
        CheckpointInvalid: as `read_progress`.
    """
    state, history = read_progress(folder, run)
    name, rounds = run.recipe.run_id, run.recipe.rounds
    if not is_finished(run, state, folder):
        raise RunFailed(f"run {name} has {len(history)} of {rounds} rounds; go on with it first")
    if not history:
        raise RunFailed(
            f"branches have paid for all {rounds} rounds of run {name} and none was finished; see to the branches and "
            "plan another run"
        )
    return Finished(state, history, read_evaluation(folder))


def is_finished(run: PreparedRun, state: RunState, folder: Path) -> bool:
    """True where no round is left, or branches have paid for as many attempts as there are rounds: no more is asked."""
    paid = sum(done.attempts for done in state.finished) + _attempts(folder, state.next_round)
    return max(len(state.finished), paid) >= run.recipe.rounds


def is_over(run: PreparedRun, folder: Path) -> bool:
    """True where nothing is left to do: no round, and no evaluation."""
    return is_finished(run, read_progress(folder, run)[0], folder) and has_no_evaluation_left(run, folder)


def read_progress(folder: Path, run: PreparedRun) -> tuple[RunState, tuple[RoundRecord, ...]]:
    """Progress of a run: its start where no round has been finished.

    Attempts at a round that will not be made again are counted with the last one: branches have paid for them.

    Raises:
        CheckpointInvalid: its files are damaged, or not of one run.
    """
    if not (folder / STATE_FILE).exists():
        return start_run(run.plan.run_id, run.prepared.start), ()
    state = load_state(folder / STATE_FILE, run.plan.run_id)
    try:
        history = _HISTORY.validate_json((folder / HISTORY_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise CheckpointInvalid(
            f"{folder / HISTORY_FILE} cannot be read; restore it, or start the run again"
        ) from error
    # Killed between the two files, the history has one round more than the state: that round is run again.
    history = history[: len(state.finished)]
    lost = _attempts(folder, state.next_round)
    if not lost or not history or not is_finished(run, state, folder):
        return state, history
    done, attempts = state.finished[-1], state.finished[-1].attempts + lost
    state = replace(state, finished=(*state.finished[:-1], replace(done, attempts=attempts)))
    epsilon = state.guarantee(run.recipe.delta).epsilon
    return state, (*history[:-1], history[-1].model_copy(update={"attempts": attempts, "epsilon": epsilon}))


def _run_round(grid: Grid, run: PreparedRun, folder: Path, state: RunState) -> tuple[Collected | None, RunState]:
    """One round, or None where no attempt at it is left to pay for."""
    recipe, number, last = run.recipe, state.next_round, ""
    for _ in range(recipe.attempts):
        if is_finished(run, state, folder):
            return None, state
        parameters = run.plan.round(number, state.weights)
        try:
            collected = ask_branches(
                grid, run, folder, parameters, state.weights, on_spending=lambda: _count_attempt(folder, number)
            )
            return collected, step(
                state,
                collected.total,
                parameters,
                survivors=collected.survivors,
                settings=recipe,
                attempts=_attempts(folder, number),
            )
        except (AggregationRefused, UpdateInvalid) as error:
            _log.warning("round %d: %s", number, error)
            last = str(error)
    if is_finished(run, state, folder) and state.finished:
        return None, state
    raise RunFailed(
        f"round {number} of run {recipe.run_id} failed {recipe.attempts} times, last: {last}; nothing of it was "
        "released; see to the branches and run it again, it goes on at this round"
    )


def _attempts(folder: Path, round_number: int) -> int:
    """Attempts at a round that is not finished: times that branches were asked for updates."""
    try:
        attempt = _Attempt.model_validate(json.loads((folder / ATTEMPT_FILE).read_bytes()))
    except (OSError, ValueError, ValidationError):
        return 0
    return attempt.attempts if attempt.round_number == round_number else 0


def _count_attempt(folder: Path, round_number: int) -> None:
    """Durable before anyone is asked: from here on branches may have paid."""
    attempt = _Attempt(round_number=round_number, attempts=_attempts(folder, round_number) + 1)
    write_durably(folder / ATTEMPT_FILE, attempt.model_dump_json().encode())


def _record(run: PreparedRun, state: RunState, collected: Collected, seconds: float) -> RoundRecord:
    reasons: dict[str, int] = {}
    for why in collected.refusals.values():
        reasons[why] = reasons.get(why, 0) + 1
    return RoundRecord(
        round_number=len(state.finished),
        epsilon=state.guarantee(run.recipe.delta).epsilon,
        accuracy=run.accuracy(state.weights),
        ledgers=collected.ledgers,
        survivors=collected.survivors,
        asked=collected.asked,
        attempts=state.finished[-1].attempts,
        refusals=reasons,
        up_bytes=collected.up_bytes,
        down_bytes=collected.down_bytes,
        seconds=round(seconds, 3),
    )
