"""Settings of a run, each declared once: those of a round, of a whole run, and of the part that is trained.

They are small and are combined by inheritance, so that a recipe or a round's parameters stay one flat table. A recipe
(`federation.center.run_recipe`) is a `RunSettings`; a round's parameters (`federation.learning.round_parameters`) are a
`RoundSettings`. All of them are public.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Mechanism = Literal["secure", "local"]
NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
MAX_HOLDOUT_SHARE: Final = 0.5


class Settings(BaseModel):
    """Frozen settings that refuse unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PartChoice(Settings):
    """The part that is trained.

    Attributes:
        part: its name in `federation.learning.parts`.
        rank: of a low-rank part such as the query adapter; 0 for others.
    """

    part: Name = "head"
    rank: Annotated[int, Field(ge=0, le=256)] = 0


class PartSettings(PartChoice):
    """Settings that a part needs at the center to begin a run; see `federation.learning.part.TrainedPart.prepare`.

    Attributes:
        new_labels: that the bundle's head lacks; they start from what their names mean.
        keeps_labels: whether the head's own labels stay; if not, new_labels are all there are.
        public_texts: texts like those at the branches, none of them from one: `{"text": …}` lines.
        feature_dimension: directions of the feature map; for heads.
        validation: the center's own labelled texts, `{"text": …, "intent": …}` lines; for the adapter questions and
            what answers them, `{"text": …, "passage": …}`.
    """

    new_labels: tuple[Label, ...] = ()
    keeps_labels: bool = True
    public_texts: Path
    feature_dimension: Annotated[int, Field(ge=2, le=8192)] = 256
    validation: Path


class SumSettings(Settings):
    """Settings by which one branch's examples become its sum.

    Attributes:
        clip_norm: L2 bound on one customer's contribution to a round's sum.
        contributions: most examples used of one customer.
    """

    clip_norm: Annotated[float, Field(gt=0, le=1e3, allow_inf_nan=False)] = 1.0
    contributions: Annotated[int, Field(ge=1, le=10_000)] = 20


class RoundSettings(SumSettings):
    """Settings that every round of a run has in common.

    Attributes:
        run_id: name of the run.
        rounds: how many the run is planned to have: what a branch's policy is asked about.
        mechanism: "secure": each branch adds a share of the noise, only the sum is seen; "local": each adds all of it.
        minimum_survivors: branches whose updates must be in a sum for it to be opened.
        colluders: of those, how many may subtract their own share of the noise with the guarantee still standing.
        holdout_share: share of each branch's customers that the run never trains on, and evaluates with.
    """

    run_id: Name
    rounds: Annotated[int, Field(ge=1, le=10_000)]
    mechanism: Mechanism = "secure"
    minimum_survivors: Annotated[int, Field(ge=1, le=100_000)]
    colluders: Annotated[int, Field(ge=0)] = 0
    holdout_share: Annotated[float, Field(ge=0, le=MAX_HOLDOUT_SHARE)] = 0.0


class RunSettings(RoundSettings):
    """Settings that the center decides for a whole run.

    Attributes:
        epsilon, delta: what one customer may lose in this run (add-or-remove neighbors, exact composition).
        evaluation_epsilon: what the evaluation may cost held-out customers, and at most `epsilon`.
        branches: asked in every round.
        customers: of all branches together, an estimate from public knowledge; sums are divided by it.
        learning_rate, momentum: of the center's steps.
    """

    epsilon: Positive
    delta: Annotated[float, Field(gt=0, le=1e-3)] = 1e-5
    evaluation_epsilon: Positive = 3.0
    branches: Annotated[int, Field(ge=1)]
    customers: Annotated[int, Field(ge=1)]
    learning_rate: Positive = 60.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.8
