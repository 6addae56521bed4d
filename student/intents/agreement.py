"""Agreement of two people on labels: Cohen's kappa (1960), with its large-sample interval."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from student.intents.errors import IntentsRefused
from student.intents.examples import require_text_and_label, rows_by_text
from student.intents.table_files import Row, TableName, read_table

_Z = 1.96
_FEWEST = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """Two labels that the same messages have: the first person's and the second's, with the lines in both files."""

    first: str
    second: str
    lines: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two people agree.

    Attributes:
        messages: that both labelled; `same` of them alike.
        kappa: in [-1, 1], with its 95 % `interval`.
        by_label: kappa of each label against all others, the worst first.
        differences: the most frequent first.
    """

    messages: int
    same: int
    kappa: float
    interval: tuple[float, float]
    by_label: dict[str, float]
    differences: list[Difference]

    @property
    def verdict(self) -> str:
        """Kappa in words."""
        if self.kappa >= 0.8:
            return "the labels are clear"
        return "usable; describe the first labels better" if self.kappa >= 0.6 else "describe the labels better first"

    def as_json(self) -> dict[str, Any]:
        """All of it, rounded."""
        return {
            "messages": self.messages,
            "same": self.same,
            "kappa": round(self.kappa, 4),
            "interval": [round(each, 4) for each in self.interval],
            "by_label": {label: round(kappa, 4) for label, kappa in self.by_label.items()},
            "differences": [{"first": d.first, "second": d.second, "lines": d.lines} for d in self.differences],
        }


def measure_agreement(first: Path, second: Path) -> Agreement:
    """Compares the labels that two files give to the same texts.

    Raises:
        IntentsRefused: a file cannot be read, or they have fewer than ten texts in common.
    """
    mine, theirs = _by_text(first), _by_text(second)
    common = [text for text in mine if text in theirs]
    if len(common) < _FEWEST:
        raise IntentsRefused(
            f"{first} and {second} have {len(common)} texts in common, expected at least {_FEWEST}; give both people "
            "the same messages"
        )
    pairs = [(mine[text].columns["label"], theirs[text].columns["label"]) for text in common]
    kappa, error = cohen_kappa(pairs)
    labels = sorted({label for pair in pairs for label in pair})
    by_label = {label: cohen_kappa([(a == label, b == label) for a, b in pairs])[0] for label in labels}
    lines = defaultdict(list)
    for text, (a, b) in zip(common, pairs, strict=True):
        if a != b:
            lines[a, b].append((mine[text].line, theirs[text].line))
    return Agreement(
        len(pairs),
        sum(a == b for a, b in pairs),
        kappa,
        (max(-1.0, kappa - _Z * error), min(1.0, kappa + _Z * error)),
        dict(sorted(by_label.items(), key=lambda item: item[1])),
        [Difference(a, b, lines[a, b]) for a, b in sorted(lines, key=lambda pair: -len(lines[pair]))],
    )


def cohen_kappa(pairs: Sequence[tuple[Any, Any]]) -> tuple[float, float]:
    """Kappa of pairs of labels, and its standard error; 1 and 0 where there is but one label."""
    count = len(pairs)
    left, right = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    observed = sum(a == b for a, b in pairs) / count
    expected = sum(left[label] * right[label] for label in left) / count**2
    if expected >= 1:
        return 1.0, 0.0
    error = math.sqrt(observed * (1 - observed) / count) / (1 - expected)
    return (observed - expected) / (1 - expected), error


def _by_text(path: Path) -> dict[str, Row]:
    rows, table = read_table(path), TableName(str(path))
    for row in rows:
        require_text_and_label(table, row)
    return rows_by_text(table, rows)
