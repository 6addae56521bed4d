"""An empirical lower bound on epsilon from canaries in one run, beside the accountant's upper bound.

Steinke, Nasr & Jagielski 2023, "Privacy Auditing with One (1) Training Run" (arXiv 2305.08846): of m canaries, each is
put in by the toss of a coin; from what the run releases an attacker guesses for some of them whether they were in. If
the run is (epsilon, delta)-private, no more guesses than those of theorem 5.2 can be right but by chance.

A canary is a customer whose one message has a random embedding and label, so that its gradient is a direction of its
own. It goes through the product's own clipping, rounding, noise, sums and steps. The attacker is the strongest that the
promise is made against: it sees every sum and all weights, and there is no other data to hide in. A bound above the
promised epsilon shows that a mechanism is broken; one below it proves nothing.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.learning.features import FeatureMap
from federation.learning.intent_head import HeadExamples
from federation.learning.plan import RunPlan
from federation.learning.simulation import Noise, simulate
from federation.privacy.accounting import Guarantee, guarantee
from student.bundle.linear_head import softmax

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of an audit.

    Attributes:
        canaries: how many might have been in.
        guesses: for how many the attacker guessed.
        correct: how many of the guesses were right.
        lower_bound: of epsilon at `promised.delta`, with 95 % confidence.
        promised: by the accountant.
    """

    canaries: int
    guesses: int
    correct: int
    lower_bound: float
    promised: Guarantee

    @property
    def is_consistent(self) -> bool:
        """True while the lower bound lies under the promise; if not, something is broken."""
        return self.lower_bound <= self.promised.epsilon


def audit_run(
    plan: RunPlan,
    feature_map: FeatureMap,
    delta: float,
    generator: np.random.Generator,
    *,
    canaries: int = 1000,
    guessed_share: float = 0.2,
    noise: Noise = "each",
) -> AuditReport:
    """Runs a plan of a linear head on canaries alone and attacks it.

    Args:
        plan: of the run; its cohort says how many branches hold the canaries.
        feature_map: of the run.
        delta: of the promise.
        generator: draws canaries, coins and noise; nothing here is anyone's data.
        canaries: how many.
        guessed_share: of the canaries: the surest half of them is guessed in, the other half out.
        noise: "each", or in a negative control "none".
    """
    x = generator.standard_normal((canaries, plan.shape.dimension))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    targets = generator.integers(0, len(plan.shape.labels), canaries)
    is_in = generator.integers(0, 2, canaries).astype(np.bool_)
    start = np.zeros((plan.shape.dimension, len(plan.shape.labels)), dtype=np.float32)
    rounds = simulate(
        plan,
        _branches(plan, feature_map, x, targets, is_in),
        start,
        feature_map=feature_map,
        random_bytes=generator.bytes,
        noise=noise,
    )
    scores, weights, velocity = np.zeros(canaries), start, np.zeros(start.shape)
    for done in rounds:
        released = done.state.velocity - plan.settings.momentum * velocity
        scores += _alignment(released, weights, x, targets)
        weights, velocity = done.state.weights, done.state.velocity
    order = np.argsort(scores)
    half = round(canaries * guessed_share / 2)
    correct = int(is_in[order[-half:]].sum() + (~is_in[order[:half]]).sum())
    promised = guarantee(plan.releases, delta)
    return AuditReport(canaries, 2 * half, correct, epsilon_lower_bound(canaries, 2 * half, correct, delta), promised)


def epsilon_lower_bound(canaries: int, guesses: int, correct: int, delta: float) -> float:
    """The largest epsilon that so many right guesses speak against with 95 % confidence; 0 where there is none."""
    low, high = 0.0, 30.0
    if _chance(canaries, guesses, correct, low, delta) > 1 - CONFIDENCE:
        return 0.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        is_refuted = _chance(canaries, guesses, correct, middle, delta) <= 1 - CONFIDENCE
        low, high = (middle, high) if is_refuted else (low, middle)
    return low


def _chance(canaries: int, guesses: int, correct: int, epsilon: float, delta: float) -> float:
    """At most how likely so many right guesses or more are under (epsilon, delta): theorem 5.2."""
    from scipy.stats import binom  # noqa: PLC0415 - half a second, and needed for audits alone

    share = 1 / (1 + math.exp(-epsilon))
    below = np.cumsum(binom.pmf(np.arange(correct - 1, -1, -1), guesses, share))
    most = float(np.max(below / np.arange(1, correct + 1), initial=0.0))
    return min(float(binom.sf(correct - 1, guesses, share)) + 2 * canaries * delta * most, 1.0)


def _branches(
    plan: RunPlan, feature_map: FeatureMap, x: NDArray[np.float64], targets: NDArray[np.int64], is_in: NDArray[np.bool_]
) -> list[HeadExamples]:
    """The canaries that are in, spread over the branches, as embeddings that the map turns into them."""
    embeddings = (feature_map.center + x @ np.linalg.pinv(feature_map.projection)).astype(np.float32)
    made = []
    for branch in range(plan.settings.branches):
        rows = np.flatnonzero(is_in & (np.arange(len(x)) % plan.settings.branches == branch))
        labels, names = [plan.shape.labels[targets[row]] for row in rows], [f"canary {row}" for row in rows]
        shape = plan.shape
        made.append(HeadExamples(embeddings[rows], tuple(labels), tuple(names), shape.embedding_space, shape.part))
    return made


def _alignment(
    released: NDArray[np.float64], weights: NDArray[np.float32], x: NDArray[np.float64], targets: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The share of each canary's gradient, at these weights, in what was released (n,)."""
    residuals = softmax(x @ weights.astype(np.float64))
    residuals[np.arange(len(x)), targets] -= 1
    residuals /= np.linalg.norm(residuals, axis=1, keepdims=True)
    return np.asarray(((x @ released) * residuals).sum(axis=1), dtype=np.float64)
