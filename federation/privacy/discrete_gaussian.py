"""Integers of a discrete Gaussian, drawn exactly and in bulk from a cryptographic source.

P(y) is proportional to exp(-y^2 / (2 variance)) for every integer y. The algorithm is that of Canonne, Kamath & Steinke
2020 (arXiv 2004.00010, algorithms 1-3), a rejection from the discrete Laplace. They draw one number at a time in
rational arithmetic; here numpy draws thousands. A floating-point comparison decides only where its error cannot matter;
what falls within 2^-40 of a threshold is decided in decimal arithmetic with as many more random bits as it takes. So
there is no floating-point bias to attack (Mironov 2012), and no error to account for.
"""

import secrets
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import partial
from math import isqrt

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
RandomBytes = Callable[[int], bytes]
"""So many bytes that nobody can foretell: `secrets.token_bytes` wherever privacy depends on them."""

MARGIN = 2.0**-40
"""Far above the 2^-46 by which the float64 arithmetic below may err."""
_MAX_SCALE = 2**40


def sample_discrete_gaussian(
    variance: int, count: int, random_bytes: RandomBytes = secrets.token_bytes, *, margin: float = MARGIN
) -> Integers:
    """Independent draws (count,) of the discrete Gaussian of this parameter.

    Args:
        variance: the parameter sigma^2, an integer of at least 1; from 4 on it is the variance to fifteen digits.
        count: how many.
        random_bytes: where randomness comes from.
        margin: how near a threshold exact arithmetic takes over.

    Raises:
        ValueError: the variance is not positive or past 2^80.
    """
    if not 1 <= variance < _MAX_SCALE**2:
        raise ValueError(f"variance {variance} is not between 1 and 2^80")
    scale = isqrt(variance) + 1
    source = _Source(random_bytes, margin)
    drawn = [np.empty(0, dtype=np.int64)]
    missing = count
    while missing > 0:
        proposed = _discrete_laplace(scale, int(missing * 1.5) + 16, source)
        distance = np.abs(proposed).astype(np.float64) - variance / scale
        accepted = proposed[
            source.is_below_exp(
                distance * distance / (2 * variance), partial(_gamma_of, np.abs(proposed), variance, scale)
            )
        ]
        drawn.append(accepted[:missing])
        missing -= len(drawn[-1])
    return np.concatenate(drawn)


def _discrete_laplace(scale: int, count: int, source: "_Source") -> Integers:
    """About `count` draws with P(y) proportional to exp(-|y| / scale)."""
    low = source.below(scale, int(count * 1.8) + 16)  # 1 - 1/e of them stay
    low = low[source.is_below_exp(low / scale, partial(_share_of, low, scale))]
    high = np.zeros(len(low), dtype=np.int64)
    going = np.arange(len(low))
    while len(going):
        going = going[source.is_below_exp(np.ones(len(going)), lambda _: Fraction(1))]
        high[going] += 1
    magnitude = low + scale * high
    is_negative = source.bits(len(low))
    keep = ~(is_negative & (magnitude == 0))
    signed: Integers = np.where(is_negative, -magnitude, magnitude)[keep]
    return signed


def _gamma_of(magnitudes: Integers, variance: int, scale: int, i: int) -> Fraction:
    return (int(magnitudes[i]) - Fraction(variance, scale)) ** 2 / (2 * variance)


def _share_of(parts: Integers, whole: int, i: int) -> Fraction:
    return Fraction(int(parts[i]), whole)


class _Source:
    """Uniform integers and exact coins, in bulk."""

    def __init__(self, random_bytes: RandomBytes, margin: float) -> None:
        self._random_bytes = random_bytes
        self._margin = margin

    def words(self, count: int) -> NDArray[np.uint64]:
        return np.frombuffer(self._random_bytes(8 * count), dtype="<u8")

    def bits(self, count: int) -> NDArray[np.bool_]:
        packed = np.frombuffer(self._random_bytes(-(-count // 8)), dtype=np.uint8)
        return np.unpackbits(packed, count=count).astype(np.bool_)

    def below(self, bound: int, count: int) -> Integers:
        """At most `count` integers, each uniform in [0, bound); those that would favor small ones are left out."""
        words = self.words(count)
        fair = words[words < np.uint64(2**64 // bound * bound - 1)] if bound > 1 else words
        return (fair % np.uint64(bound)).astype(np.int64)

    def is_below_exp(self, gamma: NDArray[np.float64], exactly: Callable[[int], Fraction]) -> NDArray[np.bool_]:
        """Coins (n,) that show heads with probability exp(-gamma); `exactly` gives the true gamma of the i-th."""
        words = self.words(len(gamma))
        uniform, chance = words.astype(np.float64) * 2.0**-64, np.exp(-gamma)
        heads = uniform < chance
        for i in np.flatnonzero(np.abs(uniform - chance) < self._margin):
            heads[i] = self._decide(int(words[i]), exactly(int(i)))
        return heads

    def _decide(self, word: int, gamma: Fraction) -> bool:
        """True if the real number whose first 64 binary digits are `word` is below exp(-gamma)."""
        bits, digits = 64, 40
        while True:
            with localcontext() as context:
                context.prec = digits
                chance = (-(Decimal(gamma.numerator) / Decimal(gamma.denominator))).exp()
                error = chance * Decimal(10) ** (8 - digits)
                unit = Decimal(2) ** -bits
                if Decimal(word + 1) * unit <= chance - error:
                    return True
                if Decimal(word) * unit >= chance + error:
                    return False
            word = word << 64 | int.from_bytes(self._random_bytes(8), "little")
            bits, digits = bits + 64, digits + 20
