"""The split of a branch's customers into those that a run trains on and those that it holds out for its evaluation.

A customer's hash bucket, a number in [0, 1), is a keyed digest of its pseudonym. It never depends on what the customer
wrote or on who else is there: adding or removing a customer moves no other one, which parallel composition rests on
(docs/privacy.md). The key is the ledger's random name, so buckets last as long as the record of spending that counts on
them, and nobody outside can choose a pseudonym for its bucket.

Guarantees:
    A customer's bucket depends on its pseudonym and the key alone.
    No customer is both trained on and evaluated with in one run.
"""

import hashlib
import hmac

import numpy as np

from federation.learning.examples import NO_CUSTOMER
from federation.learning.part import Examples
from federation.privacy.accounting import BucketRange

_BITS = 53
"""That a float64 holds exactly."""
_LAST = 1 - 2.0**-_BITS


def hash_bucket(customer: str, key: str) -> float:
    """A customer's bucket in [0, 1), uniform over pseudonyms.

    All rows without a customer may be most of what a branch has, and are one customer: it has the last bucket, which is
    always trained on.

    Args:
        customer: its pseudonym.
        key: of the branch.
    """
    if customer == NO_CUSTOMER:
        return _LAST
    digest = hmac.new(key.encode(), customer.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return float(int.from_bytes(digest[:8], "big") >> (64 - _BITS)) / 2.0**_BITS


def select_customers(examples: Examples, among: BucketRange, *, key: str) -> Examples:
    """The examples of customers in these buckets, in their order."""
    if among == BucketRange():
        return examples
    is_in = {customer: hash_bucket(customer, key) in among for customer in set(examples.customers)}
    return examples.take(np.array([i for i, who in enumerate(examples.customers) if is_in[who]], dtype=np.int64))
