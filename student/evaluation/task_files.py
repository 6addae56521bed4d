"""Tasks read from the files that a recipe names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from student.artifacts.digests import digest_file
from student.artifacts.json_lines import DataRefused, column, is_held_out, read_rows
from student.bundle.manifest import Origin
from student.distill.heads.intent_head import LabelledTexts
from student.evaluation.recipe import (
    AnswersEntry,
    EvaluationRecipe,
    GuideQuestionsEntry,
    GuidesEntry,
    IntentsEntry,
    TaskEntry,
    fits,
)
from student.evaluation.retrieval_tasks import RETRIEVAL_TASKS
from student.evaluation.tasks import EvaluationTask, IntentTask


def read_tasks(recipe: EvaluationRecipe, folder: Path) -> list[EvaluationTask]:
    """The tasks of a recipe, its files found from `folder`.

    Raises:
        DataRefused: a file is missing or of another form, or a task has no text.
    """
    tasks: list[EvaluationTask] = []
    for entry in recipe.task:
        made = list(_TASKS[entry.kind](entry, folder))
        if not made:
            raise DataRefused(
                f"task {entry.name!r} finds no text in its files; check its hold_out, where and languages"
            )
        tasks += made
    return tasks


def files_of(recipe: EvaluationRecipe, folder: Path) -> list[Origin]:
    """Name and digest of every file that a recipe reads."""
    names = [name for entry in recipe.task for name in _files(entry, folder)]
    return [
        Origin(role="evaluation", name=name, sha256=digest_file(folder / name), license="see the file")
        for name in dict.fromkeys(names)
    ]


def _files(entry: TaskEntry, folder: Path) -> list[str]:
    """Names of the files of an entry."""
    if isinstance(entry, GuidesEntry):
        names = [f"{each}/{name}.jsonl" for each in entry.folders for name in ("articles", "pairs")]
        return [name for name in names if name.endswith("articles.jsonl") or (folder / name).exists()]
    if isinstance(entry, IntentsEntry):
        return [name for name in (entry.train, entry.test, entry.out_of_scope) if name]
    if isinstance(entry, GuideQuestionsEntry):
        return [entry.file, *entry.guides.values()]
    if isinstance(entry, AnswersEntry):
        return [*entry.files, *entry.apart_from, *(others.file for others in entry.distractors)]
    return [entry.file]


def _intents(entry: IntentsEntry, folder: Path) -> Iterator[IntentTask]:
    train_rows = [row for row in read_rows(folder / entry.train) if fits(row, entry.where)]
    is_test = [
        entry.test is None and is_held_out(column(row, "text", folder / entry.train), entry.hold_out)
        for row in train_rows
    ]
    test_rows = [row for row, held_out in zip(train_rows, is_test, strict=True) if held_out]
    train_rows = [row for row, held_out in zip(train_rows, is_test, strict=True) if not held_out]
    if entry.test:
        test_rows = [row for row in read_rows(folder / entry.test) if fits(row, entry.where_test)]
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


_TASKS: dict[str, Any] = {**RETRIEVAL_TASKS, "intents": _intents}
