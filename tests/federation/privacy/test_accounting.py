"""The accountant against published values and against dp-accounting."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.privacy.accounting import (
    Spending,
    calibrate_noise,
    combined_multiplier,
    epsilon_of,
    gaussian_delta,
    guarantee,
)

DELTA = 1e-5
noises = st.floats(0.3, 200)


def test_sampled_steps_cost_what_opacus_publishes() -> None:
    # pytorch/opacus, tests/accountants_test.py, test_prv_accountant: an upper bound that is at most 0.02 too high
    epsilon = epsilon_of({Spending(1.5, sample_rate=0.04): 2249}, DELTA)
    assert 6.777395712150674 - 0.02 < epsilon <= 6.777395712150674


@pytest.mark.parametrize(("mu", "epsilon"), [(0.35, 1.34), (1.78, 8.68)])
def test_a_gaussian_costs_what_bu_et_al_publish(mu: float, epsilon: float) -> None:
    # arXiv 1911.11607, figure 4: mu is given to two digits, so epsilon lies between those of its neighbors
    low, high = (epsilon_of({Spending(1 / (mu + d)): 1}, DELTA) for d in (-0.005, 0.005))
    assert low < epsilon < high


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 3.0, 8.0])
def test_the_closed_form_equals_the_privacy_loss_distribution(epsilon: float) -> None:
    from dp_accounting import GaussianDpEvent, NeighboringRelation, SelfComposedDpEvent
    from dp_accounting.pld import PLDAccountant

    noise = calibrate_noise(epsilon, DELTA, 20)
    accountant = PLDAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE)
    accountant.compose(SelfComposedDpEvent(GaussianDpEvent(noise), 20))
    assert accountant.get_epsilon(DELTA) == pytest.approx(epsilon, rel=1e-6)
    assert epsilon_of({Spending(noise): 20}, DELTA) == pytest.approx(epsilon, rel=1e-9)


def test_whole_and_sampled_releases_compose_into_one_epsilon() -> None:
    head, sampled = {Spending(10.0): 20}, {Spending(1.5, sample_rate=0.05): 200}
    parts = [epsilon_of(releases, DELTA) for releases in (head, sampled)]
    together = epsilon_of(head | sampled, DELTA)
    assert max(parts) < together < sum(parts)


@given(st.lists(noises, min_size=2, max_size=6))
def test_the_order_of_spending_does_not_matter_and_more_spending_never_costs_less(found: list[float]) -> None:
    forward = epsilon_of({Spending(noise): 1 for noise in found}, DELTA)
    backward = epsilon_of({Spending(noise): 1 for noise in reversed(found)}, DELTA)
    assert forward == pytest.approx(backward, rel=1e-9)
    assert epsilon_of({Spending(noise): 1 for noise in found[1:]}, DELTA) <= forward * (1 + 1e-9)


@given(noises, st.floats(0.01, 20))
def test_epsilon_and_delta_are_inverse(noise: float, epsilon: float) -> None:
    delta = gaussian_delta(noise, epsilon)
    if 1e-9 < delta < 1e-2:
        assert epsilon_of({Spending(noise): 1}, delta) == pytest.approx(epsilon, rel=1e-5)


def test_what_is_spent_already_leaves_less_for_the_rounds_to_come() -> None:
    first = calibrate_noise(2.0, DELTA, 10)
    spent = {Spending(first): 10}
    more = calibrate_noise(3.0, DELTA, 10, spent=spent)
    assert more > calibrate_noise(3.0, DELTA, 10)
    assert epsilon_of({**spent, Spending(more): 10}, DELTA) == pytest.approx(3.0, rel=1e-9)
    with pytest.raises(ValueError, match="nothing is left"):
        calibrate_noise(2.0, DELTA, 1, spent=spent)


def test_no_noise_costs_everything_and_nothing_costs_nothing() -> None:
    assert epsilon_of({Spending(0.0): 1}, DELTA) == math.inf
    assert epsilon_of({}, DELTA) == 0
    assert combined_multiplier({}) == math.inf


def test_a_guarantee_names_all_that_it_depends_on() -> None:
    text = str(guarantee({Spending(5.0): 1}, DELTA))
    for part in ("epsilon", "delta 1e-05", "per customer", "add-or-remove", "exact Gaussian composition"):
        assert part in text
    assert "PLD" in guarantee({Spending(5.0, sample_rate=0.1): 1}, DELTA).accountant
