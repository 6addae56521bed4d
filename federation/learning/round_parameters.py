"""What a round says of itself, all of it public, and what a branch's administrator allows.

The center writes `RoundParameters` and sends them with every round. The branch reads them as untrusted input, holds
them against its own `BranchPolicy`, and only then looks at its examples (`branch.contribution`). Nothing here is
derived from anyone's data. Torch-free.
"""

import json
import math
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from federation.errors import ParametersInvalid, PolicyInvalid, PolicyRefused
from federation.privacy.accounting import Spending, epsilon_of
from student.artifacts.digests import Digest, digest_bytes, digest_json

FORMAT: Final = "orilla-round"
FORMAT_VERSION: Final = 1
UNIT: Final = "customer"
NEIGHBORING: Final = "add-or-remove"
MODULUS_BITS: Final = 32
"""Sums are exact modulo 2^32; see `federation.privacy.noise.choose_scale` for how large a coordinate may get."""
MIN_SECURE_COHORT = 3
"""With two, each branch could subtract its own part from the sum."""

Mechanism = Literal["secure", "local"]
Part = Literal["head", "adapter"]
Purpose = Literal["train", "evaluate"]
MAX_HOLDOUT_SHARE: Final = 0.5
COUNTS: Final = 3
"""Counted of each group of labels: right before, right after, and all (`federation.learning.evaluation`)."""
_LEFT_OUT = {"purpose": "train", "holdout_share": 0.0, "known_labels": 0}
"""Fields that are not written where they say nothing: a run without evaluation is what it was before there were any."""
Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]
NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]


