"""A branch's part in one round, from its settings: policy, budget, data, update.

`federation.branch.client_app` calls it for each message; `federation.branch.contribution` decides what may leave.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from federation.branch.contribution import Update, make_update, release_of
from federation.branch.data import OwnData, open_cache
from federation.branch.policy import read_policy
from federation.branch.settings import BranchSettings
from federation.learning.features import FeatureMap, Weights
from federation.learning.parts import part_named
from federation.learning.round_parameters import RoundParameters
from federation.privacy.ledger import Ledger
from federation.privacy.ledger_file import Budget, read_ledger
from student.bundle.folder import open_bundle
from student.embeddings import Embeddings


@dataclass(frozen=True, slots=True)
class Paid:
    """An update with what the ledger says of it in public: the branch's name, and the head after the entry."""

    update: Update
    branch: str
    head: str


def check_policy(settings: BranchSettings, parameters: RoundParameters) -> None:
    """Checks a round against the branch's policy as it is now.

    Raises:
        PolicyRefused: unless it allows such a round. PolicyInvalid: there is no policy.
    """
    read_policy(settings.policy).check(parameters)


def check_budget(settings: BranchSettings, parameters: RoundParameters) -> None:
    """Checks that this branch could pay for such a round now.

    Raises:
        BudgetRefused: unless it could. LedgerMissing, LedgerCorrupt: there is no sound ledger.
    """
    policy = read_policy(settings.policy)
    read_ledger(settings.ledger).epsilon_with(release_of(parameters), Budget(policy.max_epsilon, policy.delta))


def take_part(
    settings: BranchSettings,
    parameters: RoundParameters,
    weights: Weights,
    feature_map: FeatureMap | None,
    *,
    now: datetime,
) -> Paid:
    """Makes this branch's update; when it returns, its spending is durable.

    Raises:
        FederationError: as `branch.make_update`; nothing is spent.
    """
    policy = read_policy(settings.policy)
    policy.check(parameters)
    with open_data(settings) as data:
        examples = part_named(parameters.part).make_examples(data)
    with Ledger(settings.ledger) as ledger:
        update = make_update(
            parameters, weights, examples, feature_map=feature_map, policy=policy, ledger=ledger, now=now
        )
        return Paid(update, policy.branch, ledger.state.head)


def encode_all(settings: BranchSettings) -> int:
    """Encodes every text that a branch may train with, so that its first round finds them in the cache.

    Returns:
        How many of them are labelled with an intent.

    Raises:
        ExamplesInvalid: the store or a file of tickets cannot be read. BundleError: the bundle cannot.
    """
    with open_data(settings) as data:
        labelled = [*data.confirmed_intents(), *data.tickets(label="intent")]
        data.encode([*(row.text for row in labelled), *(row.text for row in data.found_documents())])
    return len(labelled)


@contextmanager
def open_data(settings: BranchSettings) -> Iterator[OwnData]:
    """The branch's own data, with its cache open until the block ends; only what is new is encoded.

    Raises:
        ExamplesInvalid: the cache cannot be used. BundleError: the bundle cannot.
    """
    bundle = open_bundle(settings.bundle)

    def encode(texts: Sequence[str]) -> Embeddings:
        # Imported and loaded only where a text is new: the encoder takes most of a round, and of the memory.
        from student.runtime.encoder import Encoder  # noqa: PLC0415

        encoder = Encoder.from_bundle(bundle, workers=1)
        try:
            return encoder.encode(texts)
        finally:
            encoder.close()

    with open_cache(settings.cache, encode, bundle) as cache:
        yield OwnData(bundle, settings.store, settings.tickets, cache)
