"""A branch's side of one secure sum: the steps of the protocol, and what it never gives away.

The package's docstring has the protocol. Deciding code only: it sends nothing and knows nothing of Flower.

Guarantees:
    A branch never gives both shares of one peer, and reveals nothing for fewer survivors than its policy asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from federation.errors import AggregationRefused
from federation.secure_aggregation.peers import MIN_SECURE_COHORT, Keys, pair_mask, threshold_of
from federation.secure_aggregation.primitives import (
    SEED_BYTES,
    Words,
    mask,
    new_seed,
    private_key,
    public_bytes,
    purpose_of,
    seal,
    shared_key,
    split,
    to_words,
    unseal,
)


@dataclass(frozen=True, slots=True)
class BranchSession:
    """A branch's side of one secure sum; each step returns the session to keep for the next.

    Attributes:
        session: what this sum is called, the same at every branch; no step works for another.
        node: this branch.
        masking_seed: secret of the key that masks with peers come from; peers hold shares of it.
        sealing_seed: secret of the key that shares are sealed under; nobody holds shares of it.
        own_seed: secret of this branch's own mask; peers hold shares of it. Empty before `share`.
        peers: their keys, this branch left out. Empty before `share`.
        received: peer → the two shares it gave: of its own mask's seed, of its key's. Empty before `mask`.
        threshold: shares that give a secret back.
        has_masked: whether a masked vector has left.
    """

    session: bytes
    node: int
    masking_seed: bytes = field(repr=False)
    sealing_seed: bytes = field(repr=False)
    own_seed: bytes = field(default=b"", repr=False)
    peers: Mapping[int, Keys] = field(default_factory=dict)
    received: Mapping[int, tuple[bytes, bytes]] = field(default_factory=dict, repr=False)
    threshold: int = 0
    has_masked: bool = False

    @property
    def keys(self) -> Keys:
        """The public keys to advertise."""
        return Keys(public_bytes(private_key(self.masking_seed)), public_bytes(private_key(self.sealing_seed)))

    def share(self, keys: Mapping[int, Keys]) -> tuple["BranchSession", dict[int, bytes]]:
        """Splits this branch's secrets among its peers.

        Args:
            keys: of this branch and its peers, as the center relays them.

        Returns:
            The session, and what to send: peer → sealed shares.

        Raises:
            AggregationRefused: too few of them, this branch's keys are not its own, or two are the same.
        """
        if self.peers:
            raise AggregationRefused("shares of this round have been given; they are not given again")
        if len(keys) < MIN_SECURE_COHORT:
            raise AggregationRefused(f"{len(keys)} branches are in the sum, expected at least {MIN_SECURE_COHORT}")
        if keys.get(self.node) != self.keys:
            raise AggregationRefused("the center relays other keys for this branch than its own; the round is given up")
        every = [key for pair in keys.values() for key in (pair.masking, pair.sealing)]
        if len(set(every)) != len(every):
            raise AggregationRefused("two parties show the same key; the round is given up")
        own_seed, threshold = new_seed(), threshold_of(len(keys))
        own_shares, key_shares = (split(s, threshold, len(keys)) for s in (own_seed, self.masking_seed))
        sealing = private_key(self.sealing_seed)
        sealed: dict[int, bytes] = {}
        received: dict[int, tuple[bytes, bytes]] = {}
        for own_share, key_share, node in zip(own_shares, key_shares, sorted(keys), strict=True):
            if node == self.node:
                received[node] = (own_share, key_share)
                continue
            purpose = purpose_of(self.session, "shares", self.node, node)
            sealed[node] = seal(shared_key(sealing, keys[node].sealing, purpose), own_share + key_share, purpose)
        peers = {node: pair for node, pair in keys.items() if node != self.node}
        return replace(self, own_seed=own_seed, peers=peers, received=received, threshold=threshold), sealed

    def open_shares(self, sealed: Mapping[int, bytes]) -> "BranchSession":
        """Records what peers have shared; those who have sent nothing are out of the sum.

        Raises:
            AggregationRefused: out of order, a share that does not open, or too few peers.
        """
        if not self.peers or len(self.received) != 1 or self.has_masked:
            raise AggregationRefused("shares came out of order; the round is given up")
        if not set(sealed) <= set(self.peers):
            raise AggregationRefused("shares came from a branch that is no peer; the round is given up")
        if len(sealed) + 1 < self.threshold:
            raise AggregationRefused(f"{len(sealed) + 1} branches shared, expected at least {self.threshold}")
        sealing = private_key(self.sealing_seed)
        received = dict(self.received)
        for node, content in sealed.items():
            purpose = purpose_of(self.session, "shares", node, self.node)
            both = unseal(shared_key(sealing, self.peers[node].sealing, purpose), content, purpose)
            received[node] = (both[:SEED_BYTES], both[SEED_BYTES:])
        return replace(self, received=received)

    def mask(self, values: NDArray[np.int64]) -> tuple["BranchSession", Words]:
        """The vector (L,) as it may leave: uniform to whoever lacks the masks.

        Raises:
            AggregationRefused: shares have not been recorded, or a vector has left already: a second one under the same
                masks would show the difference of the two.
        """
        if len(self.received) < MIN_SECURE_COHORT or self.has_masked:
            raise AggregationRefused("a vector is masked once, after shares are in; the round is given up")
        words = to_words(values) + mask(self.own_seed, len(values))
        for node in self.received:
            if node != self.node:
                words += pair_mask(
                    self.session,
                    self.masking_seed,
                    self.node,
                    node,
                    other_key=self.peers[node].masking,
                    length=len(words),
                )
        return replace(self, has_masked=True), words

    def reveal(self, survivors: Sequence[int], *, min_survivors: int) -> dict[int, bytes]:
        """One share for each peer: of its own mask if it is in the sum, of its key if it is lost.

        The session must be forgotten before the answer leaves, so that the other share is never given.

        Args:
            survivors: every branch whose masked vector the center has.
            min_survivors: fewest that the branch's policy, and the size of its noise, allow.

        Raises:
            AggregationRefused: too few survivors, or this branch is not one of them though it has sent its vector.
        """
        if not self.has_masked:
            raise AggregationRefused("no vector has been masked; there is nothing to reveal")
        in_sum, fewest = set(survivors), max(min_survivors, MIN_SECURE_COHORT)
        if len(in_sum) < fewest:
            raise AggregationRefused(
                f"{len(in_sum)} branches are left in the sum, expected at least {fewest}; "
                "its noise would be too small, so it stays closed"
            )
        near = in_sum & set(self.received)
        if self.node not in near or len(near) < self.threshold:
            raise AggregationRefused("too few of this branch's peers are left in the sum; it stays closed")
        return {node: own if node in in_sum else key for node, (own, key) in self.received.items()}


def begin_session(session: bytes, node: int) -> BranchSession:
    """A branch's side of a new sum, with fresh secrets."""
    return BranchSession(session, node, new_seed(), new_seed())
