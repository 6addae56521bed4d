"""The split of customers into those trained on and those held out for the evaluation."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.branch.contribution import release_of
from federation.learning.examples import NO_CUSTOMER
from federation.learning.holdout import hash_bucket, select_customers
from federation.learning.round_parameters import RoundParameters
from federation.privacy.accounting import BucketRange
from tests.federation.rounds import clipped_sum, examples, feature_map, parameters, weights

KEY = "ab" * 16


def evaluation(**changes: object) -> RoundParameters:
    return parameters(purpose="evaluate", holdout_share=0.3, rounds=1, noise_multiplier=1.5, **changes)


def bucket_range_of(asked: RoundParameters) -> BucketRange:
    release = release_of(asked)
    return BucketRange(release.customers_from, release.customers_to)


@given(st.text(min_size=1), st.sampled_from([KEY, "cd" * 16]))
@settings(max_examples=40, deadline=None)
def test_a_customers_bucket_depends_on_its_pseudonym_and_the_key_alone(customer: str, key: str) -> None:
    bucket = hash_bucket(customer, key)
    assert 0 <= bucket < 1
    assert bucket == hash_bucket(customer, key)


def test_buckets_are_uniform_and_another_key_gives_others() -> None:
    names = [f"customer {i}" for i in range(20_000)]
    first, second = ([hash_bucket(name, key) < 0.1 for name in names] for key in (KEY, "cd" * 16))
    assert 1800 < sum(first) < 2200  # 2,000 expected, one standard deviation is 42
    assert 100 < sum(a and b for a, b in zip(first, second, strict=True)) < 300  # 200 if they are independent


def test_no_customer_is_both_trained_on_and_evaluated_with_in_one_run() -> None:
    own = examples(400, customers=60)
    trained = select_customers(own, bucket_range_of(parameters(holdout_share=0.3)), key=KEY)
    counted = select_customers(own, bucket_range_of(evaluation()), key=KEY)
    assert set(trained.customers).isdisjoint(counted.customers)
    assert set(trained.customers) | set(counted.customers) == set(own.customers)
    assert len(trained.labels) + len(counted.labels) == len(trained.embeddings) + len(counted.embeddings) == 400
    assert counted.labels


def test_a_customer_more_or_less_changes_only_the_sums_that_hold_its_bucket() -> None:
    own = examples(120, customers=12)
    for customer in sorted(set(own.customers)):
        others = own.take(np.array([i for i, who in enumerate(own.customers) if who != customer]))
        for asked in (parameters(holdout_share=0.3), evaluation(clip_norm=1.0, known_labels=1)):
            among = bucket_range_of(asked)
            with_it, without = (
                clipped_sum(asked, weights(), select_customers(some, among, key=KEY), feature_map()).tolist()
                for some in (own, others)
            )
            assert (with_it != without) == (hash_bucket(customer, KEY) in among)


def test_rows_without_a_customer_are_always_trained_on() -> None:
    for share in (0.1, 0.5):
        assert hash_bucket(NO_CUSTOMER, KEY) in bucket_range_of(parameters(holdout_share=share))


def test_a_round_without_a_holdout_is_of_all_customers() -> None:
    own = examples(20)
    assert select_customers(own, bucket_range_of(parameters()), key=KEY) is own
