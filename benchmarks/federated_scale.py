"""Time, memory and bytes of a simulated round of 10, 100 and 1,000 branches on this machine.

Every branch does all of its work, its own share of the noise too, one branch after another on one core; a deployment's
branches work side by side, and what one takes is a figure of its own.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.federated_data import Task, banking77, make_branches, select, split_over_branches
from benchmarks.federation import head_shape
from benchmarks.measure import resident_bytes
from federation.learning.features import FeatureMap
from federation.learning.plan import plan_run
from federation.learning.run_settings import RunSettings
from federation.learning.simulation import simulate

BRANCHES = (10, 100, 1000)
ROUNDS = 3


PLOT = Path(__file__).parents[1] / "docs" / "evaluation" / "federation-scale.png"


def run() -> dict[str, Any]:
    """Seconds, memory and bytes of a round, by the number of branches, 40 messages at each, one branch at a time.

    The head has all of BANKING77's labels on unprojected embeddings: the largest update there is.
    """
    task = banking77()
    feature_map = FeatureMap.fit(task.public)
    figures = {f"{branches} branches": _measure(task, feature_map, branches) for branches in BRANCHES}
    _plot(figures)
    return figures


def _plot(figures: dict[str, dict[str, float]]) -> None:
    import matplotlib  # noqa: PLC0415

    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for axis, what in zip(axes, ("CPU seconds a round", "memory of the process in MB"), strict=True):
        axis.plot(BRANCHES, [each[what] for each in figures.values()], marker="o")
        axis.set(xscale="log", xlabel="branches", ylabel=what, xticks=BRANCHES, xticklabels=BRANCHES)
        axis.grid(visible=True, alpha=0.3)
    axes[0].set(yscale="log")
    axes[1].set(ylim=(0, 1.1 * max(each["memory of the process in MB"] for each in figures.values())))
    figure.savefig(PLOT, dpi=120)
    pyplot.close(figure)


def _measure(task: Task, feature_map: FeatureMap, branches: int) -> dict[str, float]:
    generator = np.random.default_rng(0)
    rows = generator.choice(len(task.train.targets), size=branches * 40)
    messages = select(task.train, rows)
    split = split_over_branches(messages.targets, branches, generator)
    examples = make_branches(task, messages, split, branches)
    settings = RunSettings(
        run_id="scale",
        epsilon=3.0,
        rounds=ROUNDS,
        branches=branches,
        minimum_survivors=branches - branches // 10,
        colluders=1,
        customers=len(rows),
        learning_rate=60,
        momentum=0.8,
    )
    plan = plan_run(settings, head_shape(task, feature_map))
    start = np.zeros((plan.shape.dimension, len(task.labels)), dtype=np.float32)
    lost = list(range(branches // 10))
    started, worked = time.perf_counter(), time.process_time()
    rounds = list(
        simulate(plan, examples, start, feature_map=feature_map, random_bytes=generator.bytes, drop=lambda _: lost)
    )
    return {
        "seconds a round": round((time.perf_counter() - started) / ROUNDS, 3),
        "CPU seconds a round": round((time.process_time() - worked) / ROUNDS, 3),
        "milliseconds of a branch, at most": round(max(done.branch_s for done in rounds) * 1000, 1),
        "memory of the process in MB": round(resident_bytes() / 1e6, 1),
        "kB up, a branch and round": round(rounds[0].bytes_up / 1000, 1),
        "kB down, a branch and round": round(rounds[0].bytes_down / 1000, 1),
    }
