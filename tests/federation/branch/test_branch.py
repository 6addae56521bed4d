"""The branch's one door: what goes through, what is refused, and what is left behind."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.branch import contribution as branch
from federation.branch.contribution import make_update
from federation.errors import BudgetRefused, FederationError, PolicyRefused, UpdateInvalid
from federation.learning.features import FeatureMap
from federation.learning.holdout import hash_bucket
from federation.learning.intent_head import HeadExamples
from federation.privacy.ledger import Ledger, create_ledger
from federation.privacy.ledger_file import read_ledger
from federation.privacy.noise import share_variance
from tests.federation.rounds import (
    LABELS,
    SPACE,
    D,
    clipped_sum,
    examples,
    feature_map,
    parameters,
    policy,
    spying,
    weights,
)

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def ledger_path(tmp_path: Path) -> Path:
    create_ledger(tmp_path / "ledger.jsonl", "branch-1")
    return tmp_path / "ledger.jsonl"


def update(ledger_path: Path, **changes: Any) -> branch.Update:
    values = {
        "parameters": parameters(),
        "weights": weights(),
        "examples": examples(20),
        "feature_map": feature_map(),
        "policy": policy(),
        **changes,
    }
    asked, sent, own = values.pop("parameters"), values.pop("weights"), values.pop("examples")
    with Ledger(ledger_path) as ledger:
        return make_update(asked, sent, own, ledger=ledger, now=NOW, **values)


def of_part(part: str, own: HeadExamples | None = None, **changes: Any) -> dict[str, Any]:
    """Parameters, examples and policy of a part."""
    return {
        "parameters": parameters(part=part, **changes),
        "examples": replace(own or examples(20), part=part),
        "policy": policy(parts=(part,)),
    }


def test_an_update_is_integers_and_its_spending_is_in_the_ledger(ledger_path: Path) -> None:
    made = update(ledger_path)
    asked = parameters()
    assert made.values.shape == (asked.size,)
    assert made.values.dtype == np.int64
    assert read_ledger(ledger_path).entries == (made.entry,)
    assert (made.entry.parameters_digest, made.entry.part) == (asked.digest, "head")


def test_two_updates_of_the_same_examples_differ_by_their_noise(ledger_path: Path) -> None:
    first, second = (update(ledger_path).values for _ in range(2))
    spread = np.std(first - second)
    expected = np.sqrt(2 * share_variance(parameters()))
    assert 0.5 * expected < spread < 2 * expected


def test_nothing_is_computed_before_its_spending_is_durable(ledger_path: Path) -> None:
    def look(*_: object) -> None:
        assert read_ledger(ledger_path).serial == 1
        raise InterruptedError

    with spying(look) as spy, pytest.raises(InterruptedError):
        update(ledger_path, **of_part(spy))
    assert read_ledger(ledger_path).serial == 1


@pytest.mark.parametrize("purpose", ["train", "evaluate"])
def test_a_round_is_of_the_customers_that_its_entry_in_the_ledger_names_and_of_no_other(
    purpose: str, ledger_path: Path
) -> None:
    seen: list[str] = []
    own = examples(200, customers=30)
    with spying(lambda _, some: seen.extend(some.customers)) as spy:
        changes = of_part(spy, own, purpose=purpose, holdout_share=0.4)
        entry = update(ledger_path, **changes).entry
    key = read_ledger(ledger_path).ledger_id
    is_named = {who: entry.customers_from <= hash_bucket(who, key) < entry.customers_to for who in own.customers}
    assert seen == [who for who in own.customers if is_named[who]]
    assert 0 < len(seen) < 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"policy": policy(max_epsilon=0.1)}, PolicyRefused),
        ({"policy": policy(minimum_survivors=4)}, PolicyRefused),
        ({"weights": weights(seed=9)}, UpdateInvalid),
        ({"weights": weights()[:, :2]}, UpdateInvalid),
        ({"weights": np.full((D, 3), np.nan, dtype=np.float32)}, UpdateInvalid),
        ({"feature_map": FeatureMap(np.zeros(D, np.float32), np.eye(D, dtype=np.float32))}, UpdateInvalid),
        ({"feature_map": None}, UpdateInvalid),
        ({"examples": replace(examples(5), embedding_space="6" * 64)}, UpdateInvalid),
        ({"parameters": parameters(dimension=D + 1)}, UpdateInvalid),
        ({"examples": replace(examples(5), part="adapter")}, UpdateInvalid),
    ],
    ids=str,
)
def test_a_refused_round_leaves_no_trace(
    changes: dict[str, Any], error: type[FederationError], ledger_path: Path
) -> None:
    before = ledger_path.read_bytes()
    with pytest.raises(error):
        update(ledger_path, **changes)
    assert ledger_path.read_bytes() == before


def test_the_budget_ends_a_branchs_part_in_all_runs(ledger_path: Path) -> None:
    tight = policy(max_epsilon=0.5)
    runs = 0
    with pytest.raises(BudgetRefused, match="nothing was released"):
        for run in range(100):
            update(ledger_path, parameters=parameters(run_id=f"run-{run}"), policy=tight)
            runs += 1
    assert 4 <= runs < 20
    assert read_ledger(ledger_path).epsilon(tight.delta) <= 0.5


@pytest.mark.parametrize(
    "poor",
    [examples(0), examples(4, labels=("unheard of",)), examples(4, labels=LABELS[:1]), examples(4, customers=1)],
    ids=["no example", "labels outside the set", "one class", "one customer"],
)
def test_a_branch_with_little_takes_part_like_any_other(poor: HeadExamples, ledger_path: Path) -> None:
    made = update(ledger_path, examples=poor)
    assert made.values.any()
    assert read_ledger(ledger_path).serial == 1
    bound = parameters().clip_norm * len(set(poor.customers))
    assert np.linalg.norm(clipped_sum(parameters(), weights(), poor, feature_map())) <= bound * (1 + 1e-9)


def test_labels_outside_the_set_change_nothing() -> None:
    own = examples(12)
    more = HeadExamples(
        np.concatenate([own.embeddings, own.embeddings[:2]]),
        (*own.labels, "unheard of", "unheard of"),
        (*own.customers, *own.customers[:2]),
        SPACE,
    )
    of_own, of_more = (clipped_sum(parameters(), weights(), each, feature_map()) for each in (own, more))
    assert of_own.tolist() == of_more.tolist()


def test_a_customer_counts_once_however_much_it_wrote() -> None:
    much = examples(60, customers=1)
    asked = parameters(contributions=5)
    newest = HeadExamples(much.embeddings[-5:], much.labels[-5:], much.customers[-5:], SPACE)
    of_much, of_newest = (clipped_sum(asked, weights(), each, feature_map()) for each in (much, newest))
    assert of_much.tolist() == of_newest.tolist()
    assert np.linalg.norm(of_much) <= asked.clip_norm * (1 + 1e-9)
