"""The center's data for fine-tuning, and its split into a training, a validation and a test part."""

from dataclasses import dataclass
from pathlib import Path

from student.artifacts.digests import digest_file
from student.artifacts.json_lines import is_held_out
from student.bundle.manifest import Origin
from student.distill.heads.intent_head import LabelledTexts, read_labelled
from teacher.corpora.queries import Pair, read_query_pairs
from teacher.errors import TrainingRefused


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Pairs to learn retrieval from, labelled messages to learn intents from (or None), and their origin."""

    pairs: list[Pair]
    messages: LabelledTexts | None
    lineage: list[Origin]

    @property
    def intents(self) -> tuple[str, ...]:
        """The labels of the messages, in order."""
        return tuple(sorted(set(self.messages.labels))) if self.messages else ()


def read_training_data(pairs: Path, intents: Path | None, *, hold_out: float) -> TrainingData:
    """Reads the center's files.

    Args:
        pairs: JSON lines of query and passage.
        intents: JSON lines of text and label; None to learn none.
        hold_out: share of the labelled texts to leave out, as labelling a corpus leaves them out.

    Raises:
        DataRefused: a file cannot be used.
    """
    messages = read_labelled(intents) if intents else None
    if messages and hold_out:
        messages = messages.rows([i for i, text in enumerate(messages.texts) if not is_held_out(text, hold_out)])
    lineage = [
        Origin(role=role, name=path.name, sha256=digest_file(path), license="LicenseRef-own")
        for role, path in (("pairs", pairs), ("intents", intents))
        if path
    ]
    return TrainingData(read_query_pairs(pairs), messages, lineage)


def split_training_data(data: TrainingData, *, validation: float, test: float, seed: int) -> dict[str, TrainingData]:
    """The parts `train`, `validation` and `test`.

    Pairs go by a digest of their guide, so that no guide is in two parts; messages by label in equal shares.

    Raises:
        TrainingRefused: a part would have no pairs, or a label no message in each part.
    """
    pairs: dict[str, list[Pair]] = {"train": [], "validation": [], "test": []}
    for pair in data.pairs:
        is_test, is_seen = is_held_out(pair.guide, test), not is_held_out(pair.guide, test + validation)
        pairs["test" if is_test else "train" if is_seen else "validation"].append(pair)
    if not all(pairs.values()):
        guides = len({pair.guide for pair in data.pairs})
        raise TrainingRefused(f"{guides} guides are too few to keep some for validation and some for the test")
    messages = split_messages(data.messages, validation=validation, test=test, seed=seed) if data.messages else {}
    return {name: TrainingData(pairs[name], messages.get(name), data.lineage) for name in pairs}


def split_messages(messages: LabelledTexts, *, validation: float, test: float, seed: int) -> dict[str, LabelledTexts]:
    """The parts `train`, `validation` and `test`, with every label in each.

    Raises:
        TrainingRefused: a label has too few messages for that.
    """
    from sklearn.model_selection import train_test_split  # noqa: PLC0415  (a second to import)

    labels, rows = messages.labels, list(range(len(messages.texts)))
    try:
        train, rest = train_test_split(rows, test_size=validation + test, random_state=seed, stratify=labels)
        kept, tested = train_test_split(
            rest, test_size=test / (validation + test), random_state=seed, stratify=[labels[i] for i in rest]
        )
    except ValueError as error:
        raise TrainingRefused(
            f"{len(messages.texts)} messages of {len(set(labels))} labels are too few for parts with every label in "
            "each; add messages, merge labels, or raise the recipe's shares"
        ) from error
    return {name: messages.rows(part) for name, part in (("train", train), ("validation", kept), ("test", tested))}
