"""The noise: its law, its size, and that sums decode."""

import math
from decimal import Decimal
from fractions import Fraction
from itertools import count
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from federation.errors import ParametersInvalid, UpdateInvalid
from federation.privacy import noise
from federation.privacy.discrete_gaussian import MARGIN, _Source, sample_discrete_gaussian
from federation.privacy.noise import choose_scale, decode, encode, sensitivity, share_variance, wrap
from tests.federation.rounds import parameters

DRAWS = 40_000


def seeded(seed: int = 0):  # type: ignore[no-untyped-def]
    return np.random.default_rng(seed).bytes


def p_value(drawn: np.ndarray, sigma: float) -> float:
    """Of a chi-square test against the discrete Gaussian of this parameter."""
    reach = math.ceil(3 * sigma)
    support = np.arange(-40 * reach, 40 * reach + 1)
    mass = np.exp(-(support.astype(float) ** 2) / (2 * sigma**2))
    mass /= mass.sum()
    width = max(1, reach // 12)
    edges = np.array([-np.inf, *np.arange(-reach, reach + 1, width) - 0.5, np.inf])
    expected = np.histogram(support, edges, weights=mass)[0] * len(drawn)
    return float(stats.chisquare(np.histogram(drawn, edges)[0], expected).pvalue)


@pytest.mark.parametrize("sigma", [1, 3, 40, 2**17])
def test_draws_follow_the_discrete_gaussian_at_its_scale_and_not_at_two_thirds_or_three_halves(sigma: int) -> None:
    drawn = sample_discrete_gaussian(sigma**2, DRAWS, seeded())
    if sigma > 1000:  # the law is then the Gaussian's to six digits, and its support too wide to list
        assert stats.kstest(drawn, stats.norm(scale=sigma).cdf).pvalue > 1e-3
        for wrong in (2 / 3, 3 / 2):
            assert stats.kstest(drawn, stats.norm(scale=wrong * sigma).cdf).pvalue < 1e-9
        return
    assert p_value(drawn, sigma) > 1e-3
    for wrong in (2 / 3, 3 / 2):
        assert p_value(drawn, wrong * sigma) < 1e-9


def test_exact_arithmetic_decides_as_floating_point_does() -> None:
    by_floats = sample_discrete_gaussian(25, 300, seeded(), margin=0.0)
    by_decimals = sample_discrete_gaussian(25, 300, seeded(), margin=2.0)
    assert by_floats.tolist() == by_decimals.tolist()


@pytest.mark.parametrize(("more", "heads"), [(b"\x00", True), (b"\xff", False)])
def test_a_draw_on_the_threshold_is_decided_by_further_digits(more: bytes, heads: bool) -> None:
    word = int(Decimal(-1).exp() * 2**64)
    source = _Source(lambda size: more * size, MARGIN)
    assert source._decide(word, Fraction(1)) is heads
    assert source._decide(word - 1, Fraction(1)) is True
    assert source._decide(word + 1, Fraction(1)) is False


def test_the_default_source_is_the_operating_system() -> None:
    first, second = (sample_discrete_gaussian(10**12, 5).tolist() for _ in range(2))
    assert first != second


@pytest.mark.parametrize("variance", [0, -1, 2**80])
def test_a_variance_out_of_range_is_refused(variance: int) -> None:
    with pytest.raises(ValueError, match="not between 1 and"):
        sample_discrete_gaussian(variance, 1)


@given(
    st.floats(0.5, 100),
    st.floats(0.5, 5),
    st.integers(3, 200),
    st.integers(0, 2),
    st.sampled_from([2**8, 2**12, 2**16]),
)
@settings(deadline=None)
def test_the_noise_of_the_shares_is_at_least_the_multiplier_times_the_sensitivity(
    multiplier: float, clip_norm: float, survivors: int, colluders: int, scale: int
) -> None:
    asked = parameters(
        noise_multiplier=multiplier,
        clip_norm=clip_norm,
        minimum_survivors=survivors,
        colluders=colluders,
        scale=scale,
        rounds=1,
    )
    together = share_variance(asked) * (survivors - colluders) - 4  # what step 3 of the proof takes off
    assert together >= (multiplier * sensitivity(asked)) ** 2 * (1 - 1e-12)
    assert together <= (multiplier * sensitivity(asked)) ** 2 + survivors + 4


def test_rounding_never_moves_a_sum_further_than_the_sensitivity() -> None:
    asked = parameters(clip_norm=1.0, scale=2**8)
    generator = np.random.default_rng(4)
    for _ in range(200):
        without = generator.standard_normal(asked.shape) * 10
        move = generator.standard_normal(asked.shape)
        move *= asked.clip_norm / np.linalg.norm(move)
        moved = [np.rint((value * asked.scale).reshape(-1)) for value in (without, without + move)]
        assert np.linalg.norm(moved[1] - moved[0]) <= sensitivity(asked)


def test_shares_of_three_branches_add_up_to_the_noise_of_the_whole() -> None:
    asked = parameters(noise_multiplier=2.0, minimum_survivors=3, labels=tuple(f"label {n}" for n in range(900)))
    total = np.sum([encode(np.zeros(asked.shape), asked, seeded(branch)) for branch in range(3)], axis=0)
    sigma = 2.0 * sensitivity(asked)
    assert stats.kstest(total, stats.norm(scale=sigma).cdf).pvalue > 1e-3
    for wrong in (2 / 3, 3 / 2):
        assert stats.kstest(total, stats.norm(scale=wrong * sigma).cdf).pvalue < 1e-9


def test_a_sum_of_updates_decodes_to_the_sum_of_what_was_encoded() -> None:
    asked = parameters()
    sums = [np.random.default_rng(branch).standard_normal(asked.shape) for branch in range(5)]
    with mock.patch.object(noise, "sample_discrete_gaussian", lambda *_: np.zeros(asked.size, dtype=np.int64)):
        total = np.sum([encode(each, asked) for each in sums], axis=0)
    wrapped = (total & 0xFFFFFFFF).astype(np.uint32)
    for form in (total, wrapped.astype(np.int64), wrapped.view(np.int32).astype(np.int64)):
        assert decode(form, asked) == pytest.approx(sum(sums), abs=5 / asked.scale)


@given(st.integers(-(2**40), 2**40))
def test_wrapping_gives_the_same_number_modulo_two_to_the_thirty_two(value: int) -> None:
    wrapped = int(wrap(np.array([value]))[0])
    assert (wrapped - value) % 2**32 == 0
    assert -(2**31) <= wrapped < 2**31


@pytest.mark.parametrize("bad", [np.zeros((2, 2)), np.full((6, 3), np.nan), np.full((6, 3), np.inf)])
def test_a_sum_of_another_shape_or_not_finite_is_not_encoded(bad: np.ndarray) -> None:
    with pytest.raises(UpdateInvalid, match=r"expected finite \(6, 3\)"):
        encode(bad, parameters())


@pytest.mark.parametrize("bad", [np.zeros(18), np.zeros(17, dtype=np.int64), np.zeros((6, 3), dtype=np.int64)])
def test_a_total_of_another_shape_or_type_is_not_decoded(bad: np.ndarray) -> None:
    with pytest.raises(UpdateInvalid, match="expected integers"):
        decode(bad, parameters())


def test_noise_too_small_for_its_proof_is_refused() -> None:
    asked = parameters(noise_multiplier=0.001, clip_norm=0.01, scale=2**6, minimum_survivors=1000)
    with pytest.raises(ParametersInvalid, match="larger scale"):
        share_variance(asked)


def test_the_scale_is_the_finest_with_which_nothing_wraps() -> None:
    common = {"clip_norm": 1.0, "noise_multiplier": 5.0, "size": 30_000, "cohort": 50, "noise_shares": 44}
    scales = [choose_scale(customers=customers, **common) for customers in (1000, 30_000, 100_000, 3_000_000)]  # type: ignore[arg-type]
    assert scales == [2**16, 2**16, 2**14, 2**9]
    with pytest.raises(ParametersInvalid, match="too many"):
        choose_scale(customers=10**9, **common)  # type: ignore[arg-type]
    assert next(c for c in count(16, -1) if 100_000 * 2**c < 2**31) == 14
