"""The center's side of a round: the sum is checked, the weights take a step, and the run can go on from there.

What can be checked depends on what is seen. In secure mode the center sees nothing but the sum of a cohort, so it can
check that sum (shape, range, norm) and what it makes of the weights (`pass_gate`, on a validation set of the center's
own); a branch that poisons within its bounds cannot be told from one whose customers are unusual, and is limited by
clipping in honest code alone. In local mode every update is checked by itself.

A `RunState` is written after every round. A killed center goes on at the last finished round.
"""

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from federation.errors import CheckpointInvalid, UpdateInvalid
from federation.learning.round_parameters import RoundParameters
from federation.learning.run_settings import RunSettings
from federation.privacy.accounting import Guarantee, Spending, guarantee
from federation.privacy.discrete_gaussian import Integers
from federation.privacy.noise import decode, sensitivity
from student.artifacts.durable import write_durably

_TAIL = 8.0


@dataclass(frozen=True, slots=True)
class FinishedRound:
    """The public record of a round."""

    round_number: int
    parameters_digest: str
    noise_multiplier: float
    cohort: int
    survivors: int
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class RunState:
    """A run between two rounds.

    Attributes:
        run_id: of which run.
        weights: as released after the last finished round.
        velocity: of the momentum, of the same shape.
        finished: rounds, oldest first. Attempts that were given up after branches had spent count too.
    """

    run_id: str
    weights: NDArray[np.float32]
    velocity: NDArray[np.float64]
    finished: tuple[FinishedRound, ...] = ()

    @property
    def next_round(self) -> int:
        """The number of the round to run."""
        return len(self.finished) + 1

    def guarantee(self, delta: float) -> Guarantee:
        """The cost so far to a customer of a branch that took part in every attempt."""
        releases: dict[Spending, int] = {}
        for done in self.finished:
            kind = Spending(done.noise_multiplier)
            releases[kind] = releases.get(kind, 0) + done.attempts
        return guarantee(releases, delta)


def start_run(run_id: str, weights: NDArray[np.float32]) -> RunState:
    """A run before its first round."""
    return RunState(run_id, weights.astype(np.float32), np.zeros(weights.shape))


def step(
    state: RunState,
    total: Integers,
    parameters: RoundParameters,
    *,
    survivors: int,
    settings: RunSettings,
    attempts: int = 1,
) -> RunState:
    """The run after a round.

    Args:
        state: before it.
        total: the sum of the survivors' updates, (size,); wrapped modulo 2^32 or not.
        parameters: of the round.
        survivors: branches in the sum.
        settings: of the run.
        attempts: times that branches spent for this round.

    Raises:
        UpdateInvalid: the sum cannot be one of such updates, or is of another round; the state is as it was.
    """
    if (parameters.run_id, parameters.round_number) != (state.run_id, state.next_round):
        raise UpdateInvalid(
            f"the sum is of round {parameters.round_number} of run {parameters.run_id}; expected {state.next_round} of "
            f"{state.run_id}; it was sent before, or for another run"
        )
    if survivors < parameters.minimum_survivors:
        raise UpdateInvalid(
            f"{survivors} branches are in the sum, expected {parameters.minimum_survivors} or more; run the round again"
        )
    gradient = check_sum(total, parameters, customers=settings.customers, branches=survivors)
    expected = settings.customers * survivors / settings.branches
    velocity = settings.momentum * state.velocity + gradient / expected
    done = FinishedRound(
        parameters.round_number,
        parameters.digest,
        parameters.noise_multiplier,
        settings.branches,
        survivors,
        attempts,
    )
    weights = (state.weights - settings.learning_rate * velocity).astype(np.float32)
    return replace(state, weights=weights, velocity=velocity, finished=(*state.finished, done))


def check_sum(total: Integers, parameters: RoundParameters, *, customers: int, branches: int) -> NDArray[np.float64]:
    """Decodes a sum, or one branch's update, and refuses what cannot be one.

    Args:
        total: (size,).
        parameters: of the round.
        customers: at most so many are in it.
        branches: whose updates are in it.

    Raises:
        UpdateInvalid: another shape, or a norm that customers and noise together do not reach but once in 10^15.
    """
    decoded = decode(total, parameters)
    norm = float(np.linalg.norm(decoded))
    noise = parameters.noise_multiplier * sensitivity(parameters) / parameters.scale
    noise *= math.sqrt(branches / parameters.noise_shares)
    bound = customers * parameters.clip_norm + noise * (math.sqrt(parameters.size) + _TAIL) + branches
    if norm > bound:
        raise UpdateInvalid(
            f"the sum of round {parameters.round_number} has norm {norm:.4g}; {customers} customers and the noise of "
            f"{branches} branches reach {bound:.4g} at most; a branch does not follow the protocol: give the round up"
        )
    return decoded


def pass_gate(accuracy: float, baseline: float, *, tolerance: float = 0.0) -> bool:
    """True if new weights may be released: on the center's validation set they lose at most the tolerance."""
    return math.isfinite(accuracy) and accuracy >= baseline - tolerance


def save_state(path: Path, state: RunState) -> None:
    """Writes a checkpoint durably: the old one or the new one, never a part."""
    facts = {"run_id": state.run_id, "finished": json.dumps([asdict(done) for done in state.finished])}
    arrays: dict[str, NDArray[Any]] = {"weights": np.ascontiguousarray(state.weights)}
    arrays["velocity"] = np.ascontiguousarray(state.velocity)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, save(arrays, metadata={"format": "orilla-run", "format_version": "1", **facts}))


def load_state(path: Path, run_id: str) -> RunState:
    """Reads a run's checkpoint.

    Raises:
        CheckpointInvalid: missing, damaged, of another format or another run.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            facts = file.metadata() or {}
            weights, velocity = file.get_tensor("weights"), file.get_tensor("velocity")
        if (facts.get("format"), facts.get("format_version")) != ("orilla-run", "1"):
            raise CheckpointInvalid(f"{path} is no checkpoint of version 1; name another file, or start the run again")
        finished = tuple(FinishedRound(**done) for done in json.loads(facts["finished"]))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointInvalid(f"{path} cannot be read as a checkpoint; restore it, or start the run again") from error
    if facts["run_id"] != run_id:
        raise CheckpointInvalid(f"{path} is of run {facts['run_id']}, expected {run_id}; name that run's checkpoint")
    if weights.shape != velocity.shape or not (np.isfinite(weights).all() and np.isfinite(velocity).all()):
        raise CheckpointInvalid(f"{path} holds weights that are not finite or do not fit; start the run again")
    return RunState(run_id, weights.astype(np.float32), velocity.astype(np.float64), finished)
