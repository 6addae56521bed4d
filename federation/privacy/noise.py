"""The noise: a clipped sum becomes what leaves the branch, rounded to integers, with this branch's share of noise.

Secure mode is the distributed discrete Gaussian mechanism (Kairouz, Liu & Steinke 2021, arXiv 2102.06387): every branch
adds a discrete Gaussian, and the center sees only the sum modulo 2^32. Local mode is the same code with one share.

Why the accountant's Gaussian figures hold for it (the proof is in docs/privacy.md):
1. Rounding. With and without a customer, a branch's sum differs by at most `clip_norm`; after scaling and rounding
   every coordinate it differs by at most scale * clip_norm + sqrt(size): the sensitivity that the noise is sized for.
2. Shares. A sum of n discrete Gaussians of variance v is one of variance n v, up to a factor exp(1e-30) in probability.
3. Discreteness. A discrete Gaussian of variance s^2 + r^2 added to integers is, up to exp(1e-30), a randomized rounding
   of a continuous Gaussian of variance s^2 added to them; rounding is post-processing. So r^2 = 4 is added on top.
4. Wrapping modulo 2^32 and decoding are post-processing.

Guarantees:
    The noise of `noise_shares` branches is at least `noise_multiplier` times the sensitivity of their rounded sum.
    A sum of updates decodes to the sum of what was encoded, plus noise, within rounding.
"""

import math
import secrets
from fractions import Fraction
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from federation.errors import ParametersInvalid, UpdateInvalid
from federation.privacy.discrete_gaussian import Integers, RandomBytes, sample_discrete_gaussian

MODULUS_BITS: Final = 32
"""Sums are exact modulo 2^32; see `choose_scale` for how large a coordinate may get."""
_SMOOTHING_VARIANCE = 4
"""r^2 of step 3: the factor is exp(O(size * exp(-2 pi^2 r^2))), and exp(-79) is 5e-35."""
_ROUNDING_SLACK = 1.001
"""Over sqrt(size): float64 sums and clip factors err by 1e-7 of a unit at most."""
_SMALLEST_SHARE = 16
"""Variance of a share under which step 2 would not hold to 1e-30."""
_TAIL = 8.0


class NoiseParameters(Protocol):
    """The public numbers that size a sum's noise (`federation.learning.round_parameters.RoundParameters`)."""

    @property
    def clip_norm(self) -> float:
        """L2 bound on one customer's contribution."""

    @property
    def noise_multiplier(self) -> float:
        """Standard deviation of the noise in the released sum, over the sum's sensitivity."""

    @property
    def noise_shares(self) -> int:
        """Honest branches whose shares make up the whole noise."""

    @property
    def scale(self) -> int:
        """Integer units to 1.0 in the encoded sum."""

    @property
    def shape(self) -> tuple[int, int]:
        """Of the sum."""

    @property
    def size(self) -> int:
        """Coordinates in the sum."""


def sensitivity(parameters: NoiseParameters) -> float:
    """L2 distance, in integer units, by which one customer can move the rounded sum."""
    return parameters.scale * parameters.clip_norm + _ROUNDING_SLACK * math.sqrt(parameters.size)


def share_variance(parameters: NoiseParameters) -> int:
    """Variance of one branch's share of the noise, in integer units.

    Raises:
        ParametersInvalid: too small to be sound.
    """
    whole = Fraction(parameters.noise_multiplier * sensitivity(parameters)) ** 2 + _SMOOTHING_VARIANCE
    share = math.ceil(whole / parameters.noise_shares)
    if share < _SMALLEST_SHARE:
        raise ParametersInvalid(
            f"a share of the noise has variance {share} in integer units, expected {_SMALLEST_SHARE} or more; "
            "ask the center for a larger scale"
        )
    return share


def noise_of(parameters: NoiseParameters, branches: int) -> float:
    """Standard deviation of the noise in a decoded sum of so many branches, in the units of what is summed."""
    return math.sqrt(branches * share_variance(parameters)) / parameters.scale


def encode(
    clipped_sum: NDArray[np.float64], parameters: NoiseParameters, random_bytes: RandomBytes = secrets.token_bytes
) -> Integers:
    """The update that leaves the branch: the sum in integer units with its share of the noise, (size,).

    Args:
        clipped_sum: the sum of clipped contributions, of the shape that the parameters name.
        parameters: of the round.
        random_bytes: where noise comes from; anything but the default voids the guarantee.

    Raises:
        UpdateInvalid: another shape, or not finite.
    """
    rounded = round_sum(clipped_sum, parameters)
    return rounded + sample_discrete_gaussian(share_variance(parameters), parameters.size, random_bytes)


def round_sum(clipped_sum: NDArray[np.float64], parameters: NoiseParameters) -> Integers:
    """The sum in integer units, (size,), without noise: not fit to be sent.

    Raises:
        UpdateInvalid: another shape, or not finite.
    """
    if clipped_sum.shape != parameters.shape or not np.isfinite(clipped_sum).all():
        raise UpdateInvalid(
            f"the sum is of shape {clipped_sum.shape} or not finite; expected finite {parameters.shape}"
        )
    return np.rint(clipped_sum.reshape(-1) * parameters.scale).astype(np.int64)


def decode(total: Integers, parameters: NoiseParameters) -> NDArray[np.float64]:
    """A sum of updates in the units of gradients, of the shape that the parameters name.

    Args:
        total: (size,) integers; wrapped modulo 2^32 or not.
        parameters: of the round.

    Raises:
        UpdateInvalid: another shape or type.
    """
    if total.shape != (parameters.size,) or not np.issubdtype(total.dtype, np.integer):
        raise UpdateInvalid(f"the sum is {total.dtype} of shape {total.shape}; expected integers ({parameters.size},)")
    return wrap(total.astype(np.int64)).reshape(parameters.shape) / parameters.scale


def wrap(values: Integers) -> Integers:
    """Integers modulo 2^32 in [-2^31, 2^31): what a secure sum gives."""
    half = 1 << (MODULUS_BITS - 1)
    return (values + half & (1 << MODULUS_BITS) - 1) - half


def choose_scale(
    *, clip_norm: float, noise_multiplier: float, size: int, customers: int, cohort: int, noise_shares: int
) -> int:
    """The finest scale, a power of two up to 2^16, with which no coordinate of a sum can wrap.

    Args:
        clip_norm: of the round's parameters.
        noise_multiplier: of the round's parameters.
        size: of the round's parameters.
        customers: at most so many in the cohort, a public estimate.
        cohort: branches, each of which adds a share of the noise.
        noise_shares: of the round's parameters.

    Raises:
        ParametersInvalid: there is none.
    """
    for scale in (1 << bits for bits in range(16, 5, -1)):
        unit = clip_norm + _ROUNDING_SLACK * math.sqrt(size) / scale
        noise = noise_multiplier * unit * math.sqrt(cohort / noise_shares)
        if scale * (customers * clip_norm + _TAIL * noise) < 1 << (MODULUS_BITS - 1):
            return scale
    raise ParametersInvalid(
        f"{customers} customers in one sum are too many for {MODULUS_BITS} bits; sample smaller cohorts"
    )
