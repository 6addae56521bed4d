"""The accountant: exact epsilon of composed Gaussian mechanisms, and the noise that a budget buys.

Every figure is for add-or-remove neighbors and a unit that the caller names (here always one customer). Releases that
use all data (`sample_rate` 1) compose exactly in closed form: Gaussians of noise multipliers z_i together are one of
1 / z^2 = sum 1 / z_i^2 (Dong, Roth & Su 2019, arXiv 1905.02383, corollary 3.3), whose epsilon at a delta is that of
Balle & Wang 2018 (arXiv 1805.06530, theorem 8). That needs only `math`: a branch asks its ledger in a millisecond.
Poisson-sampled steps go through dp-accounting's privacy loss distributions (PLD), which the tests compare with the
closed form and with published values.

Guarantees:
    The order of spending does not matter, and more spending never costs less.
    Releases from different customers cost as much as the most that any one of them is in.
    The closed form is exact to 1e-9; what PLD gives is an upper bound.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

UNIT: Final = "customer"
NEIGHBORING: Final = "add-or-remove"
_LARGEST_EPSILON = 1e4


@dataclass(frozen=True, slots=True)
class Spending:
    """One kind of release.

    Attributes:
        noise_multiplier: standard deviation of the noise over the sensitivity of what is released.
        sample_rate: chance of each customer to be in it (Poisson); 1 where all are.
    """

    noise_multiplier: float
    sample_rate: float = 1.0


@dataclass(frozen=True, slots=True)
class BucketRange:
    """Customers whose hash bucket is in [begin, end); a bucket in [0, 1) is a function of the pseudonym alone."""

    begin: float = 0.0
    end: float = 1.0

    def __contains__(self, bucket: float) -> bool:
        """True for the buckets of customers among them."""
        return self.begin <= bucket < self.end


@dataclass(frozen=True, slots=True)
class Guarantee:
    """An epsilon with everything it needs to mean something."""

    epsilon: float
    delta: float
    unit: str
    neighboring: str
    accountant: str

    def __str__(self) -> str:
        return (
            f"epsilon {self.epsilon:.3f} at delta {self.delta:g}, per {self.unit}, {self.neighboring} neighbors, "
            f"{self.accountant}"
        )


def guarantee(releases: Mapping[Spending, int], delta: float, *, unit: str = UNIT) -> Guarantee:
    """The guarantee of all these releases together; counts by kind."""
    accountant = "exact Gaussian composition" if _are_whole(releases) else "PLD (dp-accounting), upper bound"
    return Guarantee(epsilon_of(releases, delta), delta, unit, NEIGHBORING, accountant)


def epsilon_of(releases: Mapping[Spending, int], delta: float) -> float:
    """The epsilon of all these releases together at a delta; infinite where a release has no noise."""
    used = {kind: count for kind, count in releases.items() if count}
    if any(kind.noise_multiplier <= 0 for kind in used):
        return math.inf
    return _gaussian_epsilon(combined_multiplier(used), delta) if _are_whole(used) else _pld_epsilon(used, delta)


def epsilon_of_worst(releases: Mapping[tuple[Spending, BucketRange], int], delta: float) -> float:
    """The most that any customer loses, where each release is of the customers in some buckets (parallel composition).

    A bucket is fixed whatever the data, so adding or removing a customer touches the releases that hold its bucket and
    no other. Every set of releases with a common bucket has one at which one of them begins: only those are looked at.
    """
    worst = 0.0
    for bucket in {buckets.begin for _, buckets in releases}:
        counts: Counter[Spending] = Counter()
        for (kind, buckets), count in releases.items():
            if bucket in buckets:
                counts[kind] += count
        worst = max(worst, epsilon_of(counts, delta))
    return worst


def calibrate_noise(epsilon: float, delta: float, rounds: int, *, spent: Mapping[Spending, int] | None = None) -> float:
    """The noise multiplier of each of `rounds` releases that spends epsilon in all, what is spent already included.

    Raises:
        ValueError: what is spent leaves nothing.
    """
    whole = _gaussian_multiplier(epsilon, delta)
    left = 1 / whole**2 - sum(count / kind.noise_multiplier**2 for kind, count in (spent or {}).items())
    if left <= 0:
        raise ValueError(f"nothing is left of epsilon {epsilon} at delta {delta}")
    return math.sqrt(rounds / left)


def combined_multiplier(releases: Mapping[Spending, int]) -> float:
    """The noise multiplier of the one Gaussian release that equals all these; infinite where there are none."""
    precision = sum(count / kind.noise_multiplier**2 for kind, count in releases.items())
    return 1 / math.sqrt(precision) if precision else math.inf


def gaussian_delta(noise_multiplier: float, epsilon: float) -> float:
    """The least delta for which one Gaussian release is (epsilon, delta)-private (Balle & Wang 2018, theorem 8)."""
    half, product = 1 / (2 * noise_multiplier), epsilon * noise_multiplier
    below = _normal_tail(product - half)
    above_log = epsilon + _log_normal_tail(product + half)
    return max(below - math.exp(min(above_log, 0.0)), 0.0)


def _gaussian_epsilon(noise_multiplier: float, delta: float) -> float:
    """The root of `gaussian_delta` in epsilon, from above."""
    if math.isinf(noise_multiplier) or gaussian_delta(noise_multiplier, 0.0) <= delta:
        return 0.0
    low, high = 0.0, 1.0
    while gaussian_delta(noise_multiplier, high) > delta:
        low, high = high, high * 2
        if high > _LARGEST_EPSILON:
            return math.inf
    while high - low > 1e-12 * max(high, 1.0):
        middle = (low + high) / 2
        low, high = (middle, high) if gaussian_delta(noise_multiplier, middle) > delta else (low, middle)
    return high


def _gaussian_multiplier(epsilon: float, delta: float) -> float:
    """The least noise multiplier of one release that is (epsilon, delta)-private, from above."""
    low, high = 1e-6, 1.0
    while gaussian_delta(high, epsilon) > delta:
        low, high = high, high * 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if gaussian_delta(middle, epsilon) > delta else (low, middle)
    return high


def _pld_epsilon(releases: Mapping[Spending, int], delta: float) -> float:
    # Two seconds to import, and needed for sampled steps alone.
    from dp_accounting import (  # noqa: PLC0415
        GaussianDpEvent,
        NeighboringRelation,
        PoissonSampledDpEvent,
        SelfComposedDpEvent,
    )
    from dp_accounting.pld import PLDAccountant  # noqa: PLC0415

    accountant = PLDAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE)
    for kind, count in releases.items():
        step = GaussianDpEvent(kind.noise_multiplier)
        sampled = step if kind.sample_rate == 1 else PoissonSampledDpEvent(kind.sample_rate, step)
        accountant.compose(SelfComposedDpEvent(sampled, count))
    return float(accountant.get_epsilon(delta))


def _are_whole(releases: Mapping[Spending, int]) -> bool:
    return all(kind.sample_rate == 1 for kind in releases)


def _normal_tail(x: float) -> float:
    return 0.5 * math.erfc(x / math.sqrt(2))


def _log_normal_tail(x: float) -> float:
    """Log of P(N > x); by its asymptotic series where the tail underflows."""
    if x < 30:
        return math.log(_normal_tail(x))
    return -x * x / 2 - math.log(x * math.sqrt(2 * math.pi)) + math.log1p(-1 / x**2 + 3 / x**4 - 15 / x**6)
