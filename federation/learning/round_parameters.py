"""The public parameters of one round, as the center sends them and a branch reads them: untrusted input.

The branch compares them with its own policy (`federation.branch.policy`) and only then looks at its examples. Nothing
here is derived from anyone's data. Torch-free.
"""

import json
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from federation.errors import ParametersInvalid, UpdateInvalid
from federation.learning.clipping import check_weights
from federation.learning.features import FeatureMap, Weights, digest_array
from federation.learning.part import PartExamples, SumParameters
from federation.learning.parts import part_named
from federation.learning.run_settings import RoundSettings
from federation.privacy.accounting import NEIGHBORING, UNIT, Spending
from federation.secure_aggregation.peers import MIN_SECURE_COHORT
from student.artifacts.digests import Digest, digest_json
from student.artifacts.settings import first_problem

FORMAT: Final = "orilla-round"
FORMAT_VERSION: Final = 2
_LEFT_OUT = {"purpose": "train", "holdout_share": 0.0, "known_labels": 0}
"""Fields that are not written where they say nothing: a run without evaluation is what it was before there were any."""


class RoundParameters(RoundSettings, SumParameters):
    """One round of one run, in public: what all its rounds share, what is trained, and what is of this round alone.

    `minimum_survivors` is 1 where `mechanism` is local.

    Attributes:
        round_number: from 1 to `rounds`.
        noise_multiplier: standard deviation of the noise in the released sum, over the sum's sensitivity.
        weights_digest: of the weights this round's gradients are taken at.
        scale: integer units to 1.0 in the encoded sum, a power of two.
    """

    model_config = ConfigDict(strict=True)

    format: Literal["orilla-round"] = FORMAT
    format_version: Literal[2] = FORMAT_VERSION
    round_number: Annotated[int, Field(ge=1)]
    noise_multiplier: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
    weights_digest: Digest
    scale: Annotated[int, Field(ge=2**6, le=2**20)] = 2**16
    unit: Literal["customer"] = UNIT
    neighboring: Literal["add-or-remove"] = NEIGHBORING

    @model_validator(mode="after")
    def _agree_with_each_other(self) -> Self:
        part = part_named(self.part)
        part.check_shape(self)
        problems = {
            "round_number is past rounds": self.round_number > self.rounds,
            "a secure sum needs minimum_survivors of at least 3": self.mechanism == "secure"
            and self.minimum_survivors < MIN_SECURE_COHORT,
            "local noise has minimum_survivors 1 and no colluders": self.mechanism == "local"
            and (self.minimum_survivors, self.colluders) != (1, 0),
            "colluders must be fewer than minimum_survivors": self.colluders >= self.minimum_survivors,
            "labels repeat": len(set(self.labels)) != len(self.labels),
            "an evaluation is of a part with labels, with clip_norm 1, and needs held-out customers": (
                self.purpose == "evaluate" and (not part.is_evaluated or self.clip_norm != 1 or self.holdout_share == 0)
            ),
            "known_labels is past labels": self.known_labels > len(self.labels),
            "scale is no power of two": self.scale & (self.scale - 1) != 0,
        }
        found = [what for what, is_so in problems.items() if is_so]
        if found:
            raise ValueError("; ".join(found))
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """Of the sum: that of the weights, or (groups of labels, 3) of an evaluation."""
        return self.counts_shape if self.purpose == "evaluate" else self.weights_shape

    @property
    def weights_shape(self) -> tuple[int, int]:
        """Of the weights, as their part has them."""
        return part_named(self.part).weights_shape(self)

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
        """The cost to a customer of one release under these parameters."""
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
        return {name: field for name, field in value.items() if name not in _LEFT_OUT or field != _LEFT_OUT[name]}


def parse_round(text: str | bytes) -> RoundParameters:
    """Reads parameters that someone sent.

    Raises:
        ParametersInvalid: not JSON, an unknown or missing field, a value out of range or against another.
    """
    try:
        return RoundParameters.model_validate_json(text)
    except ValidationError as error:
        raise ParametersInvalid(f"the round's parameters are refused: {first_problem(error)}") from error


def check_what_was_sent(
    parameters: RoundParameters, weights: Weights, examples: PartExamples, feature_map: FeatureMap | None
) -> None:
    """Compares what a branch was sent, and its own examples, with what the parameters name.

    Args:
        parameters: of the round.
        weights: as they came.
        examples: the branch's own.
        feature_map: as it came; None where none did.

    Raises:
        UpdateInvalid: something differs.
    """
    check_weights(weights, parameters.weights_shape)
    differences = [
        ("weights", parameters.weights_digest, digest_array(weights)),
        ("feature map", parameters.feature_map_digest, feature_map.digest if feature_map else None),
        ("embedding space", parameters.embedding_space, examples.embedding_space),
        ("part", parameters.part, examples.part),
        ("dimension", parameters.dimension, feature_map.projection.shape[1] if feature_map else parameters.dimension),
    ]
    for what, expected, got in differences:
        if expected != got:
            raise UpdateInvalid(
                f"round {parameters.round_number} of run {parameters.run_id}: {what} is {got}, but its parameters name "
                f"{expected}; the branch's bundle may be older than the run: update it, or ask the center"
            )
