"""An intent head measured on messages of its users: labelled texts that it was not trained on."""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from student.artifacts.json_lines import DataRefused
from student.bundle.linear_head import LinearHead
from student.distill.heads.intent_head import LabelledTexts, read_labelled_rows
from student.embeddings import Embeddings


def read_messages(path: Path, labels: Collection[str]) -> LabelledTexts:
    """Reads JSON lines with `text` and `label` (or `intent`), and `language` where it stands.

    Args:
        path: of the messages; a label may have any number of them.
        labels: those that the head is trained on.

    Raises:
        DataRefused: a line is not such an object, or none of the labels is one of the head's.
    """
    messages = read_labelled_rows(path)
    if not set(messages.labels) & set(labels):
        raise DataRefused(
            f"{path} has {len(set(messages.labels))} label(s), none of them among the {len(set(labels))} of the intent "
            f"texts; expected messages with the same labels, such as {', '.join(sorted(labels)[:3])}"
        )
    return messages


def measure_on_messages(
    head: LinearHead, messages: LabelledTexts, encode: Callable[[list[str]], Embeddings]
) -> dict[str, float]:
    """Figures of a head on messages, of all and by language.

    Messages whose label the head has not are outside of its scope: refusing them is right, and any label for them
    counts against that label.

    Returns:
        `messages`, `labels_unknown_to_the_head`, `accuracy` and `macro_f1` of what the head says with its threshold,
        `macro_f1_if_it_never_refuses` of the messages whose labels it has, and `in_scope_refused`.
    """
    from sklearn.metrics import f1_score  # noqa: PLC0415  (a second to import)

    probabilities = head.probabilities(encode(messages.texts))  # (N, C)
    best = np.array(head.labels, dtype=object)[probabilities.argmax(axis=1)]
    said = np.where(probabilities.max(axis=1) >= head.threshold, best, "")
    true = np.array([label if label in head.labels else "" for label in messages.labels], dtype=object)

    def figures(rows: np.ndarray) -> dict[str, float]:
        known = sorted({label for label in true[rows] if label})
        inside = rows & (true != "")

        def macro_f1(which: np.ndarray, predicted: np.ndarray) -> float:
            scores = f1_score(true[which], predicted[which], labels=known, average="macro", zero_division=0)
            return round(float(scores), 4)

        return {
            "messages": int(rows.sum()),
            "accuracy": round(float((said == true)[rows].mean()), 4),
            "macro_f1": macro_f1(rows, said),
            "macro_f1_if_it_never_refuses": macro_f1(inside, best),
            "in_scope_refused": round(float((said == "")[inside].mean()), 4),
        }

    every = np.ones(len(true), dtype=bool)
    unknown = len(set(messages.labels) - set(head.labels))
    result = figures(every) | {"labels_unknown_to_the_head": unknown}
    languages = np.array(messages.languages, dtype=object)
    for language in sorted({each for each in messages.languages if each}):
        rows = languages == language
        if (rows & (true != "")).any() and not rows.all():
            result |= {f"{name}_{language}": value for name, value in figures(rows).items()}
    return result
