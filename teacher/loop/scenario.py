"""The scenario of an iteration: messages split between the center, the branches and the test.

Some intents are known at branches only, and not at the last branch either: there it shows whether what the others
taught arrives. The split depends only on digests of the texts, so it is the same whenever it is made again.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from student.artifacts.digests import digest_bytes
from student.artifacts.durable import write_durably
from student.artifacts.json_lines import DataRefused, is_held_out, read_rows
from teacher.loop.inputs import IterationRecipe

_DONE = "scenario.json"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Files of an iteration, all JSON lines.

    Attributes:
        folder: they are in.
        intents: the center's labelled messages; `validation` holds the rest of them.
        test: messages that nobody learns from.
        public: texts that came from no branch.
        branches: each one's messages with their customers.
        new: intents known at branches only.
    """

    folder: Path
    intents: Path
    validation: Path
    test: Path
    public: Path
    branches: tuple[Path, ...]
    new: tuple[str, ...]


def make_scenario(recipe: IterationRecipe, data: Path, knowledge_base: Path, folder: Path) -> Scenario:
    """Splits the messages, unless that was done.

    Args:
        recipe: see `IterationRecipe`.
        data: folder that the recipe's files are in.
        knowledge_base: Markdown files, whose lines are public too.
        folder: where the files go.

    Raises:
        DataRefused: a file cannot be read, or has too few intents.
    """
    folder.mkdir(parents=True, exist_ok=True)
    branches = tuple(folder / f"branch-{number}.jsonl" for number in range(1, recipe.branches + 1))
    if not (folder / _DONE).exists():
        _distribute(recipe, data, knowledge_base, folder, branches)
    new = tuple(json.loads((folder / _DONE).read_bytes())["new"])
    intents, validation, test, public = (
        folder / f"{name}.jsonl" for name in ("intents", "validation", "test", "public")
    )
    return Scenario(folder, intents, validation, test, public, branches, new)


def _distribute(
    recipe: IterationRecipe, data: Path, knowledge_base: Path, folder: Path, branches: tuple[Path, ...]
) -> None:
    messages = sorted(_messages(data / recipe.messages), key=lambda row: digest_bytes(row["text"].encode()))
    labels = sorted({row["label"] for row in messages}, key=lambda label: digest_bytes(label.encode()))
    if len(labels) < recipe.new_intents + 2:
        raise DataRefused(
            f"{recipe.messages} has {len(labels)} intents; expected {recipe.new_intents} new and two more"
        )
    new, files = (
        set(labels[: recipe.new_intents]),
        {name: list[dict[str, str]]() for name in ("intents", "validation", "test")},
    )
    at_branches: list[list[dict[str, str]]] = [[] for _ in branches]
    labelled = dict.fromkeys(labels, 0)
    for number, row in enumerate(messages):
        label = row["label"]
        if is_held_out(row["text"], recipe.hold_out):
            files["test"].append(row)
        elif label not in new and labelled[label] < recipe.labelled:
            labelled[label] += 1
            files["validation" if labelled[label] % 4 == 0 else "intents"].append(row)
        else:
            others = len(branches) - (label in new)
            at_branches[number % others].append(row | {"customer": f"customer-{number}"})
    for name, rows in files.items():
        _write_rows(folder / f"{name}.jsonl", rows)
    for path, rows in zip(branches, at_branches, strict=True):
        _write_rows(path, rows)
    _write_rows(folder / "public.jsonl", ({"text": text} for text in _public(recipe, data, knowledge_base)))
    write_durably(folder / _DONE, json.dumps({"new": sorted(new)}).encode())


def _write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes JSON lines durably."""
    write_durably(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())


def _messages(path: Path) -> Iterator[dict[str, str]]:
    seen = set()
    for row in read_rows(path):
        text, label = str(row.get("text", "")).strip(), str(row.get("label") or row.get("intent") or "")
        if text and label and text not in seen:
            seen.add(text)
            yield {
                "text": text,
                "label": label,
                "intent": label,
                "language": str(row.get("language") or row.get("lang") or ""),
            }


def _public(recipe: IterationRecipe, data: Path, knowledge_base: Path) -> Iterator[str]:
    texts = [str(row.get("text", "")).strip() for path in recipe.public for row in read_rows(data / path)]
    for path in sorted(knowledge_base.rglob("*.md")):
        texts += [line.strip("#-* ") for line in path.read_text(encoding="utf-8").splitlines()]
    yield from dict.fromkeys(text for text in texts if len(text) > 15)
