"""Labels that only some branches know: whether the head that all get recognizes them everywhere.

The center has labelled ten messages of each label that it knows; of the others it has the names alone. Each of those is
known at three branches; the test messages stand for all branches, most of which never saw it. Before, the head cannot
name what it does not know, so its recall there is zero.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.federated_baselines import seed_weights
from benchmarks.federated_data import Task, banking77, demo_tickets, make_branches, select, split_over_branches
from benchmarks.federation import (
    DELTA,
    NAMES,
    SEEDED,
    SEEDS,
    Setting,
    Training,
    fit_map,
    head_plan,
    pick_seeds,
    predict,
    train_head,
)
from federation.learning.features import FeatureMap
from federation.privacy.accounting import guarantee

RARE_AT = 3
DEMO = {3.0: Training(4, 10, 0.5, 0.6), 8.0: Training(8, 15, 0.5, 0.6), 20.0: Training(12, 20, 0.8, 0.6)}
"""A few hundred tickets carry little noise: fewer and shorter steps."""


def run() -> dict[str, Any]:
    """Recall of new and of known labels, before and after."""
    banking, demo = banking77(), demo_tickets()
    return {
        "known at": RARE_AT,
        "BANKING77, 15 of 77 labels new, 50 branches, 10 % drop out": _by_epsilon(
            banking, Setting(50, SEEDED, dropped=5), SEEDED, new=15
        ),
        "demo tickets, 6 of 28 labels new, 10 branches": _by_epsilon(demo, Setting(10, DEMO), DEMO, new=6),
    }


def _by_epsilon(task: Task, setting: Setting, training: Mapping[float, Training], *, new: int) -> dict[str, Any]:
    feature_map, made = fit_map(task), {}
    for epsilon in training:
        measured = [_recalls(task, feature_map, setting, epsilon, new=new, seed=seed) for seed in SEEDS]
        plan = head_plan(task, feature_map, setting, epsilon, customers=1)
        made[f"epsilon {epsilon:g}"] = {
            "guarantee": str(guarantee(plan.releases, DELTA, unit="message")),
            **{
                name: {
                    "mean": round(float(np.mean([each[name] for each in measured])), 4),
                    "sd": round(float(np.std([each[name] for each in measured], ddof=1)), 4),
                }
                for name in measured[0]
            },
        }
        print(f"  {task.name}, epsilon {epsilon:g}: {made[f'epsilon {epsilon:g}']}", flush=True)
    return made


def _recalls(
    task: Task, feature_map: FeatureMap, setting: Setting, epsilon: float, *, new: int, seed: int
) -> dict[str, float]:
    generator = np.random.default_rng([seed, 0])
    new_labels = generator.choice(len(task.labels), new, replace=False)
    seeds = pick_seeds(task.train, generator)
    seeds = seeds[~np.isin(task.train.targets[seeds], new_labels)]
    known = np.unique(task.train.targets[seeds])
    fitted = seed_weights(feature_map.apply(task.train.embeddings[seeds]), task.train.targets[seeds], strength=30)
    start = feature_map.from_names(task.names, NAMES)
    start[:, known] = fitted
    train = select(task.train, np.setdiff1d(np.arange(len(task.train.targets)), seeds))
    branch_of = split_over_branches(train.targets, setting.branches, generator)
    for label in new_labels:
        rows = np.flatnonzero(train.targets == label)
        branch_of[rows] = generator.choice(generator.choice(setting.branches, RARE_AT, replace=False), len(rows))
    plan = head_plan(task, feature_map, setting, epsilon, customers=len(train.targets))
    branches = make_branches(task, train, branch_of, setting.branches)
    weights = train_head(plan, branches, start, feature_map, dropped=setting.dropped, seed=seed)
    before, after = known[predict(fitted, feature_map, task.test)], predict(weights, feature_map, task.test)
    by_name = predict(start, feature_map, task.test)
    is_new = np.isin(task.test.targets, new_labels)
    return {
        f"{which} labels, {when}": float((chosen == task.test.targets)[rows].mean())
        for which, rows in (("new", is_new), ("known", ~is_new))
        for when, chosen in (("seed head", before), ("seed head and names", by_name), ("federated", after))
    }
