"""The recipe of a cross-encoder's examples: which questions and answers they are made from. TOML, in `recipes`."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from student.artifacts.json_lines import DataRefused
from student.artifacts.settings import read_settings
from student.distill.licenses import SpdxExpression


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnswersSource(_Model):
    """A file of questions and what answers them, JSON lines.

    Attributes:
        file: below the data folder.
        language: of its answers, and of its questions.
        field, text: columns of the question and of the text that answers it.
        heading: column of what stands above the text; None where there is none.
        translated: column of the question in the other language, where there is one.
        share: of the rows to take, chosen by digest; the areas of `capped` take `capped_share`.
        license: of the file, an SPDX expression.
    """

    file: str
    language: str
    field: str = "question"
    text: str
    heading: str | None = None
    translated: str | None = None
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    capped: list[str] = []
    capped_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    license: SpdxExpression


class RankingsRecipe(_Model):
    """Examples for a cross-encoder.

    Attributes:
        name: of the recipe.
        written: a file of questions written by hand on passages of guides (`guide_passages.read_written`), below the
            recipe's folder; None for none.
        areas_held_out: products, companies or subjects that no source brings in.
        max_chars: longer texts are cut there.
        compared_chars: of a text, what its embedding is made of when near ones are looked for.
        others: texts that do not answer, of each question.
        among, drawn_among: they are drawn from so many nearest, after those that may answer are left out.
        alike: texts at least this similar to the answer may answer too.
        nearer: texts nearer to the question than the answer by this much may answer too.
        other_language: what a text in another language than the answer loses.
        source: the files.
    """

    name: str
    written: Path | None = None
    areas_held_out: list[str] = []
    max_chars: Annotated[int, Field(ge=50)] = 900
    compared_chars: Annotated[int, Field(ge=50)] = 500
    others: Annotated[int, Field(ge=1)] = 8
    among: Annotated[int, Field(ge=1)] = 60
    drawn_among: Annotated[int, Field(ge=1)] = 25
    alike: Annotated[float, Field(gt=0, le=1)] = 0.9
    nearer: float = 0.12
    other_language: Annotated[float, Field(ge=0)] = 0.08
    source: list[AnswersSource] = []


def read_rankings_recipe(path: Path) -> RankingsRecipe:
    """Reads a recipe; `written` becomes a path. Raises `DataRefused`."""
    recipe = read_settings(path, RankingsRecipe, "rankings recipe", DataRefused)
    own = path.parent / recipe.written if recipe.written else None
    if own and not own.is_file():
        raise DataRefused(f"{path} names the written questions {own}, which is no file; correct `written`")
    return recipe.model_copy(update={"written": own})
