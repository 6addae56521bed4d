"""Distillation of an adapter: exact where both encoders agree, useful where they nearly do."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from student.bundle.query_adapter import QueryAdapter
from student.distill.heads.adapter_distillation import distill_adapter, distill_adapter_from_targets
from student.distill.targets import TargetsManifest, write_shard, write_targets_manifest

D, RANK = 16, 3


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def texts(count: int, seed: int) -> NDArray[np.float32]:
    return unit(np.random.default_rng(seed).standard_normal((count, D)))


def adapter() -> QueryAdapter:
    generator = np.random.default_rng(1)
    return QueryAdapter(*(generator.standard_normal((RANK, D)).astype(np.float32) * 0.3 for _ in range(2)))


def test_a_learner_of_the_same_encoder_turns_as_the_other_does() -> None:
    known, fresh = texts(2000, 2), texts(200, 3)
    learned = distill_adapter(known, known, adapter())
    assert learned.a.shape == (RANK, D)
    wanted, before = adapter().adapt(fresh), fresh
    assert (learned.adapt(fresh) * wanted).sum(axis=1).mean() > 0.99 > (before * wanted).sum(axis=1).mean() + 0.02


def test_a_learner_of_another_encoder_gains_most_of_it() -> None:
    noise = np.random.default_rng(5).standard_normal((D, D)) * 0.1
    known, fresh = texts(2000, 2), texts(200, 3)
    learned = distill_adapter(unit(known + known @ noise), known, adapter())
    other, wanted = unit(fresh + fresh @ noise), adapter().adapt(fresh)
    assert (learned.adapt(other) * wanted).sum(axis=1).mean() > (other * wanted).sum(axis=1).mean() + 0.02


def test_an_adapter_that_turns_nothing_teaches_nothing() -> None:
    still = QueryAdapter(np.ones((RANK, D), np.float32), np.zeros((RANK, D), np.float32))
    known = texts(100, 2)
    assert np.allclose(distill_adapter(known, known, still).adapt(known), known, atol=1e-6)


def test_it_is_learned_from_targets(tmp_path: Path) -> None:
    known = texts(600, 2)
    names = [f"text {number}" for number in range(600)]
    shards = [write_shard(tmp_path / f"{n}.parquet", names[n::2], ["m"] * 300, known[n::2]) for n in range(2)]
    manifest = TargetsManifest(embedding_space="5" * 64, dimension=D, lineage=[], shards=shards)
    write_targets_manifest(tmp_path, manifest)
    row_of = {name: row for row, name in enumerate(names)}
    learned = distill_adapter_from_targets(
        tmp_path, adapter(), lambda asked: known[[row_of[text] for text in asked]], count=600
    )
    assert (learned.adapt(known) * adapter().adapt(known)).sum(axis=1).mean() > 0.98
