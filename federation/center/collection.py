"""One round at the center: what is sent to branches, and what of their answers is used.

Every step has a deadline (`federation.transport.exchange`), an answer of another shape is refused, and a round that
ends with too few branches gives nothing (`AggregationRefused`).
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from flwr.app import ConfigRecord
from flwr.serverapp import Grid
from numpy.typing import NDArray

from federation.center.home import enrolled_nodes
from federation.center.prepared_run import PreparedRun, read_map
from federation.errors import AggregationRefused, RunFailed
from federation.learning.aggregation import check_sum
from federation.learning.round_parameters import RoundParameters
from federation.release.format import LedgerEntry
from federation.secure_aggregation.central_session import CentralSession
from federation.secure_aggregation.peers import Keys, neighborhoods
from federation.secure_aggregation.primitives import Words, to_integers
from federation.transport.exchange import POLL_S, Exchange, Receipt
from federation.transport.wire import Body, read_by_node, read_bytes


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
    """The material that branches train with: the same for all, and the feature map for those that lack it.

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
        """Records a branch that takes the offer, and what it lacks."""
        self.willing.append(node)
        if record.get("needs_map") == 1 and self.feature_map:
            self._lacking.add(node)

    def body_for(self, node: int) -> Body:
        """Body of the message to a branch."""
        return self.body | {"feature_map": self.feature_map} if node in self._lacking else dict(self.body)


def wait_for_branches(grid: Grid, expected: int, deadline_s: float, *, at_least: int) -> list[int]:
    """The branches that are there, once as many as expected are, or at the deadline if there are enough.

    Raises:
        RunFailed: there are not.
    """
    end = time.monotonic() + deadline_s
    while len(nodes := sorted(grid.get_node_ids())) < expected and time.monotonic() < end:
        time.sleep(POLL_S)
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
    weights: NDArray[np.float32],
    *,
    on_spending: Callable[[], None],
) -> Collected:
    """Waits for a run's branches and collects one sum of theirs, as the run's recipe says; see `collect`.

    Raises:
        RunFailed: too few branches are there. AggregationRefused: as `collect`.
    """
    recipe = run.recipe
    at_least = max(recipe.minimum_survivors, 1)  # a sum that so few would end is not worth beginning
    nodes = wait_for_branches(grid, recipe.branches, recipe.branches_timeout_s, at_least=at_least)
    return collect(
        grid,
        nodes,
        parameters,
        weights=weights.astype("<f4").tobytes(),
        feature_map=read_map(folder),
        customers=recipe.customers,
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
        with exchange.leaving_out(node):
            center.add_keys(node, Keys(read_bytes(record, "masking"), read_bytes(record, "sealing")))
            material.note(node, record)
    _need(center.advertised, parameters.minimum_survivors, "are there")
    relayed = {node: _packed(center.keys_for(node)) for node in center.advertised}
    for node, record in exchange.ask("share", relayed).items():
        with exchange.leaving_out(node):
            center.add_shares(node, read_by_node(record, "values"))
    _need(center.sharing, parameters.minimum_survivors, "have shared keys")
    material.on_spending()
    requests = {node: material.body_for(node) | _listed(center.shares_for(node)) for node in center.sharing}
    receipts = {}
    for node, record in exchange.ask("mask", requests).items():
        with exchange.leaving_out(node):
            receipts[node] = exchange.receipt(node, record)
            center.add_masked(node, _words(record))
    survivors = center.survivors
    answers = exchange.ask("reveal", {node: {"survivors": survivors} for node in survivors})
    revealed = {}
    for node, record in answers.items():
        with exchange.leaving_out(node):
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
        with exchange.leaving_out(node):
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
