"""The center's folder and processes: certificates, enrolled branches, the SuperLink, and runs handed to it.

ca.crt ca.key server.crt server.key   transport/certificates.py, or a firm's own authority
release.key release.pub               releases are signed with, and verified
center.json                           what the federation is called, and where it is reached
branches/NAME.pub NAME.node           keys that may join, and the SuperLink's numbers of them
kits/NAME/                            what to bring to a branch
runs/RUN/                             prepared_run.py, submission.py, rounds.py, publishing.py
"""

import json
import re
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from federation.branch.kit import JOIN_FILE, Joining
from federation.errors import DeploymentFailed, KeysInvalid
from federation.learning.run_settings import NAME, Name
from federation.release.signing import SIGNING_PUBLIC_KEY, check_no_signing_key, write_signing_key
from federation.transport.certificates import (
    BRANCH_KEY,
    BRANCH_PUBLIC_KEY,
    CA_CERTIFICATE,
    check_branch_public_key,
    check_no_authority,
    write_authority,
    write_branch_key,
)
from federation.transport.processes import (
    CONNECTION,
    connect_operator,
    run_flower,
    start_superlink,
    wait_until_healthy,
)
from student.artifacts.durable import fsync_path, making_folder, write_durably
from student.artifacts.settings import read_settings, to_json

CENTER_FILE, UP_FILE = "center.json", "up.json"
SUPERLINK_LOG = "superlink.log"
_FORMER_CENTER_FILE = "centre.json"
"""Its name in Orilla 0.1."""
_SET_UP = ".set-up"
"""Folder in which a center's files are made, all of them before the first one is moved out."""
_KIT_FILES = frozenset({CA_CERTIFICATE, SIGNING_PUBLIC_KEY, JOIN_FILE, BRANCH_KEY, BRANCH_PUBLIC_KEY})


