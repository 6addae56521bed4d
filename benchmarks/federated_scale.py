"""What a simulated round of 10, 100 and 1,000 branches takes on this machine."""

import resource
import time
from typing import Any

import numpy as np

from benchmarks.federated_data import Task, make_branches, select, split_over_branches
from federation.features import FeatureMap
from federation.plan import Cohort, Training, plan_run
from federation.simulation import simulate

BRANCHES = (10, 100, 1000)
ROUNDS = 3


def measure_scale(task: Task) -> dict[str, Any]:
    """Seconds, memory and bytes of a round, by the number of branches; each branch has as many messages as the others.

    The head has all the task's labels on unprojected embeddings: the largest update there is.
    """
    feature_map = FeatureMap.fit(task.public)
    return {f"{branches} branches": _measure(task, feature_map, branches) for branches in BRANCHES}


def _measure(task: Task, feature_map: FeatureMap, branches: int) -> dict[str, float]:
    generator = np.random.default_rng(0)
    rows = generator.choice(len(task.train.targets), size=branches * 40)
    messages = select(task.train, rows)
    split = split_over_branches(messages.targets, branches, generator)
    examples = make_branches(task, messages, split, branches)
    cohort = Cohort(branches, branches - branches // 10, len(rows))
    plan = plan_run(
        "scale",
        "head",
        epsilon=3.0,
        delta=1e-5,
        dimension=feature_map.projection.shape[1],
        embedding_space=task.space,
        cohort=cohort,
        training=Training(ROUNDS, 60, 0.8),
        labels=task.labels,
        feature_map_digest=feature_map.digest,
    )
    start = np.zeros((plan.dimension, len(task.labels)), dtype=np.float32)
    lost = list(range(branches // 10))
    started = time.perf_counter()
    rounds = list(
        simulate(plan, examples, start, feature_map=feature_map, random_bytes=generator.bytes, drop=lambda _: lost)
    )
    return {
        "seconds a round": round((time.perf_counter() - started) / ROUNDS, 3),
        "milliseconds of a branch, at most": round(max(done.branch_s for done in rounds) * 1000, 1),
        "peak memory of the process in MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "kB up, a branch and round": round(rounds[0].bytes_up / 1000, 1),
        "kB down, a branch and round": round(rounds[0].bytes_down / 1000, 1),
    }
