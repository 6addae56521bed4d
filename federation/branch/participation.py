"""A branch's part in one round, from its settings: policy, budget, data, update.

`federation.branch.client_app` calls it for each message; `federation.branch.contribution` decides what may leave.
"""

from dataclasses import dataclass
from datetime import datetime

from federation.branch.contribution import Update, make_update, release_of
from federation.branch.data import open_data
from federation.branch.policy import read_policy
from federation.branch.settings import BranchSettings
from federation.learning.features import FeatureMap, Weights
from federation.learning.parts import part_named
from federation.learning.round_parameters import RoundParameters
from federation.privacy.ledger import Ledger
from federation.privacy.ledger_file import Budget, read_ledger


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
