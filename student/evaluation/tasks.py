"""Tasks of an evaluation, read from a recipe: finding a document, and naming an intent.

A recipe is a TOML file; the files that it names are found from its own folder. Which rows are held out of training is
decided by `student.artifacts.json_lines.is_held_out`, as `orilla teacher label` decides it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from student.artifacts.digests import digest_file
from student.artifacts.json_lines import DataRefused, column, is_held_out, read_rows
from student.artifacts.settings import read_settings
from student.bundle.manifest import Origin
from student.distill.heads.intent_head import LabelledTexts


@dataclass(frozen=True, slots=True)
class RetrievalTask:
    """Q queries in one language, each answered by one of N documents in another or the same.

    Attributes:
        group: the tasks on the same documents in other languages share it.
        answers: (Q,), the number of each query's document.
    """

    group: str
    query_language: str
    document_language: str
    queries: list[str]
    documents: list[str]
    answers: list[int]

    @property
    def name(self) -> str:
        """The group and the two languages."""
        return f"{self.group} {self.query_language}-{self.document_language}"


@dataclass(frozen=True, slots=True)
class IntentTask:
    """Labelled texts to fit a linear classifier on, others to test it, and texts of no label."""

    name: str
    train: LabelledTexts
    test: LabelledTexts
    out_of_scope: list[str]


EvaluationTask = RetrievalTask | IntentTask


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GuidesEntry(_Part):
    """Title → guide. A folder holds `articles.jsonl` and `pairs.jsonl`, which names translations.

    Attributes:
        hold_out: the share of pairs that training did not see, by `pair_id`; only those are used.
        languages: each is searched in each.
    """

    kind: Literal["guides"]
    name: str
    folders: Annotated[list[str], Field(min_length=1)]
    hold_out: Annotated[float, Field(gt=0, le=1)]
    languages: list[str] = ["en", "es"]


class TranslationsEntry(_Part):
    """A text → its translation among all those held out, by the first language's text."""

    kind: Literal["translations"]
    name: str
    file: str
    hold_out: Annotated[float, Field(gt=0, le=1)]
    languages: tuple[str, str] = ("en", "es")


class QuestionsEntry(_Part):
    """A question → the section that holds the quote which answers it.

    Attributes:
        file: rows of `text`, `language`, `gold` (an article below `documents`) and `quote` (a sentence of it).
        documents: a folder of Markdown for each language.
        where: only rows with these values are read.
    """

    kind: Literal["questions"]
    name: str
    file: str
    documents: str
    where: dict[str, str] = {}
    languages: list[str] = ["en", "es"]


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


TaskEntry = Annotated[GuidesEntry | TranslationsEntry | QuestionsEntry | IntentsEntry, Field(discriminator="kind")]


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


def read_tasks(recipe: EvaluationRecipe, folder: Path) -> list[EvaluationTask]:
    """The tasks of a recipe, its files found from `folder`.

    Raises:
        DataRefused: a file is missing or of another form, or a task has no text.
    """
    tasks: list[EvaluationTask] = []
    for entry in recipe.task:
        made = list(_READERS[entry.kind](entry, folder))
        if not made:
            raise DataRefused(
                f"task {entry.name!r} finds no text in its files; check its hold_out, where and languages"
            )
        tasks += made
    return tasks


def files_of(recipe: EvaluationRecipe, folder: Path) -> list[Origin]:
    """Name and digest of every file that a recipe reads."""
    names: list[str] = []
    for entry in recipe.task:
        if isinstance(entry, GuidesEntry):
            names += [f"{f}/{name}.jsonl" for f in entry.folders for name in ("articles", "pairs")]
        elif isinstance(entry, IntentsEntry):
            names += [name for name in (entry.train, entry.test, entry.out_of_scope) if name]
        else:
            names.append(entry.file)
    return [
        Origin(role="evaluation", name=name, sha256=digest_file(folder / name), license="see the file")
        for name in dict.fromkeys(names)
    ]


