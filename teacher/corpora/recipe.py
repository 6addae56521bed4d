"""The recipe of a corpus: which files a teacher labels and what is held out of them. TOML, in `teacher/recipes`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from student.artifacts.json_lines import DataRefused
from student.artifacts.settings import read_settings
from student.distill.licenses import SpdxExpression
from teacher.roles import Role

Kind = Literal["texts", "pairs", "passages", "guides", "guide_pages", "guide_pairs", "answers", "written", "folder"]

_PACKAGE_DATA = Path(__file__).parents[1] / "data"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Model):
    """One file of the corpus.

    Attributes:
        mix: the name of the part of the mix that its texts belong to.
        kind: `texts` (a text a row), `pairs` (`en` and `es` a row), `passages` (consecutive pairs joined to
            passages), `guides` (titles, excerpts and passages of `language`), `guide_pages` (longer passages of
            guides, without titles), `guide_pairs` (titles and excerpts of translated guides; `file` lists pairs,
            `articles` holds the guides), `answers` (a question or heading and the text that answers it), `written`
            (questions that were written on passages of guides, and those passages) or `folder` (documents as a branch
            has them, Markdown, Word, PDF and others: `teacher.corpora.documents`).
        file, articles: below the data folder; a folder for `folder`, "." for the data folder itself; of `written` a
            file of this package's `teacher/data`.
        field: the text's name in a row of `texts`; the question's in a row of `answers`.
        answer: names of the columns of `answers` that are joined to the text that answers; absent ones are left out.
        translated: the column of `answers` that holds the question in the other language, where there is one.
        intent_field: the intent's name in a row of `texts`, where the rows have one.
        role: of the texts of `texts`: asked, or asked for.
        joined: how many pairs make a passage, at least and at most.
        hold_out: share held out, by the row's text, or by the guide's `pair_id` or `id`; of `folder`, of its documents.
        share: of the rows to take, by the same key; the areas of `capped` take `capped_share`.
        is_whole: its texts are taken also where of the corpus only a share is.
        language: of the texts; rows of another `lang` are left out.
        license: of the file, an SPDX expression.
    """

    mix: str
    kind: Kind
    file: str
    articles: str | None = None
    field: str = "text"
    answer: list[str] = []
    translated: str | None = None
    intent_field: str | None = None
    role: Role = Role.PASSAGE
    joined: tuple[Annotated[int, Field(ge=2)], int] = (2, 6)
    hold_out: Annotated[float, Field(ge=0, lt=1)] = 0.0
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    capped: list[str] = []
    capped_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    is_whole: bool = False
    language: str | None = None
    license: SpdxExpression

    def path(self, data: Path) -> Path:
        """Of its file or folder."""
        return (_PACKAGE_DATA if self.kind == "written" else data) / self.file


class CorpusRecipe(_Model):
    """A corpus.

    Attributes:
        name: of the recipe.
        max_chars: longer texts are cut there.
        areas_held_out: products, companies or subjects that no source brings in; of a row, the beginning of its `id`,
            `source` or `subject` (`sources.py`).
        guides_held_out: guides whose sentences no source may bring in by another way.
        attributions: whom licences ask to name, and where their texts are found, by file or folder.
        source: its files.
    """

    name: str
    max_chars: Annotated[int, Field(ge=50)] = 1200
    areas_held_out: list[str] = []
    attributions: dict[str, str] = {}
    guides_held_out: list[Source] = []
    source: Annotated[list[Source], Field(min_length=1)]


def read_corpus_recipe(path: Path) -> CorpusRecipe:
    """Reads a recipe. Raises `DataRefused`."""
    return read_settings(path, CorpusRecipe, "corpus recipe", DataRefused)
