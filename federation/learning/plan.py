"""A run as the center plans it: its settings, the public shape of what is trained, and the noise that both come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from federation.learning.features import Weights, digest_array
from federation.learning.part import PublicShape
from federation.learning.round_parameters import RoundParameters
from federation.learning.run_settings import RoundSettings, RunSettings
from federation.privacy.accounting import Spending, calibrate_noise
from federation.privacy.noise import choose_scale


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run, in public.

    Attributes:
        settings: of the run.
        shape: of the weights.
        noise_multiplier: of each round.
        evaluation_multiplier: noise multiplier of the evaluation; 0 where there is none.
        known_labels: so many of the first labels are of the bundle's head.
    """

    settings: RunSettings
    shape: PublicShape
    noise_multiplier: float
    evaluation_multiplier: float = 0.0
    known_labels: int = 0

    @property
    def run_id(self) -> str:
        """Name of the run."""
        return self.settings.run_id

    @property
    def releases(self) -> dict[Spending, int]:
        """The cost of the whole run to a customer that is trained on."""
        return {Spending(self.noise_multiplier): self.settings.rounds}

    def round(self, round_number: int, weights: Weights) -> RoundParameters:
        """The parameters of one round, whose gradients are taken at these weights."""
        changes = {"round_number": round_number, "noise_multiplier": self.noise_multiplier}
        return self._parameters(weights, changes)

    def evaluation(self, weights: Weights) -> RoundParameters:
        """The parameters of the evaluation of these weights, of which there is one."""
        changes = {
            "round_number": 1,
            "rounds": 1,
            "clip_norm": 1.0,
            "noise_multiplier": self.evaluation_multiplier,
            "purpose": "evaluate",
            "known_labels": self.known_labels,
        }
        return self._parameters(weights, changes)

    def _parameters(self, weights: Weights, changes: Mapping[str, Any]) -> RoundParameters:
        fields: dict[str, Any] = self.settings.model_dump(include=set(RoundSettings.model_fields))
        if self.settings.mechanism == "local":
            fields |= {"minimum_survivors": 1, "colluders": 0}
        fields |= {**self.shape.model_dump(), "weights_digest": digest_array(weights), **changes}
        scale = choose_scale(
            clip_norm=fields["clip_norm"],
            noise_multiplier=fields["noise_multiplier"],
            size=weights.size,
            customers=self.settings.customers,
            cohort=self.settings.branches,
            noise_shares=fields["minimum_survivors"] - fields["colluders"],
        )
        return RoundParameters(**fields, scale=scale)


def plan_run(
    settings: RunSettings,
    shape: PublicShape,
    *,
    known_labels: int = 0,
    spent: Mapping[Spending, int] | None = None,
) -> RunPlan:
    """A run that, with what is spent already, costs a customer its settings' epsilon at their delta.

    Args:
        settings: of the run.
        shape: of the weights.
        known_labels: so many of the first labels are of the bundle's head.
        spent: by earlier runs on the same customers.

    Raises:
        ValueError: what is spent leaves nothing.
    """
    epsilon, delta = settings.epsilon, settings.delta
    for_evaluation = min(settings.evaluation_epsilon, epsilon)
    return RunPlan(
        settings,
        shape,
        calibrate_noise(epsilon, delta, settings.rounds, spent=spent),
        calibrate_noise(for_evaluation, delta, 1, spent=spent) if settings.holdout_share else 0.0,
        known_labels,
    )
