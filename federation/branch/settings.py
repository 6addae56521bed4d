"""What a branch's administrator sets: one JSON file that names the policy, the ledger, and where examples come from.

Read by the client app at every message, so a changed policy holds from the next one on. Nothing of it comes from the
center, and nothing of it goes there.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from federation.branch.contribution import Update, make_update, release_of
from federation.errors import DeploymentFailed, PolicyInvalid
from federation.learning.examples import (
    AdapterExamples,
    EmbeddingCache,
    HeadExamples,
    LabelledText,
    make_adapter_examples,
    make_head_examples,
    read_feedback,
    read_tickets,
)
from federation.learning.features import FeatureMap, Weights
from federation.learning.round_parameters import BranchPolicy, Part, RoundParameters, read_policy
from federation.privacy.ledger import Budget, Ledger, create_ledger, read_ledger
from student.artifacts.durable import write_durably
from student.bundle.folder import open_bundle
from student.bundle.linear_head import read_intent_head
from student.embeddings import Embeddings
from student.runtime.encoder import Encoder

SETTINGS_FILE, POLICY_FILE, LEDGER_FILE = "branch.json", "policy.json", "ledger.jsonl"


class BranchSettings(BaseModel):
    """Where things are at a branch; relative paths are relative to the file.

    Attributes:
        policy: what the branch allows.
        ledger: what it has spent.
        cache: embeddings of its own texts.
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


def write_settings(folder: Path, settings: BranchSettings, policy: BranchPolicy) -> Path:
    """Writes a branch's settings and policy; returns the settings' file."""
    write_durably(folder / POLICY_FILE, (policy.model_dump_json(indent=2) + "\n").encode())
    write_durably(folder / SETTINGS_FILE, (settings.model_dump_json(indent=2) + "\n").encode())
    return folder / SETTINGS_FILE


def set_up_branch(folder: Path, settings: BranchSettings, policy: BranchPolicy, *, now: datetime) -> None:
    """Writes a branch's settings and policy into its folder, and opens its ledger: once in its life.

    A ledger that is there, because this was cut off or settings were lost, goes on: it says what is spent.

    Raises:
        DeploymentFailed: it has settings, or the ledger of another branch. LedgerCorrupt: its ledger is damaged.
    """
    if (folder / SETTINGS_FILE).exists():
        raise DeploymentFailed(f"{folder} is set up already; edit {SETTINGS_FILE} and policy.json there instead")
    ledger = folder / LEDGER_FILE
    if not ledger.exists():
        create_ledger(ledger, policy.branch, now=now)
    elif (owner := read_ledger(ledger).branch) != policy.branch:
        raise DeploymentFailed(f"{ledger} is of branch {owner}, this is {policy.branch}; use that branch's own kit")
    write_settings(folder, settings, policy)


def read_settings(path: Path) -> BranchSettings:
    """Reads a branch's settings; their paths become absolute.

    Raises:
        PolicyInvalid: missing, not JSON, an unknown field, or a path that is none.
    """
    try:
        settings = BranchSettings.model_validate(json.loads(path.read_bytes()))
    except (OSError, ValueError, ValidationError) as error:
        raise PolicyInvalid(
            f"the branch's settings {path} cannot be used ({type(error).__name__}); correct the file"
        ) from error
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


@dataclass(frozen=True, slots=True)
class Paid:
    """An update with what the ledger says of it in public: the branch's name, and the head after the entry."""

    update: Update
    branch: str
    head: str


def check_policy(settings: BranchSettings, parameters: RoundParameters) -> None:
    """Says nothing if this branch takes part in such a round.

    Raises:
        PolicyRefused: it does not. PolicyInvalid: there is no policy.
    """
    read_policy(settings.policy).check(parameters)


def check_budget(settings: BranchSettings, parameters: RoundParameters) -> None:
    """Says nothing if this branch could pay for such a round now.

    Raises:
        BudgetRefused: it could not. LedgerMissing, LedgerCorrupt: there is no sound ledger.
    """
    policy = read_policy(settings.policy)
    read_ledger(settings.ledger).epsilon_with(release_of(parameters), Budget(policy.max_epsilon, policy.delta))


def take_part(
    settings: BranchSettings,
    parameters: RoundParameters,
    weights: Weights,
    feature_map: FeatureMap | None,
    *,
    now: datetime,
) -> Paid:
    """Makes this branch's update; when it returns, its spending is durable.

    Raises:
        FederationError: as `branch.make_update`; nothing is spent.
    """
    policy = read_policy(settings.policy)
    policy.check(parameters)
    examples = read_examples(settings, parameters.part)
    with Ledger(settings.ledger) as ledger:
        update = make_update(
            parameters,
            weights,
            examples,
            feature_map=feature_map,
            policy=policy,
            ledger=ledger,
            now=now,
            served=read_intent_head(open_bundle(settings.bundle)) if parameters.purpose == "evaluate" else None,
        )
        return Paid(update, policy.branch, ledger.state.head)


def read_examples(settings: BranchSettings, part: Part) -> HeadExamples | AdapterExamples:
    """Everything that the branch has for a part, embedded with its bundle; only what is new is encoded.

    Raises:
        ExamplesInvalid: the store or a file of tickets cannot be read. BundleError: the bundle cannot.
    """
    bundle = open_bundle(settings.bundle)
    space = bundle.manifest.embedding_space
    labelled, found = read_feedback(settings.store) if settings.store else ([], [])

    def encode(texts: Sequence[str]) -> Embeddings:
        encoder = Encoder.from_bundle(bundle, workers=1)  # loaded only where a text is new: it takes most of a round
        try:
            return encoder.encode(texts)
        finally:
            encoder.close()

    cache = EmbeddingCache(settings.cache, encode, bundle.digest, dimension=bundle.manifest.encoder.dimension)
    try:
        if part == "adapter" and settings.store:
            return make_adapter_examples(settings.store, found, cache, space)
        tickets: list[LabelledText] = [row for path in settings.tickets for row in read_tickets(path)]
        return make_head_examples(labelled + tickets, cache, space)
    finally:
        cache.close()
