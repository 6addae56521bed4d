"""Figures of a head by cross-validation: of all, by label, by language, and which labels are confused."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from student.intents.calibration import calibration_error
from student.intents.examples import Examples

_RESAMPLES = 500
_CHANCES = 50
_Z = 1.96
_PAIRS, _LINES = 3, 5


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Answers of out-of-fold heads to N examples.

    Attributes:
        true, said: labels by number (N,), in the head's order.
        confidence: of what was said (N,).
        languages: N, "" where unknown.
        lines: N.
        labels: of the head.
        threshold: below which a head refuses.
    """

    true: NDArray[np.int64]
    said: NDArray[np.int64]
    confidence: NDArray[np.float64]
    languages: NDArray[np.str_]
    lines: list[int]
    labels: tuple[str, ...]
    threshold: float


def outcomes_of(
    examples: Examples, probabilities: NDArray[np.float64], labels: tuple[str, ...], threshold: float
) -> Outcomes:
    """The outcomes of out-of-fold probabilities (N, C)."""
    return Outcomes(
        np.array([labels.index(label) for label in examples.labels]),
        probabilities.argmax(axis=1),
        probabilities.max(axis=1),
        np.array(examples.languages),
        examples.lines,
        labels,
        threshold,
    )


def figures_of(outcomes: Outcomes, generator: np.random.Generator) -> dict[str, Any]:
    """All figures, as JSON has them: of all examples and by language, by label, and the pairs most confused."""
    every = np.ones(len(outcomes.true), dtype=bool)
    named = sorted(language for language in set(outcomes.languages.tolist()) if language)
    by_language = {each: outcomes.languages == each for each in named}
    parts = {"all": every} | by_language
    used = sorted(set(outcomes.true.tolist()))
    return {
        "overall": {name: _overall(outcomes, rows, generator) for name, rows in parts.items()},
        "labels": {
            outcomes.labels[label]: {name: _of_label(outcomes, rows, label) for name, rows in parts.items()}
            for label in used
        },
        "confused": _confused(outcomes),
        "confusion_matrix": _matrix(outcomes),
    }


def outside_figures(refused: NDArray[np.float64], languages: Sequence[str]) -> dict[str, Any]:
    """Refused messages of none of the labels, of all and by language; empty where there are none.

    Args:
        refused: share of the out-of-fold heads that refuse each (M,).
        languages: of the M messages, "" where unknown.
    """
    of = np.array(languages)
    named = sorted(language for language in set(languages) if language)
    parts = {"all": np.ones(len(of), dtype=bool)} | {each: of == each for each in named}
    return {
        name: {
            "examples": int(rows.sum()),
            "refused": round(float(refused[rows].mean()), 4),
            "refused_interval": _rounded(wilson_interval(round(float(refused[rows].sum())), int(rows.sum()))),
        }
        for name, rows in parts.items()
        if rows.any()
    }


def macro_f1(true: NDArray[np.int64], said: NDArray[np.int64]) -> float:
    """The mean F1 of the labels that occur in `true` (N,)."""
    size = int(max(true.max(initial=0), said.max(initial=0))) + 1
    hits = np.bincount(true[true == said], minlength=size)
    both = np.bincount(true, minlength=size) + np.bincount(said, minlength=size)
    occurs = np.bincount(true, minlength=size) > 0
    return float((2 * hits[occurs] / both[occurs]).mean())


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    share, z2 = hits / count, _Z**2 / count
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(share * (1 - share) / count + z2 / (4 * count)) / (1 + z2)
    return max(0.0, middle - half), min(1.0, middle + half)


def _overall(outcomes: Outcomes, rows: NDArray[np.bool_], generator: np.random.Generator) -> dict[str, Any]:
    true, said, confidence = outcomes.true[rows], outcomes.said[rows], outcomes.confidence[rows]
    count, is_right = len(true), true == said
    draws = generator.integers(0, count, (_RESAMPLES, count))
    spread = np.quantile([macro_f1(true[draw], said[draw]) for draw in draws], (0.025, 0.975))
    lucky = [calibration_error(confidence, generator.random(count) < confidence) for _ in range(_CHANCES)]
    by_chance = np.mean(lucky)  # of a head whose probabilities hold exactly, with as many examples
    return {
        "examples": count,
        "accuracy": round(float(is_right.mean()), 4),
        "accuracy_interval": _rounded(wilson_interval(int(is_right.sum()), count)),
        "macro_f1": round(macro_f1(true, said), 4),
        "macro_f1_interval": _rounded(tuple(spread.tolist())),
        "expected_calibration_error": round(calibration_error(confidence, is_right), 4),
        "calibration_error_by_chance": round(float(by_chance), 4),
        "refused": round(float((confidence < outcomes.threshold).mean()), 4),
    }


def _of_label(outcomes: Outcomes, rows: NDArray[np.bool_], label: int) -> dict[str, float | int | None]:
    is_true, is_said = (outcomes.true == label) & rows, (outcomes.said == label) & rows
    hits, named, count = int((is_true & is_said).sum()), int(is_said.sum()), int(is_true.sum())
    return {
        "examples": count,
        "precision": round(hits / named, 4) if named else None,
        "recall": round(hits / count, 4) if count else None,
        "f1": round(2 * hits / (named + count), 4) if named + count else None,
    }


def _confused(outcomes: Outcomes) -> list[dict[str, Any]]:
    """The pairs of labels most often taken for each other, with the lines to look at."""
    lines = defaultdict(list)
    for true, said, line in zip(outcomes.true, outcomes.said, outcomes.lines, strict=True):
        if true != said:
            lines[tuple(sorted((int(true), int(said))))].append(line)
    counts = Counter({pair: len(each) for pair, each in lines.items()})
    return [
        {
            "labels": [outcomes.labels[label] for label in pair],
            "times": times,
            "lines": list(islice(lines[pair], _LINES)),
        }
        for pair, times in counts.most_common(_PAIRS)
    ]


def _matrix(outcomes: Outcomes) -> list[list[int]]:
    """Counts: a row for each true label, a column for each label that was said."""
    matrix = np.zeros((len(outcomes.labels), len(outcomes.labels)), dtype=np.int64)
    np.add.at(matrix, (outcomes.true, outcomes.said), 1)
    counts: list[list[int]] = matrix.tolist()
    return counts


def _rounded(interval: tuple[float, ...]) -> list[float]:
    return [round(each, 4) for each in interval]
