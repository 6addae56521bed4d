"""The recipe of an answerability verifier: a TOML file such as `student/distill/recipes/verifier.toml`."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from student.artifacts.settings import read_settings
from student.distill.encoder.recipe import RecipeRefused


class VerifierRecipe(BaseModel):
    """Settings of a verifier's training.

    Attributes:
        steps, batch_size: batches, and examples in each.
        learning_rate: after `warmup_steps`, then linearly to 0. AdamW.
        positive_weight: of the passages that answer, which are fewer.
        place_weight: of the loss for where the answer stands.
        favored, first_share, last_share: examples whose kind starts so make up that share of a batch, rising from the
            first to the last over the first half of the run.
        kind_weights: how often an example of another kind is drawn, relative to their number; 1 by default.
        hold_out: share of the favored groups that is held out to measure.
        checkpoint_steps: how often.
        seed: of everything drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=2)] = 56
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    warmup_steps: Annotated[int, Field(ge=0)] = 100
    positive_weight: Annotated[float, Field(gt=0)] = 2.0
    place_weight: Annotated[float, Field(ge=0)] = 0.3
    favored: str = "written"
    first_share: Annotated[float, Field(ge=0, le=1)] = 0.15
    last_share: Annotated[float, Field(ge=0, le=1)] = 0.65
    kind_weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    hold_out: Annotated[float, Field(ge=0, lt=1)] = 0.15
    checkpoint_steps: Annotated[int, Field(ge=1)] = 100
    seed: int = 0


def read_verifier_recipe(path: Path) -> VerifierRecipe:
    """Reads a recipe. Raises `RecipeRefused`."""
    return read_settings(path, VerifierRecipe, "recipe", RecipeRefused)
