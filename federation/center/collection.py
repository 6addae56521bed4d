"""One round at the center: what is sent to branches, how long it is waited for, and what of the answers is used.

Flower carries the messages; the waiting is ours. Every step has a deadline, a late answer is an absent one, an answer
that is of another round, session or shape is refused, and a round that ends with too few branches gives nothing
(`AggregationRefused`). Flower's own `sample_nodes` and strategies wait without end, and average whatever came.
"""

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.app.message_type import MessageType
from flwr.serverapp import Grid
from numpy.typing import NDArray
from pydantic import ValidationError

from federation.center.home import enrolled_nodes
from federation.center.run_recipe import PreparedRun, read_map
from federation.errors import AggregationRefused, RunFailed, UpdateInvalid
from federation.learning.aggregation import check_sum
from federation.learning.features import Weights
from federation.learning.round_parameters import RoundParameters
from federation.release.format import LedgerEntry
from federation.secure_aggregation.primitives import Words, to_integers
from federation.secure_aggregation.protocol import CentralSession, Keys, neighborhoods
from federation.transport.wire import RECORD, Body, read_by_node, read_bytes, size_of

_log = logging.getLogger(__name__)
_POLL_S = 0.3


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a branch says of its ledger beside its update, all of it public."""

    branch: str
    ledger: LedgerEntry


@dataclass(frozen=True, slots=True)
class Collected:
    """One round's sum.

    Attributes:
        total: (size,) integers: the sum of the survivors' updates.
        survivors: branches whose updates are in it.
        asked: branches that the round was offered to.
        receipts: of every branch whose update came, by node: it has spent, whether or not the round is finished.
        refusals: node → why it is not in the sum.
        up_bytes, down_bytes: contents of messages from and to branches.
    """

    total: NDArray[np.int64]
    survivors: int
    asked: int
    receipts: Mapping[int, Receipt]
    refusals: Mapping[int, str]
    up_bytes: int
    down_bytes: int

    @property
    def ledgers(self) -> dict[str, LedgerEntry]:
        """Branch → its ledger after its update, of those that came."""
        return {receipt.branch: receipt.ledger for receipt in self.receipts.values()}


@dataclass(slots=True)
class Material:
    """What branches train with: the same for all, and the feature map for those that lack it.

    Attributes:
        body: the same for all.
        feature_map: file of the public map, large and the same in every round.
        on_spending: called right before it is sent.
        willing: who has taken the offer.
    """

    body: Body
    feature_map: bytes
    on_spending: Callable[[], None]
    willing: list[int] = field(default_factory=list)
    _lacking: set[int] = field(default_factory=set)

    def note(self, node: int, record: ConfigRecord) -> None:
        """Takes in what a branch says of itself when it takes the offer."""
        self.willing.append(node)
        if record.get("needs_map") == 1 and self.feature_map:
            self._lacking.add(node)

    def body_for(self, node: int) -> Body:
        """What to send to a branch."""
        return self.body | {"feature_map": self.feature_map} if node in self._lacking else dict(self.body)


@dataclass(slots=True)
class Exchange:
    """Sends one step's messages and waits for answers; keeps count over the steps of a round.

    `names` are those under which branches' nodes are enrolled: no other branch's ledger is spoken for.
    """

    grid: Grid
    session: bytes
    group: str
    step_s: float
    names: Mapping[int, str]
    up_bytes: int = 0
    down_bytes: int = 0
    refusals: dict[int, str] = field(default_factory=dict)

    def ask(self, step: str, bodies: Mapping[int, Body]) -> dict[int, ConfigRecord]:
        """Sends each node its message and returns the answers that came in time and are of this session and step."""
        messages = [self._message(step, node, body) for node, body in bodies.items()]
        self.down_bytes += sum(size_of(message) for message in messages)
        waiting = [name for name in self.grid.push_messages(messages) if name is not None]
        answers: dict[int, ConfigRecord] = {}
        end = time.monotonic() + self.step_s
        while waiting:
            for reply in self.grid.pull_messages(waiting):
                waiting.remove(reply.metadata.reply_to_message_id)
                self._take(reply, step, bodies, answers)
            if time.monotonic() >= end:
                break
            if waiting:
                time.sleep(_POLL_S)
        for node in set(bodies) - set(answers):
            self.refusals.setdefault(node, f"no answer to {step} in time")
        return answers

    def refuse(self, node: int, why: str) -> None:
        """Leaves a branch out and says so."""
        self.refusals[node] = why
        _log.warning("branch %d is left out: %s", node, why)

    def receipt(self, node: int, record: ConfigRecord) -> Receipt:
        """What a branch says of its own ledger. Raises `AggregationRefused`."""
        receipt = _receipt(record)
        if receipt.branch != self.names.get(node, receipt.branch):
            raise AggregationRefused(
                f"an update's receipt is not of {self.names[node]}, whose key it came with; it is left out"
            )
        return receipt

    def _message(self, step: str, node: int, body: Body) -> Message:
        record = ConfigRecord({"step": step, "session": self.session, **body})
        # A branch that comes back later finds no old message waiting for it.
        return Message(
            RecordDict({RECORD: record}), node, MessageType.TRAIN, ttl=max(self.step_s, 1.0) * 2, group_id=self.group
        )

    def _take(self, reply: Message, step: str, asked: Mapping[int, Body], answers: dict[int, ConfigRecord]) -> None:
        node = reply.metadata.src_node_id
        if reply.has_error():
            if node in asked:
                self.refuse(node, f"{step}: {reply.error.reason or 'its process failed'}"[:500])
            return
        self.up_bytes += size_of(reply)
        record = reply.content.config_records.get(RECORD)
        if record is None or node not in asked or node in answers:
            self.refuse(node, f"{step}: an answer that nobody asked for")
        elif record.get("refused"):
            self.refuse(node, f"{step}: {record['refused']!s}"[:500])
        elif record.get("session") != self.session or record.get("step") != step:
            self.refuse(node, f"{step}: an answer of another round")
        else:
            answers[node] = record


def wait_for_branches(grid: Grid, expected: int, deadline_s: float, *, at_least: int) -> list[int]:
    """The branches that are there, once as many as expected are, or at the deadline if there are enough.

    Raises:
        RunFailed: there are not.
    """
    end = time.monotonic() + deadline_s
    while len(nodes := sorted(grid.get_node_ids())) < expected and time.monotonic() < end:
        time.sleep(_POLL_S)
    if len(nodes) < at_least:
        raise RunFailed(
            f"{len(nodes)} branches are there after {deadline_s:g} s, expected at least {at_least}; "
            "start more (orilla federation join), or plan a smaller cohort"
        )
    return nodes


def ask_branches(
    grid: Grid,
    run: PreparedRun,
    folder: Path,
    parameters: RoundParameters,
    weights: Weights,
    *,
    on_spending: Callable[[], None],
) -> Collected:
    """Waits for a run's branches and collects one sum of theirs, as the run's recipe says; see `collect`.

    Raises:
        RunFailed: too few branches are there. AggregationRefused: as `collect`.
    """
    recipe, cohort = run.recipe, run.plan.cohort
    at_least = max(cohort.minimum_survivors, 1)  # a sum that so few would end is not worth beginning
    nodes = wait_for_branches(grid, recipe.branches, recipe.branches_timeout_s, at_least=at_least)
    return collect(
        grid,
        nodes,
        parameters,
        weights=weights.astype("<f4").tobytes(),
        feature_map=read_map(folder),
        customers=cohort.customers,
        step_s=recipe.step_timeout_s,
        names=enrolled_nodes(folder.parents[1]),
        on_spending=on_spending,
    )


def collect(
    grid: Grid,
    nodes: Sequence[int],
    parameters: RoundParameters,
    *,
    weights: bytes,
    feature_map: bytes,
    customers: int,
    step_s: float,
    names: Mapping[int, str],
    on_spending: Callable[[], None] = lambda: None,
) -> Collected:
    """Asks branches for their updates and returns the sum.

    Args:
        grid: Flower's.
        nodes: whom to ask.
        parameters: of the round.
        weights: little-endian float32 that the round's gradients are taken at.
        feature_map: the public map's file, for branches that lack it; empty where the part has none.
        customers: at most so many are behind one update, in public.
        step_s: deadline of each step.
        names: under which nodes are enrolled; nodes that it lacks are believed.
        on_spending: called right before branches are asked for what costs them.

    Raises:
        AggregationRefused: too few updates for the guarantee; what branches have spent stays spent.
    """
    session = secrets.token_bytes(16)
    group = f"{parameters.run_id}/{parameters.round_number if parameters.purpose == 'train' else 'evaluation'}"
    exchange = Exchange(grid, session, group, step_s, names)
    material = Material({"parameters": parameters.to_json(), "weights": weights}, feature_map, on_spending)
    try:
        if parameters.mechanism == "secure":
            total, survivors, receipts = _gather_secure(exchange, nodes, parameters, material)
        else:
            total, survivors, receipts = _gather_local(exchange, nodes, parameters, material, customers)
    except AggregationRefused as error:
        raise AggregationRefused(f"{error} ({_reasons(exchange.refusals)})") from error
    return Collected(total, survivors, len(nodes), receipts, exchange.refusals, exchange.up_bytes, exchange.down_bytes)


def _gather_secure(
    exchange: Exchange, nodes: Sequence[int], parameters: RoundParameters, material: Material
) -> tuple[NDArray[np.int64], int, dict[int, Receipt]]:
    shuffled = list(nodes)
    secrets.SystemRandom().shuffle(shuffled)
    center = CentralSession(exchange.session, neighborhoods(shuffled), parameters.size, parameters.minimum_survivors)
    offer: Body = {"parameters": parameters.to_json()}
    for node, record in exchange.ask("advertise", dict.fromkeys(nodes, offer)).items():
        with _leaving_out(exchange, node):
            center.add_keys(node, Keys(read_bytes(record, "masking"), read_bytes(record, "sealing")))
            material.note(node, record)
    _need(center.advertised, parameters.minimum_survivors, "are there")
    relayed = {node: _packed(center.keys_for(node)) for node in center.advertised}
    for node, record in exchange.ask("share", relayed).items():
        with _leaving_out(exchange, node):
            center.add_shares(node, read_by_node(record, "values"))
    _need(center.sharing, parameters.minimum_survivors, "have shared keys")
    material.on_spending()
    requests = {node: material.body_for(node) | _listed(center.shares_for(node)) for node in center.sharing}
    receipts = {}
    for node, record in exchange.ask("mask", requests).items():
        with _leaving_out(exchange, node):
            receipts[node] = exchange.receipt(node, record)
            center.add_masked(node, _words(record))
    survivors = center.survivors
    answers = exchange.ask("reveal", {node: {"survivors": survivors} for node in survivors})
    revealed = {}
    for node, record in answers.items():
        with _leaving_out(exchange, node):
            revealed[node] = read_by_node(record, "values")
    return center.open_sum(revealed), len(survivors), receipts


def _gather_local(
    exchange: Exchange, nodes: Sequence[int], parameters: RoundParameters, material: Material, customers: int
) -> tuple[NDArray[np.int64], int, dict[int, Receipt]]:
    total, survivors, receipts = np.zeros(parameters.size, dtype=np.int64), 0, {}
    offer: Body = {"parameters": parameters.to_json()}
    for node, record in exchange.ask("offer", dict.fromkeys(nodes, offer)).items():
        material.note(node, record)
    material.on_spending()
    for node, record in exchange.ask("train", {node: material.body_for(node) for node in material.willing}).items():
        with _leaving_out(exchange, node):
            words = _words(record)
            if words.shape != total.shape:
                raise AggregationRefused(f"an update has shape {words.shape}, expected {total.shape}; it is left out")
            receipts[node] = exchange.receipt(node, record)
            update = to_integers(words)
            check_sum(update, parameters, customers=customers, branches=1)
            total += update
            survivors += 1
    if survivors < parameters.minimum_survivors:
        raise AggregationRefused(f"{survivors} updates can be used, expected {parameters.minimum_survivors} or more")
    return total, survivors, receipts


class _leaving_out:  # noqa: N801  (a context manager that reads as a function)
    """What one branch answers wrongly costs its own part and no more."""

    def __init__(self, exchange: Exchange, node: int) -> None:
        self._exchange, self._node = exchange, node

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, traceback: object) -> bool:
        if isinstance(error, AggregationRefused | UpdateInvalid):
            self._exchange.refuse(self._node, str(error))
            return True
        return False


def _need(nodes: Sequence[int], minimum: int, what: str) -> None:
    if len(nodes) < minimum:
        raise AggregationRefused(f"{len(nodes)} branches {what}, expected at least {minimum}; nothing is summed")


def _reasons(refusals: Mapping[int, str]) -> str:
    return "; ".join(f"branch {node}: {why}" for node, why in sorted(refusals.items())[:5]) or "no branch was refused"


def _packed(keys: Mapping[int, Keys]) -> Body:
    return {"nodes": list(keys), "keys": [pair.masking + pair.sealing for pair in keys.values()]}


def _listed(values: Mapping[int, bytes]) -> Body:
    return {"nodes": list(values), "values": list(values.values())}


def _words(record: ConfigRecord) -> Words:
    content = read_bytes(record, "update")
    if len(content) % 4:
        raise AggregationRefused(f"an update has {len(content)} bytes, expected whole words of 4; it is left out")
    return np.frombuffer(content, dtype="<u4").astype(np.uint32)


def _receipt(record: ConfigRecord) -> Receipt:
    branch, said = record.get("branch"), {name: record.get(name) for name in LedgerEntry.model_fields}
    try:
        if isinstance(branch, str):
            return Receipt(branch, LedgerEntry.model_validate(said, strict=True))
    except ValidationError:
        pass  # what it said is not repeated
    raise AggregationRefused("an update came without a receipt of its branch's ledger; it is left out")
