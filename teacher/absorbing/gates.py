"""Gates of an absorption: the teacher loses next to nothing, in every language, segment and label that it knew."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from student.bundle.linear_head import LinearHead
from student.distill.heads.intent_head import LabelledTexts
from student.embeddings import Embeddings
from teacher.errors import AbsorptionRefused

ALL = "all"
_CHANCE = 0.01
"""Probability that chance alone refuses, over all groups of a kind together."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One group of the center's own texts, before and after.

    Attributes:
        kind: "all", "language", "segment" or "label".
        group: which one.
        texts: in the group.
        before: accuracy in [0, 1].
        lost, gained: texts named rightly before only, and after only.
        groups: of its kind.
    """

    kind: str
    group: str
    texts: int
    before: float
    lost: int
    gained: int
    groups: int = 1

    @property
    def after(self) -> float:
        """Accuracy in [0, 1]."""
        return self.before - (self.lost - self.gained) / self.texts

    def is_passed(self, max_regression: float) -> bool:
        """True where at most that share of the texts is lost, net, or no more than chance loses.

        Chance: of the texts that changed, each is as likely to be gained as lost (a one-sided sign test in its normal
        approximation, at 1 % for all groups of the kind together, after Bonferroni). Of few texts one may be lost.
        """
        by_chance = NormalDist().inv_cdf(1 - _CHANCE / self.groups) * math.sqrt(self.lost + self.gained)
        return self.lost - self.gained <= max(max_regression * self.texts, by_chance, 1.0)


def require_passed(gates: Sequence[Gate], max_regression: float, *, loss: str, measure: str) -> None:
    """Checks that every gate is passed.

    Args:
        gates: of one comparison.
        max_regression: share of a group's texts that may be lost.
        loss: what the teacher would do, for the error: "lose", say.
        measure: what `before` and `after` are shares of.

    Raises:
        AbsorptionRefused: unless all are; the worst is named.
    """
    failed = [gate for gate in gates if not gate.is_passed(max_regression)]
    if failed:
        worst = max(failed, key=lambda gate: gate.before - gate.after)
        raise AbsorptionRefused(
            f"the teacher would {loss} in {len(failed)} of {len(gates)} groups of the center's texts, most in "
            f"{worst.kind} {worst.group}: {measure} {worst.before:.4f} before, {worst.after:.4f} after, on "
            f"{worst.texts} texts; at most {max_regression:g} may be lost, or what chance loses: the old teacher stays"
        )


def compare_heads(old: LinearHead, new: LinearHead, embeddings: Embeddings, texts: LabelledTexts) -> list[Gate]:
    """Two heads on the same labelled texts with embeddings (N, D), whole and by language, segment and label.

    The old head is asked among its own labels, the new one among all of its, so that an old text which the new head
    gives a new label counts as lost.
    """
    before, after = (_is_right(head, embeddings, texts.labels) for head in (old, new))
    return compare(before, after, {"language": texts.languages, "segment": texts.segments, "label": texts.labels})


def compare(before: NDArray[np.bool_], after: NDArray[np.bool_], values: Mapping[str, Sequence[str]]) -> list[Gate]:
    """Gates of N answers, right or not before and after: of all, then by kind and its N values, "" left out."""
    groups: dict[tuple[str, str], list[int]] = {(ALL, ALL): list(range(len(before)))}
    for kind, of_row in values.items():
        for row, value in enumerate(of_row):
            if value:
                groups.setdefault((kind, value), []).append(row)
    kinds = Counter(kind for kind, _ in groups)
    return [
        Gate(
            kind,
            group,
            texts=len(rows),
            before=round(float(before[rows].mean()), 4),
            lost=int((before & ~after)[rows].sum()),
            gained=int((after & ~before)[rows].sum()),
            groups=kinds[kind],
        )
        for (kind, group), rows in groups.items()
    ]


def to_figures(gates: Sequence[Gate]) -> list[dict[str, Any]]:
    """Gates as a report shows them."""
    return [{**asdict(gate), "after": round(gate.after, 4)} for gate in gates]


def _is_right(head: LinearHead, embeddings: Embeddings, labels: Sequence[str]) -> NDArray[np.bool_]:
    said = head.probabilities(embeddings).argmax(axis=1)
    return np.array([head.labels[i] == label for i, label in zip(said, labels, strict=True)])
