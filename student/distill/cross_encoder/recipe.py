"""The recipe of a cross-encoder: a TOML file such as `student/distill/recipes/cross-encoder.toml`."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from student.artifacts.settings import read_settings
from student.distill.encoder.recipe import RecipeRefused


class CrossEncoderRecipe(BaseModel):
    """Settings of a cross-encoder's training.

    Attributes:
        layers: of the bundle's encoder that it starts from; the table of pieces stays as it is there.
        steps: batches.
        lists: of a batch, by the beginning of the examples' kind; the last counts once a quarter of the run is over.
        texts: of a list: one that answers, and others.
        learning_rate: of the encoder's layers, after `warmup_steps`; it falls in the last `decay_steps`.
        head_rate: that of the new weights, as a multiple of it.
        answered_weight: of the loss by which each text is judged by itself, beside the one that compares them.
        other_weight: of a list's texts that do not answer in that loss; a text of a list without answers counts 1.
        hold_out: share of the groups, by kind, that is held out to measure.
        checkpoint_steps: how often.
        seed: of everything drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    steps: Annotated[int, Field(ge=1)]
    lists: Annotated[dict[str, tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]], Field(min_length=1)]
    texts: Annotated[int, Field(ge=2)] = 6
    learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    head_rate: Annotated[float, Field(gt=0)] = 3.0
    warmup_steps: Annotated[int, Field(ge=0)] = 150
    decay_steps: Annotated[int, Field(ge=1)] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    answered_weight: Annotated[float, Field(ge=0)] = 0.5
    other_weight: Annotated[float, Field(ge=0)] = 0.25
    hold_out: Annotated[float, Field(ge=0, lt=1)] = 0.06
    checkpoint_steps: Annotated[int, Field(ge=1)] = 100
    seed: int = 0


def read_cross_encoder_recipe(path: Path) -> CrossEncoderRecipe:
    """Reads a recipe. Raises `RecipeRefused`."""
    return read_settings(path, CrossEncoderRecipe, "recipe", RecipeRefused)
