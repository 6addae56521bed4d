"""The branch's Flower app: answers the steps of a round, in simulation as deployed.

It trusts nothing that comes: parameters are checked against the branch's policy before a key is shown and again before
an example is read. It sends integers with noise in them, masked in secure mode, and a receipt of the ledger: no count,
no metric, no text. Of what goes wrong it tells what concerns the protocol; the rest stays in its own log. numpy only.
"""

import logging
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from numpy.typing import NDArray

from federation.branch.participation import Paid, check_budget, check_policy, take_part
from federation.branch.settings import BranchSettings, read_branch_settings
from federation.errors import (
    AggregationRefused,
    BudgetRefused,
    NothingToTrain,
    ParametersInvalid,
    PolicyRefused,
    UpdateInvalid,
)
from federation.learning.features import FeatureMap
from federation.learning.round_parameters import RoundParameters, parse_round
from federation.secure_aggregation.branch_session import BranchSession, begin_session
from federation.secure_aggregation.peers import Keys
from federation.secure_aggregation.primitives import to_words
from federation.transport.session_record import from_record, to_record
from federation.transport.wire import RECORD, Body, read_by_node
from student.errors import OrillaError

_log = logging.getLogger(__name__)
_STATE, _MAP = "orilla-session", "orilla-feature-map"
SETTINGS = "settings"
"""Key of the node's configuration that names the branch's settings file."""
_TELLABLE = (AggregationRefused, BudgetRefused, NothingToTrain, ParametersInvalid, PolicyRefused, UpdateInvalid)
"""Refusals that say nothing of a branch but its policy, its spending and which sources of data it is set up with."""

app = ClientApp()


@app.train()
def answer(message: Message, context: Context) -> Message:
    """Answers one step of a round."""
    asked = message.content.config_records.get(RECORD, ConfigRecord())
    step, session = asked.get("step"), asked.get("session")
    try:
        if not isinstance(session, bytes) or step not in _STEPS:
            raise ParametersInvalid(f"step {step!r} is unknown to this branch; upgrade orilla here or at the center")
        body = _STEPS[str(step)](asked, session, message.metadata.dst_node_id, context)
    except _TELLABLE as error:
        _forget(context)
        _log.warning("refused: %s", error)
        body = {"refused": str(error)}
    except OrillaError as error:
        _forget(context)
        _log.error("a step of a round failed: %s", error)  # names files of the branch: it stays here
        body = {"refused": "the branch failed; its own log says why"}
    except Exception:
        _forget(context)
        _log.exception("a step of a round failed")
        body = {"refused": "the branch failed; its own log says why"}
    record = ConfigRecord({"step": str(step), "session": session if isinstance(session, bytes) else b"", **body})
    return Message(RecordDict({RECORD: record}), reply_to=message)


def _advertise(asked: ConfigRecord, name: bytes, node: int, context: Context) -> Body:
    parameters = _allowed(asked, context)
    if parameters.mechanism != "secure":
        raise ParametersInvalid("keys are asked for in a round without secure aggregation; the center's run is wrong")
    check_budget(_settings(context), parameters)  # a round that it cannot end is not begun: others would pay for it
    session = begin_session(name, node)
    _keep(context, session, parameters)
    return {"masking": session.keys.masking, "sealing": session.keys.sealing, **_needs(context, parameters)}


def _share(asked: ConfigRecord, name: bytes, node: int, context: Context) -> Body:
    session, parameters = _kept(context, name)
    keys = {other: Keys(both[:32], both[32:]) for other, both in read_by_node(asked, "keys").items()}
    session, sealed = session.share(keys)
    _keep(context, session, parameters)
    return {"nodes": list(sealed), "values": list(sealed.values())}


def _mask(asked: ConfigRecord, name: bytes, node: int, context: Context) -> Body:
    session, agreed = _kept(context, name)
    session = session.open_shares(read_by_node(asked, "values"))
    parameters = _allowed(asked, context)
    if parameters.digest != agreed.digest:
        raise ParametersInvalid("the round's parameters changed after keys were shown; the round is given up")
    paid = _paid(asked, parameters, context)
    session, words = session.mask(paid.update.values)
    _keep(context, session, parameters)
    return {"update": words.astype("<u4").tobytes(), **_receipt(paid)}


