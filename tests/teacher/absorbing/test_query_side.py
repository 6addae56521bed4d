"""Absorbing a release of the query adapter: the teacher's query side adapts as the student's, or stays as it was."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from student.artifacts.digests import digest_bytes
from student.bundle.query_adapter import QueryAdapter, pack_adapter
from student.distill.pretrained import QUERY_ADAPTER_FILE, WeightsRefused
from teacher.absorbing.absorb import absorb
from teacher.absorbing.part import Sources
from teacher.errors import AbsorptionRefused
from tests.federation.lab import ADAPTER_FILE, DIMENSION, HEAD_FILE, LABELS, write_lines
from tests.teacher.absorption import (
    RECIPE,
    TinyCenter,
    build_center,
    files_of,
    open_teacher,
    origins_by_role,
    sign_again,
)

RANK = 4


@pytest.fixture(scope="module")
def center(tmp_path_factory: pytest.TempPathFactory) -> TinyCenter:
    return build_center(tmp_path_factory.mktemp("center"))


def adapter_of(size: float) -> QueryAdapter:
    generator = np.random.default_rng(8)
    return QueryAdapter(*(generator.standard_normal((RANK, DIMENSION)).astype(np.float32) * size for _ in range(2)))


def sources_of(center: TinyCenter, folder: Path, adapter: QueryAdapter) -> Sources:
    """A release that is rightly signed and of this adapter, and pairs that the center has."""
    release = Path(shutil.copytree(center.sources.release, folder / "adapter-release"))
    content = pack_adapter(adapter)
    (release / HEAD_FILE).unlink()
    (release / ADAPTER_FILE).write_bytes(content)

    def change(value: dict[str, Any]) -> None:
        value.update(part="adapter", rank=len(adapter.a), labels=[], learned_sha256=digest_bytes(content))

    sign_again(center.lab, release, change)
    passages = [f"{label}{n} {label}{n + 1} {label}{n + 2}" for label in LABELS for n in range(10)]
    write_lines(folder / "pairs.jsonl", [{"query": text.rsplit(" ", 1)[0], "passage": text} for text in passages])
    return replace(center.sources, release=release, labelled=None, pairs=folder / "pairs.jsonl")


def test_the_teachers_query_side_adapts_as_the_students(center: TinyCenter, tmp_path: Path) -> None:
    adapter = adapter_of(0.15)
    sources = sources_of(center, tmp_path, adapter)
    report = absorb(center.teacher, sources, RECIPE, tmp_path / "new", encode=center.encode)
    made = open_teacher(tmp_path / "new")
    assert made.query_adapter is not None
    questions = center.encode([f"{label}3 {label}5 filler1" for label in LABELS])
    adapted, wanted = made.query_adapter[0].adapt(questions), adapter.adapt(questions)
    assert (adapted * wanted).sum(axis=1).min() > 0.98
    assert (questions * wanted).sum(axis=1).min() < (adapted * wanted).sum(axis=1).min()
    assert made.embedding_space == center.teacher.embedding_space
    assert made.as_teacher()[1].role == "teacher's query adapter"
    assert origins_by_role(made.lineage)["pairs"].name == "pairs.jsonl"
    assert json.loads(json.dumps(report))["gates"][0]["texts"] == 40


def test_an_adapter_that_finds_less_is_refused_and_the_old_teacher_stays(center: TinyCenter, tmp_path: Path) -> None:
    one_way = np.tile(np.eye(1, DIMENSION, dtype=np.float32), (DIMENSION, 1))
    sources = sources_of(center, tmp_path, QueryAdapter(50 * np.eye(DIMENSION, dtype=np.float32), one_way))
    before = files_of(tmp_path)
    with pytest.raises(AbsorptionRefused, match="would find less"):
        absorb(center.teacher, sources, RECIPE, tmp_path / "new", encode=center.encode)
    assert files_of(tmp_path) == before


def test_an_adapter_needs_the_centers_pairs(center: TinyCenter, tmp_path: Path) -> None:
    sources = replace(sources_of(center, tmp_path, adapter_of(0.1)), pairs=None)
    with pytest.raises(AbsorptionRefused, match="of the adapter; name the center's data: --pairs"):
        absorb(center.teacher, sources, RECIPE, tmp_path / "new", encode=center.encode)
    assert not (tmp_path / "new").exists()


def test_a_damaged_query_adapter_is_refused(center: TinyCenter, tmp_path: Path) -> None:
    sources = sources_of(center, tmp_path, adapter_of(0.1))
    absorb(center.teacher, sources, RECIPE, tmp_path / "new", encode=center.encode)
    (tmp_path / "new" / QUERY_ADAPTER_FILE).write_bytes(b"no")
    with pytest.raises(WeightsRefused, match="no query adapter"):
        open_teacher(tmp_path / "new")
