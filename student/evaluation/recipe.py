"""The recipe of an evaluation: which tasks, made of which files. A TOML file; files are found from its own folder.

Which rows are held out of training is decided by `student.artifacts.json_lines.is_held_out`, as `orilla teacher label`
decides it.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from student.artifacts.json_lines import DataRefused
from student.artifacts.settings import read_settings

Share = Annotated[float, Field(gt=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GuidesEntry(_Part):
    """Title → guide. A folder holds `articles.jsonl` and, where there are translations, `pairs.jsonl`.

    Attributes:
        hold_out: the share of pairs that training did not see, by `pair_id`; only those are used. Without
            `pairs.jsonl`, of guides, by `id`.
        languages: each is searched in each; without `pairs.jsonl` there may be one.
    """

    kind: Literal["guides"]
    name: str
    folders: Annotated[list[str], Field(min_length=1)]
    hold_out: Share
    languages: list[str] = ["en", "es"]


class TranslationsEntry(_Part):
    """A text → its translation among all those held out, by the first language's text."""

    kind: Literal["translations"]
    name: str
    file: str
    hold_out: Share
    languages: tuple[str, str] = ("en", "es")


class QuestionsEntry(_Part):
    """A question → the section that holds the quote which answers it, or the article that it is of.

    Attributes:
        file: rows of `text`, `language`, `gold` (an article below `documents`) and `quote` (a sentence of it).
        documents: a folder of Markdown for each language.
        find: `section`, or `article`, which is as near as its nearest section.
        where: only rows with these values are read.
    """

    kind: Literal["questions"]
    name: str
    file: str
    documents: str
    find: Literal["section", "article"] = "section"
    where: dict[str, str] = {}
    languages: list[str] = ["en", "es"]


class GuideQuestionsEntry(_Part):
    """A customer's question → the guide that answers it, among all guides of the same product and language.

    Attributes:
        file: rows of `text`, `language` and `guide`, the `id` of a guide, which begins with the product and a colon.
        guides: by language, a file of `id`, `title` and `body_markdown`. A guide is as near as its nearest passage.
        share: of the guides that answer no question, by a digest of their `id`.
        where: only rows with these values are read.
    """

    kind: Literal["guide_questions"]
    name: str
    file: str
    guides: Annotated[dict[str, str], Field(min_length=1)]
    share: Share = 1.0
    where: dict[str, str] = {}


class DistractorsEntry(_Part):
    """Texts that answer none of the questions.

    Attributes:
        file: rows of texts.
        text: the column of each language.
        share: of the rows, by a digest of the first language's text.
        where: only rows with these values are read.
    """

    file: str
    text: Annotated[dict[str, str], Field(min_length=1)]
    share: Share = 1.0
    where: dict[str, str] = {}


class AnswersEntry(_Part):
    """A question → the passage that answers it, among the answers of all questions and the distractors.

    Attributes:
        files: rows of a question and its answer; those that lack a column named below are left out.
        question, answer: the column of each language. Each language of questions is searched in each of answers.
        hold_out: the share of rows that training did not see, by page as labelling decides it; only those are used.
        key: the column that names the page of rows with neither `pair_id` nor `id`: the `field` of the corpus.
        apart_from: other files of the corpus with the same `key` and share; rows of which a question stands there and
            is not held out are not used, since training saw that side.
        areas: only rows of these products, companies or subjects; all by default.
        sample: of these rows the share that is used, by a digest of the question.
        where: only rows with these values are read.
        distractors: further passages to search.
    """

    kind: Literal["answers"]
    name: str
    files: Annotated[list[str], Field(min_length=1)]
    question: Annotated[dict[str, str], Field(min_length=1)]
    answer: Annotated[dict[str, str], Field(min_length=1)]
    hold_out: Share
    key: str = "question"
    apart_from: list[str] = []
    areas: list[str] = []
    sample: Share = 1.0
    where: dict[str, str] = {}
    distractors: list[DistractorsEntry] = []


class IntentsEntry(_Part):
    """A message → its intent. Without `test`, the held-out rows of `train` are the test.

    Attributes:
        where, where_test: only rows with these values are read.
        out_of_scope: file of texts of no intent.
    """

    kind: Literal["intents"]
    name: str
    train: str
    test: str | None = None
    hold_out: Annotated[float, Field(ge=0, lt=1)] = 0.0
    label: str = "label"
    where: dict[str, str] = {}
    where_test: dict[str, str] = {}
    out_of_scope: str | None = None


TaskEntry = Annotated[
    GuidesEntry | TranslationsEntry | QuestionsEntry | GuideQuestionsEntry | AnswersEntry | IntentsEntry,
    Field(discriminator="kind"),
]


class EvaluationRecipe(_Part):
    """Settings of an evaluation.

    Attributes:
        teacher_language: the language that the teacher knows; its figures in it are the baseline of students.
        task: see the classes above.
    """

    name: str
    teacher_language: str = "en"
    task: Annotated[list[TaskEntry], Field(min_length=1)]


def read_evaluation_recipe(path: Path) -> EvaluationRecipe:
    """Reads a recipe. Raises `DataRefused`."""
    return read_settings(path, EvaluationRecipe, "evaluation recipe", DataRefused)


def fits(row: dict[str, Any], where: dict[str, str]) -> bool:
    """True if a row has the values that an entry asks for."""
    return all(row.get(name) == value for name, value in where.items())
