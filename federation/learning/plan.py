"""A run as the center plans it: everything public that its rounds have in common."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.learning.round_parameters import Mechanism, Part, Purpose, RoundParameters, digest_array
from federation.privacy.accounting import Spending, calibrate_noise
from federation.privacy.noise import choose_scale


@dataclass(frozen=True, slots=True)
class Cohort:
    """Who takes part, in public numbers.

    Attributes:
        branches: asked in every round.
        minimum_survivors: of whom so many must be in a sum.
        customers: a public estimate of how many the branches have together; sums are divided by it.
        colluders: survivors that may subtract their own noise with the guarantee still standing.
    """

    branches: int
    minimum_survivors: int
    customers: int
    colluders: int = 1


@dataclass(frozen=True, slots=True)
class Training:
    """How the weights move.

    Attributes:
        rounds: how many.
        learning_rate: of a step.
        momentum: share of the last step that is taken again.
        clip_norm: L2 bound of one customer's part in a round's sum.
        contributions: most examples of one customer.
    """

    rounds: int
    learning_rate: float
    momentum: float
    clip_norm: float = 1.0
    contributions: int = 20


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run, in public.

    Attributes:
        run_id: its name.
        part: what it trains.
        mechanism: "secure" or "local".
        cohort: who takes part.
        training: how.
        noise_multiplier: of each round.
        labels: of the head; empty for the adapter.
        dimension: of the features.
        rank: of the adapter; 0 for the head.
        embedding_space: of the bundle.
        feature_map_digest: of the head's map; None for the adapter.
        holdout_share: share of the customers that is kept for the evaluation; 0 where there is none.
        evaluation_multiplier: noise multiplier of the evaluation.
        known_labels: so many of the first labels are of the bundle's head.
    """

    run_id: str
    part: Part
    mechanism: Mechanism
    cohort: Cohort
    training: Training
    noise_multiplier: float
    labels: tuple[str, ...]
    dimension: int
    rank: int
    embedding_space: str
    feature_map_digest: str | None
    holdout_share: float = 0.0
    evaluation_multiplier: float = 0.0
    known_labels: int = 0

    @property
    def releases(self) -> dict[Spending, int]:
        """What the whole run costs a customer that is trained on."""
        return {Spending(self.noise_multiplier): self.training.rounds}

    def round(self, round_number: int, weights: NDArray[np.float32]) -> RoundParameters:
        """The parameters of one round, whose gradients are taken at these weights."""
        return self._parameters(
            weights,
            round_number=round_number,
            rounds=self.training.rounds,
            clip_norm=self.training.clip_norm,
            noise_multiplier=self.noise_multiplier,
        )

    def evaluation(self, weights: NDArray[np.float32]) -> RoundParameters:
        """The parameters of the evaluation of these weights, of which there is one."""
        return self._parameters(
            weights,
            round_number=1,
            rounds=1,
            clip_norm=1.0,
            noise_multiplier=self.evaluation_multiplier,
            purpose="evaluate",
            known_labels=self.known_labels,
        )

    def _parameters(
        self,
        weights: NDArray[np.float32],
        *,
        round_number: int,
        rounds: int,
        clip_norm: float,
        noise_multiplier: float,
        purpose: Purpose = "train",
        known_labels: int = 0,
    ) -> RoundParameters:
        is_secure = self.mechanism == "secure"
        survivors = self.cohort.minimum_survivors if is_secure else 1
        colluders = self.cohort.colluders if is_secure else 0
        return RoundParameters(
            run_id=self.run_id,
            round_number=round_number,
            rounds=rounds,
            part=self.part,
            mechanism=self.mechanism,
            clip_norm=clip_norm,
            noise_multiplier=noise_multiplier,
            minimum_survivors=survivors,
            colluders=colluders,
            contributions=self.training.contributions,
            labels=self.labels,
            dimension=self.dimension,
            rank=self.rank,
            embedding_space=self.embedding_space,
            feature_map_digest=self.feature_map_digest,
            weights_digest=digest_array(weights),
            scale=choose_scale(
                clip_norm=clip_norm,
                noise_multiplier=noise_multiplier,
                size=weights.size,
                customers=self.cohort.customers,
                cohort=self.cohort.branches,
                noise_shares=survivors - colluders,
            ),
            purpose=purpose,
            holdout_share=self.holdout_share,
            known_labels=known_labels,
        )


def plan_run(
    run_id: str,
    part: Part,
    *,
    epsilon: float,
    delta: float,
    dimension: int,
    embedding_space: str,
    cohort: Cohort,
    training: Training,
    mechanism: Mechanism = "secure",
    labels: tuple[str, ...] = (),
    rank: int = 0,
    feature_map_digest: str | None = None,
    spent: Mapping[Spending, int] | None = None,
    holdout_share: float = 0.0,
    evaluation_epsilon: float = 0.0,
    known_labels: int = 0,
) -> RunPlan:
    """A run that, with what is spent already, costs a customer this epsilon at this delta.

    Args:
        run_id: its name.
        part: what it trains.
        epsilon: of add-or-remove neighbors that differ in one customer, exactly composed over the rounds.
        delta: of the same.
        dimension: of the features.
        embedding_space: of the bundle.
        cohort: who takes part.
        training: how.
        mechanism: "secure" or "local".
        labels: of the head.
        rank: of the adapter.
        feature_map_digest: of the head's map.
        spent: by earlier runs on the same customers.
        holdout_share: share of the customers for an evaluation.
        evaluation_epsilon: what it costs those, at most `epsilon`; nothing else of the run costs them anything.
        known_labels: so many of the first labels are of the bundle's head.

    Raises:
        ValueError: what is spent leaves nothing.
    """
    return RunPlan(
        run_id=run_id,
        part=part,
        mechanism=mechanism,
        cohort=cohort,
        training=training,
        noise_multiplier=calibrate_noise(epsilon, delta, training.rounds, spent=spent),
        labels=labels,
        dimension=dimension,
        rank=rank,
        embedding_space=embedding_space,
        feature_map_digest=feature_map_digest,
        holdout_share=holdout_share,
        evaluation_multiplier=calibrate_noise(evaluation_epsilon, delta, 1, spent=spent) if holdout_share else 0.0,
        known_labels=known_labels,
    )
