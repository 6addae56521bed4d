"""A branch's secure session between two messages: as a record in the memory of its node, never on disk."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from flwr.app import ConfigRecord

from federation.secure_aggregation.branch_session import BranchSession
from federation.secure_aggregation.peers import Keys
from federation.secure_aggregation.primitives import SEED_BYTES


def to_record(session: BranchSession) -> dict[str, Any]:
    """Values that a Flower record can hold."""
    return {
        "session": session.session,
        "node": session.node,
        "seeds": [session.masking_seed, session.sealing_seed, session.own_seed],
        "peers": list(session.peers),
        "peer_keys": list(chain.from_iterable((k.masking, k.sealing) for k in session.peers.values())),
        "received": list(session.received),
        "received_shares": [own + key for own, key in session.received.values()],
        "threshold": session.threshold,
        "has_masked": session.has_masked,
    }


def from_record(record: ConfigRecord | Mapping[str, Any]) -> BranchSession:
    """The session that `to_record` was given."""
    value: Mapping[str, Any] = dict(record)
    masking_seed, sealing_seed, own_seed = value["seeds"]
    keys, shares = value["peer_keys"], value["received_shares"]
    return BranchSession(
        session=value["session"],
        node=value["node"],
        masking_seed=masking_seed,
        sealing_seed=sealing_seed,
        own_seed=own_seed,
        peers={n: Keys(m, s) for n, m, s in zip(value["peers"], keys[::2], keys[1::2], strict=True)},
        received={n: (b[:SEED_BYTES], b[SEED_BYTES:]) for n, b in zip(value["received"], shares, strict=True)},
        threshold=value["threshold"],
        has_masked=value["has_masked"],
    )
