"""Inputs of an iteration: its recipe, a TOML file in `teacher/recipes`, and the teacher and data it begins with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from student.artifacts.json_lines import DataRefused
from student.artifacts.settings import read_settings
from student.distill.encoder.recipe import StudentRecipe
from student.distill.pretrained import Pretrained
from teacher.mixture.teacher import Teacher
from teacher.training.recipe import Absorption


class FederationSettings(BaseModel):
    """Settings of the federation's run: see `federation.center.run_recipe.RunRecipe`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: int
    epsilon: float
    learning_rate: float
    momentum: float
    clip_norm: float
    feature_dimension: int
    max_regression: float


class IterationRecipe(BaseModel):
    """Settings of one iteration.

    Attributes:
        name: of the recipe.
        messages: JSON lines of text and label (or intent), below the data folder; `hold_out` of them are the test.
        public: JSON lines of texts that came from no branch.
        branches: how many; the last one has no message of a new intent.
        new_intents: known at branches only.
        labelled: messages of each other intent that the center has labelled; a quarter of them validate releases.
        language: of the knowledge base's questions that are asked.
        federation, absorption, student: settings of each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    messages: Path
    public: tuple[Path, ...]
    hold_out: Annotated[float, Field(gt=0, lt=0.5)] = 0.2
    branches: Annotated[int, Field(ge=3)] = 3
    new_intents: Annotated[int, Field(ge=1)]
    labelled: Annotated[int, Field(ge=12)]
    language: str = "en"
    federation: FederationSettings
    absorption: Absorption
    student: StudentRecipe


def read_iteration_recipe(path: Path) -> IterationRecipe:
    """Reads a recipe. Raises `DataRefused`."""
    return read_settings(path, IterationRecipe, "recipe of an iteration", DataRefused)


@dataclass(frozen=True, slots=True)
class IterationInputs:
    """The teacher and the data that an iteration begins with.

    Attributes:
        teacher: as it is; a mixture gets its reduction when it labels.
        start: weights that the student starts from.
        data: folder of the recipe's files.
        knowledge_base: folder of documents that every branch ingests.
    """

    teacher: Teacher
    start: Pretrained
    data: Path
    knowledge_base: Path
