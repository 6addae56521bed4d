"""The recipe of a student: its architecture and how it is trained. A TOML file in `student/distill/recipes`."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from student.artifacts.settings import read_settings
from student.distill.licenses import SpdxExpression
from student.errors import OrillaError


class RecipeRefused(OrillaError):
    """A recipe cannot be used."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Architecture(_Part):
    """A BERT that starts from the layers of another.

    Attributes:
        layers: which of the start's layers it begins with, first is 0; None for all of them and the start's own
            vocabulary, to go on from an earlier student.
        vocabulary: pieces in all; of a start with WordPiece `trained_vocabulary` of them are trained on the texts.
        max_tokens: its window, special tokens included; without `layers` at most the start's.
    """

    layers: Annotated[list[int], Field(min_length=1)] | None = None
    vocabulary: Annotated[int, Field(ge=200)] = 32_000
    trained_vocabulary: Annotated[int, Field(ge=200)] = 24_000
    max_tokens: Annotated[int, Field(ge=16, le=512)] = 256


class EncoderTraining(_Part):
    """Settings of the training.

    Attributes:
        steps, batch_size: batches, and texts in each, over all processes.
        max_tokens: texts are cut there while training.
        learning_rate: after `warmup_steps`, then linearly to 0, in the last `decay_steps` if they are given: such a run
            may be made longer when it has ended. AdamW, no dropout.
        int8_steps: the last so many compute as the int8 graph will, which then loses less; at most `decay_steps`, where
            these are given.
        similarity_weight, matryoshka_weight, intent_weight: of those losses beside the alignment; the last needs
            targets with intent logits.
        neighbor_weight: of the loss on how a text's nearest targets and 256 drawn ones rank, at `neighbor_temperature`.
        neighbors: how many nearest.
        intent_temperature: divides the logits of student and teacher in the intent loss.
        answer_share: of a batch, questions with what answers them; the rest are texts of any kind.
        answer_weight: of the contrastive loss on those, at `answer_temperature`.
        asks_teacher_of_negatives: texts that the teacher holds to answer as well are no negatives; false where the
            student is its own teacher, whose errors the answers shall mend.
        careless_share: of the texts drawn, those of at most 80 characters, that the student sees as people type in a
            hurry: in lower case and without accents.
        matryoshka_dimensions: first so many numbers.
        mix_weights: how often a text of each part of the mix is drawn, relative to its number; 1 by default.
        precision: `auto`, `bfloat16` or `float32`.
        compile: `auto` (on a GPU), `on` or `off`; a first step takes a minute longer.
        checkpoint_steps, validation_steps: how often.
        validation_share: of the texts, a thousand at most, that are not trained on; links to them are lost.
        seed: of everything drawn.
    """

    steps: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=2)] = 64
    max_tokens: Annotated[int, Field(ge=8)] = 128
    learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    warmup_steps: Annotated[int, Field(ge=0)] = 100
    decay_steps: Annotated[int, Field(ge=1)] | None = None
    int8_steps: Annotated[int, Field(ge=0)] = 0
    similarity_weight: Annotated[float, Field(ge=0)] = 5.0
    matryoshka_weight: Annotated[float, Field(ge=0)] = 1.0
    matryoshka_dimensions: list[int] = [128, 256]
    neighbor_weight: Annotated[float, Field(ge=0)] = 0.0
    neighbor_temperature: Annotated[float, Field(gt=0)] = 0.05
    neighbors: Annotated[int, Field(ge=1)] = 64
    intent_weight: Annotated[float, Field(ge=0)] = 0.0
    intent_temperature: Annotated[float, Field(gt=0)] = 2.0
    answer_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    answer_weight: Annotated[float, Field(ge=0)] = 0.0
    answer_temperature: Annotated[float, Field(gt=0)] = 0.05
    asks_teacher_of_negatives: bool = True
    careless_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    mix_weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    checkpoint_steps: Annotated[int, Field(ge=1)] = 500
    validation_steps: Annotated[int, Field(ge=1)] = 1000
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    seed: int = 0

    @model_validator(mode="after")
    def _only_the_last_steps_are_rounded(self) -> Self:
        if self.decay_steps is not None and self.int8_steps > self.decay_steps:
            raise ValueError("int8_steps is more than decay_steps: a run made longer could not go on from before them")
        return self

    def identity(self) -> dict[str, Any]:
        """The settings that no checkpoint may go on under others of; its length is none if it may be made longer."""
        length = ["steps", "decay_steps", "int8_steps"] if self.decay_steps is not None else []
        free = ["checkpoint_steps", "validation_steps", "compile", *length]
        return self.model_dump(exclude=set(free)) | {"may be made longer": self.decay_steps is not None}


class Bounds(_Part):
    """Bounds that a student must keep for a bundle to be written of it.

    Attributes:
        teacher_similarity: least mean cosine to the teacher on the validation texts at the end of the run.
        export_max_difference: ONNX float32 against torch, a coordinate's largest difference.
        int8_mean_similarity, int8_min_similarity: int8 against float32, cosine of a text's two embeddings.
        int8_ndcg_loss: int8 against float32, at finding a text by its beginning; what chance loses is allowed too.
        int8_top10_overlap: int8 against float32, share of a text's ten nearest that stay among them.
    """

    teacher_similarity: Annotated[float, Field(ge=-1, le=1)] = 0.0
    export_max_difference: Annotated[float, Field(gt=0)] = 1e-4
    int8_mean_similarity: Annotated[float, Field(ge=-1, le=1)] = 0.985
    int8_min_similarity: Annotated[float, Field(ge=-1, le=1)] = 0.95
    int8_top10_overlap: Annotated[float, Field(ge=0, le=1)] = 0.80
    int8_ndcg_loss: Annotated[float, Field(ge=0, le=1)] = 0.005


class StudentRecipe(_Part):
    """A student.

    Attributes:
        languages: that it reads.
        leaves_space: its embeddings are not to be compared with those of other students of its targets: it learns from
            answers what its teacher does not say, and an index must be embedded again.
        license: under which whoever trains it gives it away, an SPDX expression; that of the weights it starts from
            applies beside it.
    """

    name: str
    license: SpdxExpression = "LicenseRef-own"
    languages: Annotated[list[str], Field(min_length=1)]
    architecture: Architecture
    training: EncoderTraining
    bounds: Bounds = Bounds()
    leaves_space: bool = False


def read_student_recipe(path: Path) -> StudentRecipe:
    """Reads a recipe. Raises `RecipeRefused`."""
    return read_settings(path, StudentRecipe, "recipe", RecipeRefused)
