"""Distillation of a head: it learns another head's soft labels on unlabelled texts, and hard labels on labelled ones.

Knowledge goes round the loop in this form. When a release is absorbed, the teacher's head learns from the aggregated
student's; when the next bundle is made, the student's head learns from the teacher's. Each reads its own encoder's
embeddings.

    loss = CE(label, softmax(z over the labels used)) + regularization * CE(label, softmax(z))
           + t^2 * KL(softmax(s / t) || softmax(z / t)) + penalty * |W|^2 / 2

each a mean over its texts, z the learner's logits and s the other head's (Hinton et al. 2015, arXiv 1503.02531). The
labelled texts were labelled when the other labels did not exist, so their loss is over the labels used in them;
`regularization` weighs their loss over all labels, which keeps the new ones from taking them. The loss is convex in
the learner's weights: the result does not depend on a seed or on the order of texts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from student.artifacts.json_lines import is_held_out
from student.bundle.linear_head import LinearHead, softmax
from student.distill.targets import read_shards, read_targets_manifest
from student.embeddings import Embeddings

_SOFT_TEMPERATURE = 2.0
"""t: logits far below the largest still count, which is how a label is learned that no text here has."""
_PENALTY = 1e-5
_SCALE = 10.0
"""Unit embeddings are scaled so while fitting; without it the penalty would bind and the fit be slow."""


@dataclass(frozen=True, slots=True)
class LabelledEmbeddings:
    """Embeddings (N, D) and their labels (N,), by number in the learner's list."""

    embeddings: Embeddings
    targets: NDArray[np.int64]

    def rows(self, rows: NDArray[np.int64]) -> "LabelledEmbeddings":
        """Some of them."""
        return LabelledEmbeddings(self.embeddings[rows], self.targets[rows])


@dataclass(frozen=True, slots=True)
class SoftLabels:
    """Soft labels: another head's logits for N texts.

    Attributes:
        embeddings: of the texts by the learner's encoder (N, D).
        logits: the other head's (N, K), divided by its temperature.
        labels: its K; it says nothing about the learner's others.
    """

    embeddings: Embeddings
    logits: NDArray[np.float32]
    labels: tuple[str, ...]


def read_soft_labels(targets: Path, encode: Callable[[list[str]], Embeddings], *, count: int) -> SoftLabels | None:
    """Soft labels of a teacher's intent head for about `count` of its targets, with the learner's embeddings of them.

    None where the teacher has no intent head. Memory does not grow with the number of targets.

    Raises:
        TargetsRefused: the targets cannot be read.
    """
    manifest, _ = read_targets_manifest(targets)
    if not manifest.intents:
        return None
    share = count / sum(shard.rows for shard in manifest.shards)
    embeddings, logits = [], []
    for shard in read_shards(targets):
        rows = np.array([i for i, text in enumerate(shard.texts) if is_held_out(f"taught:{text}", share)], np.int64)
        if shard.intents and len(rows):
            embeddings.append(encode([shard.texts[i] for i in rows]))
            logits.append(shard.intents.rows(rows).logits.astype(np.float32) / manifest.intent_temperature)
    return SoftLabels(np.concatenate(embeddings), np.concatenate(logits), tuple(manifest.intents))


def distill_head(
    labels: tuple[str, ...], labelled: LabelledEmbeddings, soft: SoftLabels | None, *, regularization: float = 0.0
) -> LinearHead:
    """The head (C, D) that both kinds of texts lead to, not calibrated.

    Args:
        labels: C names, all of `soft.labels` among them.
        labelled: may be of some of the labels only.
        soft: see `SoftLabels`; None to learn from labels alone.
        regularization: see the module.
    """
    from scipy.optimize import minimize  # noqa: PLC0415  (half a second to import)

    count, dimension = len(labels), labelled.embeddings.shape[1]
    used, positions = np.unique(labelled.targets, return_inverse=True)
    ones = np.eye(len(used), dtype=np.float32)[positions]
    rows = _scaled(labelled.embeddings)
    parts = [(1.0, _Part(rows, ones, used, 1.0))]
    if regularization:
        parts.append(
            (regularization, _Part(rows, np.eye(count, dtype=np.float32)[labelled.targets], np.arange(count), 1.0))
        )
    if soft:
        columns = np.array([labels.index(label) for label in soft.labels])
        wanted = softmax(soft.logits / _SOFT_TEMPERATURE)
        parts.append((1.0, _Part(_scaled(soft.embeddings), wanted, columns, _SOFT_TEMPERATURE)))

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(count, dimension + 1).astype(np.float32)
        value, gradient = _PENALTY / 2 * float((flat**2).sum()), _PENALTY * flat
        for share, part in parts:
            value_part, gradient_part = part.loss(weights)
            value += share * value_part
            gradient = gradient + share * gradient_part.reshape(-1)
        return value, gradient

    start = np.zeros(count * (dimension + 1))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300, "ftol": 1e-7})
    fitted = found.x.reshape(count, dimension + 1).astype(np.float32)
    return LinearHead(fitted[:, :-1] * _SCALE, fitted[:, -1].copy(), labels, temperature=1.0, threshold=0.0)


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows (N, D + 1), the last number 1 for the bias, and the distributions (N, K) they should get over K labels."""

    rows: NDArray[np.float32]
    wanted: NDArray[np.float32]
    labels: NDArray[np.int64]
    temperature: float

    def loss(self, weights: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        """The mean cross-entropy of weights (C, D + 1), times t^2, and its gradient."""
        given = softmax(self.rows @ weights[self.labels].T / self.temperature)  # (N, K)
        value = -float((self.wanted * np.log(given + 1e-9)).sum()) / len(self.rows) * self.temperature**2
        gradient = np.zeros_like(weights)
        gradient[self.labels] = (given - self.wanted).T @ self.rows * (self.temperature / len(self.rows))
        return value, gradient


def _scaled(embeddings: Embeddings) -> NDArray[np.float32]:
    ones = np.ones((len(embeddings), 1), dtype=np.float32)
    return np.hstack([embeddings.astype(np.float32) * _SCALE, ones])
