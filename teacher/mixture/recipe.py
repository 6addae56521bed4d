"""The recipe of a teacher: one or several encoders and what each may say. A TOML file in `teacher/recipes`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from student.artifacts.json_lines import DataRefused
from student.artifacts.settings import read_settings
from teacher.encoders.settings import EncoderSettings


class VoiceSettings(EncoderSettings):
    """One encoder of a teacher.

    Attributes:
        weight: of its similarities in the mean of all.
        is_centered: its mean embedding by role is removed first, which spreads out embeddings that all lie in one
            corner of their space.
        languages: that it may speak for; in another it says what it says of a text's translation, and of a text
            without one what the other encoders let expect. None for all.
        stands_in_for: name of another encoder of the recipe, in whose space this one speaks of texts that the other may
            not speak for and has no translation of.
    """

    weight: Annotated[float, Field(gt=0)] = 1.0
    is_centered: bool = False
    languages: list[str] | None = None
    stands_in_for: str | None = None

    def reads(self, language: str | None) -> bool:
        """True if it may speak for a text of this language."""
        return self.languages is None or language is None or language in self.languages


class TeacherRecipe(BaseModel):
    """A teacher.

    Attributes:
        name: in lineage and model cards.
        dimension: of the targets; None for that of its only encoder.
        translation_pull: how far a text's target moves towards the mean of itself and its translation's, 0 to 1.
        translation_lead: the language that the teacher reads best: its side stays, and the other moves towards it.
        encoder: one or several.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    dimension: Annotated[int, Field(ge=8)] | None = None
    translation_pull: Annotated[float, Field(ge=0, le=1)] = 0.0
    translation_lead: Literal["en", "es"] | None = None
    encoder: Annotated[list[VoiceSettings], Field(min_length=1)]

    @property
    def blocks(self) -> list[VoiceSettings]:
        """The encoders side by side, those left out that stand in for others."""
        return [voice for voice in self.encoder if voice.stands_in_for is None]

    @model_validator(mode="after")
    def _stand_ins_name_encoders(self) -> Self:
        names = [voice.name for voice in self.blocks]
        for voice in self.encoder:
            if voice.stands_in_for is not None and names.count(voice.stands_in_for) != 1:
                raise ValueError(
                    f"stands_in_for of {voice.name} must name one encoder of the recipe that stands in for none: "
                    f"{', '.join(names)}"
                )
        return self


def read_teacher_recipe(path: Path) -> TeacherRecipe:
    """Reads a recipe; folders and files in it are found from its own folder. Raises `DataRefused`."""
    recipe = read_settings(path, TeacherRecipe, "teacher recipe", DataRefused)
    return found_from(path.parent, recipe)


def found_from(folder: Path, recipe: TeacherRecipe) -> TeacherRecipe:
    """A recipe that stands in a folder, its files found from where this process is."""
    return _with_paths(recipe, lambda path: folder / path)


def as_seen_from(folder: Path, recipe: TeacherRecipe) -> TeacherRecipe:
    """A recipe that is to stand in a folder: `found_from` finds its files again."""
    own = folder.resolve()
    return _with_paths(recipe, lambda path: Path(os.path.relpath(path.resolve(), own)))


def _with_paths(recipe: TeacherRecipe, change: Callable[[Path], Path]) -> TeacherRecipe:
    def changed(voice: VoiceSettings) -> VoiceSettings:
        update: dict[str, Any] = {} if voice.kind == "endpoint" else {"model": str(change(Path(voice.model)))}
        return voice.model_copy(update=update | ({"tokenizer": change(voice.tokenizer)} if voice.tokenizer else {}))

    return recipe.model_copy(update={"encoder": [changed(voice) for voice in recipe.encoder]})
