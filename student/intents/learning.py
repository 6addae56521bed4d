"""A head learned from a few examples: settings chosen by cross-validation, calibrated out of fold, fitted on all.

The features of a text are its embedding (about the examples' mean), its words (`lexical_features`), and the answers of
a head that the bundle had before (`basis_features`), each times a scale. Logistic regression on them is linear in each,
so the weights fall apart again into the embedding's part, which is a head as any other, and the blend. It is fitted in
the coordinates of the kernel's Cholesky factor, N numbers a text instead of many thousands: the penalized minimum lies
in the span of the examples, so nothing is lost.

The name of a label is an example of it too: with few messages it is the best one. Labels of the head before that no
example has keep their weights and compete with the new ones.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from student.bundle.lexical_features import lexical_matrix
from student.bundle.linear_head import Blend, LinearHead, basis_features, softmax
from student.embeddings import Embeddings, Encode
from student.intents.calibration import best_temperature, refusal_threshold
from student.intents.examples import Examples
from student.intents.folds import FOLDS, make_folds
from student.intents.regression import Matrix, fit

FALSE_REFUSALS = 0.05
"""Share of messages with a known label that the threshold may refuse."""
_JITTER = 1e-4
"""Above the rounding of kernels in single precision."""
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings that cross-validation chooses.

    Attributes:
        lexical, basis: scales of the words' and the basis's features, beside 1 of the embedding's.
        names: how many messages the name of a label counts for.
        penalty: on the weights.
    """

    lexical: float = 0.5
    basis: float = 1.0
    names: float = 2.0
    penalty: float = 1e-3


_TRIED: dict[str, tuple[float, ...]] = {
    "penalty": (3e-4, 3e-3, 1e-2),
    "basis": (0.0, 2.0),
    "lexical": (0.0, 1.0),
    "names": (0.0,),
}
_MAX_CHOSEN_ON = 1500
_ONE = 0.1
"""The feature that stands for the bias: small beside an embedding, so that it does not set the scale."""


@dataclass(frozen=True, slots=True)
class LearnedHead:
    """A head, and what cross-validation says of it.

    Attributes:
        head: fitted on all examples, calibrated.
        settings: that were chosen.
        probabilities: of each example by a head that has not seen it nor a near copy, float64 (N, C).
        kept: labels of the head before, which no example has.
        outside_refused: share of the same heads that refuse each message of none of the labels (M,).
    """

    head: LinearHead
    settings: Settings
    probabilities: NDArray[np.float64]
    kept: tuple[str, ...]
    outside_refused: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Material:
    """N texts, for C labels that are learned and K that are kept: examples, names of labels, messages of none.

    Attributes:
        features: of the embedding, the words and the basis, float32 (N, columns) each.
        kernels: of the same three, float32 (N, N).
        targets: (N,); of messages of none they mean nothing.
        is_name, is_outside: (N,), whether a text is a label's name, or a message of none.
        folds: (N,), -1 for both.
        fixed: logits (N, K) of the labels that are kept.
        classes: C.
    """

    features: tuple[NDArray[np.float32], ...]
    kernels: tuple[NDArray[np.float32], ...]
    targets: NDArray[np.int64]
    is_name: NDArray[np.bool_]
    is_outside: NDArray[np.bool_]
    folds: NDArray[np.int64]
    fixed: Matrix
    classes: int

    @property
    def is_example(self) -> NDArray[np.bool_]:
        """A mask of the texts that are examples (N,)."""
        return self.folds >= 0

    def rows(self, rows: NDArray[np.int64]) -> "_Material":
        """Some of the texts."""
        return replace(
            self,
            features=tuple(each[rows] for each in self.features),
            kernels=tuple(each[np.ix_(rows, rows)] for each in self.kernels),
            targets=self.targets[rows],
            is_name=self.is_name[rows],
            is_outside=self.is_outside[rows],
            folds=self.folds[rows],
            fixed=self.fixed[rows],
        )


