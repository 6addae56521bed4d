"""From a finished run to a release: the gate, the head for the bundle's own embeddings, the signature."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from federation.aggregation import pass_gate
from federation.centre import read_centre
from federation.certificates import SIGNING_KEY, read_signing_key
from federation.errors import RunFailed
from federation.parameters import NEIGHBORING, UNIT
from federation.release import (
    RELEASE_FILE,
    Evaluation,
    LedgerEntry,
    Privacy,
    Release,
    ReleasedRound,
    write_release,
)
from federation.rounds import RoundRecord, is_paid_out, read_progress
from federation.run_recipe import read_run
from student.digests import digest_bytes
from student.distill.intent_head import calibrate
from student.heads import LinearHead, pack_head


@dataclass(frozen=True, slots=True)
class Published:
    """What a run came to."""

    run_id: str
    release: Path
    serial: int
    baseline: float
    accuracy: float
    guarantee: str


def publish(home: Path, folder: Path, *, now: datetime | None = None) -> Published:
    """Releases a finished run into its folder, unless it would lose too much; a run is released once.

    Args:
        home: the federation's folder.
        folder: the run's.
        now: the time; None for this machine's.

    Raises:
        RunFailed: rounds are missing, or it does not pass the gate.
        ReleaseRefused: it has been released.
    """
    run = read_run(folder)
    state, history = read_progress(folder, run)
    if not history or (len(history) < run.recipe.rounds and not is_paid_out(run, state, folder)):
        raise RunFailed(f"run {run.plan.run_id} has {len(history)} of {run.recipe.rounds} rounds; go on with it first")
    accuracy = history[-1].accuracy
    if not pass_gate(accuracy, run.baseline, tolerance=run.recipe.most_lost):
        raise RunFailed(
            f"run {run.plan.run_id} reaches accuracy {accuracy:.4f} where the bundle's head has "
            f"{run.baseline:.4f}, and may lose {run.recipe.most_lost:g}; nothing is released"
        )
    weight, bias = run.feature_map.to_head(state.weights)
    head = calibrate(LinearHead(weight, bias, run.plan.labels, 1.0, 0.0), run.embeddings, run.targets)
    content, path = pack_head(head.weight, head.bias), folder / "release"
    serial = 1 + sum(1 for _ in folder.parent.glob(f"*/release/{RELEASE_FILE}"))
    guarantee = state.guarantee(run.recipe.delta)
    release = Release(
        federation=read_centre(home).federation,
        serial=serial,
        run_id=run.plan.run_id,
        created=(now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        bundle_digest=run.bundle_digest,
        embedding_space=run.plan.embedding_space,
        recipe_digest=run.recipe.digest,
        labels=run.plan.labels,
        temperature=head.temperature,
        threshold=head.threshold,
        privacy=Privacy(
            epsilon=guarantee.epsilon,
            delta=guarantee.delta,
            budget_epsilon=run.recipe.epsilon,
            unit=UNIT,
            neighboring=NEIGHBORING,
            accountant=guarantee.accountant,
            mechanism=run.plan.mechanism,
            noise_multiplier=run.plan.noise_multiplier,
        ),
        rounds=tuple(_released(record) for record in history),
        evaluation=Evaluation(baseline=run.baseline, accuracy=accuracy, texts=len(run.targets)),
        head_sha256=digest_bytes(content),
    )
    write_release(path, release, content, read_signing_key(home / SIGNING_KEY))
    return Published(run.plan.run_id, path, serial, run.baseline, accuracy, str(guarantee))


def _released(record: RoundRecord) -> ReleasedRound:
    ledgers = {
        branch: LedgerEntry(serial=ledger.serial, head=ledger.head, epsilon=ledger.epsilon)
        for branch, ledger in record.ledgers.items()
    }
    return ReleasedRound(
        round_number=record.round_number, survivors=record.survivors, attempts=record.attempts, ledgers=ledgers
    )
