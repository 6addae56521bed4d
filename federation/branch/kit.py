"""The kit that the center makes for a branch and the branch brings home: keys, certificate, and where to join."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from federation.errors import DeploymentFailed
from federation.learning.run_settings import Name
from federation.transport.certificates import BRANCH_KEY
from student.artifacts.private import read_private
from student.artifacts.settings import read_settings

JOIN_FILE = "join.json"


class Joining(BaseModel):
    """`join.json` of a kit: the branch's name, the federation's, and the address of its center."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    branch: Name
    federation: Name
    address: str


def read_joining(folder: Path) -> Joining:
    """The kit of a folder.

    Raises:
        DeploymentFailed: it is none, or lacks the branch's private key, or others can read or write that key.
    """
    if not (folder / JOIN_FILE).exists():
        raise DeploymentFailed(f"{folder} is no branch's kit; get one from the center (federation enroll)")
    joining = read_settings(folder / JOIN_FILE, Joining, "kit", DeploymentFailed)
    if not (folder / BRANCH_KEY).exists():
        raise DeploymentFailed(f"{folder} lacks {BRANCH_KEY}; put the branch's private key there")
    read_private(folder / BRANCH_KEY, "the branch's private key", DeploymentFailed)
    return joining
