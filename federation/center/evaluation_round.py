"""The evaluation at the end of a run: one sum more, over the same messages as a round's, asked for once.

    evaluation_asked.json   before branches are asked for what costs them
    evaluation.json         what came of it, or why nothing did

It is sized for one payment of the held-out customers, so once branches may have paid it is never asked for again,
after a kill neither. A run without it is whole: its report says why, and only a gate that needs it holds its release.
"""

import logging
import time
from pathlib import Path

from flwr.serverapp import Grid
from pydantic import BaseModel, ConfigDict, ValidationError

from federation.center.collection import ask_branches
from federation.center.prepared_run import PreparedRun
from federation.errors import AggregationRefused, CheckpointInvalid, RunFailed, UpdateInvalid
from federation.learning.aggregation import check_sum
from federation.learning.evaluation import AccuracyEstimate, read_counts
from federation.learning.features import Weights
from federation.privacy.accounting import Spending, epsilon_of
from federation.release.format import LedgerEntry
from student.artifacts.durable import write_durably

_log = logging.getLogger(__name__)
EVALUATION_FILE, ASKED_FILE = "evaluation.json", "evaluation_asked.json"
_CUT_OFF = "the center was stopped after branches may have paid for it; it is not asked for twice"


class RunEvaluation(BaseModel):
    """The outcome of an evaluation, all of it public.

    Attributes:
        why_not: why there is none; empty where there is.
        whole: of all labels.
        new_labels: of those that the bundle's head lacks, where it lacks some and not all.
        epsilon: what it cost a customer held out, at the recipe's delta.
        noise_multiplier: of its sum.
        survivors, asked: branches in the sum, and asked.
        ledgers: branch → its ledger after it, of those whose counts came.
        up_bytes, down_bytes: contents of messages from and to branches.
        seconds: it took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    why_not: str = ""
    whole: AccuracyEstimate | None = None
    new_labels: AccuracyEstimate | None = None
    epsilon: float = 0.0
    noise_multiplier: float = 0.0
    survivors: int = 0
    asked: int = 0
    ledgers: dict[str, LedgerEntry] = {}
    up_bytes: int = 0
    down_bytes: int = 0
    seconds: float = 0.0


def run_evaluation(grid: Grid, run: PreparedRun, folder: Path, weights: Weights) -> None:
    """Has the branches evaluate weights, where the run's plan says so and it has not been done; writes what came of it.

    Args:
        grid: Flower's, or a `LocalGrid`.
        run: as its folder holds it.
        folder: of the run, which the caller holds alone.
        weights: after the last round.
    """
    if has_no_evaluation_left(run, folder):
        return
    reasons: list[str] = [_CUT_OFF] if (folder / ASKED_FILE).exists() else []
    found = None
    while found is None and not (folder / ASKED_FILE).exists() and len(reasons) < run.recipe.attempts:
        try:
            found = _ask(grid, run, folder, weights)
        except (AggregationRefused, UpdateInvalid, RunFailed) as error:
            _log.warning("the evaluation: %s", error)
            reasons.append(str(error))
    found = found or RunEvaluation(why_not=reasons[-1])
    write_durably(folder / EVALUATION_FILE, found.model_dump_json(indent=1).encode())


def has_no_evaluation_left(run: PreparedRun, folder: Path) -> bool:
    """True where the run has no evaluation, or it is over."""
    return not run.recipe.holdout_share or (folder / EVALUATION_FILE).exists()


def read_evaluation(folder: Path) -> RunEvaluation | None:
    """The outcome of a run's evaluation; None where there is none yet.

    Raises:
        CheckpointInvalid: its file is damaged.
    """
    path = folder / EVALUATION_FILE
    if not path.exists():
        return None
    try:
        return RunEvaluation.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise CheckpointInvalid(f"{path} cannot be read; restore it, or start the run again") from error


def _ask(grid: Grid, run: PreparedRun, folder: Path, weights: Weights) -> RunEvaluation:
    recipe, started = run.recipe, time.monotonic()
    parameters = run.plan.evaluation(weights)
    asked = folder / ASKED_FILE
    collected = ask_branches(
        grid, run, folder, parameters, weights, on_spending=lambda: write_durably(asked, parameters.to_json().encode())
    )
    check_sum(collected.total, parameters, customers=recipe.customers, branches=collected.survivors)
    whole, new_labels = read_counts(collected.total, parameters, collected.survivors)
    return RunEvaluation(
        whole=whole,
        new_labels=new_labels,
        epsilon=epsilon_of({Spending(parameters.noise_multiplier): 1}, recipe.delta),
        noise_multiplier=parameters.noise_multiplier,
        survivors=collected.survivors,
        asked=collected.asked,
        ledgers=collected.ledgers,
        up_bytes=collected.up_bytes,
        down_bytes=collected.down_bytes,
        seconds=round(time.monotonic() - started, 3),
    )
