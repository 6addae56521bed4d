"""Figures of an iteration: every model on the same test messages, before and after."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.agent import Agent
from edge_agent.settings import AgentSettings
from federation.privacy.ledger_file import read_ledger
from student.artifacts.json_lines import read_rows
from student.bundle.linear_head import INTENT, LinearHead
from student.distill.heads.intent_head import LabelledTexts, read_labelled
from student.embeddings import Embeddings
from student.runtime.student import load_student
from teacher.absorbing.soft_labels import taught_by_labels
from teacher.lineage import trace
from teacher.loop.inputs import IterationInputs, IterationRecipe
from teacher.loop.paths import IterationPaths
from teacher.loop.scenario import Scenario
from teacher.mixture.folder import with_reduction
from teacher.mixture.learner import read_learner
from teacher.mixture.teacher import Teacher
from teacher.roles import Role
from teacher.training.training_data import split_messages

_CUT = 10


@dataclass(frozen=True, slots=True)
class Row:
    """One model's accuracy on intents known only at branches, and on those known before, before and after."""

    who: str
    new_before: float
    new_after: float
    old_before: float
    old_after: float


@dataclass(frozen=True, slots=True)
class Spent:
    """The ledger of one branch after the iteration."""

    branch: str
    rounds: int
    epsilon: float
    delta: float


@dataclass(frozen=True, slots=True)
class IterationFigures:
    """All figures of an iteration.

    Attributes:
        rows: see `Row`.
        found_before, found_after: nDCG@10 of the knowledge base's questions, with the first and with the next bundle.
        questions: how many.
        reembedded: passages that a branch had to embed again for the next bundle.
        spent: by branch.
        verified, named: things in the next bundle's lineage that were found and verified, and all of them.
        messages: test messages of new and of old intents.
    """

    rows: list[Row]
    found_before: float
    found_after: float
    questions: int
    reembedded: int
    spent: list[Spent]
    verified: int
    named: int
    messages: tuple[int, int]


def measure_iteration(
    recipe: IterationRecipe, inputs: IterationInputs, scenario: Scenario, home: Path, questions: Path
) -> IterationFigures:
    """Figures of a finished iteration.

    Args:
        recipe: the iteration's.
        inputs: the iteration's.
        scenario: as the iteration made it.
        home: the iteration's folder.
        questions: JSON lines of text, language and gold, the source of the right document.
    """
    paths = IterationPaths(home)
    test = [(str(row["text"]), str(row["label"])) for row in read_rows(scenario.test)]
    texts, labels = [text for text, _ in test], [label for _, label in test]
    is_new = np.isin(labels, scenario.new)
    first, last = paths.branch(1) / "bundle", paths.branch(recipe.branches) / "bundle"
    before = _rates(*_student(paths.first_bundle, texts), labels, is_new)
    updated, following = (_rates(*_student(path, texts), labels, is_new) for path in (first, paths.next_bundle))
    others = _rates(*_student(last, texts), labels, is_new)
    teacher = with_reduction(inputs.teacher, paths.targets)
    by_teacher = teacher.encode(texts, Role.QUERY)
    teacher_before = _rates(_teacher_before(recipe, teacher, scenario), by_teacher, labels, is_new)
    absorbed = read_learner(paths.absorbed_teacher, name="", license_="").intent_head
    assert absorbed is not None  # noqa: S101  (it has just learned one)
    teacher_after = _rates(absorbed, by_teacher, labels, is_new)
    asked = [row for row in read_rows(questions) if row.get("language") == recipe.language]
    found_before, _ = _found(paths.branch(1) / "store", paths.first_bundle, asked)
    found_after, reembedded = _found(paths.branch(1) / "store", paths.next_bundle, asked)
    nodes = list(trace(paths.next_bundle, [home]).walk())
    return IterationFigures(
        [
            _row("student of a branch that met them", before, updated),
            _row("student of a branch that never did", before, others),
            _row("teacher at the center", teacher_before, teacher_after),
            _row("next student", before, following),
        ],
        found_before,
        found_after,
        len(asked),
        reembedded,
        [_spent(paths, number) for number in range(1, recipe.branches + 1)],
        sum(node.path is not None for node in nodes),
        len(nodes),
        (int(is_new.sum()), int((~is_new).sum())),
    )


def _row(who: str, before: tuple[float, float], after: tuple[float, float]) -> Row:
    return Row(who, before[0], after[0], before[1], after[1])


def _rates(
    head: LinearHead, embeddings: Embeddings, labels: list[str], is_new: NDArray[np.bool_]
) -> tuple[float, float]:
    predicted = np.array(head.labels)[head.logits(embeddings).argmax(axis=1)]
    is_right = predicted == np.array(labels)
    return float(is_right[is_new].mean()), float(is_right[~is_new].mean())


def _student(bundle: Path, texts: list[str]) -> tuple[LinearHead, Embeddings]:
    student = load_student(bundle)
    try:
        return student.heads[INTENT], student.encoder.encode(texts)
    finally:
        student.close()


def _teacher_before(recipe: IterationRecipe, teacher: Teacher, scenario: Scenario) -> LinearHead:
    if teacher.learner and teacher.learner.intent_head:
        return teacher.learner.intent_head
    absorption, texts = recipe.absorption, read_labelled(scenario.intents)
    parts: dict[str, LabelledTexts] = split_messages(
        texts, validation=absorption.validation_share, test=absorption.test_share, seed=absorption.seed
    )
    return taught_by_labels(parts, {name: teacher.encode(part.texts, Role.QUERY) for name, part in parts.items()})


def _found(store: Path, bundle: Path, asked: list[dict[str, str]]) -> tuple[float, int]:
    """nDCG@10 of the right documents, each counted once, and how many passages have to be embedded again."""
    gains = []
    with Agent(AgentSettings(store=store, bundle=bundle)) as agent:
        left = agent.readiness().passages_to_reembed
        for row in asked:
            sources = dict.fromkeys(citation.source for citation in agent.lookup.search(row["text"], count=3 * _CUT))
            ranks = [rank for rank, source in enumerate(list(sources)[:_CUT]) if source == row["gold"]]
            gains.append(1 / np.log2(ranks[0] + 2) if ranks else 0.0)
    return float(np.mean(gains)) if gains else 0.0, left


def _spent(paths: IterationPaths, number: int) -> Spent:
    state = read_ledger(paths.branch(number) / "ledger.jsonl")
    policy = json.loads((paths.branch(number) / "policy.json").read_bytes())
    return Spent(state.branch, state.serial, state.epsilon(policy["delta"]), policy["delta"])