def learn_head(
    examples: Examples,
    encode: Encode,
    *,
    before: LinearHead | None,
    keep: bool,
    is_from_scratch: bool = False,
    generator: np.random.Generator,
    false_refusals: float = FALSE_REFUSALS,
    on_progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> LearnedHead:
    """Learns a head.

    Args:
        examples: three or more of each label.
        encode: texts → embeddings, by the bundle's encoder.
        before: the bundle's head; its answers become features.
        keep: its labels without examples stay.
        is_from_scratch: its answers are no features, so that the new head can be the basis of others.
        generator: of the folds.
        false_refusals: share of messages with a known label that the threshold may refuse.
        on_progress: called with what is done, of how much, and its name.
    """
    basis = None if is_from_scratch else basis_of(before)
    own = sorted(set(examples.labels))
    kept = tuple(label for label in before.labels if label not in own) if before and keep else ()
    texts = [*examples.texts, *(spoken(label) for label in (*own, *kept)), *examples.outside]
    embeddings = _encoded(texts, encode, on_progress)
    material = _material(examples, texts, embeddings, heads=(before, basis), labels=(own, kept), generator=generator)
    some = _some(material, generator)
    settings = _chosen(some, has_basis=basis is not None, has_kept=bool(kept), on_progress=on_progress)
    logits, outside = _out_of_fold(material, settings)
    temperature = best_temperature(logits, material.targets[material.is_example])[1]
    probabilities = softmax(logits / temperature)
    outside_confidence = softmax((outside / temperature).reshape(-1, logits.shape[1])).max(axis=1)
    # Heads of four fifths of the examples are less sure than the one of all: it refuses rather fewer.
    threshold = refusal_threshold(probabilities.max(axis=1), false_refusals, outside_confidence)
    outside_refused = (outside_confidence.reshape(FOLDS, -1) < threshold).mean(axis=0)
    parts = _fitted(material, settings)
    weight, bias = (
        parts[0][:-1].T,
        parts[0][-1] * _ONE - parts[0][:-1].T @ embeddings[: len(examples.texts)].mean(axis=0),
    )
    if not settings.basis and not (kept and before and before.blend and before.blend.basis):
        basis = None
    blend = Blend(_halved(parts[1]), parts[2] if basis else None, basis)
    learned = LinearHead(weight, bias, tuple(own), temperature, threshold, blend)
    head = _joined(learned, before, kept) if before and kept else learned
    return LearnedHead(head, settings, probabilities, kept, outside_refused)


def basis_of(head: LinearHead | None) -> LinearHead | None:
    """The head whose answers are features: the one at the bottom, so that heads do not pile up."""
    return head.blend.basis if head and head.blend and head.blend.basis else head


def spoken(label: str) -> str:
    """A label's name as words."""
    return " ".join(label.replace("_", " ").replace("-", " ").split())


def _encoded(texts: list[str], encode: Encode, on_progress: Callable[[int, int, str], None]) -> Embeddings:
    parts = []
    for first in range(0, len(texts), _BATCH):
        parts.append(encode(texts[first : first + _BATCH]))
        on_progress(min(first + _BATCH, len(texts)), len(texts), "encoding messages")
    return np.concatenate(parts)


def _material(
    examples: Examples,
    texts: list[str],
    embeddings: Embeddings,
    *,
    heads: tuple[LinearHead | None, LinearHead | None],
    labels: tuple[list[str], tuple[str, ...]],
    generator: np.random.Generator,
) -> _Material:
    (before, basis), (own, kept), count = heads, labels, len(examples.texts)
    names = len(own) + len(kept)
    targets = [*(own.index(label) for label in examples.labels), *range(names), *([0] * len(examples.outside))]
    columns = [before.labels.index(label) for label in kept] if before else []
    fixed = before.logits(embeddings, texts)[:, columns] if before else np.zeros((len(texts), 0))
    centered = embeddings - embeddings[:count].mean(axis=0)
    features = (
        np.hstack([centered, np.full((len(texts), 1), _ONE, dtype=np.float32)]),
        lexical_matrix(texts),
        basis_features(basis, embeddings, texts) if basis else np.zeros((len(texts), 1), dtype=np.float32),
    )
    place = np.arange(len(texts))
    folds = make_folds(embeddings[:count], examples.labels, examples.languages, generator)
    return _Material(
        features,
        tuple(each @ each.T for each in features),
        np.array(targets, dtype=np.int64),
        (place >= count) & (place < count + names),
        place >= count + names,
        np.concatenate([folds, np.full(len(texts) - count, -1)]),
        fixed.astype(np.float64),
        len(own),
    )


def _some(material: _Material, generator: np.random.Generator) -> _Material:
    """The texts that settings are chosen on: all examples, or so many that choosing takes seconds, and the names."""
    examples = np.flatnonzero(material.is_example)
    if len(examples) <= _MAX_CHOSEN_ON and not material.is_outside.any():
        return material
    drawn = np.sort(generator.permutation(examples)[:_MAX_CHOSEN_ON])
    return material.rows(np.concatenate([drawn, np.flatnonzero(material.is_name)]))


def _chosen(
    material: _Material, *, has_basis: bool, has_kept: bool, on_progress: Callable[[int, int, str], None]
) -> Settings:
    """The settings of the lowest calibrated loss out of fold, changed one by one."""
    truth = material.targets[material.is_example]

    def loss(settings: Settings) -> float:
        return best_temperature(_out_of_fold(material, settings)[0], truth)[0]

    left_out = {"basis": not has_basis, "names": has_kept}  # kept labels have no other text than their names
    tried = [(name, value) for name, values in _TRIED.items() if not left_out.get(name) for value in values]
    settings = Settings() if has_basis else replace(Settings(), basis=0.0)
    on_progress(0, len(tried) + 1, "cross-validating")
    lowest = loss(settings)
    for done, (name, value) in enumerate(tried, start=1):
        on_progress(done, len(tried) + 1, "cross-validating")
        candidate = replace(settings, **{name: value})
        if (other := loss(candidate)) < lowest:
            settings, lowest = candidate, other
    on_progress(len(tried) + 1, len(tried) + 1, "cross-validating")
    return settings


def _out_of_fold(material: _Material, settings: Settings) -> tuple[Matrix, Matrix]:
    """The logits (N, C + K) of the examples, each by the fit that has not seen its fold.

    And (FOLDS, M, C + K) of the messages of none, by each of these fits.
    """
    factor = _factor(material, settings)
    outside = np.flatnonzero(material.is_outside)
    logits = np.zeros((int(material.is_example.sum()), material.classes + material.fixed.shape[1]))
    of_outside = np.zeros((FOLDS, len(outside), logits.shape[1]))
    for fold in range(FOLDS):
        apart = np.flatnonzero(material.folds == fold)
        weights = _fit_rows(material, settings, factor, np.flatnonzero(material.folds != fold))
        logits[apart] = np.hstack([factor[apart] @ weights, material.fixed[apart]])
        of_outside[fold] = np.hstack([factor[outside] @ weights, material.fixed[outside]])
    return logits, of_outside


def _factor(material: _Material, settings: Settings) -> NDArray[np.float32]:
    """The Cholesky factor (N, N) of the kernel: texts as rows whose products are those of their features."""
    kernel = np.diag(np.full(len(material.targets), _JITTER))
    for scale, each in zip(_scales(settings), material.kernels, strict=True):
        kernel += scale**2 * each
    return np.linalg.cholesky(kernel).astype(np.float32)


def _fit_rows(material: _Material, settings: Settings, factor: NDArray[np.float32], rows: NDArray[np.int64]) -> Matrix:
    counted = np.where(material.is_name, settings.names, np.where(material.is_outside, 0.0, 1.0))
    rows = rows[counted[rows] > 0]
    return fit(
        factor[rows],
        material.targets[rows],
        counted[rows],
        classes=material.classes,
        penalty=settings.penalty,
        fixed=material.fixed[rows],
    )


def _fitted(material: _Material, settings: Settings) -> list[NDArray[np.float32]]:
    """The weights (columns, C) of each kind of features, of all texts."""
    factor = _factor(material, settings)
    weights = _fit_rows(material, settings, factor, np.arange(len(factor)))
    duals = np.linalg.solve(factor.T.astype(np.float64), weights).astype(np.float32)  # (N, C)
    return [scale**2 * (each.T @ duals) for scale, each in zip(_scales(settings), material.features, strict=True)]


def _scales(settings: Settings) -> tuple[np.float32, ...]:
    return np.float32(1), np.float32(settings.lexical), np.float32(settings.basis)


def _joined(learned: LinearHead, before: LinearHead, kept: tuple[str, ...]) -> LinearHead:
    """The learned head with the labels that are kept of the one before, at the strength that they had."""
    columns, blend, old = [before.labels.index(label) for label in kept], learned.blend, before.blend
    assert blend is not None  # noqa: S101 - `learn_head` has made it
    lexical = old.lexical if old else np.zeros((len(blend.lexical), len(before.labels)), np.float32)
    answers = blend.basis_weight
    if answers is not None:
        taught = old.basis_weight if old and old.basis_weight is not None else None
        taught = np.zeros((len(answers), len(before.labels)), np.float32) if taught is None else taught
        answers = np.hstack([answers, taught[:, columns] / np.float32(before.temperature)])
    strength = np.float32(before.temperature)
    return replace(
        learned,
        weight=np.vstack([learned.weight, before.weight[columns] / strength]),
        bias=np.concatenate([learned.bias, before.bias[columns] / strength]),
        labels=learned.labels + kept,
        blend=replace(
            blend, lexical=_halved(np.hstack([blend.lexical, lexical[:, columns] / strength])), basis_weight=answers
        ),
    )


def _halved(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The weights as the bundle's file will have them, in half precision."""
    return weights.astype(np.float16).astype(np.float32)
