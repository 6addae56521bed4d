"""Federated training of the intent head under differential privacy, in simulation, beside its baselines.

The mechanism is the product's own (integers, exact discrete Gaussian noise, sums modulo 2^32); its messages are left
out, and the survivors' shares of the noise are drawn as their sum. The unit of privacy is one utterance or, where it is
said, one customer who wrote five; add-or-remove neighbors; delta 1e-5; exact composition. Settings, those of the
baselines too, were chosen on folds of the training part; figures are of the held-out part, means over three seeds
that draw the split, the drop-outs and the noise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.federated_baselines import central_accuracy, federated_averaging, seed_weights, stock_opacus
from benchmarks.federated_data import (
    Messages,
    Task,
    banking77,
    clinc150,
    make_branches,
    select,
    split_over_branches,
)
from federation.learning.features import FeatureMap
from federation.learning.intent_head import HeadExamples
from federation.learning.part import PublicShape
from federation.learning.plan import RunPlan, plan_run
from federation.learning.run_settings import RunSettings
from federation.learning.simulation import simulate
from federation.privacy.accounting import guarantee


class Training(NamedTuple):
    """The settings of a run that differ by budget, as `RunSettings` names them."""

    rounds: int
    learning_rate: float
    momentum: float
    clip_norm: float = 1.0


SEEDS = (0, 1, 2)
EPSILONS = (1.0, 3.0, 8.0)
DELTA = 1e-5
DIMENSION, POWER, NAMES = 256, -0.25, 8.0
"""Of the feature map, and how strongly the head starts from its labels' names."""

HEAD = {1.0: Training(12, 150, 0.5, 0.6), 3.0: Training(20, 100, 0.8, 0.6), 8.0: Training(40, 200, 0.8, 0.4)}
CUSTOMERS = {1.0: Training(12, 20, 0.5, 0.8), 3.0: Training(20, 16, 0.8, 0.8), 8.0: Training(30, 32, 0.8, 0.8)}
SEEDED = {1.0: Training(8, 100, 0.5, 0.6), 3.0: Training(20, 80, 0.8, 0.6), 8.0: Training(30, 120, 0.8, 0.5)}
LOCAL_10 = {1.0: Training(4, 60, 0.5, 0.6), 3.0: Training(10, 60, 0.8, 0.6), 8.0: Training(15, 80, 0.8, 0.6)}
LOCAL_50 = {1.0: Training(2, 20, 0.5, 0.6), 3.0: Training(4, 60, 0.5, 0.8), 8.0: Training(8, 100, 0.5, 0.8)}
STOCK_RATES = {1.0: 2.0, 3.0: 8.0, 8.0: 32.0}
SEED_MESSAGES = 10
DROPPED = 5


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: who takes part, and how."""

    branches: int
    training: dict[float, Training]
    mechanism: str = "secure"
    dropped: int = 0
    per_customer: int = 1
    seeded: bool = False


SETTINGS = {
    "central DP": Setting(1, HEAD, "local"),
    "secure, 10 branches": Setting(10, HEAD),
    "secure, 50 branches": Setting(50, HEAD),
    "secure, 50 branches, 10 % drop out": Setting(50, HEAD, dropped=DROPPED),
    "… customers of 5 utterances": Setting(50, CUSTOMERS, dropped=DROPPED, per_customer=5),
    "… from a seed head of 10 an intent": Setting(50, SEEDED, dropped=DROPPED, seeded=True),
    "local, 10 branches": Setting(10, LOCAL_10, "local"),
    "local, 50 branches": Setting(50, LOCAL_50, "local"),
}
TARGETS = {
    "secure, 50 branches, 10 % drop out": (0.80, 0.87, 0.90),
    "… customers of 5 utterances": (0.70, 0.84, 0.86),
    "… from a seed head of 10 an intent": (0.86, 0.88, 0.89),
}


def run() -> dict[str, Any]:
    """All figures."""
    task = banking77()
    return {
        "privacy": {"delta": DELTA, "neighboring": "add-or-remove", "accountant": "exact Gaussian composition"},
        "BANKING77": {
            "examples": {"train": len(task.train.targets), "test": len(task.test.targets)},
            "without privacy": _without_privacy(task),
            "with privacy": {name: _rows(task, name) for name in SETTINGS},
            "targets": TARGETS,
            "stock Opacus, 10 branches": _stock(task, 10),
            "stock Opacus, 50 branches": _stock(task, 50),
        },
        "CLINC150": _other(clinc150()),
    }


def accuracy(weights: NDArray[np.float32], feature_map: FeatureMap, messages: Messages) -> float:
    """Share of messages whose label the weights name."""
    return float((predict(weights, feature_map, messages) == messages.targets).mean())


def predict(weights: NDArray[np.float32], feature_map: FeatureMap, messages: Messages) -> NDArray[np.int64]:
    """The columns that the weights choose (n,)."""
    return np.asarray(np.argmax(feature_map.apply(messages.embeddings) @ weights, axis=1))


def head_plan(
    task: Task,
    feature_map: FeatureMap,
    setting: Setting,
    epsilon: float,
    *,
    customers: int,
) -> RunPlan:
    """The run that a setting asks for."""
    is_secure = setting.mechanism == "secure"
    settings = RunSettings(
        run_id="benchmark",
        mechanism="secure" if is_secure else "local",
        epsilon=epsilon,
        delta=DELTA,
        branches=setting.branches,
        minimum_survivors=setting.branches - setting.dropped if is_secure else 1,
        colluders=1,
        customers=customers,
        contributions=max(setting.per_customer, 1),
        **setting.training[epsilon]._asdict(),
    )
    return plan_run(settings, head_shape(task, feature_map))


def head_shape(task: Task, feature_map: FeatureMap) -> PublicShape:
    """The shape of a head's weights."""
    return PublicShape(
        labels=task.labels,
        dimension=feature_map.projection.shape[1],
        embedding_space=task.space,
        feature_map_digest=feature_map.digest,
    )


