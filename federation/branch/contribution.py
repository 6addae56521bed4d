"""The only door through which anything derived from a branch's examples leaves it. Torch-free.

This code is installed at the branch by its administrator; the center sends numbers and public parameters, never code.
In this order: the policy is asked, what was sent is held against what it says it is, the ledger records the spending,
and only then are examples touched.

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

from federation.errors import UpdateInvalid
from federation.learning.evaluation import baseline_predictions, count_correct
from federation.learning.examples import AdapterExamples, HeadExamples, bound_contributions
from federation.learning.features import FeatureMap
from federation.learning.holdout import select_customers
from federation.learning.intent_head import check_weights, head_sum
from federation.learning.query_adapter import adapter_sum
from federation.learning.round_parameters import BranchPolicy, RoundParameters, digest_array
from federation.privacy.accounting import BucketRange
from federation.privacy.discrete_gaussian import Integers
from federation.privacy.ledger import Budget, Entry, Ledger, Release
from federation.privacy.noise import encode, share_variance
from student.bundle.linear_head import LinearHead


@dataclass(frozen=True, slots=True)
class Update:
    """What one branch sends for one round.

    Attributes:
        values: (size,) integers: clipped, rounded, with the branch's share of the noise. In secure mode they go into
            the secure sum and nowhere else.
        entry: of the ledger, which paid for it.
    """

    values: Integers
    entry: Entry


def make_update(
    parameters: RoundParameters,
    weights: NDArray[np.float32],
    examples: HeadExamples | AdapterExamples,
    *,
    feature_map: FeatureMap | None,
    policy: BranchPolicy,
    ledger: Ledger,
    now: datetime,
    served: LinearHead | None = None,
) -> Update:
    """Takes part in a round.

    Args:
        parameters: as the center sent them.
        weights: as the center sent them, of the shape that the parameters name.
        examples: the branch's own, for the part that is trained.
        feature_map: for the head; None for the adapter.
        policy: the branch's own.
        ledger: the branch's own, open.
        now: the time.
        served: the head that the branch uses now, for an evaluation; None where its bundle has none.

    Raises:
        PolicyRefused: the policy does not allow it.
        ParametersInvalid: a share of the noise would be too small to be sound.
        UpdateInvalid: weights, map or examples are not those that the parameters name.
        BudgetRefused: the ledger has too little left.
    """
    policy.check(parameters)
    share_variance(parameters)
    _check_what_was_sent(parameters, weights, examples, feature_map)
    release = release_of(parameters)
    entry = ledger.spend(release, Budget(policy.max_epsilon, policy.delta), now=now)
    among = BucketRange(release.customers_from, release.customers_to)
    own = select_customers(examples, among, key=ledger.state.ledger_id)
    return Update(encode(clipped_sum(parameters, weights, own, feature_map, served), parameters), entry)


def _check_what_was_sent(
    parameters: RoundParameters,
    weights: NDArray[np.float32],
    examples: HeadExamples | AdapterExamples,
    feature_map: FeatureMap | None,
) -> None:
    check_weights(weights, parameters.weights_shape)
    map_digest = feature_map.digest if feature_map else None
    is_head = isinstance(examples, HeadExamples)
    dimension = feature_map.projection.shape[1] if feature_map else None
    differences = [
        ("weights", parameters.weights_digest, digest_array(weights)),
        ("feature map", parameters.feature_map_digest, map_digest),
        ("embedding space", parameters.embedding_space, examples.embedding_space),
        ("part", parameters.part, "head" if is_head else "adapter"),
        ("dimension", parameters.dimension, dimension if is_head else parameters.dimension),
    ]
    for what, expected, got in differences:
        if expected != got:
            raise UpdateInvalid(
                f"round {parameters.round_number} of run {parameters.run_id}: {what} is {got}, but its parameters name "
                f"{expected}; the branch's bundle may be older than the run: update it, or ask the center"
            )


def clipped_sum(
    parameters: RoundParameters,
    weights: NDArray[np.float32],
    examples: HeadExamples | AdapterExamples,
    feature_map: FeatureMap | None,
    served: LinearHead | None = None,
) -> NDArray[np.float64]:
    """The sum over all these examples before rounding and noise: not fit to be sent."""
    if isinstance(examples, AdapterExamples):
        kept = bound_contributions(examples.customers, parameters.contributions)
        customers = _number([examples.customers[i] for i in kept])
        return adapter_sum(weights, examples.queries[kept], examples.candidates[kept], customers, parameters.clip_norm)
    assert feature_map is not None  # noqa: S101 - the digests have been compared
    columns = {label: i for i, label in enumerate(parameters.labels)}
    usable = [i for i, label in enumerate(examples.labels) if label in columns]
    of_whom = [examples.customers[i] for i in usable]
    kept = bound_contributions(of_whom, parameters.contributions)
    rows = np.array(usable, dtype=np.int64)[kept]
    features = feature_map.apply(examples.embeddings[rows])
    targets = np.array([columns[examples.labels[i]] for i in rows], dtype=np.int64)
    customers = _number([of_whom[i] for i in kept])
    if parameters.purpose == "evaluate":
        return count_correct(
            baseline_predictions(served, examples.embeddings[rows], parameters.labels),
            (features @ weights).argmax(axis=1),
            targets,
            customers,
            groups=(targets >= parameters.known_labels).astype(np.int64) * (parameters.shape[0] - 1),
            shape=parameters.shape,
        )
    return head_sum(weights, features, targets, customers, parameters.clip_norm)


def _number(names: list[str]) -> NDArray[np.int64]:
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def release_of(parameters: RoundParameters) -> Release:
    """What a round releases, as the ledger counts it."""
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
