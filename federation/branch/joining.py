"""A branch's part in a deployment: its SuperNode, kept running, and the executor that answers for it.

One process a branch. The SuperNode is a child of it and ends with it. Where the center refuses the key, because it is
not registered or because the last SuperNode of the branch is still thought to be there (Flower keeps it for a minute
after a crash), it is tried again after a pause.
"""

import logging
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from federation.branch.client_app import SETTINGS, app
from federation.branch.data import encode_all
from federation.branch.kit import read_joining
from federation.branch.policy import read_policy
from federation.branch.settings import SETTINGS_FILE, read_branch_settings
from federation.errors import DeploymentFailed, LedgerMissing
from federation.privacy.accounting import NEIGHBORING, UNIT
from federation.privacy.ledger_file import read_ledger
from federation.transport.executor import execute_tasks
from federation.transport.processes import end_process, free_port, start_supernode, wait_until_healthy
from student.artifacts.durable import write_durably
from student.artifacts.private import PRIVATE_FILE

_log = logging.getLogger(__name__)
NODE_LOG, SECRET_FILE = "supernode.log", "executor.secret"
PAUSE_S = 10.0


def keep_joined(
    folder: Path,
    stop: threading.Event,
    *,
    pause_s: float = PAUSE_S,
    on_status: Callable[[str], None] = lambda text: None,
) -> None:
    """Takes part in rounds until `stop` is set.

    Args:
        folder: the branch's, with its kit and settings.
        stop: set it to end.
        pause_s: between attempts where the center refuses the key.
        on_status: called with what happens, in one line.

    Raises:
        OrillaError: the kit, the settings, the policy, the ledger, the bundle, the store or a file of tickets cannot be
            used; nothing is started.
    """
    joining = read_joining(folder)
    settings_file = (folder / SETTINGS_FILE).absolute()
    settings = read_branch_settings(settings_file)
    policy = read_policy(settings.policy)
    if not settings.ledger.exists():
        raise LedgerMissing(f"no ledger at {settings.ledger}; restore it from a backup: it says what is spent")
    spent = read_ledger(settings.ledger).epsilon(policy.delta)
    on_status(
        f"{policy.branch}: epsilon {spent:.3f} of {policy.max_epsilon:g} spent, at delta {policy.delta:g}, per {UNIT}, "
        f"{NEIGHBORING} neighbors, exact Gaussian composition"
    )
    on_status(f"{encode_all(settings)} labelled examples here; they stay here")
    while not stop.is_set():
        status = _take_part(folder, joining.address, str(settings_file), stop)
        if not stop.is_set():
            on_status(
                f"the SuperNode ended with status {status} ({folder / NODE_LOG} says why); again in {pause_s:g} s"
            )
            stop.wait(pause_s)


def _take_part(folder: Path, address: str, settings_file: str, stop: threading.Event) -> int:
    """One life of a SuperNode; returns its exit status."""
    secret, port, log = secrets.token_bytes(32), free_port(), folder / NODE_LOG
    secret_file = folder / SECRET_FILE
    write_durably(secret_file, secret, mode=PRIVATE_FILE)
    node = start_supernode(
        folder, address, port, secret_file=secret_file, node_config={SETTINGS: settings_file}, log=log
    )
    over = threading.Event()

    def watch() -> None:
        while node.poll() is None and not stop.is_set():
            stop.wait(0.2)
        over.set()

    watcher = threading.Thread(target=watch, name="supernode-watch", daemon=True)
    watcher.start()
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", node, log)
        execute_tasks(f"127.0.0.1:{port}", secret, app, over)
    except DeploymentFailed as error:
        _log.warning("%s", error)
    finally:
        over.set()
        status = end_process(node)
        watcher.join(5)
    return status
