"""Counts at a branch: bounded for every input, noisy at their scale, read rightly at the center."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from federation.branch.contribution import make_update
from federation.errors import PolicyRefused, UpdateInvalid
from federation.learning.evaluation import baseline_predictions, count_correct, read_counts
from federation.learning.round_parameters import RoundParameters
from federation.privacy.ledger import Ledger, create_ledger
from federation.privacy.ledger_file import read_ledger
from federation.privacy.noise import decode, encode, noise_of, round_sum
from student.bundle.linear_head import LinearHead
from tests.federation.rounds import LABELS, D, clipped_sum, examples, feature_map, parameters, policy, spying, weights

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def evaluation(**changes: object) -> RoundParameters:
    values = {"purpose": "evaluate", "holdout_share": 0.5, "rounds": 1, "noise_multiplier": 1.5, "known_labels": 2}
    return parameters(**values | changes)


def served() -> LinearHead:
    """A head of two of the three labels and one that the run does not have."""
    weight = np.random.default_rng(5).standard_normal((3, D)).astype(np.float32)
    return LinearHead(weight, np.zeros(3, dtype=np.float32), ("domains", "gone", "billing"), 1.0, 0.0)


@st.composite
def counts(draw):  # type: ignore[no-untyped-def]
    n = draw(st.integers(0, 14))
    columns = arrays.arrays(np.int64, n, elements=st.integers(-1, 3))
    return [draw(columns), draw(columns), draw(columns), draw(arrays.arrays(np.int64, n, elements=st.integers(0, 4)))]


@given(counts(), st.integers(0, 4))
@settings(max_examples=200, deadline=None)
def test_one_customers_part_in_the_counts_has_norm_at_most_1(inputs: list[np.ndarray], known: int) -> None:
    def counted(rows: np.ndarray) -> np.ndarray:
        before, after, targets, customers = (each[rows] for each in inputs)
        return count_correct(
            before, after, targets, customers, groups=(targets >= known).astype(np.int64), shape=(2, 3)
        )

    whole = counted(np.ones(len(inputs[0]), dtype=bool))
    for customer in np.unique(inputs[3]):
        assert np.linalg.norm(whole - counted(inputs[3] != customer)) <= 1 + 1e-9


def test_counts_are_of_what_both_heads_name_rightly_each_customer_once() -> None:
    own, asked = examples(30, customers=6), evaluation()
    head, x = served(), feature_map().apply(own.embeddings)
    expected = np.zeros((2, 3))
    for i, (label, customer) in enumerate(zip(own.labels, own.customers, strict=True)):
        before = head.labels[int(np.argmax(head.weight @ own.embeddings[i]))] == label
        after = LABELS[int(np.argmax(x[i] @ weights()))] == label
        share = 1 / own.customers.count(customer) / np.sqrt(3)
        expected[int(LABELS.index(label) >= 2)] += share * np.array([before, after, 1])
    many = asked.model_copy(update={"contributions": 100})
    assert clipped_sum(many, weights(), replace(own, served=head), feature_map()) == pytest.approx(expected)
    assert expected[:, 2].sum() == pytest.approx(6 / np.sqrt(3))


def test_a_bundle_without_a_head_names_nothing_rightly_and_foreign_labels_are_no_labels() -> None:
    own = examples(12)
    assert baseline_predictions(None, own.embeddings, LABELS).tolist() == [-1] * 12
    assert set(baseline_predictions(served(), own.embeddings, LABELS).tolist()) <= {-1, 0, 1}
    assert baseline_predictions(served(), own.embeddings[:0], LABELS).tolist() == []


def test_its_spending_is_durable_before_anything_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    create_ledger(path, "branch-1")

    def look(*_: object) -> None:
        (entry,) = read_ledger(path).entries
        assert (entry.part, entry.customers_from, entry.customers_to) == ("evaluation", 0.0, 0.5)
        raise InterruptedError

    with spying(look) as spy, Ledger(path) as ledger, pytest.raises(InterruptedError):
        make_update(
            evaluation(part=spy),
            weights(),
            replace(examples(9), part=spy),
            feature_map=feature_map(),
            policy=policy(parts=(spy,)),
            ledger=ledger,
            now=NOW,
        )
    assert read_ledger(path).serial == 1


def test_a_policy_without_evaluations_refuses_them_and_trains() -> None:
    strict = policy(evaluates=False)
    strict.check(parameters(holdout_share=0.5))
    with pytest.raises(PolicyRefused, match="asks for purpose evaluate; this branch's policy allows train"):
        strict.check(evaluation())


@pytest.mark.parametrize("known", [1, 3])
def test_noise_has_the_scale_that_the_errors_are_computed_with(known: int) -> None:
    asked, draw = evaluation(known_labels=known), np.random.default_rng(2).bytes
    groups = asked.shape[0]
    truth = np.array([[30.0, 50.0, 60.0]] * groups) / np.sqrt(3) / 3
    sums = [sum(encode(truth, asked, draw) for _ in range(3)) for _ in range(1000)]
    noise = np.array([decode(np.asarray(each), asked) - 3 * truth for each in sums])
    assert np.std(noise) == pytest.approx(noise_of(asked, 3), rel=0.06)
    assert noise_of(asked, 3) >= asked.noise_multiplier  # in units of one customer's norm
    found = [read_counts(np.asarray(each), asked, 3)[0] for each in sums]
    for name in ("before", "after", "change"):
        estimates = [getattr(each, name) for each in found]
        computed = np.mean([each.error for each in estimates])
        assert np.std([each.value for each in estimates]) == pytest.approx(computed, rel=0.15)


def test_without_noise_a_sum_reads_back_what_was_counted_and_new_labels_apart() -> None:
    asked = evaluation()
    of_known, of_new = np.array([40.0, 70.0, 100.0]), np.array([0.0, 30.0, 50.0])
    whole, new = read_counts(round_sum(np.stack([of_known, of_new]) / np.sqrt(3), asked), asked, 3)
    assert new is not None
    assert whole.before is not None
    assert whole.after is not None
    assert new.after is not None
    assert [whole.customers.value, whole.before.value, whole.after.value] == pytest.approx([150, 40 / 150, 100 / 150])
    assert [new.customers.value, new.after.value] == pytest.approx([50, 0.6], abs=1e-4)


def test_too_few_customers_for_the_noise_give_no_figure() -> None:
    asked = evaluation(known_labels=3)
    few, new = read_counts(round_sum(np.array([[3.0, 4.0, 5.0]]) / np.sqrt(3), asked), asked, 3)
    assert (few.before, few.after, few.change, new) == (None, None, None, None)


@pytest.mark.parametrize(
    "changes", [{"clip_norm": 2.0}, {"holdout_share": 0.0}, {"holdout_share": 0.6}, {"known_labels": 4}]
)
def test_an_evaluation_that_contradicts_itself_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"clip_norm 1|less than or equal|known_labels"):
        evaluation(**changes)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    create_ledger(tmp_path / "ledger.jsonl", "branch-1")
    with Ledger(tmp_path / "ledger.jsonl") as ledger, pytest.raises(UpdateInvalid):
        make_update(
            evaluation(),
            weights()[:, :2],
            examples(9),
            feature_map=feature_map(),
            policy=policy(),
            ledger=ledger,
            now=NOW,
        )
    assert read_ledger(tmp_path / "ledger.jsonl").serial == 0
