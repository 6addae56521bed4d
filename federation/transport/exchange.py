"""The messages of one round's step: sent to branches, waited for until a deadline, and checked for what they must be.

Flower carries the messages; the waiting is ours. A late answer is an absent one, and an answer of another round or
session is refused. Flower's own `sample_nodes` and strategies wait without end, and average whatever came.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from flwr.app import ConfigRecord, Message, RecordDict
from flwr.app.message_type import MessageType
from flwr.serverapp import Grid
from pydantic import ValidationError

from federation.errors import AggregationRefused, UpdateInvalid
from federation.release.format import LedgerEntry
from federation.transport.wire import RECORD, Body, size_of

_log = logging.getLogger(__name__)
POLL_S = 0.3


@dataclass(frozen=True, slots=True)
class Receipt:
    """A branch's ledger as it says itself beside its update, all of it public."""

    branch: str
    ledger: LedgerEntry


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
                time.sleep(POLL_S)
        for node in set(bodies) - set(answers):
            self.refusals.setdefault(node, f"no answer to {step} in time")
        return answers

    def refuse(self, node: int, why: str) -> None:
        """Leaves a branch out and says so."""
        self.refusals[node] = why
        _log.warning("branch %d is left out: %s", node, why)

    def receipt(self, node: int, record: ConfigRecord) -> Receipt:
        """Reads what a branch says of its own ledger. Raises `AggregationRefused`."""
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

    @contextmanager
    def leaving_out(self, node: int) -> Iterator[None]:
        """Lets what one branch answers wrongly cost its own part and no more."""
        try:
            yield
        except (AggregationRefused, UpdateInvalid) as error:
            self.refuse(node, str(error))


def _receipt(record: ConfigRecord) -> Receipt:
    branch, said = record.get("branch"), {name: record.get(name) for name in LedgerEntry.model_fields}
    try:
        if isinstance(branch, str):
            return Receipt(branch, LedgerEntry.model_validate(said, strict=True))
    except ValidationError:
        pass  # what it said is not repeated
    raise AggregationRefused("an update came without a receipt of its branch's ledger; it is left out")
