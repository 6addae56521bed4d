"""A server that is asked to end while Python can raise nothing, in a `__del__`, ends all the same."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

_SERVE = """
import os, signal, sys
import uvicorn

class Asking:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

class Server(uvicorn.Server):
    def __init__(self, config):
        super().__init__(config)
        Asking()

uvicorn.Server = Server
from orilla import main
sys.argv = ["orilla", "edge", "serve", "--store", sys.argv[1], "--port", "0"]
main()
"""


def test_a_server_that_is_asked_to_end_while_nothing_can_be_raised_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SERVE, str(tmp_path / "store")],
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "serving 0 documents" in done.stderr