def _guides(entry: GuidesEntry, folder: Path) -> Iterator[RetrievalTask]:
    titles: dict[str, list[str]] = {language: [] for language in entry.languages}
    bodies: dict[str, list[str]] = {language: [] for language in entry.languages}
    for name in entry.folders:
        articles = folder / name / "articles.jsonl"
        guides = {column(row, "id", articles): row for row in read_rows(articles)}
        pairs = folder / name / "pairs.jsonl"
        for pair in read_rows(pairs):
            if not is_held_out(column(pair, "pair_id", pairs), entry.hold_out):
                continue
            for language in entry.languages:
                guide = guides[column(pair, f"{language}_id", pairs)]
                titles[language].append(column(guide, "title", articles))
                bodies[language].append(_body(guide))
    for asked in entry.languages:
        for searched in entry.languages:
            if titles[asked]:
                answers = list(range(len(titles[asked])))
                yield RetrievalTask(entry.name, asked, searched, titles[asked], bodies[searched], answers)


def _body(guide: dict[str, Any]) -> str:
    """A guide without its title, wherever that stands."""
    lines = [line for line in guide["body_markdown"].splitlines() if not line.startswith("# ")]
    return "\n".join(lines).replace(guide["title"], " ")[:4000]


def _translations(entry: TranslationsEntry, folder: Path) -> Iterator[RetrievalTask]:
    first, second = entry.languages
    path = folder / entry.file
    texts = {column(row, first, path): column(row, second, path) for row in read_rows(path)}
    held_out = [text for text in texts if is_held_out(text, entry.hold_out)]
    answers = list(range(len(held_out)))
    sides = {first: held_out, second: [texts[text] for text in held_out]}
    if held_out:
        for asked, searched in ((first, second), (second, first)):
            yield RetrievalTask(entry.name, asked, searched, sides[asked], sides[searched], answers)


def _questions(entry: QuestionsEntry, folder: Path) -> Iterator[RetrievalTask]:
    path, root = folder / entry.file, folder / entry.documents
    for language in entry.languages:
        sections = [
            (article.relative_to(root).as_posix(), section)
            for article in sorted((root / language).rglob("*.md"))
            for section in _sections(article.read_text(encoding="utf-8"))
        ]
        rows = [row for row in read_rows(path) if row.get("language") == language and _fits(row, entry.where)]
        queries = [column(row, "text", path) for row in rows]
        answers = [_find(sections, column(row, "gold", path), column(row, "quote", path), path) for row in rows]
        if queries:
            yield RetrievalTask(entry.name, language, language, queries, [text for _, text in sections], answers)


def _sections(markdown: str) -> list[str]:
    """An article's sections, each with the title before it."""
    first, *others = re.split(r"^## ", markdown, flags=re.MULTILINE)
    title = first.strip().splitlines()[0].removeprefix("# ")
    return [first.strip(), *(f"{title}\n{other.strip()}" for other in others)]


def _find(sections: list[tuple[str, str]], article: str, quote: str, path: Path) -> int:
    for number, (source, text) in enumerate(sections):
        if source == article and _plain(quote) in _plain(text):
            return number
    raise DataRefused(f"{path}: {article} has no section that holds the quote {quote!r}")


def _plain(text: str) -> str:
    """Only letters and digits, so that Markdown's marks do not count."""
    return "".join(filter(str.isalnum, text))


def _intents(entry: IntentsEntry, folder: Path) -> Iterator[IntentTask]:
    train_rows = [row for row in read_rows(folder / entry.train) if _fits(row, entry.where)]
    is_test = [
        entry.test is None and is_held_out(column(row, "text", folder / entry.train), entry.hold_out)
        for row in train_rows
    ]
    test_rows = [row for row, held_out in zip(train_rows, is_test, strict=True) if held_out]
    train_rows = [row for row, held_out in zip(train_rows, is_test, strict=True) if not held_out]
    if entry.test:
        test_rows = [row for row in read_rows(folder / entry.test) if _fits(row, entry.where_test)]
    outside = folder / entry.out_of_scope if entry.out_of_scope else None
    if train_rows and test_rows:
        yield IntentTask(
            entry.name,
            _labelled(train_rows, entry.label, folder / entry.train),
            _labelled(test_rows, entry.label, folder / (entry.test or entry.train)),
            [column(row, "text", outside) for row in read_rows(outside)] if outside else [],
        )


def _labelled(rows: list[dict[str, Any]], label: str, path: Path) -> LabelledTexts:
    return LabelledTexts([column(row, "text", path) for row in rows], [column(row, label, path) for row in rows])


def _fits(row: dict[str, Any], where: dict[str, str]) -> bool:
    return all(row.get(name) == value for name, value in where.items())


_READERS: dict[str, Any] = {
    "guides": _guides,
    "translations": _translations,
    "questions": _questions,
    "intents": _intents,
}
