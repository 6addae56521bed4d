"""Distillation of a head: what it learns, what it keeps, and that its loss is the one that is written down."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax

from student.bundle.linear_head import LinearHead
from student.distill.heads.head_distillation import LabelledEmbeddings, SoftLabels, distill_head, read_soft_labels
from student.distill.targets import IntentTargets, TargetsManifest, write_shard, write_targets_manifest

D = 12


def unit(count: int, seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((count, D)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def other_head() -> LinearHead:
    return LinearHead(8 * unit(3, 1), np.zeros(3, np.float32), ("a", "b", "new"), 1.0, 0.0)


def test_a_head_learns_a_label_that_no_labelled_text_has() -> None:
    other, texts, fresh = other_head(), unit(800, 2), unit(300, 3)
    known = texts[other.logits(texts).argmax(axis=1) < 2][:60]
    labelled = LabelledEmbeddings(known, other.logits(known).argmax(axis=1).astype(np.int64))
    head = distill_head(("a", "b", "new"), labelled, SoftLabels(texts, other.logits(texts), other.labels))
    assert (head.logits(fresh).argmax(axis=1) == other.logits(fresh).argmax(axis=1)).mean() > 0.95


def test_regularization_keeps_labelled_texts_from_labels_they_do_not_use() -> None:
    other, texts = other_head(), unit(800, 2)
    mislabelled = texts[other.logits(texts).argmax(axis=1) == 2][:60]  # the center knew no better
    labelled = LabelledEmbeddings(mislabelled, np.zeros(60, np.int64))
    soft = SoftLabels(texts, other.logits(texts), other.labels)
    eager, wary = (
        distill_head(other.labels, labelled, soft, regularization=regularization) for regularization in (0.0, 10.0)
    )
    said = [(head.logits(mislabelled).argmax(axis=1) == 0).mean() for head in (eager, wary)]
    assert said[0] < 0.3
    assert said[1] > 0.7


def test_the_weights_found_are_where_the_loss_that_is_written_down_is_least() -> None:
    other, texts, known = other_head(), unit(200, 2), unit(40, 5)
    targets = np.arange(40, dtype=np.int64) % 2
    head = distill_head(
        other.labels,
        LabelledEmbeddings(known, targets),
        SoftLabels(texts, other.logits(texts), other.labels),
        regularization=0.5,
    )

    def loss(weight: NDArray[np.float32]) -> float:
        z, theirs = known @ weight.T + head.bias, texts @ weight.T + head.bias
        rows = np.arange(40)
        used = -log_softmax(z[:, :2], axis=1)[rows, targets].mean()
        every = -log_softmax(z, axis=1)[rows, targets].mean()
        wanted = np.exp(log_softmax(other.logits(texts) / 2, axis=1))
        soft = -4 * (wanted * log_softmax(theirs / 2, axis=1)).sum(axis=1).mean()
        return float(used + 0.5 * every + soft)

    least = loss(head.weight)
    for seed in range(5):
        step = 0.3 * np.random.default_rng(seed).standard_normal(head.weight.shape).astype(np.float32)
        assert loss(head.weight + step) > least


def test_soft_labels_are_read_with_the_teachers_temperature(tmp_path: Path) -> None:
    texts, known = [f"text {number}" for number in range(40)], np.full(40, -1, np.int16)
    logits = np.random.default_rng(6).standard_normal((40, 2)).astype(np.float16)
    shards = [
        write_shard(
            tmp_path / f"{n}.parquet", texts[n::2], ["m"] * 20, unit(20, n), IntentTargets(logits[n::2], known[n::2])
        )
        for n in range(2)
    ]
    fields: dict[str, Any] = {"embedding_space": "5" * 64, "dimension": D, "lineage": [], "shards": shards}
    write_targets_manifest(tmp_path, TargetsManifest(intents=["a", "b"], intent_temperature=0.5, **fields))
    read = read_soft_labels(
        tmp_path, lambda asked: np.array([[texts.index(text)] * D for text in asked], np.float32), count=40
    )
    assert read is not None
    assert read.labels == ("a", "b")
    rows = read.embeddings[:, 0].astype(int)
    assert np.allclose(read.logits, logits[rows].astype(np.float32) / 0.5)
    write_targets_manifest(tmp_path, TargetsManifest(**fields))
    assert read_soft_labels(tmp_path, lambda asked: unit(len(asked), 0), count=40) is None


def test_a_part_of_the_texts_is_chosen_by_digest(tmp_path: Path) -> None:
    texts, known = [f"text {number}" for number in range(400)], np.full(400, -1, np.int16)
    shard = write_shard(
        tmp_path / "0.parquet", texts, ["m"] * 400, unit(400, 1), IntentTargets(np.zeros((400, 2), np.float16), known)
    )
    manifest = TargetsManifest(embedding_space="5" * 64, dimension=D, intents=["a", "b"], lineage=[], shards=[shard])
    write_targets_manifest(tmp_path, manifest)
    read = read_soft_labels(tmp_path, lambda asked: unit(len(asked), 0), count=100)
    assert read is not None
    assert len(read.logits) == pytest.approx(100, abs=30)
