"""A run's recipe: what a central team writes down before a run.

Everything in it is public, and may be shown to branches before they join. Noise is not written but follows from the
budget. `federation.center.prepared_run` makes a folder from it that holds all that the rounds need.
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from federation.errors import ParametersInvalid
from federation.learning.parts import part_named
from federation.learning.run_settings import PartSettings, Positive, RunSettings
from federation.secure_aggregation.peers import MIN_SECURE_COHORT
from student.artifacts.digests import digest_json
from student.artifacts.settings import read_settings
from student.bundle import DEFAULT_BUNDLE


class RunRecipe(RunSettings, PartSettings):
    """A run of one part, in public: settings of the run and of its part, the bundle, the gate, and deadlines.

    Attributes:
        bundle: folder of the bundle that branches have, relative to the recipe; by default the one that is installed.
        max_regression: accuracy on the validation set that a release may lose against the bundle's head, or against
            the start of the first round where that is better; more, and there is none.
        max_regression_at_branches: accuracy there that a release may lose, beyond twice the standard error of the
            noise; None to report it alone.
        attempts: at a round that ends with too few branches; each costs those that took part.
        branches_timeout_s: for `branches` to be there.
        step_timeout_s: for the answers to one message.
    """

    bundle: Path = DEFAULT_BUNDLE
    max_regression: Annotated[float, Field(ge=0, le=1)] = 0.0
    max_regression_at_branches: Annotated[float, Field(ge=0, le=1)] | None = None
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    branches_timeout_s: Positive = 600.0
    step_timeout_s: Positive = 120.0

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        part = part_named(self.part)
        part.check_settings(self)
        if self.branches < self.minimum_survivors:
            raise ValueError("minimum_survivors is larger than branches")
        if self.holdout_share and not part.is_evaluated:
            raise ValueError(f"an evaluation counts labels: a run of the {part.name} has none")
        if self.max_regression_at_branches is not None and not self.holdout_share:
            raise ValueError("max_regression_at_branches needs a holdout_share")
        if self.mechanism == "secure" and self.minimum_survivors < MIN_SECURE_COHORT:
            raise ValueError(f"a secure sum needs minimum_survivors of {MIN_SECURE_COHORT} or more")
        return self

    @property
    def digest(self) -> str:
        """Names the recipe: a run goes on under the same one only."""
        return digest_json(self.model_dump(mode="json"))


def read_recipe(path: Path) -> RunRecipe:
    """Reads a recipe; its paths become absolute.

    Raises:
        ParametersInvalid: not readable, an unknown field, or a value out of range.
    """
    recipe = read_settings(path, RunRecipe, "recipe", ParametersInvalid)
    here = path.absolute().parent
    return recipe.model_copy(
        update={name: here / getattr(recipe, name) for name in ("bundle", "public_texts", "validation")}
    )
