"""The recipes of fine-tuning a teacher and of absorbing a release, TOML files in `teacher/recipes`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from student.artifacts.settings import read_settings
from teacher.errors import AbsorptionRefused, TrainingRefused


class FineTuningRecipe(BaseModel):
    """Settings of a fine-tuning.

    Attributes:
        name: of the recipe.
        steps: at most so many; training ends early after `patience` validations without a better score.
        batch_size: pairs in a step, over all processes; `messages` labelled messages beside them.
        accumulation: each step is computed in so many parts, for less memory.
        max_tokens: texts are cut there.
        learning_rate: after `warmup_steps`, then linearly to 0; AdamW. The intent head's is `head_learning_rate`.
        temperature: of the contrastive loss.
        negatives: hard ones mined for each query, one of which is drawn; `negatives_share` of the answer's
            similarity is where a passage counts as another answer.
        intent_weight: of the cross-entropy of intents beside the contrastive loss.
        validation_share, test_share: of guides and of messages.
        precision: `auto`, `bfloat16` or `float32`.
        validation_steps: how often it is validated and a checkpoint written.
        seed: of everything drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    steps: Annotated[int, Field(ge=1)] = 1000
    batch_size: Annotated[int, Field(ge=2)] = 32
    messages: Annotated[int, Field(ge=1)] = 32
    accumulation: Annotated[int, Field(ge=1)] = 1
    max_tokens: Annotated[int, Field(ge=8)] = 192
    learning_rate: Annotated[float, Field(gt=0)] = 2e-5
    head_learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    temperature: Annotated[float, Field(gt=0)] = 0.05
    negatives: Annotated[int, Field(ge=1)] = 8
    negatives_share: Annotated[float, Field(gt=0, le=1)] = 0.95
    intent_weight: Annotated[float, Field(ge=0)] = 0.2
    validation_share: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    test_share: Annotated[float, Field(gt=0, lt=0.5)] = 0.1
    patience: Annotated[int, Field(ge=1)] = 3
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    validation_steps: Annotated[int, Field(ge=1)] = 100
    seed: int = 0


def read_fine_tuning_recipe(path: Path) -> FineTuningRecipe:
    """Reads a recipe. Raises `TrainingRefused`."""
    return read_settings(path, FineTuningRecipe, "recipe", TrainingRefused)


class Absorption(BaseModel):
    """Settings of an absorption.

    Attributes:
        name: of the recipe.
        texts: public ones used at most, chosen by digest.
        regularizations: weights that keep the center's labelled texts from labels that they do not use (see
            `head_distillation.py`); the first that keeps what the teacher knew on the validation part is used.
        max_regression: accuracy that any language, segment or label known before may lose (`absorbing.gates`).
        max_epsilon: largest epsilon in a branch's ledger after the release, over all its runs.
        validation_share, test_share: of the center's labelled texts.
        seed: of that split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    texts: Annotated[int, Field(ge=1)] = 20_000
    regularizations: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)] = (0, 0.1, 0.3, 1, 3)
    max_regression: Annotated[float, Field(ge=0, le=1)] = 0.005
    max_epsilon: Annotated[float, Field(gt=0, le=100)] = 8.0
    validation_share: Annotated[float, Field(gt=0, lt=0.5)] = 0.15
    test_share: Annotated[float, Field(gt=0, lt=0.5)] = 0.15
    seed: int = 0


def read_absorption(path: Path) -> Absorption:
    """Reads a recipe. Raises `AbsorptionRefused`."""
    return read_settings(path, Absorption, "recipe", AbsorptionRefused)
