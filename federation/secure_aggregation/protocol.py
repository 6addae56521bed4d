"""Secure aggregation: integers in at each branch, their exact sum modulo 2^32 out at the center, nothing in between.

The protocol is that of Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving Machine Learning"
(CCS 2017), on the sparse graph of Bell et al. (CCS 2020): each branch hides its vector under one mask of its own and
one with each peer; masks with peers cancel in the sum, and what a lost branch leaves behind is removed with shares of
its key that its peers hold. Four messages to each branch:

    advertise   two fresh public keys
    share       peers' keys in; shares of the two secrets, sealed for each peer, out
    mask        peers' shares in; the masked vector out
    reveal      who is in the sum in; for each peer one share out: of its mask if it is in, of its key if it is lost

Deciding code only: it sends nothing and knows nothing of Flower. Trust: the center follows the protocol but looks at
all it sees, alone or with fewer than `threshold` of a branch's peers (docs/privacy.md).

Guarantees:
    The sum is exact modulo 2^32.
    A branch never gives both shares of one peer, and reveals nothing for fewer survivors than its policy asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from federation.errors import AggregationRefused
from federation.learning.round_parameters import MIN_SECURE_COHORT
from federation.secure_aggregation.primitives import (
    SEED_BYTES,
    Share,
    Words,
    combine,
    mask,
    new_seed,
    private_key,
    public_bytes,
    purpose_of,
    seal,
    shared_key,
    split,
    to_integers,
    to_words,
    unseal,
)

MAX_PEERS = 48
"""Peers of a branch in a large cohort: enough that a third may be lost (Bell et al. 2020, section 3.3)."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What a branch advertises: one public key for masks, one to seal shares for it; 32 bytes each."""

    masking: bytes
    sealing: bytes


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
        places: peer or self → place of its share, from 1.
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
        """Takes in what peers have shared; those who have sent nothing are out of the sum.

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
            AggregationRefused: shares have not been taken in, or a vector has left already: a second one under the same
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


def neighborhoods(nodes: Sequence[int]) -> dict[int, set[int]]:
    """Who is peer to whom, each node its own: everyone in a small cohort, a ring of `MAX_PEERS` in a larger one."""
    if len(nodes) <= MAX_PEERS + 1:
        return {node: set(nodes) for node in nodes}
    half, count = MAX_PEERS // 2, len(nodes)
    return {node: {nodes[(i + j) % count] for j in range(-half, half + 1)} for i, node in enumerate(nodes)}


def threshold_of(parties: int) -> int:
    """Shares that give a secret back: two thirds of the parties, rounded up.

    Over one half is needed so that no center collects both shares of one branch by telling each half of its peers a
    different story; two thirds leave room for some who help it.
    """
    return -(-2 * parties // 3)


def pair_mask(session: bytes, seed: bytes, node: int, other: int, *, other_key: bytes, length: int) -> Words:
    """The mask between two branches (length,), as `node` adds it; `other` adds its negative."""
    purpose = purpose_of(session, "mask", min(node, other), max(node, other))
    words = mask(shared_key(private_key(seed), other_key, purpose), length)
    return words if node < other else np.negative(words)


@dataclass(slots=True)
class CentralSession:
    """The center's side of one secure sum.

    Attributes:
        session: what this sum is called.
        peers: node → its peers and itself.
        length: integers in a vector.
        min_survivors: fewest vectors that are summed.
    """

    session: bytes
    peers: Mapping[int, set[int]]
    length: int
    min_survivors: int
    _keys: dict[int, Keys] = field(default_factory=dict)
    _sealed: dict[int, dict[int, bytes]] = field(default_factory=dict)
    _masked: dict[int, Words] = field(default_factory=dict)

    def add_keys(self, node: int, keys: Keys) -> None:
        """Takes in what a branch advertises."""
        if len(keys.masking) != 32 or len(keys.sealing) != 32:
            raise AggregationRefused("a branch's public keys are not of 32 bytes; it is left out")
        self._keys[node] = keys

    def keys_for(self, node: int) -> dict[int, Keys]:
        """What to relay to a branch: the keys of itself and of those peers that advertised."""
        return {other: self._keys[other] for other in self.peers[node] if other in self._keys}

    def add_shares(self, node: int, sealed: Mapping[int, bytes]) -> None:
        """Takes in what a branch has sealed for its peers."""
        if set(sealed) != set(self.keys_for(node)) - {node}:
            raise AggregationRefused("a branch did not share with exactly its peers; it is left out")
        self._sealed[node] = dict(sealed)

    def shares_for(self, node: int) -> dict[int, bytes]:
        """What to relay to a branch: what peers that shared have sealed for it."""
        return {source: sealed[node] for source, sealed in self._sealed.items() if node in sealed}

    def add_masked(self, node: int, words: Words) -> None:
        """Takes in a masked vector; all that can be checked of it is its shape.

        Raises:
            AggregationRefused: another length, not words, or a second one of the same branch.
        """
        if (
            words.shape != (self.length,)
            or words.dtype != np.uint32
            or node not in self._sealed
            or node in self._masked
        ):
            raise AggregationRefused(
                f"a masked vector has shape {words.shape} of {words.dtype}, expected ({self.length},) of uint32, once; "
                "it is left out"
            )
        self._masked[node] = words

    @property
    def advertised(self) -> list[int]:
        """Whose keys are here."""
        return sorted(self._keys)

    @property
    def sharing(self) -> list[int]:
        """Who has shared, and is to be asked for a vector."""
        return sorted(self._sealed)

    @property
    def survivors(self) -> list[int]:
        """Who is in the sum.

        Raises:
            AggregationRefused: fewer than the minimum.
        """
        if len(self._masked) < self.min_survivors:
            raise AggregationRefused(
                f"{len(self._masked)} branches sent their vectors, expected at least {self.min_survivors}; "
                "nothing is summed"
            )
        return sorted(self._masked)

    def open_sum(self, revealed: Mapping[int, Mapping[int, bytes]]) -> NDArray[np.int64]:
        """The sum (length,) of the survivors' vectors, in [-2^31, 2^31).

        Args:
            revealed: branch → (peer → share), as each `reveal` gave them.

        Raises:
            AggregationRefused: too few shares of some secret, or shares that are not of it.
        """
        survivors = set(self.survivors)
        total: Words = np.sum(list(self._masked.values()), axis=0, dtype=np.uint32)
        for node in self._sealed:
            secret = self._combine(node, revealed)
            if node in survivors:
                total -= mask(secret, self.length)
                continue
            if public_bytes(private_key(secret)) != self._keys[node].masking:
                raise AggregationRefused("shares of a lost branch's key are not of it; nothing is summed")
            for other in survivors & set(self._sealed[node]):
                total += pair_mask(
                    self.session, secret, node, other, other_key=self._keys[other].masking, length=self.length
                )
        return to_integers(total)

    def _combine(self, node: int, revealed: Mapping[int, Mapping[int, bytes]]) -> bytes:
        parties = self.keys_for(node)
        places = {holder: place for place, holder in enumerate(sorted(parties), start=1)}
        shares: list[Share] = [(place, revealed[h][node]) for h, place in places.items() if node in revealed.get(h, ())]
        threshold = threshold_of(len(parties))
        if len(shares) < threshold:
            raise AggregationRefused(
                f"{len(shares)} of the {threshold} shares that open a mask came back; nothing is summed"
            )
        return combine(shares[:threshold])
