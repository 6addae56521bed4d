"""The release of a finished run: the gate, what was learned for the bundle's own embeddings, the signature."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from federation.center.evaluation_round import RunEvaluation
from federation.center.home import read_center
from federation.center.prepared_run import PreparedRun, read_run
from federation.center.rounds import RoundRecord, exclusive_lock, read_finished
from federation.errors import RunFailed
from federation.learning.aggregation import pass_gate
from federation.learning.parts import part_named
from federation.privacy.accounting import NEIGHBORING, UNIT, Guarantee
from federation.release.files import read_release, write_release
from federation.release.format import (
    RELEASE_FILE,
    AtBranches,
    Evaluation,
    Privacy,
    Release,
    ReleasedRound,
)
from federation.release.signing import SIGNING_KEY, SIGNING_PUBLIC_KEY, read_signing_key
from student.bundle.manifest import created_at
from student.distill.heads.intent_head import calibrate

_SURE = 2.0
"""Standard errors of the noise that speak for the run where branches counted a loss."""
_WAIT_S = 30.0
"""For the process that has just written the last round to end."""


@dataclass(frozen=True, slots=True)
class Published:
    """A run and the release that it came to."""

    run_id: str
    release: Path
    serial: int
    baseline: float
    accuracy: float
    guarantee: str
    at_branches: str = ""
    """Noisy counts of the branches, in words; empty where they counted nothing."""


def publish(home: Path, folder: Path, *, now: datetime | None = None) -> Published:
    """Releases a finished run into its folder, unless it would lose too much; again, it says what was released.

    Args:
        home: the federation's folder.
        folder: the run's.
        now: the time; None for this machine's.

    Raises:
        RunFailed: rounds are missing or under way, or it does not pass the gate.
        ReleaseRefused: it has been released, and that was altered since.
    """
    path = folder / "release"
    with exclusive_lock(folder, wait_s=_WAIT_S):
        if not path.exists():
            _release(home, folder, path, now or datetime.now(UTC))
    release = read_release(path, home / SIGNING_PUBLIC_KEY).release
    evaluation, privacy = release.evaluation, release.privacy
    guarantee = Guarantee(privacy.epsilon, privacy.delta, privacy.unit, privacy.neighboring, privacy.accountant)
    found = evaluation.at_branches
    counted = f"{found.whole.before} before, {found.whole.after} after" if found and found.whole.change else ""
    return Published(
        release.run_id, path, release.serial, evaluation.baseline, evaluation.accuracy, str(guarantee), counted
    )


def _release(home: Path, folder: Path, path: Path, now: datetime) -> None:
    run = read_run(folder)
    finished = read_finished(folder, run)
    state, history = finished.state, finished.history
    accuracy = history[-1].accuracy
    before = max(run.prepared.baseline, run.accuracy(run.prepared.start))
    if not pass_gate(accuracy, before, tolerance=run.recipe.max_regression):
        raise RunFailed(
            f"run {run.recipe.run_id} reaches accuracy {accuracy:.4f} where the bundle has "
            f"{run.prepared.baseline:.4f} and the first round began at {before:.4f}, "
            f"and may lose {run.recipe.max_regression:g}; nothing is released"
        )
    _check_branches(run, finished.evaluation)
    packed = part_named(run.recipe.part).pack(state.weights, run.prepared, calibrate)
    serial = 1 + sum(1 for _ in folder.parent.glob(f"*/release/{RELEASE_FILE}"))
    guarantee = state.guarantee(run.recipe.delta)
    release = Release(
        federation=read_center(home).federation,
        serial=serial,
        run_id=run.recipe.run_id,
        created=created_at(now),
        bundle_digest=run.bundle_digest,
        embedding_space=run.prepared.shape.embedding_space,
        recipe_digest=run.recipe.digest,
        privacy=Privacy(
            epsilon=guarantee.epsilon,
            delta=guarantee.delta,
            budget_epsilon=run.recipe.epsilon,
            unit=UNIT,
            neighboring=NEIGHBORING,
            accountant=guarantee.accountant,
            mechanism=run.recipe.mechanism,
            noise_multiplier=run.plan.noise_multiplier,
        ),
        rounds=tuple(_released(record) for record in history),
        evaluation=Evaluation(
            baseline=run.prepared.baseline,
            accuracy=accuracy,
            texts=len(run.prepared.validation.targets),
            at_branches=_at_branches(finished.evaluation),
        ),
        learned_sha256=packed.digest,
        **packed.facts.model_dump(),
    )
    write_release(path, release, packed.content, read_signing_key(home / SIGNING_KEY))


def _check_branches(run: PreparedRun, evaluation: RunEvaluation | None) -> None:
    """Holds a release back where the recipe says so: by what branches counted, or for want of it."""
    name, max_regression = run.recipe.run_id, run.recipe.max_regression_at_branches
    if run.recipe.holdout_share and evaluation is None:
        raise RunFailed(f"run {name} has not been evaluated at its branches; go on with it first")
    if max_regression is None or evaluation is None:
        return
    change = evaluation.whole.change if evaluation.whole else None
    if change is None:
        why = evaluation.why_not or "the noise hides how many customers were counted"
        raise RunFailed(f"run {name} may lose {max_regression:g} at its branches, and what it lost is unknown: {why}")
    if change.value + _SURE * change.error < -max_regression:
        raise RunFailed(
            f"run {name} changes accuracy at its branches by {change} (noise), beyond which it may lose "
            f"{max_regression:g}; nothing is released"
        )


def _at_branches(evaluation: RunEvaluation | None) -> AtBranches | None:
    if evaluation is None or evaluation.whole is None:
        return None
    return AtBranches(
        whole=evaluation.whole,
        new_labels=evaluation.new_labels,
        epsilon=evaluation.epsilon,
        noise_multiplier=evaluation.noise_multiplier,
        survivors=evaluation.survivors,
        ledgers=evaluation.ledgers,
    )


def _released(record: RoundRecord) -> ReleasedRound:
    return ReleasedRound(
        round_number=record.round_number,
        survivors=record.survivors,
        attempts=record.attempts,
        ledgers=record.ledgers,
    )
