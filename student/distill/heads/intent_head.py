"""Training of the intent head: multinomial logistic regression on frozen embeddings, then calibrated.

Temperature scaling is Guo et al. 2017 (arXiv 1706.04599), the out-of-scope threshold a quantile of the best
probability on validation texts (after Hendrycks & Gimpel 2017, arXiv 1610.02136).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from student.artifacts.json_lines import DataRefused, column, read_rows
from student.bundle.linear_head import LinearHead
from student.distill.heads.head_distillation import LabelledEmbeddings, SoftLabels, distill_head
from student.embeddings import Embeddings
from student.intents.calibration import best_temperature, calibration_error
from student.intents.examples import OUT_OF_SCOPE, is_out_of_scope
from student.intents.folds import NEAR_COPY

KEPT_IN_SCOPE = 0.95
"""Share of validation texts that the threshold lets through."""
_ROWS_AT_ONCE = 1024
_COLUMN_NAMES = (("language", "lang"), ("segment", "category"))
MIN_TEXTS = 8
"""Texts that a label needs, so that training, validation and test part each get some."""


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """N texts and their N labels; also their languages and segments, to measure by, "" where unknown."""

    texts: list[str]
    labels: list[str]
    languages: list[str] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)

    def rows(self, rows: Sequence[int]) -> "LabelledTexts":
        """The texts of some rows."""
        columns = (self.texts, self.labels, self.languages, self.segments)
        return LabelledTexts(*([column[i] for i in rows] if column else [] for column in columns))


@dataclass(frozen=True, slots=True)
class HeadMetrics:
    """On the held-out test part, but for the number of texts in each part and their near copies.

    Attributes:
        train, validation, test: texts in each part.
        accuracy, macro_f1: in [0, 1].
        expected_calibration_error: 15 equal-width bins, in [0, 1].
        in_scope_kept: share of test texts above the threshold.
        out_of_scope_refused: share of out-of-scope texts below it, None without such texts.
        out_of_scope_auroc: of the best probability, in scope against out of scope.
        near_copies: share of all labelled texts that have a near copy among the others.
    """

    train: int
    validation: int
    test: int
    accuracy: float
    macro_f1: float
    expected_calibration_error: float
    in_scope_kept: float
    out_of_scope_refused: float | None
    out_of_scope_auroc: float | None
    near_copies: float

    def as_metrics(self) -> dict[str, float | None]:
        """The figures, rounded for a manifest."""
        return {name: value if value is None else round(value, 4) for name, value in asdict(self).items()}


def read_labelled(path: Path) -> LabelledTexts:
    """Reads JSON lines with `text` and `label` (or `intent`), and `language` and `segment` where they stand.

    Repeated texts are read once.

    Raises:
        DataRefused: a line is not such an object, a text is empty or has two labels, or a label has fewer than eight
            texts.
    """
    labelled = read_labelled_rows(path)
    counts = Counter(labelled.labels)
    rare = sorted(label for label, count in counts.items() if count < MIN_TEXTS)
    if rare or len(counts) < 2:
        raise DataRefused(
            f"{path} has {len(counts)} label(s), {len(rare)} of them with fewer than {MIN_TEXTS} texts "
            f"({', '.join(rare[:3])}); expected at least 2 labels of {MIN_TEXTS} texts: add texts or merge labels"
        )
    return labelled


def read_inside_and_outside(path: Path) -> tuple[LabelledTexts, list[str]]:
    """The same without the texts labelled `out_of_scope`, and these apart. Raises `DataRefused`."""
    data = read_labelled(path)
    is_outside = [is_out_of_scope(label) for label in data.labels]
    inside = data.rows([row for row, outside in enumerate(is_outside) if not outside])
    if len(set(inside.labels)) < 2:
        raise DataRefused(f"{path} has one label beside {OUT_OF_SCOPE!r}, expected at least 2; add texts of another")
    return inside, [data.texts[row] for row, outside in enumerate(is_outside) if outside]


def read_labelled_rows(path: Path) -> LabelledTexts:
    """The same with any number of texts a label, one at least in all. Raises `DataRefused`."""
    row_of: dict[str, tuple[str, str, str]] = {}
    for row in read_rows(path):
        text = column(row, "text", path).strip()
        label = column(row, "intent" if "label" not in row and "intent" in row else "label", path)
        language, segment = (str(row.get(long) or row.get(short) or "") for long, short in _COLUMN_NAMES)
        row_facts = label, language, segment
        if not text or row_of.setdefault(text, row_facts)[0] != label:
            raise DataRefused(f"{path} has a text that is empty or has two labels; expected texts with one label each")
    if not row_of:
        raise DataRefused(f"{path} has no texts; expected JSON lines with text and label")
    labels, languages, segments = zip(*row_of.values(), strict=True)
    return LabelledTexts(list(row_of), list(labels), list(languages), list(segments))


def read_texts(path: Path) -> list[str]:
    """Reads the `text` of JSON lines."""
    return [column(row, "text", path) for row in read_rows(path)]


def train_intent_head(
    data: LabelledTexts,
    out_of_scope: list[str],
    encode: Callable[[list[str]], Embeddings],
    *,
    soft: SoftLabels | None = None,
    seed: int = 0,
) -> tuple[LinearHead, HeadMetrics]:
    """Trains, calibrates and measures an intent head on a stratified 70/15/15 split.

    Args:
        data: labelled texts.
        out_of_scope: texts of no label, used only to measure.
        encode: texts → embeddings (N, D), by the encoder the head will be served with.
        soft: soft labels of the teacher's head for other texts: the head learns from both, and has the labels of both.
        seed: of the split.

    Returns:
        The head, and its figures on texts neither trained nor calibrated on.
    """
    from sklearn.model_selection import train_test_split  # noqa: PLC0415  (a second to import)

    labels = sorted({*data.labels, *(soft.labels if soft else ())})
    y = np.array([labels.index(label) for label in data.labels])
    x = encode(data.texts)  # (N, D)
    x_train, x_rest, y_train, y_rest = train_test_split(x, y, test_size=0.3, random_state=seed, stratify=y)
    x_val, x_test, y_val, y_test = train_test_split(x_rest, y_rest, test_size=0.5, random_state=seed, stratify=y_rest)
    if soft:
        head = distill_head(tuple(labels), LabelledEmbeddings(x_train, y_train), soft)
    else:
        head = min(
            (_fit(x_train, y_train, tuple(labels), inverse_penalty) for inverse_penalty in (1, 3, 10, 30, 100)),
            key=lambda candidate: _calibrated_loss(candidate, x_val, y_val)[0],
        )
    head = calibrate(head, x_val, y_val)
    sizes = (len(y_train), len(y_val), len(y_test))
    outside = encode(out_of_scope) if out_of_scope else None
    return head, _measure(head, x_test, y_test, outside, sizes=sizes, copies=near_copies(x))


def near_copies(embeddings: Embeddings) -> float:
    """The share of texts, of embeddings (N, D), that have a near copy among the others."""
    found = 0
    for first in range(0, len(embeddings), _ROWS_AT_ONCE):  # all similarities at once would need much memory
        similarities = embeddings[first : first + _ROWS_AT_ONCE] @ embeddings.T  # (b, N)
        rows = np.arange(len(similarities))
        similarities[rows, first + rows] = -1
        found += int((similarities.max(axis=1) >= NEAR_COPY).sum())
    return found / len(embeddings)


def _fit(x: Embeddings, y: NDArray[np.int64], labels: tuple[str, ...], inverse_penalty: float) -> LinearHead:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    model = LogisticRegression(C=inverse_penalty, max_iter=2000).fit(x, y)
    weight, bias = model.coef_.astype(np.float32), model.intercept_.astype(np.float32)
    if len(labels) == 2:  # scikit-learn keeps one row for two classes
        weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return LinearHead(weight, bias, labels, temperature=1.0, threshold=0.0)


def calibrate(head: LinearHead, x: Embeddings, y: NDArray[np.int64]) -> LinearHead:
    """The head with the temperature and the threshold that fit validation texts: embeddings (N, D), labels (N,)."""
    head = replace(head, temperature=_calibrated_loss(head, x, y)[1])
    confidence = head.probabilities(x).max(axis=1)
    return replace(head, threshold=round(float(np.quantile(confidence, 1 - KEPT_IN_SCOPE)), 4))


def _calibrated_loss(head: LinearHead, x: Embeddings, y: NDArray[np.int64]) -> tuple[float, float]:
    """The lowest negative log-likelihood over temperatures, and its temperature."""
    return best_temperature(replace(head, temperature=1.0).logits(x), y)


def _measure(
    head: LinearHead,
    x: Embeddings,
    y: NDArray[np.int64],
    outside: Embeddings | None,
    *,
    sizes: tuple[int, int, int],
    copies: float,
) -> HeadMetrics:
    from sklearn.metrics import f1_score, roc_auc_score  # noqa: PLC0415

    probabilities = head.probabilities(x)  # (N, C)
    best, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    refused = auroc = None
    if outside is not None:
        outside_confidence = head.probabilities(outside).max(axis=1)
        refused = float((outside_confidence < head.threshold).mean())
        is_inside = np.concatenate([np.ones(len(confidence)), np.zeros(len(outside_confidence))])
        auroc = float(roc_auc_score(is_inside, np.concatenate([confidence, outside_confidence])))
    return HeadMetrics(
        *sizes,
        accuracy=float((best == y).mean()),
        macro_f1=float(f1_score(y, best, labels=np.unique(y), average="macro")),
        expected_calibration_error=calibration_error(confidence, best == y),
        in_scope_kept=float((confidence >= head.threshold).mean()),
        out_of_scope_refused=refused,
        out_of_scope_auroc=auroc,
        near_copies=copies,
    )
