"""The graph of a secure sum: who is peer to whom, how many shares open a secret, and the mask between two peers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federation.secure_aggregation.primitives import Words, mask, private_key, purpose_of, shared_key

MIN_SECURE_COHORT = 3
"""With two, each branch could subtract its own part from the sum."""
MAX_PEERS = 48
"""Peers of a branch in a large cohort: enough that a third may be lost (Bell et al. 2020, section 3.3)."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The public keys of a branch: one for masks, one to seal shares for it; 32 bytes each."""

    masking: bytes
    sealing: bytes


def neighborhoods(nodes: Sequence[int]) -> dict[int, set[int]]:
    """The peers of each node, itself included: everyone in a small cohort, a ring of `MAX_PEERS` in a larger one."""
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
