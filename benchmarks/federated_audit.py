"""Canaries against the runs of `benchmarks/federation.py`: what of their epsilon can be shown from what they release.

A lower bound above the promise shows a broken mechanism; one below it proves nothing. With the noise switched off it
must be above.
"""

from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.federated_data import banking77
from benchmarks.federation import DELTA, EPSILONS, SETTINGS, fit_map, head_plan
from federation.learning.canary_audit import AuditReport, audit_run
from federation.learning.simulation import Noise

CANARIES = 1000
CONTROLS: tuple[Noise, ...] = ("each", "none")
SETTING = "secure, 10 branches"


def run() -> dict[str, Any]:
    """The bounds, by promised epsilon, with the noise and without."""
    task = banking77()
    feature_map, made = fit_map(task), {}
    for epsilon in EPSILONS:
        plan = head_plan(task, feature_map, SETTINGS[SETTING], epsilon, customers=CANARIES)
        for noise in CONTROLS:
            report = audit_run(plan, feature_map, DELTA, np.random.default_rng(0), canaries=CANARIES, noise=noise)
            name = f"epsilon {epsilon:g}" + ("" if noise == "each" else ", noise switched off")
            made[name] = _figures(report)
            print(f"  {name}: {made[name]}", flush=True)
    return made


def _figures(report: AuditReport) -> dict[str, Any]:
    figures = asdict(report) | {"promised": str(report.promised), "is_consistent": report.is_consistent}
    return figures | {"lower_bound": round(report.lower_bound, 3)}
