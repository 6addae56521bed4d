"""A branch's server in a process of its own, for the benchmarks that ask over HTTP."""

import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from student.bundle import DEFAULT_BUNDLE

_PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its URL, and the id of its process."""

    url: str
    pid: int


@contextmanager
def served(store: Path, *, bundle: Path = DEFAULT_BUNDLE) -> Iterator[Server]:
    """A server of a store and a bundle on a free port; it is ended with the block."""
    command = [sys.executable, "-m", "orilla", "edge", "serve", "--store", str(store), "--port", "0"]
    command += ["--trust-this-machine", "--bundle", str(bundle)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            url = next(m[1] for line in process.stderr if (m := re.search(r"on (http://\S+)", line)))
            threading.Thread(target=deque, args=(process.stderr, 0), daemon=True).start()
            yield Server(url, process.pid)
        finally:
            process.terminate()
            process.wait(timeout=60)


def wait_until_ready(url: str) -> None:
    """Returns when a server answers questions.

    Raises:
        TimeoutError: it does not after two minutes.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz", timeout=60, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise TimeoutError(f"the server at {url} was not ready after {_PATIENCE_S} s")
