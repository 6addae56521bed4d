"""The branch's resident process: it ends when it is stopped, whatever its SuperNode does."""

import threading

from federation.branch.client_app import app
from federation.transport.executor import execute_tasks
from federation.transport.processes import free_port


def test_an_executor_whose_supernode_is_gone_ends_when_told_so_that_another_can_be_started() -> None:
    stop = threading.Event()
    executor = threading.Thread(
        target=execute_tasks, args=(f"127.0.0.1:{free_port()}", b"s" * 32, app, stop), daemon=True
    )
    executor.start()
    executor.join(1.5)
    assert executor.is_alive()  # it goes on asking
    stop.set()
    executor.join(10)
    assert not executor.is_alive()