class Center(BaseModel):
    """A federation at its center: its name, and the `host:port` under which branches reach it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    federation: Name
    address: Annotated[str, StringConstraints(pattern=r"^[^\s:]+:\d{1,5}$")]


def set_up_center(home: Path, center: Center, *, now: datetime) -> None:
    """Makes the folder of a federation, with a lab's own authority.

    Killed at any moment it can be called again: keys are made in a folder inside and are moved when all of them are
    there, so that none is left half-written and none is made twice.

    Raises:
        KeysInvalid: there is one, or a key of one: nothing is written over.
        DeploymentFailed: there is one of Orilla 0.1.
    """
    if (home / CENTER_FILE).exists():
        raise KeysInvalid(f"{home} holds a federation already; name another folder, or use it as it is")
    _check_not_former(home)
    made = home / _SET_UP
    if not made.exists():
        check_no_authority(home)
        check_no_signing_key(home)
        host = center.address.rpartition(":")[0]
        with making_folder(made) as folder:
            write_authority(folder, list(dict.fromkeys([host, "localhost", "127.0.0.1"])), now=now)
            write_signing_key(folder)
            write_durably(folder / CENTER_FILE, to_json(center))
    for path in sorted(
        made.iterdir(), key=lambda path: path.name == CENTER_FILE
    ):  # that file last: it says all is there
        path.rename(home / path.name)
    made.rmdir()
    fsync_path(home)


def read_center(home: Path) -> Center:
    """The federation of a folder.

    Raises:
        DeploymentFailed: it holds none, or one of Orilla 0.1.
    """
    if not (home / CENTER_FILE).exists():
        _check_not_former(home)
        raise DeploymentFailed(f"{home} holds no federation; make one with orilla federation up --home {home}")
    return read_settings(home / CENTER_FILE, Center, "federation", DeploymentFailed)


def enroll_branch(home: Path, branch: str, public_key: Path | None = None) -> Path:
    """Lets a branch join: registers its key, now or when the center comes up, and makes what to bring there.

    Args:
        home: the federation's folder.
        branch: its name.
        public_key: of a key pair made at the branch; None to make one here, which then travels with the kit.

    Returns:
        The kit's folder.

    Raises:
        KeysInvalid: the branch is enrolled, its name is none, the key is of another kind, or its kit is in use.
        DeploymentFailed: a key that it had before cannot be taken back.
    """
    if not re.fullmatch(NAME, branch):
        raise KeysInvalid(f"{branch!r} is no branch's name; expected letters, digits, dots, dashes, at most 64")
    center = read_center(home)
    known, kit = home / "branches" / f"{branch}.pub", home / "kits" / branch
    if known.exists():
        raise KeysInvalid(f"branch {branch} is enrolled; remove {known} first to give it another key")
    if kit.exists() and not {path.name for path in kit.iterdir()} <= _KIT_FILES:
        raise KeysInvalid(f"{kit} holds more than a kit; move that folder away first: a branch's ledger may be in it")
    content = public_key.read_bytes() if public_key else b""
    if public_key:
        check_branch_public_key(content)
    _take_back(home, branch)
    with making_folder(kit, replace=True) as folder:  # a kit whose key is not known here was cut off, or is void
        if public_key:
            write_durably(folder / BRANCH_PUBLIC_KEY, content)
        else:
            content = write_branch_key(folder).read_bytes()
        for name in (CA_CERTIFICATE, SIGNING_PUBLIC_KEY):
            write_durably(folder / name, (home / name).read_bytes())
        joining = Joining(branch=branch, federation=center.federation, address=center.address)
        write_durably(folder / JOIN_FILE, to_json(joining))
    known.parent.mkdir(exist_ok=True)
    write_durably(known, content)
    if is_up(home):
        register_branches(home, [branch])
    return kit


def _take_back(home: Path, branch: str) -> None:
    """Lets a key that the branch had before join no more."""
    registered = home / "branches" / f"{branch}.node"
    if not registered.exists():
        return
    if not is_up(home):
        raise DeploymentFailed(
            f"branch {branch} had another key, which only a center that is up can take back; start it: "
            f"orilla federation up --home {home}"
        )
    run_flower(home, "supernode", "unregister", registered.read_text(), CONNECTION)
    registered.unlink()


def _check_not_former(home: Path) -> None:
    if (home / _FORMER_CENTER_FILE).exists():
        raise DeploymentFailed(
            f"{home} holds a federation of Orilla 0.1; finish or abandon its runs, then rename {_FORMER_CENTER_FILE} "
            f"there to {CENTER_FILE} and upgrade its branches"
        )


def register_branches(home: Path, branches: Sequence[str]) -> None:
    """Registers keys that the running SuperLink does not know yet, and notes the number it gives each.

    Raises:
        DeploymentFailed: it refuses.
    """
    for branch in branches:
        registered = home / "branches" / f"{branch}.node"
        if not registered.exists():
            key = str(home / "branches" / f"{branch}.pub")
            answer = run_flower(home, "supernode", "register", key, CONNECTION, "--name", branch)
            write_durably(registered, str(answer["node-id"]).encode())


def enrolled_branches(home: Path) -> list[str]:
    """Names of all branches that may join."""
    return sorted(path.stem for path in (home / "branches").glob("*.pub"))


def enrolled_nodes(home: Path) -> dict[int, str]:
    """The SuperLink's number of each enrolled branch's node → the branch's name."""
    return {int(path.read_text()): path.stem for path in (home / "branches").glob("*.node")}


def bring_up(home: Path, host: str, *, port: int) -> "subprocess.Popen[bytes]":
    """Starts the SuperLink, waits until it answers, and registers every enrolled branch.

    Args:
        home: the federation's folder.
        host: address to listen on.
        port: to listen on; branches use that of `center.json`, which a router may map to this one.

    Raises:
        DeploymentFailed: it is up already, or does not start.
    """
    if is_up(home):
        raise DeploymentFailed(f"the center of {home} is up already; stop it first, or use it as it is")
    log = home / SUPERLINK_LOG
    process = start_superlink(home, host, port, log)
    local = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  (compared, not bound)
    try:
        wait_until_healthy(f"https://{local}:{port}", process, log, root=home / CA_CERTIFICATE)
        connect_operator(home, f"{local}:{port}")
        write_durably(home / UP_FILE, json.dumps({"pid": process.pid}).encode())
        register_branches(home, enrolled_branches(home))
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def is_up(home: Path) -> bool:
    """True while the SuperLink that was last brought up is still there."""
    try:
        pid = int(json.loads((home / UP_FILE).read_bytes())["pid"])
        return b"flower-superlink" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, KeyError):
        return False


def online_branches(home: Path) -> list[str]:
    """Names of the branches whose SuperNodes are there.

    Raises:
        DeploymentFailed: the center does not answer.
    """
    names = enrolled_nodes(home)
    nodes = run_flower(home, "supernode", "list", CONNECTION).get("nodes", [])
    return sorted(names.get(int(node["node-id"]), "?") for node in nodes if node.get("status") == "online")
