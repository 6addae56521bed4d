"""Simulated rounds do what deployed ones do."""

from collections.abc import Sequence

import numpy as np
import pytest

from federation.errors import UpdateInvalid
from federation.learning.intent_head import HeadExamples
from federation.learning.part import PublicShape
from federation.learning.plan import RunPlan, plan_run
from federation.learning.round_parameters import RoundParameters
from federation.learning.run_settings import RunSettings
from federation.learning.simulation import Noise, SimulatedRound, simulate
from federation.privacy.noise import sensitivity
from tests.federation.rounds import LABELS, SPACE, D, examples, feature_map, weights


def plan(*, rounds: int = 2) -> RunPlan:
    settings = RunSettings(
        run_id="run-1",
        epsilon=8.0,
        rounds=rounds,
        branches=5,
        minimum_survivors=4,
        colluders=1,
        customers=20,
        learning_rate=1.0,
        momentum=0.5,
    )
    shape = PublicShape(labels=LABELS, dimension=D, embedding_space=SPACE, feature_map_digest=feature_map().digest)
    return plan_run(settings, shape)


def rounds_of(
    planned: RunPlan, branches: Sequence[HeadExamples], noise: Noise, *, seed: int = 0, lost: Sequence[int] = ()
) -> list[SimulatedRound]:
    return list(
        simulate(
            planned,
            branches,
            weights(),
            feature_map=feature_map(),
            random_bytes=np.random.default_rng(seed).bytes,
            drop=lambda _: lost,
            noise=noise,
        )
    )


@pytest.mark.parametrize("noise", ["each", "at once"])
def test_the_noise_of_a_sum_has_its_scale_however_it_is_drawn(noise: Noise) -> None:
    planned, branches = plan(rounds=1), [examples(0)] * 5
    drawn = np.concatenate(
        [rounds_of(planned, branches, noise, seed=seed)[0].state.velocity.reshape(-1) for seed in range(60)]
    )
    asked: RoundParameters = planned.round(1, weights())
    sum_of_shares = asked.noise_multiplier * sensitivity(asked) / asked.scale * np.sqrt(5 / asked.noise_shares)
    assert np.std(drawn) * 20 == pytest.approx(sum_of_shares, rel=0.1)  # 1,080 draws: one standard error is 2 %


def test_lost_branches_are_left_out_and_the_rest_is_divided_by_its_own_expected_size() -> None:
    branches = [examples(4, seed=seed) for seed in range(5)]
    lost = rounds_of(plan(rounds=1), branches, "none", lost=[0])[0]
    without = rounds_of(plan(rounds=1), [examples(0), *branches[1:]], "none")[0]
    assert (lost.survivors, without.survivors) == (4, 5)
    assert lost.state.velocity == pytest.approx(without.state.velocity * 5 / 4)


def test_a_seed_repeats_a_run_and_rounds_go_on_from_each_other() -> None:
    branches = [examples(4, seed=seed) for seed in range(5)]
    first, again, other = (rounds_of(plan(), branches, "each", seed=seed) for seed in (1, 1, 2))
    assert first[-1].state.weights.tolist() == again[-1].state.weights.tolist()
    assert first[-1].state.weights.tolist() != other[-1].state.weights.tolist()
    assert [done.state.next_round for done in first] == [2, 3]


def test_too_few_survivors_end_a_run() -> None:
    with pytest.raises(UpdateInvalid, match="expected 4 or more"):
        rounds_of(plan(), [examples(4)] * 5, "each", lost=[0, 1])


def test_bytes_are_those_of_the_packed_sum_and_of_the_weights() -> None:
    done = rounds_of(plan(rounds=1), [examples(4)] * 5, "each")[0]
    assert (done.bytes_up, done.bytes_down) == (D * len(LABELS) * 4, D * len(LABELS) * 4)
