"""One real federation on this machine, by its commands: SuperLink, SuperNodes, executors, TLS, keys, one crash."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from federation.center.home import enroll_branch
from federation.privacy.ledger_file import read_ledger
from federation.transport.certificates import CA_CERTIFICATE, write_branch_key
from federation.transport.processes import free_port
from tests.conftest import ROOT, run_orilla
from tests.federation.lab import Lab, build_lab

Start = Callable[..., "subprocess.Popen[bytes]"]
RECIPE = """
run_id = "spring"
rounds = 2
epsilon = 6.0
branches = 4
minimum_survivors = 3
customers = 160
learning_rate = 20.0
momentum = 0.5
bundle = "../bundle"
public_texts = "public.jsonl"
feature_dimension = 12
validation = "validation.jsonl"
branches_timeout_s = 90.0
step_timeout_s = 15.0
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts commands in the background and ends each by its own id."""
    processes: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str, log: str) -> "subprocess.Popen[bytes]":
        with (tmp_path / log).open("wb") as output:
            command = [sys.executable, "-m", "orilla", "federation", *arguments]
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, env=_environment())
        processes.append(process)
        return process

    yield run
    branches, center = processes[1:], processes[:1]  # who leaves a center that is gone already waits for it
    for some in (branches, center):
        for process in some:
            if process.poll() is None:
                process.terminate()
        for process in some:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}


def wait_for(what: Callable[[], bool], timeout_s: float, said: Path) -> None:
    end = time.monotonic() + timeout_s
    while not what():
        if time.monotonic() > end:
            pytest.fail(
                f"waited {timeout_s} s; {said} says: {said.read_text()[-2000:] if said.exists() else 'nothing'}"
            )
        time.sleep(0.2)


def federation(*arguments: str) -> dict[str, Any]:
    done = run_orilla("federation", *arguments, "--json", timeout_s=150)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.timeout(280)
def test_a_federation_over_tls_survives_a_crash_refuses_a_stranger_and_its_ledgers_agree_with_its_report(
    tmp_path: Path, start: Start
) -> None:
    lab = build_lab(tmp_path)
    home = lab.home
    (home / "recipe.toml").write_text(RECIPE)
    address = f"127.0.0.1:{free_port()}"
    start("up", "--home", str(home), "--address", address, log="up.log")
    wait_for((home / "up.json").exists, 60, tmp_path / "up.log")
    kits = [Path(str(federation("enroll", "branch-0", "--home", str(home))["kit"]))]
    kits += [enroll_branch(home, f"branch-{i}") for i in range(1, 4)]
    joined = [join(start, lab, kit, i) for i, kit in enumerate(kits)]
    stranger = make_stranger(tmp_path / "stranger", home, address)
    join(start, lab, stranger, 4)
    run = start("run", str(home / "recipe.toml"), "--home", str(home), "--json", log="run.log")
    sent = kits[0] / "supernode.log"
    wait_for(lambda: read(sent).count("Sent successfully") == 6, 90, tmp_path / "run.log")
    joined[0].kill()  # in the second round, when it has shared its keys and is about to be asked for its update
    joined[0].wait(10)
    assert run.wait(150) == 0, read(tmp_path / "run.log")
    assert "2004" in read(stranger / "supernode.log")  # Flower's number for a key that nobody registered
    assert serial(stranger) == 0

    said = json.loads(read(tmp_path / "run.log").splitlines()[-1])
    assert said["accuracy"] > said["baseline"]
    history = json.loads((home / "runs" / "spring" / "history.json").read_text())
    assert [record["round_number"] for record in history] == [1, 2]
    assert [record["survivors"] for record in history] == [4, 3]
    for kit in kits[1:]:
        ledger = read_ledger(kit / "ledger.jsonl")
        last = history[-1]["ledgers"][ledger.branch]
        assert (last["serial"], last["head"]) == (ledger.serial, ledger.head)
        assert last["epsilon"] == pytest.approx(history[-1]["epsilon"])
        assert ledger.head in read(Path(said["report"]))
    assert serial(kits[0]) == 1  # the round that it was killed in cost it nothing
    assert not list((kits[1] / "flower").rglob("apps/*"))  # nothing that the center's app brought was unpacked

    verified = federation("ledger", "verify", str(kits[1]))
    assert (verified["is_sound"], verified["serial"]) == (True, serial(kits[1]))
    status = federation("status", "--home", str(home))
    assert status["enrolled"] == [f"branch-{i}" for i in range(4)]
    assert {kit.name for kit in kits[1:]} <= set(status["online"]) <= set(status["enrolled"])
    new = federation(
        *("apply", said["release"], "--bundle", str(lab.bundle), "--out", str(tmp_path / "new")),
        *("--key", str(kits[1] / "release.pub")),
    )
    assert new["serial"] == 5


def join(start: Start, lab: Lab, kit: Path, number: int) -> "subprocess.Popen[bytes]":
    tickets = lab.branches[number] / "tickets.jsonl"
    return start(
        *("join", str(kit), "--bundle", str(lab.bundle), "--tickets", str(tickets), "--max-epsilon", "10"),
        log=f"join-{number}.log",
    )


def make_stranger(folder: Path, home: Path, address: str) -> Path:
    """A kit that nobody enrolled: the right certificate and address, and a key of its own."""
    write_branch_key(folder)
    (folder / CA_CERTIFICATE).write_bytes((home / CA_CERTIFICATE).read_bytes())
    (folder / "join.json").write_text(json.dumps({"branch": "stranger", "federation": "orilla", "address": address}))
    return folder


def serial(kit: Path) -> int:
    return read_ledger(kit / "ledger.jsonl").serial


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