class RoundParameters(BaseModel):
    """One round of one run, in public.

    Attributes:
        run_id: of the run, the same in all its rounds.
        round_number: from 1 to `rounds`.
        rounds: how many the run is planned to have: what the policy is asked about.
        part: what is trained: the intent head or the query adapter.
        mechanism: "secure": each branch adds a share of the noise, only the sum is seen; "local": each adds all of it.
        clip_norm: L2 bound on one customer's contribution to a round's sum.
        noise_multiplier: standard deviation of the noise in the released sum, over the sum's sensitivity.
        minimum_survivors: branches whose updates must be in a sum for it to be opened; 1 where `mechanism` is local.
        colluders: of those, how many may subtract their own share of the noise with the guarantee still standing.
        contributions: most examples used of one customer.
        labels: C names in the order of the head's columns; empty for the adapter.
        dimension: D of the features: the feature map's for the head, the encoder's for the adapter.
        rank: of the adapter; 0 for the head.
        embedding_space: of the bundle that the examples are embedded with.
        feature_map_digest: of the public map from embeddings to the head's features; None for the adapter.
        weights_digest: of the weights this round's gradients are taken at.
        scale: integer units to 1.0 in the encoded sum, a power of two.
        purpose: "train", or "evaluate": count what the weights get right, of customers that are not trained on.
        holdout_share: share of the customers that the run never trains on, and evaluates with.
        known_labels: so many of the first labels are of the bundle's head, the others are counted apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["orilla-round"] = FORMAT
    format_version: Literal[1] = FORMAT_VERSION
    run_id: Name
    round_number: Annotated[int, Field(ge=1)]
    rounds: Annotated[int, Field(ge=1, le=10_000)]
    part: Part = "head"
    mechanism: Mechanism = "secure"
    clip_norm: Annotated[float, Field(gt=0, le=1e3, allow_inf_nan=False)] = 1.0
    noise_multiplier: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
    minimum_survivors: Annotated[int, Field(ge=1, le=100_000)]
    colluders: Annotated[int, Field(ge=0)] = 0
    contributions: Annotated[int, Field(ge=1, le=10_000)]
    labels: Annotated[tuple[Label, ...], Field(max_length=10_000, strict=False)] = ()
    dimension: Annotated[int, Field(ge=1, le=8192)]
    rank: Annotated[int, Field(ge=0, le=256)] = 0
    embedding_space: Digest
    feature_map_digest: Digest | None = None
    weights_digest: Digest
    scale: Annotated[int, Field(ge=2**6, le=2**20)] = 2**16
    purpose: Purpose = "train"
    holdout_share: Annotated[float, Field(ge=0, le=MAX_HOLDOUT_SHARE)] = 0.0
    known_labels: Annotated[int, Field(ge=0)] = 0
    unit: Literal["customer"] = UNIT
    neighboring: Literal["add-or-remove"] = NEIGHBORING

    @model_validator(mode="after")
    def _agree_with_each_other(self) -> Self:
        problems = {
            "round_number is past rounds": self.round_number > self.rounds,
            "a secure sum needs minimum_survivors of at least 3": self.mechanism == "secure"
            and self.minimum_survivors < MIN_SECURE_COHORT,
            "local noise has minimum_survivors 1 and no colluders": self.mechanism == "local"
            and (self.minimum_survivors, self.colluders) != (1, 0),
            "colluders must be fewer than minimum_survivors": self.colluders >= self.minimum_survivors,
            "a head needs two labels or more and rank 0": self.part == "head"
            and (len(self.labels) < 2 or self.rank > 0),
            "an adapter needs a rank and no labels": self.part == "adapter" and (self.rank < 1 or bool(self.labels)),
            "a head needs a feature map, an adapter none": (self.part == "head") == (self.feature_map_digest is None),
            "labels repeat": len(set(self.labels)) != len(self.labels),
            "an evaluation is of a head, with clip_norm 1, and needs held-out customers": self.purpose == "evaluate"
            and (self.part != "head" or self.clip_norm != 1 or self.holdout_share == 0),
            "known_labels is past labels": self.known_labels > len(self.labels),
            "scale is no power of two": self.scale & (self.scale - 1) != 0,
        }
        said = [what for what, is_so in problems.items() if is_so]
        if said:
            raise ValueError("; ".join(said))
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """Of the sum: that of the weights, or (groups of labels, 3) of an evaluation."""
        if self.purpose == "evaluate":
            return (2 if 0 < self.known_labels < len(self.labels) else 1), COUNTS
        return self.weights_shape

    @property
    def weights_shape(self) -> tuple[int, int]:
        """Of the weights: (D, C) for the head, (2, rank * D) for the adapter (A, and B transposed)."""
        if self.part == "head":
            return self.dimension, len(self.labels)
        return 2, self.rank * self.dimension

    @property
    def size(self) -> int:
        """Coordinates in the sum."""
        return self.shape[0] * self.shape[1]

    @property
    def noise_shares(self) -> int:
        """Honest branches whose shares make up the whole noise."""
        return self.minimum_survivors - self.colluders

    @property
    def spending(self) -> Spending:
        """What one release under these parameters costs a customer."""
        return Spending(noise_multiplier=self.noise_multiplier)

    @property
    def digest(self) -> str:
        """Names these parameters in ledgers and reports."""
        return digest_json(self._written)

    def to_json(self) -> str:
        """Their text; `parse_round` gives them back exactly."""
        return json.dumps(self._written, ensure_ascii=False, sort_keys=True)

    @property
    def _written(self) -> dict[str, Any]:
        value = self.model_dump(mode="json")
        return {name: said for name, said in value.items() if name not in _LEFT_OUT or said != _LEFT_OUT[name]}


def parse_round(text: str | bytes) -> RoundParameters:
    """Reads parameters that someone sent.

    Raises:
        ParametersInvalid: not JSON, an unknown or missing field, a value out of range or against another.
    """
    try:
        return RoundParameters.model_validate_json(text)
    except ValidationError as error:
        raise ParametersInvalid(f"the round's parameters are refused: {_first_problem(error)}") from error


class BranchPolicy(BaseModel):
    """What the branch's administrator allows, whatever the center asks for.

    Attributes:
        branch: the name of this branch.
        max_epsilon: most that a customer may ever lose at this branch, over all rounds, runs and parts.
        delta: at which epsilon is reckoned.
        mechanisms: "secure", "local" or both.
        parts: what may be trained.
        evaluates: whether noisy counts of what heads get right may be summed, within the same budget.
        minimum_survivors: fewest branches in a secure sum.
        minimum_colluders: fewest branches that may collude with the guarantee still standing.
        minimum_noise_multiplier: least noise in one release.
        max_contributions: most examples of one customer in a round.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    branch: Name
    max_epsilon: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
    delta: Annotated[float, Field(gt=0, le=1e-3)] = 1e-5
    mechanisms: Annotated[tuple[Mechanism, ...], Field(min_length=1, strict=False)] = ("secure",)
    parts: Annotated[tuple[Part, ...], Field(min_length=1, strict=False)] = ("head", "adapter")
    evaluates: bool = True
    minimum_survivors: Annotated[int, Field(ge=MIN_SECURE_COHORT)] = MIN_SECURE_COHORT
    minimum_colluders: Annotated[int, Field(ge=0)] = 0
    minimum_noise_multiplier: Annotated[float, Field(gt=0)] = 1.0
    max_contributions: Annotated[int, Field(ge=1)] = 50

    def check(self, parameters: RoundParameters) -> None:
        """Says nothing if the round may be taken part in.

        Raises:
            PolicyRefused: it may not; the message names the first rule it breaks.
        """
        for is_allowed, what, expected, got in self._rules(parameters):
            if not is_allowed:
                raise PolicyRefused(
                    f"round {parameters.round_number} of run {parameters.run_id} asks for {what} {got}; "
                    f"this branch's policy allows {expected}; ask the center for other parameters, or change the policy"
                )

    def _rules(self, asked: RoundParameters) -> list[tuple[bool, str, object, object]]:
        planned = epsilon_of({asked.spending: asked.rounds}, self.delta)
        is_secure = asked.mechanism == "secure"
        return [
            (asked.mechanism in self.mechanisms, "mechanism", ", ".join(self.mechanisms), asked.mechanism),
            (asked.part in self.parts, "part", ", ".join(self.parts), asked.part),
            (asked.purpose == "train" or self.evaluates, "purpose", "train", asked.purpose),
            (
                not is_secure or asked.minimum_survivors >= self.minimum_survivors,
                "minimum_survivors",
                f"{self.minimum_survivors} or more",
                asked.minimum_survivors,
            ),
            (
                not is_secure or asked.colluders >= self.minimum_colluders,
                "colluders",
                f"{self.minimum_colluders} or more",
                asked.colluders,
            ),
            (
                asked.noise_multiplier >= self.minimum_noise_multiplier,
                "noise_multiplier",
                f"{self.minimum_noise_multiplier} or more",
                asked.noise_multiplier,
            ),
            (
                asked.contributions <= self.max_contributions,
                "contributions",
                f"up to {self.max_contributions}",
                asked.contributions,
            ),
            (
                math.isfinite(planned) and planned <= self.max_epsilon,
                f"{asked.rounds} rounds that cost epsilon",
                f"epsilon {self.max_epsilon} at delta {self.delta} (per {UNIT}, {NEIGHBORING}, exact composition)",
                f"{planned:.4f}",
            ),
        ]


def read_policy(path: Path) -> BranchPolicy:
    """Reads a branch's policy, a JSON file.

    Raises:
        PolicyInvalid: missing, not JSON, an unknown field, or a value out of range.
    """
    try:
        return BranchPolicy.model_validate_json(path.read_bytes())
    except OSError as error:
        raise PolicyInvalid(f"policy {path} cannot be read: {error.strerror}; name a policy file") from error
    except ValidationError as error:
        raise PolicyInvalid(f"policy {path} is refused: {_first_problem(error)}; correct the file") from error


def digest_array(array: NDArray[Any]) -> str:
    """SHA-256 of an array's values as little-endian float32 with their shape: how parameters name arrays."""
    values = np.ascontiguousarray(array, dtype="<f4")
    return digest_bytes(f"{values.shape}".encode() + values.tobytes())


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the whole"
    return f"{error.error_count()} problem(s), first in {where}: {first['msg']}"
