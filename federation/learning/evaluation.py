"""The evaluation of a run at its branches: noisy counts of right answers, of customers that it never trained on.

Each branch counts, of the held-out customers there, how many the head that it serves and the new head name rightly. A
customer counts once: its three numbers (right before, right after, 1) are shares of its own messages, so they are no
longer than sqrt(3) together, and are divided by it. Where the run has new labels they are counted apart; a customer's
messages of both groups still add up to one. The sum goes the way of every round's: noise, masks, ledger.

Guarantees:
    One customer's part in the counts has norm at most 1, whatever it wrote and whatever the heads are.
"""

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from federation.privacy.discrete_gaussian import Integers
from federation.privacy.noise import NoiseParameters, decode, noise_of
from student.bundle.linear_head import LinearHead
from student.embeddings import Embeddings

COUNTS = 3
"""Counted of each group of labels: right before, right after, and all."""
_NORM = math.sqrt(COUNTS)
_TELLABLE = 4.0
"""Standard errors by which the noisy number of customers must be past zero for a share of it to mean something."""


class _Public(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Public):
    """A figure from noisy counts; `error` is the standard error that the noise gives it, and that alone."""

    value: Annotated[float, Field(allow_inf_nan=False)]
    error: Annotated[float, Field(ge=0, allow_inf_nan=False)]

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.error:.4f}"


class AccuracyEstimate(_Public):
    """Of one group of labels: accuracies are averages over customers; None where noise hides how many there are.

    Attributes:
        customers: held out, counted by the share of their messages that are of the group.
        before: share that the heads which the branches serve name rightly.
        after: share that the run's head names rightly.
        change: of one against the other; its noise is not that of two independent figures.
    """

    customers: Estimate
    before: Estimate | None
    after: Estimate | None
    change: Estimate | None


def baseline_predictions(served: LinearHead | None, embeddings: Embeddings, labels: Sequence[str]) -> NDArray[np.int64]:
    """Columns (n,) of the labels that the served head gives to embeddings (n, D); -1 for others, and without a head."""
    if served is None or not len(embeddings):
        return np.full(len(embeddings), -1, dtype=np.int64)
    columns = {label: i for i, label in enumerate(labels)}
    of_served = np.array([columns.get(label, -1) for label in served.labels], dtype=np.int64)
    return np.asarray(of_served[served.logits(embeddings).argmax(axis=1)], dtype=np.int64)


def count_correct(
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    targets: NDArray[np.int64],
    customers: NDArray[np.int64],
    *,
    groups: NDArray[np.int64],
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """The sum over customers of (right before, right after, 1) / sqrt(3), averaged over each one's messages.

    Args:
        before: (n,) what was chosen before.
        after: (n,) what is chosen now.
        targets: (n,) what is right.
        customers: (n,) any numbers from 0, equal for the same customer.
        groups: (n,) rows of the result.
        shape: (groups, 3).

    Returns:
        Of that shape; zeros where there is no example.
    """
    weights = 1 / np.bincount(customers, minlength=1)[customers] / _NORM if len(customers) else np.empty(0)
    counted = np.zeros(shape)
    rows = np.stack([before == targets, after == targets, np.ones(len(targets))], axis=1) * weights[:, None]
    np.add.at(counted, groups, rows)
    return counted


def read_counts(
    total: Integers, parameters: NoiseParameters, survivors: int
) -> tuple[AccuracyEstimate, AccuracyEstimate | None]:
    """Reads a sum of counts: estimates of all labels and, where they were counted apart, of the new ones.

    Args:
        total: of the branches' noisy counts, checked.
        parameters: of the evaluation.
        survivors: branches in it.
    """
    counts = decode(total, parameters) * _NORM  # (groups, 3), in customers
    noise = noise_of(parameters, survivors) * _NORM
    whole = _reached(counts.sum(axis=0), noise * math.sqrt(len(counts)))
    return whole, _reached(counts[1], noise) if len(counts) > 1 else None


def _reached(counts: NDArray[np.float64], noise: float) -> AccuracyEstimate:
    """Of counts (3,) with independent noise of this deviation: the errors of their ratios, to first order."""
    before, after, customers = (float(count) for count in counts)
    known = Estimate(value=customers, error=noise)
    if customers < _TELLABLE * noise:
        return AccuracyEstimate(customers=known, before=None, after=None, change=None)
    change = (after - before) / customers
    return AccuracyEstimate(
        customers=known,
        before=_share(before / customers, noise / customers),
        after=_share(after / customers, noise / customers),
        change=Estimate(value=change, error=noise / customers * math.sqrt(2 + change**2)),
    )


def _share(share: float, unit: float) -> Estimate:
    """Held in [0, 1] where noise takes it out."""
    return Estimate(value=min(max(share, 0.0), 1.0), error=unit * math.sqrt(1 + share**2))
