"""The only door through which anything derived from a branch's examples leaves it. Torch-free.

This code is installed at the branch by its administrator; the center sends numbers and public parameters, never code.
In this order: the policy is asked, what was sent is compared with what its parameters name, the ledger records the
spending, and only then are examples touched.

A branch that has no example a round could use still takes part, with zeros and its share of the noise: whether it has
any is nobody's business, and the others count on its share.

Guarantees:
    Nothing is computed from examples before its spending is durable in the ledger.
    A refused round leaves no trace: nothing spent, nothing sent.
    What is sent depends on the number of examples and customers through the noisy sum alone.
    A round is of the customers that its entry in the ledger names, and of no other.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from federation.branch.policy import BranchPolicy
from federation.learning.features import FeatureMap, Weights
from federation.learning.holdout import select_customers
from federation.learning.part import PartExamples
from federation.learning.parts import part_named
from federation.learning.round_parameters import RoundParameters, check_what_was_sent
from federation.privacy.accounting import BucketRange
from federation.privacy.ledger import Ledger
from federation.privacy.ledger_file import Budget, Entry, Release
from federation.privacy.noise import encode, share_variance


@dataclass(frozen=True, slots=True)
class Update:
    """The update that one branch sends for one round.

    Attributes:
        values: (size,) integers: clipped, rounded, with the branch's share of the noise. In secure mode they go into
            the secure sum and nowhere else.
        entry: of the ledger, which paid for it.
    """

    values: NDArray[np.int64]
    entry: Entry


def make_update(
    parameters: RoundParameters,
    weights: Weights,
    examples: PartExamples,
    *,
    feature_map: FeatureMap | None,
    policy: BranchPolicy,
    ledger: Ledger,
    now: datetime,
) -> Update:
    """Takes part in a round.

    Args:
        parameters: as the center sent them.
        weights: as the center sent them, of the shape that the parameters name.
        examples: the branch's own, for the part that is trained.
        feature_map: public; None where the part needs none.
        policy: the branch's own.
        ledger: the branch's own, open.
        now: the time.

    Raises:
        PolicyRefused: the policy does not allow it.
        ParametersInvalid: a share of the noise would be too small to be sound.
        UpdateInvalid: weights, map or examples are not those that the parameters name.
        BudgetRefused: the ledger has too little left.
    """
    policy.check(parameters)
    share_variance(parameters)
    check_what_was_sent(parameters, weights, examples, feature_map)
    release = release_of(parameters)
    entry = ledger.spend(release, Budget(policy.max_epsilon, policy.delta), now=now)
    among = BucketRange(release.customers_from, release.customers_to)
    own = select_customers(examples, among, key=ledger.state.ledger_id)
    total = part_named(parameters.part).clipped_sum(parameters, weights, own, feature_map)
    return Update(encode(total, parameters), entry)


def release_of(parameters: RoundParameters) -> Release:
    """The release that a round makes, as the ledger counts it."""
    is_training = parameters.purpose == "train"
    return Release(
        run_id=parameters.run_id,
        round_number=parameters.round_number,
        part=parameters.part if is_training else "evaluation",
        mechanism=parameters.mechanism,
        noise_multiplier=parameters.noise_multiplier,
        parameters_digest=parameters.digest,
        customers_from=parameters.holdout_share if is_training else 0.0,
        customers_to=1.0 if is_training else parameters.holdout_share,
    )
