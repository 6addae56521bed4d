"""Examples for a cross-encoder: a question, texts that answer it, and texts that do not.

JSON lines, a row an example: `kind` (where it comes from; the recipe weighs by it), `language`, `question`, `answers`
and `others` (lists of `[heading, text]`, the heading "" where there is none). Each of `answers` answers by itself, none
of `others` does; with no `answers` nothing is known to answer. `group` names what must not be split between training
and measuring: a guide and all questions on it. Beside `NAME.jsonl`, `NAME.origins.json` names the files that the
examples were made from, for the lineage of a cross-encoder trained on them; your own examples may have none.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from student.artifacts.json_lines import DataRefused, column, read_rows
from student.bundle.manifest import Origin
from student.distill.example_origins import write_examples

CROSS_ENCODER_ROLE = "cross-encoder"
"""Role in a lineage of what a cross-encoder was trained on."""
Told = tuple[str, str]
"""Heading and text."""


@dataclass(frozen=True, slots=True)
class RankingExample:
    """One row; see the module."""

    kind: str
    language: str
    question: str
    answers: tuple[Told, ...]
    others: tuple[Told, ...]
    group: str


def write_ranking_examples(path: Path, examples: Iterable[RankingExample], origins: Sequence[Origin]) -> int:
    """Writes examples and their origins durably; returns the number of examples."""
    lines = [json.dumps(asdict(example), ensure_ascii=False) for example in examples]
    return write_examples(path, lines, origins)


def read_ranking_examples(path: Path) -> list[RankingExample]:
    """Reads examples.

    Raises:
        DataRefused: a row breaks the format, or no row has both texts that answer and others.
    """
    examples = [_example(row, path) for row in read_rows(path)]
    if not any(example.answers and example.others for example in examples):
        raise DataRefused(
            f"{path} has no row with both answers and others among its {len(examples)}; nothing can be told apart"
        )
    return examples


def _example(row: dict[str, Any], path: Path) -> RankingExample:
    kind, language, question, group = (column(row, name, path) for name in ("kind", "language", "question", "group"))
    if not question.strip():
        raise DataRefused(f"{path} has a row with an empty question; remove it")
    answers, others = (_texts(row.get(name), name, path) for name in ("answers", "others"))
    if not answers and not others:
        raise DataRefused(f"{path} has a row without any text; give it answers, others, or both")
    return RankingExample(kind, language, question, answers, others, group)


def _texts(value: Any, name: str, path: Path) -> tuple[Told, ...]:
    is_list = isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value)
    if not is_list or not all(isinstance(part, str) for pair in value for part in pair):
        raise DataRefused(f"{path} has a row whose {name} are no list of [heading, text]; expected [] for none")
    if any(not text.strip() for _, text in value):
        raise DataRefused(f"{path} has a row with an empty text among its {name}; remove it")
    return tuple((heading, text) for heading, text in value)
