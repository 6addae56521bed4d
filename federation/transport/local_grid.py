"""A Flower grid in one process: the same two apps, no server, no network. For simulation and tests.

Flower's own simulation needs Ray (1.5 GB and 15 seconds to start); here a thousand branches answer one after another.
Messages are copied as the wire would copy them, each branch keeps a context of its own, bytes are counted, and a branch
can be lost before or after it has answered.
"""

import copy
import random
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flwr.app import Context, Error, Message, RecordDict
from flwr.common.constant import SUPERLINK_NODE_ID
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from federation.transport.wire import size_of

ClientCall = Callable[[Message, Context], Message]
Loss = Literal["message", "reply", "late"]


@dataclass(slots=True)
class Traffic:
    """Bytes that branches have sent and been sent, contents of records alone."""

    up_bytes: int = 0
    down_bytes: int = 0


class LocalGrid(Grid):
    """Calls one client app for many branches, one after another.

    Args:
        client_app: what every branch runs.
        node_configs: one for each branch: what `--node-config` would say there.
        run_config: as the run's.
        lose: of a node and a message for it: which way, if any, is lost. A lost reply has been computed; a late one
            is there after the next messages have been sent.
    """

    def __init__(
        self,
        client_app: ClientCall,
        node_configs: Iterable[Mapping[str, Any]],
        run_config: Mapping[str, Any],
        lose: Callable[[int, Message], Loss | None] = lambda node, message: None,
    ) -> None:
        self._run = Run.create_empty(random.getrandbits(60))
        self._run.override_config = dict(run_config)
        self._client_app, self._lose = client_app, lose
        self._replies: dict[str, Message] = {}
        self._late: dict[str, Message] = {}
        self.traffic = Traffic()
        self.contexts = {
            1000 + i: Context(
                run_id=self._run.run_id,
                node_id=1000 + i,
                node_config=dict(node_config),
                state=RecordDict(),
                run_config=dict(run_config),
            )
            for i, node_config in enumerate(node_configs)
        }
        # Messages take their sender and run from the process they are made in.
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, self._run.run_id, SUPERLINK_NODE_ID

    def set_run(self, run: Run) -> None:
        """As Flower's server process calls it."""
        self._run = run

    @property
    def run(self) -> Run:
        """The run that messages are of."""
        return self._run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """A message to a branch."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> list[int]:
        """Every branch."""
        return list(self.contexts)

    def forget(self, node: int) -> None:
        """Does what a restart of the branch's process does: what it kept in memory is gone."""
        self.contexts[node].state = RecordDict()

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Delivers messages and keeps what is answered."""
        self._replies |= self._late
        self._late = {}
        return [self._deliver(message) for message in messages]

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Answers that are there."""
        return [self._replies.pop(name) for name in list(message_ids) if name in self._replies]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Both in one; nothing is waited for, since every answer is there or lost."""
        return self.pull_messages(self.push_messages(messages))

    def _deliver(self, original: Message) -> str:
        message = copy.deepcopy(original)
        message_id = uuid.uuid4().hex
        message.metadata.__dict__.update(
            _run_id=self._run.run_id, _src_node_id=SUPERLINK_NODE_ID, _message_id=message_id
        )
        node = message.metadata.dst_node_id
        lost = self._lose(node, message)
        if lost == "message":
            return message_id
        self.traffic.down_bytes += size_of(message)
        try:
            reply = self._client_app(message, self.contexts[node])
        except Exception as error:  # what Flower's client process does
            reply = Message(Error(code=2, reason=repr(error)), reply_to=message)
        if lost != "reply":
            self.traffic.up_bytes += size_of(reply)
            (self._late if lost == "late" else self._replies)[message_id] = copy.deepcopy(reply)
        return message_id