def train_head(
    plan: RunPlan,
    branches: Sequence[HeadExamples],
    start: NDArray[np.float32],
    feature_map: FeatureMap,
    *,
    dropped: int,
    seed: int,
) -> NDArray[np.float32]:
    """The weights after a simulated run."""
    generator, source = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
    rounds = simulate(
        plan,
        branches,
        start,
        feature_map=feature_map,
        random_bytes=source.bytes,
        noise="at once",
        drop=lambda _: [int(lost) for lost in generator.choice(len(branches), dropped, replace=False)],
    )
    return list(rounds)[-1].state.weights


def over_seeds(measure: Callable[[int], float]) -> dict[str, float]:
    """Mean and standard deviation over the seeds."""
    found = [measure(seed) for seed in SEEDS]
    return {"mean": round(float(np.mean(found)), 4), "sd": round(float(np.std(found, ddof=1)), 4)}


def fit_map(task: Task) -> FeatureMap:
    """The public map."""
    return FeatureMap.fit(task.public, DIMENSION, power=POWER)


def _rows(task: Task, name: str) -> dict[str, Any]:
    feature_map, setting, made = fit_map(task), SETTINGS[name], {}
    for epsilon in EPSILONS:
        plan = head_plan(task, feature_map, setting, epsilon, customers=len(task.train.targets) // setting.per_customer)
        figures = over_seeds(partial(_accuracy_of, task, feature_map, setting, epsilon))
        unit = "utterance" if setting.per_customer == 1 else "customer"
        made[f"epsilon {epsilon:g}"] = {
            **figures,
            "guarantee": str(guarantee(plan.releases, DELTA, unit=unit)),
            "rounds": plan.settings.rounds,
        }
        print(f"  {task.name}, {name}, epsilon {epsilon:g}: {figures}", flush=True)
    return made


def _accuracy_of(task: Task, feature_map: FeatureMap, setting: Setting, epsilon: float, seed: int) -> float:
    generator = np.random.default_rng([seed, 0])
    train, start = task.train, feature_map.from_names(task.names, NAMES)
    if setting.seeded:
        seeds = pick_seeds(train, generator)
        start = seed_weights(feature_map.apply(train.embeddings[seeds]), train.targets[seeds], strength=30)
        train = select(train, np.setdiff1d(np.arange(len(train.targets)), seeds))
    branch_of = split_over_branches(train.targets, setting.branches, generator)
    order = generator.permutation(len(branch_of))
    shuffled = select(train, order)
    branches = make_branches(task, shuffled, branch_of[order], setting.branches, per_customer=setting.per_customer)
    plan = head_plan(task, feature_map, setting, epsilon, customers=len(train.targets) // setting.per_customer)
    weights = train_head(plan, branches, start, feature_map, dropped=setting.dropped, seed=seed)
    return accuracy(weights, feature_map, task.test)


def pick_seeds(train: Messages, generator: np.random.Generator) -> NDArray[np.int64]:
    """Rows of the ten messages an intent that the center has labelled itself."""
    order = generator.permutation(len(train.targets))
    picked = [order[train.targets[order] == label][:SEED_MESSAGES] for label in np.unique(train.targets)]
    return np.concatenate(picked)


def _without_privacy(task: Task) -> dict[str, Any]:
    feature_map = fit_map(task)
    start = feature_map.from_names(task.names, NAMES)

    def seed_head(seed: int) -> float:
        seeds = pick_seeds(task.train, np.random.default_rng([seed, 0]))
        x = feature_map.apply(task.train.embeddings[seeds])
        return accuracy(seed_weights(x, task.train.targets[seeds], strength=30), feature_map, task.test)

    return {
        "central logistic regression": round(central_accuracy(task.train, task.test), 4),
        "labels' names alone": round(accuracy(start, feature_map, task.test), 4),
        "seed head of 10 an intent": over_seeds(seed_head),
        **{f"FedAvg, {n} branches": over_seeds(partial(_fedavg, task, feature_map, n)) for n in (10, 50)},
    }


def _fedavg(task: Task, feature_map: FeatureMap, branches: int, seed: int) -> float:
    parts = _parts(task, feature_map, branches, seed)
    generator = np.random.default_rng([seed, 3])
    weights = federated_averaging(parts, len(task.labels), generator, rounds=20 if branches == 10 else 25)
    return accuracy(weights.astype(np.float32), feature_map, task.test)


def _stock(task: Task, branches: int) -> dict[str, Any]:
    feature_map = fit_map(task)

    def measure(epsilon: float, seed: int) -> float:
        parts = _parts(task, feature_map, branches, seed)
        start = feature_map.from_names(task.names, NAMES)
        rate = STOCK_RATES[epsilon]
        weights = stock_opacus(parts, start, epsilon=epsilon, delta=DELTA, seed=seed, learning_rate=rate)
        return accuracy(weights, feature_map, task.test)

    return {f"epsilon {e:g}": over_seeds(partial(measure, e)) for e in EPSILONS}


def _parts(
    task: Task, feature_map: FeatureMap, branches: int, seed: int
) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    branch_of = split_over_branches(task.train.targets, branches, np.random.default_rng([seed, 0]))
    x = feature_map.apply(task.train.embeddings)
    return [(x[branch_of == branch], task.train.targets[branch_of == branch]) for branch in range(branches)]


def _other(task: Task) -> dict[str, Any]:
    return {
        "examples": {"train": len(task.train.targets), "test": len(task.test.targets)},
        "without privacy": {
            "central logistic regression": round(central_accuracy(task.train, task.test), 4),
            "FedAvg, 50 branches": over_seeds(partial(_fedavg, task, fit_map(task), 50)),
        },
        "with privacy": {"secure, 50 branches, 10 % drop out": _rows(task, "secure, 50 branches, 10 % drop out")},
    }
