"""Soft labels of the aggregated student, and the head that learns from them and keeps what the teacher knew."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from student.bundle.folder import Bundle
from student.bundle.linear_head import LinearHead
from student.distill.heads.adapter_distillation import read_both
from student.distill.heads.head_distillation import LabelledEmbeddings, SoftLabels, distill_head
from student.distill.heads.intent_head import LabelledTexts, calibrate
from student.embeddings import Embeddings, Encode
from student.runtime.encoder import Encoder
from teacher.absorbing.gates import Gate, compare_heads, require_passed
from teacher.training.recipe import Absorption


@dataclass(frozen=True, slots=True)
class Learned:
    """A head that passed every gate.

    Attributes:
        head: calibrated.
        regularization: strength it was taught with.
        agreement: share of the public texts where it says what the aggregated student says.
        gates: on the test part of the center's texts.
    """

    head: LinearHead
    regularization: float
    agreement: float
    gates: list[Gate]


@dataclass(frozen=True, slots=True)
class PublicTexts:
    """The public texts that the aggregated student labels.

    Attributes:
        targets: texts that the teacher has labelled; read one shard at a time.
        count: how many of them at most, about; chosen by digest.
        more: further texts, to be embedded by the teacher.
    """

    targets: Path
    count: int
    more: list[str]


def make_soft_labels(head: LinearHead, bundle: Bundle, texts: PublicTexts, encode: Encode) -> SoftLabels:
    """A released head's answers on public texts and on its labels' own names, beside the teacher's embeddings of them.

    Args:
        head: the released one.
        bundle: whose encoder it reads.
        texts: see `PublicTexts`.
        encode: texts → embeddings (N, D), by the teacher.
    """
    more = [*(label.replace("_", " ") for label in head.labels), *texts.more]
    student = Encoder.from_bundle(bundle)
    try:
        by_teacher, by_student = read_both(texts.targets, student.encode, count=texts.count)
        by_student = np.concatenate([student.encode(more), by_student])
    finally:
        student.close()
    return SoftLabels(np.concatenate([encode(more), by_teacher]), head.logits(by_student), head.labels)


def learn(
    old: LinearHead | None, parts: Mapping[str, LabelledTexts], soft: SoftLabels, recipe: Absorption, encode: Encode
) -> Learned:
    """The least regularized head that loses next to nothing on the validation part, if it passes on the test part.

    On the validation part the whole must lose no more than `max_regression`, chance or not; where no regularization
    achieves that, the head that loses least is tried on the test part.

    Args:
        old: the teacher's; None to compare the new one with what the center's labels alone would teach.
        parts: the center's own texts, `train`, `validation` and `test`.
        soft: see `make_soft_labels`.
        recipe: see `Absorption`.
        encode: texts → embeddings (N, D), by the teacher.

    Raises:
        AbsorptionRefused: too much is lost.
    """
    embedded = {name: encode(part.texts) for name, part in parts.items()}
    before = old or taught_by_labels(parts, embedded)
    labels = tuple(dict.fromkeys((*before.labels, *soft.labels, *sorted(set(parts["train"].labels)))))
    train, validation = (_labelled(embedded[name], parts[name], labels) for name in ("train", "validation"))
    tried: list[tuple[int, LinearHead, float]] = []
    for regularization in recipe.regularizations:
        head = distill_head(labels, train, soft, regularization=regularization)
        head = calibrate(head, validation.embeddings, validation.targets)
        whole, *groups = compare_heads(before, head, embedded["validation"], parts["validation"])
        tried.append((whole.lost - whole.gained, head, regularization))
        is_kept = whole.lost - whole.gained <= recipe.max_regression * whole.texts
        if is_kept and all(gate.is_passed(recipe.max_regression) for gate in groups):
            break
    else:
        tried.sort(key=lambda one: one[0], reverse=True)
    _, head, regularization = tried[-1]
    gates = compare_heads(before, head, embedded["test"], parts["test"])
    require_passed(gates, recipe.max_regression, loss="lose", measure="accuracy")
    columns = [labels.index(label) for label in soft.labels]
    said = head.logits(soft.embeddings)[:, columns].argmax(axis=1)
    return Learned(head, regularization, float((said == soft.logits.argmax(axis=1)).mean()), gates)


def taught_by_labels(parts: Mapping[str, LabelledTexts], embedded: Mapping[str, Embeddings]) -> LinearHead:
    """The head that the center's labels alone teach a teacher without an intent head."""
    labels = tuple(sorted(set(parts["train"].labels)))
    train, validation = (_labelled(embedded[name], parts[name], labels) for name in ("train", "validation"))
    return calibrate(distill_head(labels, train, None), validation.embeddings, validation.targets)


def _labelled(embeddings: Embeddings, texts: LabelledTexts, labels: tuple[str, ...]) -> LabelledEmbeddings:
    return LabelledEmbeddings(embeddings, np.array([labels.index(label) for label in texts.labels]))
