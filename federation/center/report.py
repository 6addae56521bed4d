"""A run's report: one page that stands by itself, and the picture in it: accuracy and epsilon, who took part, bytes."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from federation.center.evaluation_round import RunEvaluation, read_evaluation
from federation.center.prepared_run import PreparedRun, read_run
from federation.center.report_page import facts, page, picture, section, table, to_png
from federation.center.rounds import RoundRecord, read_progress
from federation.errors import RunFailed
from federation.learning.canary_audit import AuditReport, audit_run
from federation.learning.evaluation import AccuracyEstimate
from federation.learning.parts import part_named
from student.artifacts.durable import write_durably

PAGE, PICTURE, AUDIT = "report.html", "report.png", "audit.json"
_AUDIT = TypeAdapter(AuditReport)
_COLUMNS = ("round", "accuracy", "epsilon", "in the sum", "asked", "attempts", "kB up", "kB down", "seconds")


def write_report(folder: Path) -> Path:
    """Writes the page and the picture into a run's folder, from its finished rounds; returns the page.

    Raises:
        CheckpointInvalid: the folder holds no run.
    """
    run = read_run(folder)
    history = read_progress(folder, run)[1]
    png = to_png(lambda figure: _draw(run, history, figure), 9, 5.6)
    write_durably(folder / PICTURE, png)
    path = folder / AUDIT
    audit = _AUDIT.validate_json(path.read_bytes()) if path.exists() else None
    evaluation = read_evaluation(folder)
    write_durably(folder / PAGE, _page(run, history, png, audit, evaluation))
    return folder / PAGE


def write_audit(folder: Path, *, canaries: int) -> AuditReport:
    """Attacks a run's mechanism with canaries and keeps what was found in its folder, for the report.

    Raises:
        CheckpointInvalid: the folder holds no run.
        RunFailed: it is of a part that is not audited.
    """
    run = read_run(folder)
    part, feature_map = part_named(run.recipe.part), run.prepared.feature_map
    if not part.is_audited or feature_map is None:
        raise RunFailed(f"run {run.recipe.run_id} is of the {part.title}; canaries are for runs of heads")
    generator = np.random.default_rng(secrets.randbits(128))
    found = audit_run(run.plan, feature_map, run.recipe.delta, generator, canaries=canaries)
    write_durably(folder / AUDIT, _AUDIT.dump_json(found, indent=1))
    return found


def _draw(run: PreparedRun, history: Sequence[RoundRecord], figure: Any) -> None:
    numbers, start = [record.round_number for record in history], run.accuracy(run.prepared.start)
    (accuracy, epsilon), (branches, traffic) = figure.subplots(2, 2)
    reached = [start, *(record.accuracy for record in history)]
    accuracy.plot([0, *numbers], reached, marker="o", ms=3, color="#1f6f8b")
    accuracy.axhline(run.prepared.baseline, ls="--", lw=1, color="#8a94a0")
    accuracy.annotate(
        f"the bundle's {run.recipe.part}",
        (0.99, run.prepared.baseline),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        color="#5c6772",
    )
    accuracy.set(title=f"{_figure(run)} on the center's validation set", ylim=(0, 1))
    epsilon.plot([0, *numbers], [0, *(record.epsilon for record in history)], marker="o", ms=3, color="#a23b3b")
    epsilon.axhline(run.recipe.epsilon, ls="--", lw=1, color="#8a94a0")
    epsilon.set(title=f"Epsilon at delta {run.recipe.delta:g}, per customer", ylim=(0, run.recipe.epsilon * 1.15))
    branches.bar(numbers, [record.asked for record in history], color="#dde3ea", label="asked")
    branches.bar(numbers, [record.survivors for record in history], color="#1f6f8b", label="in the sum")
    branches.axhline(run.recipe.minimum_survivors, ls="--", lw=1, color="#a23b3b", label="fewest allowed")
    branches.set(title="Branches", xlabel="round")
    branches.set_ylim(top=1.25 * max([1, *(record.asked for record in history)]))
    branches.legend(frameon=False, fontsize=8, loc="upper right", ncols=3)
    for name, color in (("up", "#1f6f8b"), ("down", "#d08c2e")):
        kilobytes = [getattr(record, f"{name}_bytes") / 1000 / max(record.asked, 1) for record in history]
        traffic.plot(numbers, kilobytes, marker="o", ms=3, color=color, label=name)
    traffic.set(title="Kilobytes per branch", xlabel="round")
    traffic.set_ylim(bottom=0)
    traffic.legend(frameon=False, fontsize=8)
    for axes in (accuracy, epsilon, branches, traffic):
        axes.xaxis.get_major_locator().set_params(integer=True)


def _page(
    run: PreparedRun,
    history: Sequence[RoundRecord],
    png: bytes,
    audit: AuditReport | None,
    evaluation: RunEvaluation | None,
) -> bytes:
    recipe, last = run.recipe, history[-1] if history else None
    reached = f"{last.accuracy:.4f}" if last else "none yet"
    spent = f"{last.epsilon:.4f}" if last else "0"
    rows = [
        ("Rounds", f"{len(history)} of {recipe.rounds}"),
        (
            _figure(run),
            f"{run.prepared.baseline:.4f} with the bundle's {run.recipe.part}, "
            f"{run.accuracy(run.prepared.start):.4f} where the first round began, "
            f"{reached} after the last ({len(run.prepared.validation.targets)} texts)",
        ),
        *_at_branches(run, evaluation),
        (
            "Privacy",
            f"epsilon {spent} of {recipe.epsilon:g} at delta {recipe.delta:g}, per customer, add-or-remove neighbors, "
            f"exact Gaussian composition; noise multiplier {run.plan.noise_multiplier:.4f} in each round",
        ),
        ("Noise", _noise(run)),
        *_audit(audit),
        ("Made from", f"bundle {run.bundle_digest}, recipe {recipe.digest}"),
    ]
    return page(
        f"Run {recipe.run_id}",
        facts(rows),
        picture(png, "Accuracy, epsilon, branches and bytes by round"),
        section("Rounds", table(_COLUMNS, map(_row, history))),
        section(
            "Ledgers of the branches after the last sum each took part in",
            table(("branch", "entries", "epsilon in all its runs", "head"), _ledgers(history, evaluation)),
        ),
        section("Why branches were left out", table(("reason", "times"), _reasons(history))),
    )


def _audit(audit: AuditReport | None) -> list[tuple[str, str]]:
    if audit is None:
        return []
    said = "as promised" if audit.is_consistent else "MORE THAN PROMISED: something is broken"
    return [
        (
            "Audit",
            f"{audit.correct} of {audit.guesses} guesses about {audit.canaries} canaries right: epsilon at least "
            f"{audit.lower_bound:.3f} with 95 % confidence, promised {audit.promised.epsilon:.3f} at delta "
            f"{audit.promised.delta:g}; {said}",
        )
    ]


def _at_branches(run: PreparedRun, evaluation: RunEvaluation | None) -> list[tuple[str, str]]:
    """Noisy accuracies at the branches, each with the standard error of its noise."""
    if not run.recipe.holdout_share:
        return []
    name = "Accuracy at the branches, noisy"
    if evaluation is None or evaluation.whole is None:
        return [(name, evaluation.why_not if evaluation else "not counted yet")]
    groups = [("all labels", evaluation.whole), ("new labels", evaluation.new_labels)]
    said = "; ".join(f"{group}: {_estimate(reached)}" for group, reached in groups if reached)
    return [
        (
            name,
            f"{said}. Of {evaluation.survivors} branches' customers that were not trained on, ± standard error of the "
            f"noise; it costs those customers epsilon {evaluation.epsilon:.4f} and the others nothing",
        )
    ]


def _estimate(reached: AccuracyEstimate) -> str:
    if reached.before is None:
        return f"too few customers ({reached.customers}) for any figure under this noise"
    return f"{reached.before} before, {reached.after} after, change {reached.change}, {reached.customers} customers"


def _figure(run: PreparedRun) -> str:
    return part_named(run.recipe.part).figure


def _noise(run: PreparedRun) -> str:
    recipe = run.recipe
    if recipe.mechanism == "local":
        return "local: every branch adds all of it"
    return (
        f"secure aggregation: shares of {recipe.minimum_survivors} branches make it up, of whom {recipe.colluders} may "
        "subtract their own; a sum of fewer stays closed"
    )


def _row(record: RoundRecord) -> tuple[str, ...]:
    return (
        str(record.round_number),
        f"{record.accuracy:.4f}",
        f"{record.epsilon:.4f}",
        str(record.survivors),
        str(record.asked),
        str(record.attempts),
        f"{record.up_bytes / 1000:.1f}",
        f"{record.down_bytes / 1000:.1f}",
        f"{record.seconds:.1f}",
    )


def _ledgers(history: Sequence[RoundRecord], evaluation: RunEvaluation | None) -> list[tuple[str, ...]]:
    last = {branch: ledger for record in history for branch, ledger in record.ledgers.items()}
    last |= evaluation.ledgers if evaluation else {}
    return [(branch, str(x.serial), f"{x.epsilon:.4f}", x.head) for branch, x in sorted(last.items())]


def _reasons(history: Sequence[RoundRecord]) -> list[tuple[str, ...]]:
    counts: dict[str, int] = {}
    for record in history:
        for why, times in record.refusals.items():
            counts[why] = counts.get(why, 0) + times
    return [(why, str(times)) for why, times in sorted(counts.items())] or [("none was", "")]
