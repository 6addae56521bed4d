"""What the center makes for a branch and the branch brings home: keys, certificate, and where to join."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from federation.errors import DeploymentFailed
from federation.learning.round_parameters import Name
from federation.transport.certificates import BRANCH_KEY

JOIN_FILE = "join.json"


class Joining(BaseModel):
    """What a kit says: the branch's name, the federation's, and where its center is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    branch: Name
    federation: Name
    address: str


def read_joining(folder: Path) -> Joining:
    """The kit of a folder.

    Raises:
        DeploymentFailed: it is none, or lacks the branch's private key.
    """
    try:
        joining = Joining.model_validate_json((folder / JOIN_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise DeploymentFailed(f"{folder} is no branch's kit; get one from the center (federation enroll)") from error
    if not (folder / BRANCH_KEY).exists():
        raise DeploymentFailed(f"{folder} lacks {BRANCH_KEY}; put the branch's private key there")
    return joining
