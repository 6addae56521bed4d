"""Many branches in one process, for experiments: the same mechanism as in deployment, without its messages.

Secure aggregation gives the center the sum modulo 2^32 of the survivors' integers and nothing else; here that sum is
computed directly, so what the weights become is what they become in deployment. Branches are measured one at a time.
No ledger and no policy: nothing here is fit for anyone's data but public data.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from federation.learning.aggregation import RunState, start_run, step
from federation.learning.features import FeatureMap
from federation.learning.part import PartExamples
from federation.learning.parts import part_named
from federation.learning.plan import RunPlan
from federation.privacy.discrete_gaussian import RandomBytes, sample_discrete_gaussian
from federation.privacy.noise import MODULUS_BITS, encode, round_sum, share_variance, wrap

Noise = Literal["each", "at once", "none"]
"""The way that the noise of a sum is drawn.

"each": a share at every branch, as in deployment. "at once": the sum of the survivors' shares, one draw of the same law
(docs/privacy.md, lemma 1). "none": a control that is private to nobody.
"""


@dataclass(frozen=True, slots=True)
class SimulatedRound:
    """A finished round: the run after it, and what it took.

    Attributes:
        state: of the run.
        survivors: branches in the sum.
        branch_s: the longest that a branch took.
        total_s: all branches, one after another, and the center.
        bytes_up: from one branch, as secure aggregation packs it, without its keys.
        bytes_down: the weights, to one branch.
    """

    state: RunState
    survivors: int
    branch_s: float
    total_s: float
    bytes_up: int
    bytes_down: int


def simulate(
    plan: RunPlan,
    branches: Sequence[PartExamples],
    start: NDArray[np.float32],
    *,
    feature_map: FeatureMap | None,
    random_bytes: RandomBytes,
    drop: Callable[[int], Collection[int]] = lambda _: (),
    noise: Noise = "each",
) -> Iterator[SimulatedRound]:
    """Runs a plan's rounds.

    Args:
        plan: of the run.
        branches: their examples.
        start: the weights of the first round.
        feature_map: public; None where the part needs none.
        random_bytes: where noise comes from; a seeded source makes a run repeatable and private to nobody.
        drop: which branches are lost in a round, by its number.
        noise: how it is drawn.

    Yields:
        Each round.

    Raises:
        UpdateInvalid: too few branches survive, or the sum cannot be one.
    """
    state, part = start_run(plan.run_id, start), part_named(plan.shape.part)
    for round_number in range(1, plan.settings.rounds + 1):
        started = time.perf_counter()
        parameters = plan.round(round_number, state.weights)
        lost, longest = set(drop(round_number)), 0.0
        total = np.zeros(parameters.size, dtype=np.int64)
        for number, examples in enumerate(branches):
            if number in lost:
                continue
            began = time.perf_counter()
            own = part.clipped_sum(parameters, state.weights, examples, feature_map)
            sent = encode(own, parameters, random_bytes) if noise == "each" else round_sum(own, parameters)
            total = wrap(total + sent)
            longest = max(longest, time.perf_counter() - began)
        survivors = len(branches) - len(lost)
        if noise == "at once":
            variance = survivors * share_variance(parameters)
            total = wrap(total + sample_discrete_gaussian(variance, parameters.size, random_bytes))
        state = step(state, total, parameters, survivors=survivors, settings=plan.settings)
        yield SimulatedRound(
            state,
            survivors,
            longest,
            time.perf_counter() - started,
            parameters.size * MODULUS_BITS // 8,
            state.weights.nbytes,
        )
