"""The recipe of a verifier's examples: which guides, messages and questions they are made from. TOML, in `recipes`."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from student.artifacts.json_lines import DataRefused
from student.artifacts.settings import read_settings
from student.distill.licenses import SpdxExpression


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    license: SpdxExpression


class Guides(_File):
    """A file of guides, or a folder of documents as a branch has them.

    Attributes:
        file: below the data folder; JSON lines of `id`, `title`, `body_markdown` and maybe `lang`, or a folder.
        license: of it, an SPDX expression.
        count: at most so many guides are drawn.
        is_about_messages: some of its passages may answer some of the messages; none is paired with one then.
    """

    count: Annotated[int, Field(ge=1)] = 1000
    is_about_messages: bool = False


class Messages(_File):
    """A file of messages that no guide answers: JSON lines of `text`.

    Attributes:
        file: below the data folder.
        license: of it, an SPDX expression.
        hold_out: share held out, by the text, to measure with.
        count: at most so many are drawn.
    """

    hold_out: Annotated[float, Field(ge=0, lt=1)] = 0.15
    count: Annotated[int, Field(ge=1)] = 1200


class Segments(_File):
    """A file of translations, to ask for a sentence in the other language: JSON lines of `en` and `es`."""


class QuestionsRecipe(BaseModel):
    """Examples for the answerability verifier.

    Attributes:
        passages_each: at most so many passages of a guide.
        max_tokens: of a passage.
        written: a file of questions written by hand on some of the guides (`guide_passages.read_written`), below the
            recipe's folder; None for none.
        areas_held_out: products or companies of which no guide and no written question is used: the beginning of a
            guide's `id`.
        guides, messages, segments: see their classes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    passages_each: Annotated[int, Field(ge=1)] = 5
    max_tokens: Annotated[int, Field(ge=16)] = 160
    written: Path | None = None
    areas_held_out: list[str] = []
    guides: Annotated[list[Guides], Field(min_length=1)]
    messages: list[Messages] = []
    segments: list[Segments] = []


def read_questions_recipe(path: Path) -> QuestionsRecipe:
    """Reads a recipe; `written` becomes a path that can be opened. Raises `DataRefused`."""
    recipe = read_settings(path, QuestionsRecipe, "questions recipe", DataRefused)
    return recipe.model_copy(update={"written": path.parent / recipe.written}) if recipe.written else recipe
