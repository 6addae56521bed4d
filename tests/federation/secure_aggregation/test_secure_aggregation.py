"""Secure aggregation without a network: sums are exact, losses are survived, and nothing opens that should not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from federation.errors import AggregationRefused
from federation.secure_aggregation.branch_session import BranchSession, begin_session
from federation.secure_aggregation.central_session import CentralSession
from federation.secure_aggregation.peers import MAX_PEERS, Keys, neighborhoods, threshold_of
from federation.secure_aggregation.primitives import combine, mask, new_seed, split


@dataclass(frozen=True, slots=True)
class Losses:
    """Branches that are lost before each step."""

    before_sharing: Sequence[int] = ()
    before_masking: Sequence[int] = ()
    before_revealing: Sequence[int] = ()


def run(
    vectors: dict[int, NDArray[np.int64]], losses: Losses = Losses(), min_survivors: int = 3
) -> tuple[NDArray[np.int64], CentralSession]:
    nodes = sorted(vectors)
    branches = {node: begin_session(b"s", node) for node in nodes}
    center = CentralSession(b"s", neighborhoods(nodes), len(vectors[nodes[0]]), min_survivors)
    for node, branch in branches.items():
        center.add_keys(node, branch.keys)
    for node in set(nodes) - set(losses.before_sharing):
        branches[node], sealed = branches[node].share(center.keys_for(node))
        center.add_shares(node, sealed)
    for node in set(center.sharing) - set(losses.before_masking):
        branches[node], words = branches[node].open_shares(center.shares_for(node)).mask(vectors[node])
        center.add_masked(node, words)
    survivors = center.survivors
    revealed = {
        node: branches[node].reveal(survivors, min_survivors=min_survivors)
        for node in set(survivors) - set(losses.before_revealing)
    }
    return center.open_sum(revealed), center


def vectors_of(count: int, length: int = 50, seed: int = 1) -> dict[int, NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    ids = generator.integers(2**62, size=count)
    return {int(node): generator.integers(-(2**20), 2**20, length) for node in ids}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.integers(-(2**28), 2**28), min_size=4, max_size=4), min_size=3, max_size=7))
def test_the_sum_is_exact(rows: list[list[int]]) -> None:
    vectors = {node: np.array(row, dtype=np.int64) for node, row in enumerate(rows, start=1)}
    total, _ = run(vectors)
    assert total.tolist() == np.sum(list(vectors.values()), axis=0).tolist()


@pytest.mark.parametrize("count", [3, 10, MAX_PEERS + 12])
def test_the_sum_of_a_cohort_of_any_size_is_exact(count: int) -> None:
    vectors = vectors_of(count)
    assert np.array_equal(run(vectors)[0], sum(vectors.values()))


@pytest.mark.parametrize(
    ("losses", "left_out"),
    [
        (Losses(before_sharing=[0, 1]), [0, 1]),
        (Losses(before_masking=[2, 5]), [2, 5]),
        (Losses(before_revealing=[3, 4]), []),
        (Losses([0], [1], [2]), [0, 1]),
    ],
    ids=["before sharing", "before masking", "after masking", "at every step"],
)
def test_branches_lost_on_the_way_leave_an_exact_sum_of_those_whose_vector_arrived(
    losses: Losses, left_out: list[int]
) -> None:
    vectors = dict(enumerate(vectors_of(9).values()))
    total, _ = run(vectors, losses)
    assert np.array_equal(total, sum(v for node, v in vectors.items() if node not in left_out))


def test_too_few_vectors_are_not_summed() -> None:
    with pytest.raises(AggregationRefused, match="3 branches sent their vectors, expected at least 4"):
        run(dict(enumerate(vectors_of(5).values())), Losses(before_masking=[0, 1]), min_survivors=4)


def test_too_few_shares_open_nothing() -> None:
    with pytest.raises(AggregationRefused, match="3 of the 4 shares"):
        run(dict(enumerate(vectors_of(6).values())), Losses(before_revealing=[0, 1, 2]))


def masked_branches(count: int = 4) -> tuple[dict[int, BranchSession], CentralSession]:
    vectors = dict(enumerate(vectors_of(count).values()))
    branches = {node: begin_session(b"s", node) for node in vectors}
    center = CentralSession(b"s", neighborhoods(sorted(vectors)), 50, 3)
    for node, branch in branches.items():
        center.add_keys(node, branch.keys)
    for node in vectors:
        branches[node], sealed = branches[node].share(center.keys_for(node))
        center.add_shares(node, sealed)
    for node, vector in vectors.items():
        branches[node], words = branches[node].open_shares(center.shares_for(node)).mask(vector)
        center.add_masked(node, words)
    return branches, center


def test_a_branch_reveals_nothing_for_fewer_survivors_than_its_policy_asks() -> None:
    branches, _ = masked_branches()
    with pytest.raises(AggregationRefused, match="3 branches are left in the sum, expected at least 4"):
        branches[0].reveal([0, 1, 2], min_survivors=4)


def test_a_branch_never_gives_both_shares_of_one_peer() -> None:
    branches, _ = masked_branches()
    given_ = branches[0].reveal([0, 1, 2], min_survivors=3)
    own, key = branches[0].received[3]
    assert given_[3] == key
    assert own not in given_.values()
    assert all(branches[0].received[node][1] not in given_.values() for node in (0, 1, 2))


def test_a_branch_that_sent_its_vector_does_not_open_a_sum_said_to_lack_it() -> None:
    branches, _ = masked_branches()
    with pytest.raises(AggregationRefused, match="stays closed"):
        branches[0].reveal([1, 2, 3], min_survivors=3)


def test_a_second_vector_is_not_masked_with_the_same_masks() -> None:
    branches, _ = masked_branches()
    with pytest.raises(AggregationRefused, match="masked once"):
        branches[0].mask(np.zeros(50, dtype=np.int64))


def test_keys_that_the_center_swapped_for_a_branch_are_noticed_by_it() -> None:
    branches = {node: begin_session(b"s", node) for node in range(3)}
    keys = {node: branch.keys for node, branch in branches.items()} | {0: begin_session(b"s", 0).keys}
    with pytest.raises(AggregationRefused, match="other keys for this branch than its own"):
        branches[0].share(keys)


def test_two_parties_with_one_key_are_noticed() -> None:
    branches = {node: begin_session(b"s", node) for node in range(3)}
    keys = {node: branch.keys for node, branch in branches.items()}
    keys[2] = Keys(keys[1].masking, keys[2].sealing)
    with pytest.raises(AggregationRefused, match="the same key"):
        branches[0].share(keys)


def test_two_branches_are_too_few() -> None:
    branches = {node: begin_session(b"s", node) for node in range(2)}
    with pytest.raises(AggregationRefused, match="2 branches are in the sum, expected at least 3"):
        branches[0].share({node: branch.keys for node, branch in branches.items()})


def test_shares_that_were_changed_on_the_way_do_not_open() -> None:
    branches = {node: begin_session(b"s", node) for node in range(3)}
    keys = {node: branch.keys for node, branch in branches.items()}
    branches[0], _ = branches[0].share(keys)
    _, sealed = branches[1].share(keys)
    changed = bytes([sealed[0][0] ^ 1]) + sealed[0][1:]
    with pytest.raises(AggregationRefused, match="do not open"):
        branches[0].open_shares({1: changed})


def test_shares_of_another_session_do_not_open() -> None:
    branches = {node: begin_session(b"s", node) for node in range(3)}
    keys = {node: branch.keys for node, branch in branches.items()}
    branches[0], _ = branches[0].share(keys)
    other = BranchSession(b"another", 1, branches[1].masking_seed, branches[1].sealing_seed)
    _, sealed = other.share(keys)
    with pytest.raises(AggregationRefused, match="do not open"):
        branches[0].open_shares({1: sealed[0]})


@pytest.mark.parametrize(
    "words",
    [np.zeros(49, np.uint32), np.zeros((50, 1), np.uint32), np.zeros(50, np.float32), np.full(50, np.nan)],
    ids=["short", "of another shape", "not words", "not finite"],
)
def test_a_vector_of_the_wrong_shape_or_kind_is_left_out(words: NDArray[np.uint32]) -> None:
    branches = {node: begin_session(b"s", node) for node in range(3)}
    center = CentralSession(b"s", neighborhoods([0, 1, 2]), 50, 3)
    for node, branch in branches.items():
        center.add_keys(node, branch.keys)
    _, sealed = branches[0].share(center.keys_for(0))
    center.add_shares(0, sealed)
    with pytest.raises(AggregationRefused, match=r"expected \(50,\) of uint32"):
        center.add_masked(0, words)


def test_a_vector_sent_twice_is_left_out() -> None:
    _, center = masked_branches()
    with pytest.raises(AggregationRefused, match="once"):
        center.add_masked(0, np.zeros(50, np.uint32))


def test_a_key_of_a_lost_branch_rebuilt_from_wrong_shares_opens_nothing() -> None:
    branches, center = masked_branches(5)
    del center._masked[4]
    revealed = {node: branches[node].reveal([0, 1, 2, 3], min_survivors=3) for node in range(4)}
    revealed[1][4] = new_seed()
    with pytest.raises(AggregationRefused, match="are not of it"):
        center.open_sum(revealed)


def test_what_a_branch_sends_says_nothing_of_its_vector() -> None:
    """The masked vector of zeros spreads over all words; without the masks (the negative control) it does not."""
    vectors: dict[int, NDArray[np.int64]] = {node: np.zeros(20_000, dtype=np.int64) for node in range(3)}
    _, center = run(vectors)
    for words in center._masked.values():
        assert chi_square_of_top_byte(words) < 340  # 255 degrees of freedom: 1 in 3,000
    assert chi_square_of_top_byte(np.zeros(20_000, np.uint32)) > 340


def chi_square_of_top_byte(words: NDArray[np.uint32]) -> float:
    counts = np.bincount(words >> 24, minlength=256)
    expected = len(words) / 256
    return float((((counts - expected) ** 2) / expected).sum())


def test_masks_of_two_keys_and_of_two_uses_have_nothing_in_common() -> None:
    key = new_seed()
    masks = [mask(key, 1000), mask(key, 1000, b"other use"), mask(new_seed(), 1000)]
    assert len({words.tobytes() for words in masks}) == 3
    assert np.array_equal(mask(key, 1000)[:10], mask(key, 10))


@pytest.mark.parametrize(("threshold", "count"), [(2, 3), (4, 6), (33, 49)])
def test_a_secret_comes_back_from_as_many_shares_as_the_threshold_and_not_from_fewer(
    threshold: int, count: int
) -> None:
    secret = new_seed()
    shares = list(enumerate(split(secret, threshold, count), start=1))
    assert combine(shares[-threshold:]) == secret
    assert combine(shares[: threshold - 1]) != secret


def test_no_two_halves_of_a_neighborhood_can_both_open_a_secret() -> None:
    assert all(2 * threshold_of(parties) > parties for parties in range(3, 200))


def test_peers_are_peers_of_each_other_in_a_large_cohort() -> None:
    peers = neighborhoods(list(range(1000)))
    assert {len(near) for near in peers.values()} == {MAX_PEERS + 1}
    assert all(node in peers[other] for node, near in peers.items() for other in near)
