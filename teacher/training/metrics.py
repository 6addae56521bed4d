"""Figures of a teacher on one part of the data, by maker, language, segment and class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from student.bundle.linear_head import LinearHead
from student.distill.heads.intent_head import LabelledTexts
from student.embeddings import Encode
from student.evaluation.figures import gains_of, ranks_of
from teacher.training.training_data import TrainingData


def measure_teacher(data: TrainingData, encode: Encode, head: LinearHead | None) -> dict[str, Any]:
    """nDCG@10 of finding each pair's passage among those of the part, and accuracy and macro-F1 of the intents."""
    figures = {"retrieval": _retrieval(data, encode)}
    if head and data.messages:
        figures["intents"] = _intents(data.messages, encode, head)
    return figures


def overall_score(figures: dict[str, Any]) -> float:
    """One number to stop by: the mean of nDCG@10 and, with intents, macro-F1."""
    values = [figures["retrieval"]["nDCG@10"]]
    if "intents" in figures:
        values.append(figures["intents"]["macro-F1"])
    return float(np.mean(values))


def _retrieval(data: TrainingData, encode: Encode) -> dict[str, Any]:
    passages = list(dict.fromkeys(pair.passage for pair in data.pairs))
    row_of = {passage: row for row, passage in enumerate(passages)}
    queries, documents = encode([pair.query for pair in data.pairs]), encode(passages)  # (P, D), (N, D)
    own = np.array([row_of[pair.passage] for pair in data.pairs])
    gains = gains_of(ranks_of(queries, documents, own))
    groups = {name: [getattr(pair, name) for pair in data.pairs] for name in ("maker", "language", "segment")}
    return {
        "pairs": len(own),
        "passages": len(passages),
        "nDCG@10": _mean(gains),
        **{f"by {name}": _by(values, gains) for name, values in groups.items()},
    }


def _intents(messages: LabelledTexts, encode: Encode, head: LinearHead) -> dict[str, Any]:
    from sklearn.metrics import f1_score  # noqa: PLC0415  (a second to import)

    predicted = [head.labels[i] for i in head.probabilities(encode(messages.texts)).argmax(axis=1)]
    labels = messages.labels
    is_right = np.array([a == b for a, b in zip(predicted, labels, strict=True)], dtype=np.float64)
    classes = sorted(set(labels))
    by_class = f1_score(labels, predicted, labels=classes, average=None, zero_division=0)
    return {
        "messages": len(labels),
        "accuracy": _mean(is_right),
        "macro-F1": _mean(by_class),
        "accuracy by language": _by(messages.languages, is_right),
        "accuracy by segment": _by(messages.segments, is_right),
        "F1 by class": {name: round(float(value), 4) for name, value in zip(classes, by_class, strict=True)},
    }


def _by(values: Sequence[str], figures: NDArray[np.float64]) -> dict[str, float]:
    groups = np.array(values)
    return {str(name): _mean(figures[groups == name]) for name in sorted(set(values)) if name}


def _mean(values: NDArray[np.float64]) -> float:
    return round(float(np.mean(values)), 4)
