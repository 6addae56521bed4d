"""From a finished run to a release: the gate, the head for the bundle's own embeddings, the signature."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from federation.accounting import Guarantee
from federation.adapter_run import to_adapter
from federation.aggregation import pass_gate
from federation.centre import read_centre
from federation.certificates import SIGNING_KEY, SIGNING_PUBLIC_KEY, read_signing_key
from federation.errors import RunFailed
from federation.features import Weights
from federation.parameters import NEIGHBORING, UNIT
from federation.release import (
    RELEASE_FILE,
    Evaluation,
    LedgerEntry,
    Privacy,
    Release,
    ReleasedRound,
    read_any_release,
    write_release,
)
from federation.rounds import RoundRecord, alone, read_finished
from federation.run_recipe import PreparedRun, read_run
from student.adapter import pack_adapter
from student.digests import digest_bytes
from student.distill.intent_head import calibrate
from student.heads import LinearHead, pack_head

_WAIT_S = 30.0
"""For the process that has just written the last round to end."""


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
    with alone(folder, wait_s=_WAIT_S):
        if not path.exists():
            _release(home, folder, path, now or datetime.now(UTC))
    release = read_any_release(path, home / SIGNING_PUBLIC_KEY).release
    evaluation, privacy = release.evaluation, release.privacy
    guarantee = Guarantee(privacy.epsilon, privacy.delta, privacy.unit, privacy.neighboring, privacy.accountant)
    return Published(release.run_id, path, release.serial, evaluation.baseline, evaluation.accuracy, str(guarantee))


def _release(home: Path, folder: Path, path: Path, now: datetime) -> None:
    run = read_run(folder)
    finished = read_finished(folder, run)
    state, history = finished.state, finished.history
    accuracy = history[-1].accuracy
    before = max(run.baseline, run.accuracy(run.start))
    if not pass_gate(accuracy, before, tolerance=run.recipe.most_lost):
        raise RunFailed(
            f"run {run.plan.run_id} reaches accuracy {accuracy:.4f} where the bundle has {run.baseline:.4f} and "
            f"the first round began at {before:.4f}, and may lose {run.recipe.most_lost:g}; nothing is released"
        )
    content, learned = _learned(run, state.weights)
    serial = 1 + sum(1 for _ in folder.parent.glob(f"*/release/{RELEASE_FILE}"))
    guarantee = state.guarantee(run.recipe.delta)
    release = Release(
        federation=read_centre(home).federation,
        serial=serial,
        run_id=run.plan.run_id,
        created=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        bundle_digest=run.bundle_digest,
        embedding_space=run.plan.embedding_space,
        recipe_digest=run.recipe.digest,
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
        **learned,
    )
    write_release(path, release, content, read_signing_key(home / SIGNING_KEY))


def _learned(run: PreparedRun, weights: Weights) -> tuple[bytes, dict[str, Any]]:
    """The file of what was learned, for the bundle's own embeddings, and what the release says of it."""
    if run.feature_map is None:
        adapter = to_adapter(weights, run.plan.dimension)
        content = pack_adapter(adapter)
        return content, {"part": "adapter", "rank": run.plan.rank, "adapter_sha256": digest_bytes(content)}
    weight, bias = run.feature_map.to_head(weights)
    head = calibrate(LinearHead(weight, bias, run.plan.labels, 1.0, 0.0), run.embeddings, run.targets)
    content = pack_head(head.weight, head.bias)
    return content, {
        "labels": head.labels,
        "temperature": head.temperature,
        "threshold": head.threshold,
        "head_sha256": digest_bytes(content),
    }


def _released(record: RoundRecord) -> ReleasedRound:
    ledgers = {
        branch: LedgerEntry(serial=ledger.serial, head=ledger.head, epsilon=ledger.epsilon)
        for branch, ledger in record.ledgers.items()
    }
    return ReleasedRound(
        round_number=record.round_number, survivors=record.survivors, attempts=record.attempts, ledgers=ledgers
    )
