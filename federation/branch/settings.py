"""A branch's settings: one JSON file that names the policy, the ledger, and where examples come from.

Read by the client app at every message, so a changed policy holds from the next one on. Nothing of it comes from the
center, and nothing of it goes there.
"""

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from federation.branch.policy import BranchPolicy
from federation.errors import DeploymentFailed, PolicyInvalid
from federation.privacy.ledger import create_ledger
from federation.privacy.ledger_file import read_ledger
from student.artifacts.durable import write_durably
from student.artifacts.settings import read_settings, to_json

SETTINGS_FILE, POLICY_FILE, LEDGER_FILE = "branch.json", "policy.json", "ledger.jsonl"


class BranchSettings(BaseModel):
    """Paths of a branch's files; relative paths are relative to the file.

    Attributes:
        policy: file of what the branch allows.
        ledger: file of what it has spent.
        cache: file of its own texts' embeddings.
        bundle: folder of the student's bundle that its edge agent serves.
        store: folder of the edge agent's store, opened read-only; None where only files of tickets are used.
        tickets: files of labelled tickets, `.csv` or `.jsonl` with the columns text, intent and customer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: Path = Path(POLICY_FILE)
    ledger: Path = Path(LEDGER_FILE)
    cache: Path = Path("embeddings.db")
    bundle: Path
    store: Path | None = None
    tickets: tuple[Path, ...] = ()


def set_up_branch(folder: Path, settings: BranchSettings, policy: BranchPolicy, *, now: datetime) -> None:
    """Writes a branch's settings and policy into its folder, and opens its ledger: once in its life.

    A ledger that is there, because this was cut off or settings were lost, goes on: it says what is spent.

    Raises:
        DeploymentFailed: it has settings, or the ledger of another branch. LedgerCorrupt: its ledger is damaged.
    """
    if (folder / SETTINGS_FILE).exists():
        raise DeploymentFailed(f"{folder} is set up already; edit {SETTINGS_FILE} and {POLICY_FILE} there instead")
    ledger = folder / LEDGER_FILE
    if not ledger.exists():
        create_ledger(ledger, policy.branch, now=now)
    elif (owner := read_ledger(ledger).branch) != policy.branch:
        raise DeploymentFailed(f"{ledger} is of branch {owner}, this is {policy.branch}; use that branch's own kit")
    write_durably(folder / POLICY_FILE, to_json(policy))
    write_durably(folder / SETTINGS_FILE, to_json(settings))


def read_branch_settings(path: Path) -> BranchSettings:
    """Reads a branch's settings; their paths become absolute.

    Raises:
        PolicyInvalid: missing, not JSON, an unknown field, or a path that is none.
    """
    settings = read_settings(path, BranchSettings, "branch settings", PolicyInvalid)
    here = path.absolute().parent
    return settings.model_copy(
        update={
            "policy": here / settings.policy,
            "ledger": here / settings.ledger,
            "cache": here / settings.cache,
            "bundle": here / settings.bundle,
            "store": here / settings.store if settings.store else None,
            "tickets": tuple(here / ticket for ticket in settings.tickets),
        }
    )
