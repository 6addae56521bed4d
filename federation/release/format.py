"""The format of a release: what a run has taught, signed, in kilobytes. Torch-free and Flower-free.

A folder of three files:

    PART.safetensors   what was learned, for the bundle's own embeddings: head.safetensors holds weight (C, D) and bias
                       (C,) of the intent head, adapter.safetensors a and b (r, D) of the query adapter
    release.json       what it is, what it cost and who took part; names the file above by SHA-256
    release.sig        Ed25519 signature of release.json's bytes, in base64

Version 2 names the first file by one digest, `learned_sha256`, whatever the part; version 1, which had one field for
the head and one for the adapter, is still read.
"""

import math
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from federation.learning.evaluation import AccuracyEstimate
from federation.learning.part import LearnedFacts
from federation.learning.parts import part_named
from federation.privacy.accounting import Spending, epsilon_of
from student.artifacts.digests import Digest
from student.bundle.manifest import Created

FORMAT: Final = "orilla-release"
FORMAT_VERSION: Final = 2
RELEASE_FILE, SIGNATURE_FILE = "release.json", "release.sig"
_DIGEST_OF_VERSION_1 = {"head": "head_sha256", "adapter": "adapter_sha256"}
_ROUNDING = 1e-6


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LedgerEntry(_Block):
    """A branch's ledger after a round: its length, the digest of its last line, and what is spent."""

    serial: Annotated[int, Field(ge=1)]
    head: Digest
    epsilon: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ReleasedRound(_Block):
    """One round: who took part, and what their ledgers said after it; `attempts` counts those that failed too."""

    round_number: Annotated[int, Field(ge=1)]
    survivors: Annotated[int, Field(ge=1)]
    attempts: Annotated[int, Field(ge=1)]
    ledgers: dict[str, LedgerEntry]


class Privacy(_Block):
    """The guarantee of the run, with everything it needs to mean something, and the budget it had to stay within."""

    epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    delta: Annotated[float, Field(gt=0, lt=1)]
    budget_epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    unit: Literal["customer"]
    neighboring: Literal["add-or-remove"]
    accountant: str
    mechanism: Literal["secure", "local"]
    noise_multiplier: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class AtBranches(_Block):
    """The evaluation at branches, of customers that were not trained on: noisy, with its own cost to those."""

    whole: AccuracyEstimate
    new_labels: AccuracyEstimate | None = None
    epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    noise_multiplier: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    survivors: Annotated[int, Field(ge=1)]
    ledgers: dict[str, LedgerEntry]


class Evaluation(_Block):
    """Figures of what the bundle had before and of what is released, on the center's validation set and at branches."""

    baseline: Annotated[float, Field(ge=0, le=1)]
    accuracy: Annotated[float, Field(ge=0, le=1)]
    texts: Annotated[int, Field(ge=1)]
    at_branches: AtBranches | None = None


class Release(LearnedFacts):
    """`release.json`: what was learned (`LearnedFacts`), for which bundle, from what, at what cost.

    Attributes:
        federation: whose.
        serial: of its releases; only grows.
        bundle_digest: of the bundle it is for.
        recipe_digest: of what the run was made from.
        learned_sha256: of the file of its part.
    """

    format: Literal["orilla-release"] = FORMAT
    format_version: Literal[1, 2] = FORMAT_VERSION
    federation: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    serial: Annotated[int, Field(ge=1)]
    run_id: str
    created: Created
    bundle_digest: Digest
    embedding_space: Digest
    recipe_digest: Digest
    privacy: Privacy
    rounds: Annotated[tuple[ReleasedRound, ...], Field(min_length=1)]
    evaluation: Evaluation
    learned_sha256: Digest

    @property
    def learned_file(self) -> str:
        """Name of the file of its part."""
        return f"{self.part}.safetensors"

    @property
    def name(self) -> str:
        """Its name in lineages and messages."""
        return f"{self.federation} release {self.serial}"

    @property
    def sums(self) -> list[tuple[str, ReleasedRound | AtBranches]]:
        """Everything that branches paid for, in order and by name: the rounds, and the evaluation if there was one."""
        rounds: list[tuple[str, ReleasedRound | AtBranches]] = [(f"round {r.round_number}", r) for r in self.rounds]
        found = self.evaluation.at_branches
        return [*rounds, ("the evaluation", found)] if found else rounds

    @property
    def fewest_branches(self) -> int:
        """In the sum of a round."""
        return min(released.survivors for released in self.rounds)

    @model_validator(mode="before")
    @classmethod
    def _read_version_1(cls, value: Any) -> Any:
        """Version 1 had one field of a digest for each part."""
        if not isinstance(value, dict) or value.get("format_version", FORMAT_VERSION) != 1:
            return value
        digests = {part: value.get(field) for part, field in _DIGEST_OF_VERSION_1.items()}
        part = value.get("part", "head")
        if "learned_sha256" in value or {name for name, digest in digests.items() if digest} != {part}:
            raise ValueError(f"labels, rank and digests are not those of a release of the {part}")
        rest = {name: field for name, field in value.items() if name not in _DIGEST_OF_VERSION_1.values()}
        return {**rest, "learned_sha256": digests[part]}

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        part_named(self.part).check_facts(self)
        numbers = [released.round_number for released in self.rounds]
        if numbers != list(range(1, len(numbers) + 1)):
            raise ValueError("rounds are not numbered from 1 without a gap")
        attempts = sum(released.attempts for released in self.rounds)
        epsilon = epsilon_of({Spending(self.privacy.noise_multiplier): attempts}, self.privacy.delta)
        if not math.isclose(epsilon, self.privacy.epsilon, rel_tol=_ROUNDING):
            raise ValueError(f"its rounds cost epsilon {epsilon:.6f}, not the {self.privacy.epsilon:.6f} it claims")
        if self.privacy.epsilon > self.privacy.budget_epsilon * (1 + _ROUNDING):
            raise ValueError(f"epsilon {self.privacy.epsilon:.6f} is past its budget {self.privacy.budget_epsilon:.6f}")
        self._check_evaluation()
        self._check_ledgers()
        return self

    def _check_evaluation(self) -> None:
        """It costs what it claims to the held-out customers, and no more than training costs the others."""
        found = self.evaluation.at_branches
        if found is None:
            return
        epsilon = epsilon_of({Spending(found.noise_multiplier): 1}, self.privacy.delta)
        if not math.isclose(epsilon, found.epsilon, rel_tol=_ROUNDING):
            raise ValueError(f"its evaluation costs epsilon {epsilon:.6f}, not the {found.epsilon:.6f} it claims")
        if found.epsilon > self.privacy.epsilon * (1 + _ROUNDING):
            raise ValueError(f"its evaluation costs epsilon {found.epsilon:.6f}, more than its rounds")

    def _check_ledgers(self) -> None:
        """Every ledger grows with each round, and is never two things at one length."""
        last: dict[str, LedgerEntry] = {}
        for what, each in self.sums:
            if len(each.ledgers) < each.survivors:
                raise ValueError(f"{what} has {each.survivors} survivors and fewer ledgers")
            for branch, entry in each.ledgers.items():
                before = last.get(branch)
                if before is not None and not (entry.serial > before.serial and entry.epsilon >= before.epsilon):
                    raise ValueError(f"the ledger of branch {branch} is broken at {what}")
                last[branch] = entry


def last_ledgers(release: Release) -> dict[str, LedgerEntry]:
    """Branch → what its ledger said after the last round, or the evaluation, that it took part in."""
    return {branch: entry for _, each in release.sums for branch, entry in each.ledgers.items()}
