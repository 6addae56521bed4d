"""The audit: sound where the mechanism is, and red where the noise is missing."""

from math import log

import numpy as np
import pytest

from federation.learning.canary_audit import audit_run, epsilon_lower_bound
from federation.learning.features import FeatureMap
from federation.learning.part import PublicShape
from federation.learning.plan import RunPlan, plan_run
from federation.learning.run_settings import RunSettings

MAP = FeatureMap.fit(np.random.default_rng(7).standard_normal((200, 48)).astype(np.float32))


def plan(epsilon: float) -> RunPlan:
    settings = RunSettings(
        run_id="audit",
        epsilon=epsilon,
        rounds=4,
        branches=4,
        minimum_survivors=4,
        customers=400,
        learning_rate=1.0,
        momentum=0.5,
    )
    labels = tuple(f"label {n}" for n in range(30))
    shape = PublicShape(labels=labels, dimension=48, embedding_space="5" * 64, feature_map_digest=MAP.digest)
    return plan_run(settings, shape)


@pytest.mark.parametrize("epsilon", [1.0, 8.0])
def test_an_audit_finds_no_more_than_the_accountant_promises(epsilon: float) -> None:
    report = audit_run(plan(epsilon), MAP, 1e-5, np.random.default_rng(0), canaries=400)
    assert report.is_consistent
    assert report.promised.epsilon == pytest.approx(epsilon)
    assert report.guesses == 80


def test_an_audit_of_little_noise_finds_a_part_of_the_epsilon_that_it_costs() -> None:
    report = audit_run(plan(40.0), MAP, 1e-5, np.random.default_rng(0), canaries=400)
    assert 1.0 < report.lower_bound < 40


def test_an_audit_with_the_noise_switched_off_fails() -> None:
    report = audit_run(plan(1.0), MAP, 1e-5, np.random.default_rng(0), canaries=400, noise="none")
    assert not report.is_consistent
    assert report.correct == report.guesses


def test_the_lower_bound_is_that_of_the_paper() -> None:
    # without delta, r right guesses of r refute every epsilon with (e^eps / (1 + e^eps))^r <= 0.05
    share = 0.05 ** (1 / 200)
    assert epsilon_lower_bound(1000, 200, 200, 0.0) == pytest.approx(log(share / (1 - share)), abs=1e-5)
    assert epsilon_lower_bound(1000, 200, 100, 0.0) == 0
    assert epsilon_lower_bound(1000, 200, 190, 1e-5) < epsilon_lower_bound(1000, 200, 190, 0.0)
