"""The center's side of one secure sum: what it relays, what it refuses, and the sum that it opens.

The package's docstring has the protocol. Deciding code only: it sends nothing and knows nothing of Flower.

Guarantees:
    The sum is exact modulo 2^32.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from federation.errors import AggregationRefused
from federation.secure_aggregation.peers import Keys, pair_mask, threshold_of
from federation.secure_aggregation.primitives import (
    Share,
    Words,
    combine,
    mask,
    private_key,
    public_bytes,
    to_integers,
)


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
        """Records what a branch advertises."""
        if len(keys.masking) != 32 or len(keys.sealing) != 32:
            raise AggregationRefused("a branch's public keys are not of 32 bytes; it is left out")
        self._keys[node] = keys

    def keys_for(self, node: int) -> dict[int, Keys]:
        """Keys to relay to a branch: those of itself and of those peers that advertised."""
        return {other: self._keys[other] for other in self.peers[node] if other in self._keys}

    def add_shares(self, node: int, sealed: Mapping[int, bytes]) -> None:
        """Records what a branch has sealed for its peers."""
        if set(sealed) != set(self.keys_for(node)) - {node}:
            raise AggregationRefused("a branch did not share with exactly its peers; it is left out")
        self._sealed[node] = dict(sealed)

    def shares_for(self, node: int) -> dict[int, bytes]:
        """Shares to relay to a branch: what peers that shared have sealed for it."""
        return {source: sealed[node] for source, sealed in self._sealed.items() if node in sealed}

    def add_masked(self, node: int, words: Words) -> None:
        """Records a masked vector; all that can be checked of it is its shape.

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
        """Branches whose keys are here."""
        return sorted(self._keys)

    @property
    def sharing(self) -> list[int]:
        """Branches that have shared, and are to be asked for a vector."""
        return sorted(self._sealed)

    @property
    def survivors(self) -> list[int]:
        """Branches in the sum.

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
        numbers = {holder: number for number, holder in enumerate(sorted(parties), start=1)}
        shares: list[Share] = [
            (number, revealed[h][node]) for h, number in numbers.items() if node in revealed.get(h, ())
        ]
        threshold = threshold_of(len(parties))
        if len(shares) < threshold:
            raise AggregationRefused(
                f"{len(shares)} of the {threshold} shares that open a mask came back; nothing is summed"
            )
        return combine(shares[:threshold])
