"""Examples for a verifier: a question, a passage, and where in it the answer stands, if it does.

JSON lines, a row an example: `kind` (where it comes from; the recipe weighs by it), `language`, `question`, `heading`
(the passage's title and headings, a line each), `text`, and `start` and `end` of the answer in the text, in code
points, both null where the passage does not answer. `group` names what must not be split between training and
measuring: a passage and all questions on it. Beside `NAME.jsonl`, `NAME.origins.json` names the files that the examples
were made from, for the lineage of a verifier trained on them; your own examples may have none.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from student.artifacts.json_lines import DataRefused, column, read_rows
from student.bundle.manifest import Origin
from student.distill.example_origins import write_examples

VERIFIER_ROLE = "reader"
"""Role in a lineage of what a verifier was trained on, as the bundle format calls it."""


@dataclass(frozen=True, slots=True)
class VerifierExample:
    """One row; see the module. `span` is (start, end) of the answer, None where the passage does not answer."""

    kind: str
    language: str
    question: str
    heading: str
    text: str
    span: tuple[int, int] | None
    group: str


def write_verifier_examples(path: Path, examples: Iterable[VerifierExample], origins: Sequence[Origin]) -> int:
    """Writes examples and their origins durably; returns the number of examples."""
    lines = []
    for example in examples:
        row = asdict(example)
        start, end = row.pop("span") or (None, None)
        lines.append(json.dumps(row | {"start": start, "end": end}, ensure_ascii=False))
    return write_examples(path, lines, origins)


def read_verifier_examples(path: Path) -> list[VerifierExample]:
    """Reads examples.

    Raises:
        DataRefused: a row breaks the format, or there is no example of one of the two answers.
    """
    examples = [_example(row, path) for row in read_rows(path)]
    answered = sum(example.span is not None for example in examples)
    if not 0 < answered < len(examples):
        raise DataRefused(
            f"{path} has {answered} passages that answer among {len(examples)} examples; expected some that do and "
            "some that do not"
        )
    return examples


def _example(row: dict[str, Any], path: Path) -> VerifierExample:
    names = ("kind", "language", "question", "heading", "text", "group")
    kind, language, question, heading, text, group = (column(row, name, path) for name in names)
    start, end, span = row.get("start"), row.get("end"), None
    if not question.strip() or not text.strip():
        raise DataRefused(f"{path} has a row with an empty question or text; remove it")
    if start is not None or end is not None:
        if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text)):
            raise DataRefused(
                f"{path} has a row whose answer {start}:{end} lies outside its text of {len(text)} characters"
            )
        span = (start, end)
    return VerifierExample(kind, language, question, heading, text, span, group)
