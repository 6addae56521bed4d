"""Starting Flower's processes as this project wants them: TLS, known keys, no calls home, no installing at run time."""

import ctypes
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from federation.errors import DeploymentFailed
from federation.transport.certificates import BRANCH_KEY, CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY
from student.artifacts.durable import write_durably

FLOWER_APP = Path(__file__).parent / "flower_app"
HOME_VARIABLE = "ORILLA_FEDERATION"
CONNECTION = "orilla"
_COMMAND_TIMEOUT_S = 60


def flower_environment(flower_home: Path) -> dict[str, str]:
    """The environment of a Flower process: no telemetry, no look for updates, nothing installed, its own folder.

    Flower starts its own programs by name, so those of this installation come first on the path.
    """
    flower_home.mkdir(parents=True, exist_ok=True)
    return os.environ | {
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
        "FLWR_HOME": str(flower_home.absolute()),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def start_superlink(home: Path, host: str, port: int, log: Path) -> "subprocess.Popen[bytes]":
    """Starts the center's SuperLink over TLS; only registered branch keys are let in.

    Args:
        home: the federation's folder, with certificates as `certificates.write_authority` names them.
        host: address to listen on.
        port: the one port of everything.
        log: file that its output is added to.
    """
    command = [
        "flower-superlink",
        *("--ssl-ca-certfile", str(home / CA_CERTIFICATE)),
        *("--ssl-certfile", str(home / SERVER_CERTIFICATE)),
        *("--ssl-keyfile", str(home / SERVER_KEY)),
        "--enable-supernode-auth",
        "--disable-runtime-dependency-installation",
        *("--database", str((home / "superlink.db").absolute())),
        *("--host", host),
        *("--port", str(port)),
    ]
    environment = flower_environment(home / "flower") | {HOME_VARIABLE: str(home.absolute())}
    return _start(command, environment, log)


def start_supernode(
    folder: Path, address: str, port: int, *, secret_file: Path, node_config: Mapping[str, str], log: Path
) -> "subprocess.Popen[bytes]":
    """Starts a branch's SuperNode; it hands tasks to whoever shows the secret, and runs no app itself.

    Args:
        folder: the branch's, with its key and the authority's certificate.
        address: of the center, `host:port`.
        port: of its own interface, on this machine alone.
        secret_file: what `executor.execute_tasks` is to show.
        node_config: what the client app finds in its context.
        log: file that its output is added to.
    """
    command = [
        "flower-supernode",
        *("--superlink", address),
        *("--root-certificates", str(folder / CA_CERTIFICATE)),
        *("--auth-supernode-private-key", str(folder / BRANCH_KEY)),
        *("--isolation", "process"),
        *("--superexec-auth-secret-file", str(secret_file)),
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
        *("--node-config", " ".join(f"{key}={json.dumps(value)}" for key, value in node_config.items())),
    ]
    return _start(command, flower_environment(folder / "flower"), log)


def connect_operator(home: Path, address: str) -> None:
    """Writes where Flower's command line finds the center, for `run_flower`."""
    flower_home = home / "operator"
    flower_home.mkdir(parents=True, exist_ok=True)
    certificate = json.dumps(str((home / CA_CERTIFICATE).absolute()))
    content = (
        f'[superlink]\ndefault = "{CONNECTION}"\n\n[superlink.{CONNECTION}]\n'
        f"address = {json.dumps(address)}\nroot-certificates = {certificate}\n"
    )
    write_durably(flower_home / "config.toml", content.encode())


def run_flower(home: Path, *arguments: str) -> dict[str, Any]:
    """Runs one of Flower's commands against the center and reads its JSON.

    Raises:
        DeploymentFailed: it failed, or said nothing that can be read.
    """
    command = f'"flwr {" ".join(arguments[:2])}"'
    try:
        done = subprocess.run(
            ["flwr", *arguments, "--format", "json"],
            env=flower_environment(home / "operator"),
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeploymentFailed(
            f"{command} has no answer after {_COMMAND_TIMEOUT_S} s; is the center up? (orilla federation up)"
        ) from error
    start = done.stdout.find("{")
    try:
        value = json.loads(done.stdout[start:]) if start >= 0 else {}
    except ValueError:
        value = {}
    if done.returncode or not value.get("success", True) or not value:
        said = " ".join(str(value.get("error-message") or done.stderr or done.stdout).split())[-500:]
        raise DeploymentFailed(f"{command} failed: {said}; is the center up? (orilla federation up)")
    return dict(value)


def wait_until_healthy(url: str, process: "subprocess.Popen[bytes]", log: Path, *, root: Path | None = None) -> None:
    """Waits until a process answers at `/health`.

    Args:
        url: its address, with `https://` where `root` is given.
        process: that is to answer.
        log: where it writes what went wrong.
        root: certificate of the authority that its own is from.

    Raises:
        DeploymentFailed: it ended, or did not answer in time.
    """
    trust = ssl.create_default_context(cafile=str(root)) if root else False
    end = time.monotonic() + _COMMAND_TIMEOUT_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{url}/health", verify=trust, timeout=5).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise DeploymentFailed(f"{url} does not answer: its process did not start; the last lines of {log} say why")


def end_process(process: "subprocess.Popen[bytes]", *, grace_s: float = 15.0) -> int:
    """Asks a process to end, ends it if it does not, and returns its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        return process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def free_port() -> int:
    """A port of this machine that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(command: list[str], environment: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    log.parent.mkdir(parents=True, exist_ok=True)
    program = Path(environment["PATH"].split(os.pathsep)[0]) / command[0]
    if not program.exists():
        raise DeploymentFailed(f'{command[0]} is not installed beside this Python; pip install "orilla[federation]"')
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(program), *command[1:]],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  (no threads yet where this is called)
        )


def _die_with_parent() -> None:
    """Lets Linux end this process when the one that started it is gone, however that went: none is left over."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG
