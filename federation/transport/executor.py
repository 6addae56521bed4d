"""A branch's resident process: takes tasks from its SuperNode and answers them with the installed client app.

It stands where Flower's own `flower-superexec` and `flwr-clientapp` would, and differs in two ways (docs/adr/0035):
what a center's app brings is neither unpacked nor run, whatever it names, and the process stays, so that
no message costs a start. The SuperNode gives tasks only to who knows its secret.
"""

import logging
import threading
from collections.abc import Callable

import httpx
from flwr.app import Context, Message
from flwr.common.constant import SubStatus
from flwr.proto.runtime_pb2 import AcquireTaskRequest
from flwr.supercore.constant import TaskType
from flwr.supercore.heartbeat import HeartbeatSender, make_task_heartbeat_fn_http
from flwr.supercore.interceptors import (
    RuntimeTokenHttpInterceptor,
    RuntimeVersionHttpInterceptor,
    SuperExecAuthHttpInterceptor,
)
from flwr.supercore.protobuf.client import ProtobufClientInterceptor
from flwr.supercore.retry import RetryInvoker, exponential
from flwr.supercore.runtime import RuntimeHttpClient
from flwr.supernode.runtime.run_clientapp import pull_task_input, push_message, push_task_output

_log = logging.getLogger(__name__)
_POLL_S = 0.25
_ACQUIRE = frozenset({"/flwr.proto.Runtime/AcquireTask"})


def execute_tasks(
    address: str, secret: bytes, client_app: Callable[[Message, Context], Message], stop: threading.Event
) -> None:
    """Answers tasks, one at a time, until `stop` is set or the SuperNode is gone.

    Args:
        address: of the SuperNode's own interface on this machine, `127.0.0.1:9094`.
        secret: what the SuperNode was started with.
        client_app: what answers; nothing else ever does.
        stop: set to end after the task at hand.
    """
    interceptors: list[ProtobufClientInterceptor] = [
        RuntimeVersionHttpInterceptor(component_name="SuperExec"),
        SuperExecAuthHttpInterceptor(master_secret=secret, protected_methods=_ACQUIRE),
    ]
    client = RuntimeHttpClient.from_server_address(
        server_address=address,
        insecure=True,
        root_certificates=None,
        interceptors=interceptors,
        retry_invoker=_retries(1),
    )
    try:
        while not stop.is_set():
            try:
                answer = client.AcquireTask(AcquireTaskRequest(supported_task_types=[TaskType.CLIENT_APP]))
            except httpx.HTTPError:
                stop.wait(_POLL_S)  # the SuperNode is starting or ending; who watches it says which
                continue
            if answer.HasField("task") and answer.token:
                _execute(address, answer.token, client_app)
            else:
                stop.wait(_POLL_S)
    finally:
        client.close()


def _execute(address: str, token: str, client_app: Callable[[Message, Context], Message]) -> None:
    """Answers one task; a failure of the wire is logged and left to the SuperNode's own time limit."""
    client = RuntimeHttpClient.from_server_address(
        server_address=address,
        insecure=True,
        root_certificates=None,
        interceptors=[
            RuntimeVersionHttpInterceptor(component_name="flwr-clientapp"),
            RuntimeTokenHttpInterceptor(token),
        ],
        retry_invoker=_retries(8),
    )
    heartbeat = HeartbeatSender(make_task_heartbeat_fn_http(client))
    heartbeat.start()
    try:
        message, context, _, _ = pull_task_input(client)
        reply = client_app(message, context)
        push_message(client, reply, context)
        push_task_output(client, context, SubStatus.COMPLETED, "")
    except (httpx.HTTPError, RuntimeError) as error:
        _log.warning("a task was lost on the way to or from the SuperNode: %s", type(error).__name__)
    finally:
        heartbeat.stop()
        client.close()


def _retries(tries: int) -> RetryInvoker:
    """Tries a call again where the SuperNode did not answer.

    Flower's own invoker tries without end, which would keep a branch from ever starting its SuperNode again, and it
    interrupts the whole process where a task's token has lapsed.
    """
    return RetryInvoker(
        wait_gen_factory=lambda: exponential(max_delay=2),
        recoverable_exceptions=httpx.TransportError,
        max_tries=tries,
        max_time=None,
    )