def _reveal(asked: ConfigRecord, name: bytes, node: int, context: Context) -> Body:
    session, parameters = _kept(context, name)
    _forget(context)  # before the answer leaves: the other share of a peer is never given
    survivors = asked.get("survivors")
    if not isinstance(survivors, list):
        raise AggregationRefused("the center did not say who is in the sum; it stays closed")
    shares = session.reveal([int(other) for other in survivors], min_survivors=parameters.minimum_survivors)
    return {"nodes": list(shares), "values": list(shares.values())}


def _offer(asked: ConfigRecord, name: bytes, node: int, context: Context) -> Body:
    parameters = _allowed(asked, context)
    check_budget(_settings(context), parameters)
    return _needs(context, parameters)


def _train(asked: ConfigRecord, name: bytes, node: int, context: Context) -> Body:
    parameters = _allowed(asked, context)
    if parameters.mechanism != "local":
        raise ParametersInvalid("a plain update is asked for in a secure round; it is not given")
    paid = _paid(asked, parameters, context)
    return {"update": to_words(paid.update.values).astype("<u4").tobytes(), **_receipt(paid)}


_STEPS = {
    "offer": _offer,
    "train": _train,
    "advertise": _advertise,
    "share": _share,
    "mask": _mask,
    "reveal": _reveal,
}


def _settings(context: Context) -> BranchSettings:
    return read_branch_settings(Path(str(context.node_config[SETTINGS])))


def _allowed(asked: ConfigRecord, context: Context) -> RoundParameters:
    """The round's parameters, if this branch's policy allows them."""
    parameters = parse_round(str(asked.get("parameters", "")))
    check_policy(_settings(context), parameters)
    return parameters


def _paid(asked: ConfigRecord, parameters: RoundParameters, context: Context) -> Paid:
    """Reads, trains, adds noise, and writes the ledger: when this returns, the round is spent."""
    weights = _array(asked, "weights", parameters.weights_shape)
    feature_map = _feature_map(asked, parameters, context)
    return take_part(_settings(context), parameters, weights, feature_map, now=datetime.now(UTC))


def _receipt(paid: Paid) -> Body:
    entry = paid.update.entry
    return {"branch": paid.branch, "serial": entry.serial, "head": paid.head, "epsilon": entry.epsilon}


def _array(asked: ConfigRecord, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    content = asked.get(name)
    size_bytes = 4 * int(np.prod(shape))
    if not isinstance(content, bytes) or len(content) != size_bytes:
        raise ParametersInvalid(f"{name} of the round is not {size_bytes} bytes, expected float32 {shape}")
    return np.frombuffer(content, dtype="<f4").reshape(shape).astype(np.float32)


def _needs(context: Context, parameters: RoundParameters) -> Body:
    """Asks for the run's feature map only where it is not here: it is large, and the same in every round."""
    held = context.state.config_records.get(_MAP)
    return {"needs_map": int(held is None or held["digest"] != parameters.feature_map_digest)}


def _feature_map(asked: ConfigRecord, parameters: RoundParameters, context: Context) -> FeatureMap | None:
    """The map that the parameters name: as it came now, or came in an earlier round."""
    if parameters.feature_map_digest is None:
        return None
    held = context.state.config_records.get(_MAP, ConfigRecord())
    sent = asked.get("feature_map", held.get("content"))
    content = sent if isinstance(sent, bytes) else b""
    feature_map = FeatureMap.from_bytes(content)
    if feature_map.digest != parameters.feature_map_digest:
        raise ParametersInvalid("the feature map is not the one that the round's parameters name; the run is wrong")
    context.state.config_records[_MAP] = ConfigRecord({"digest": feature_map.digest, "content": content})
    return feature_map


def _keep(context: Context, session: BranchSession, parameters: RoundParameters) -> None:
    """Holds the session in the node's memory until its next step."""
    record = ConfigRecord({**to_record(session), "parameters": parameters.to_json()})
    context.state.config_records[_STATE] = record


def _kept(context: Context, name: bytes) -> tuple[BranchSession, RoundParameters]:
    record = context.state.config_records.get(_STATE)
    if record is None:
        raise AggregationRefused("this branch is in no round, or was restarted in the middle of it; it joins the next")
    session = from_record(record)
    if session.session != name:
        raise AggregationRefused("the message is of another session than this branch is in; it joins the next round")
    return session, parse_round(str(record["parameters"]))


def _forget(context: Context) -> None:
    context.state.config_records.pop(_STATE, None)
