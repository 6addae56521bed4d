"""Who knows what in a turn on one machine: the recipe, and messages dealt out to the centre, branches and the test.

Some intents are known at branches alone, and not at the last branch either: there it shows whether what others taught
arrives. What is dealt out depends on digests of the texts alone: it comes out the same whenever it is done again.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from student.artifacts.digests import digest_bytes
from student.artifacts.durable import write_durably
from student.artifacts.json_lines import DataRefused, is_held_out, read_rows
from student.artifacts.settings import read_settings
from student.distill.encoder.recipe import Recipe
from teacher.training.recipe import Absorption

_DONE = "world.json"


class Federating(BaseModel):
    """The federation's run: see `federation.center.run_recipe.RunRecipe`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: int
    epsilon: float
    learning_rate: float
    momentum: float
    clip_norm: float
    feature_dimension: int
    max_regression: float


class TurnRecipe(BaseModel):
    """One turn of the loop.

    Attributes:
        name: of the recipe.
        messages: JSON lines of text and label (or intent), below the data folder; `hold_out` of them are the test.
        public: JSON lines of texts that came from no branch.
        branches: how many; the last one has no message of a new intent.
        new_intents: known at branches only.
        labelled: messages of each other intent that the centre has labelled; a quarter of them validate releases.
        language: of the knowledge base's questions that are asked.
        federation, absorption, student: how each is done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    messages: Path
    public: tuple[Path, ...]
    hold_out: Annotated[float, Field(gt=0, lt=0.5)] = 0.2
    branches: Annotated[int, Field(ge=3)] = 3
    new_intents: Annotated[int, Field(ge=1)]
    labelled: Annotated[int, Field(ge=12)]
    language: str = "en"
    federation: Federating
    absorption: Absorption
    student: Recipe


@dataclass(frozen=True, slots=True)
class World:
    """Files of a turn, all JSON lines.

    Attributes:
        folder: they are in.
        intents: the centre's labelled messages; `validation` holds the rest of them.
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


def read_turn(path: Path) -> TurnRecipe:
    """Reads a recipe. Raises `DataRefused`."""
    return read_settings(path, TurnRecipe, "recipe of a turn", DataRefused)


def make_world(recipe: TurnRecipe, data: Path, knowledge_base: Path, folder: Path) -> World:
    """Deals out the messages, unless that was done.

    Args:
        recipe: see `TurnRecipe`.
        data: folder that the recipe's files are in.
        knowledge_base: Markdown files, whose lines are public too.
        folder: where the files go.

    Raises:
        DataRefused: a file cannot be read, or has too few intents.
    """
    folder.mkdir(parents=True, exist_ok=True)
    branches = tuple(folder / f"branch-{number}.jsonl" for number in range(1, recipe.branches + 1))
    if not (folder / _DONE).exists():
        _deal(recipe, data, knowledge_base, folder, branches)
    new = tuple(json.loads((folder / _DONE).read_bytes())["new"])
    intents, validation, test, public = (
        folder / f"{name}.jsonl" for name in ("intents", "validation", "test", "public")
    )
    return World(folder, intents, validation, test, public, branches, new)


def _deal(recipe: TurnRecipe, data: Path, knowledge_base: Path, folder: Path, branches: tuple[Path, ...]) -> None:
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
    for place, row in enumerate(messages):
        label = row["label"]
        if is_held_out(row["text"], recipe.hold_out):
            files["test"].append(row)
        elif label not in new and labelled[label] < recipe.labelled:
            labelled[label] += 1
            files["validation" if labelled[label] % 4 == 0 else "intents"].append(row)
        else:
            others = len(branches) - (label in new)
            at_branches[place % others].append(row | {"customer": f"customer-{place}"})
    for name, rows in files.items():
        write_rows(folder / f"{name}.jsonl", rows)
    for path, rows in zip(branches, at_branches, strict=True):
        write_rows(path, rows)
    write_rows(folder / "public.jsonl", ({"text": text} for text in _public(recipe, data, knowledge_base)))
    write_durably(folder / _DONE, json.dumps({"new": sorted(new)}).encode())


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
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


def _public(recipe: TurnRecipe, data: Path, knowledge_base: Path) -> Iterator[str]:
    texts = [str(row.get("text", "")).strip() for path in recipe.public for row in read_rows(data / path)]
    for path in sorted(knowledge_base.rglob("*.md")):
        texts += [line.strip("#-* ") for line in path.read_text(encoding="utf-8").splitlines()]
    yield from dict.fromkeys(text for text in texts if len(text) > 15)
