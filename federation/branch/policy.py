"""A branch's policy: what its administrator allows, whatever the center asks for."""

import math
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from federation.errors import PolicyInvalid, PolicyRefused
from federation.learning.round_parameters import RoundParameters
from federation.learning.run_settings import Mechanism, Name
from federation.privacy.accounting import NEIGHBORING, UNIT, epsilon_of
from federation.secure_aggregation.peers import MIN_SECURE_COHORT
from student.artifacts.settings import read_settings


class BranchPolicy(BaseModel):
    """The rules of a branch; a round that breaks one of them is refused before an example is read.

    Attributes:
        branch: the name of this branch.
        max_epsilon: most that a customer may ever lose at this branch, over all rounds, runs and parts.
        delta: at which epsilon is computed.
        mechanisms: "secure", "local" or both.
        parts: names of what may be trained; a part that is added to the program later has to be added here too.
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
    parts: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)] = ("head", "adapter")
    evaluates: bool = True
    minimum_survivors: Annotated[int, Field(ge=MIN_SECURE_COHORT)] = MIN_SECURE_COHORT
    minimum_colluders: Annotated[int, Field(ge=0)] = 0
    minimum_noise_multiplier: Annotated[float, Field(gt=0)] = 1.0
    max_contributions: Annotated[int, Field(ge=1)] = 50

    def check(self, parameters: RoundParameters) -> None:
        """Checks a round against every rule.

        Raises:
            PolicyRefused: unless all of them allow it; the message names the first rule that is broken.
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
    return read_settings(path, BranchPolicy, "policy", PolicyInvalid)
