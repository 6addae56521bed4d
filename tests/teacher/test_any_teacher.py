"""Every kind of teacher, from its folder to a bundle: labels a corpus, a student is distilled of it, and exported."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from student.distill.encoder.distillation import distill_student
from student.distill.encoder.recipe import Architecture, Bounds, EncoderTraining, StudentRecipe
from student.distill.export.bundle_export import export_bundle
from student.distill.export.recipe import ExportRecipe
from student.distill.pretrained import Pretrained, open_pretrained
from student.distill.targets import read_targets
from student.runtime.student import load_student
from teacher.corpora.recipe import CorpusRecipe, Source
from teacher.labelling.label import label
from teacher.mixture.recipe import TeacherRecipe
from teacher.mixture.teacher import open_folder_teacher, open_teacher
from tests.teacher.encoders.test_folders import DIMENSIONS, KINDS
from tests.teacher.encoders.tiny_encoders import WIDTH, make_folder
from tests.tiny import make_tiny_teacher, sentences

CORPUS = CorpusRecipe(name="tiny", source=[Source(mix="pairs", kind="pairs", file="pairs.jsonl", license="MIT")])
LOOSE = Bounds(teacher_similarity=-1, int8_mean_similarity=0.9, int8_min_similarity=0.5, int8_top10_overlap=0)
STUDENT = StudentRecipe(
    name="tiny",
    languages=["en", "es"],
    architecture=Architecture(layers=[0], vocabulary=400, trained_vocabulary=300, max_tokens=32),
    training=EncoderTraining(steps=2, batch_size=8, matryoshka_dimensions=[8], precision="float32"),
    bounds=LOOSE,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    pairs = list(dict.fromkeys(sentences(80)))
    rows = "".join(json.dumps({"en": english, "es": spanish}) + "\n" for english, spanish in pairs)
    (folder / "pairs.jsonl").write_text(rows)
    intents = "".join(
        json.dumps({"text": f"{english} {n}", "label": "abc"[n % 3]}) + "\n" for n, (english, _) in enumerate(pairs)
    )
    (folder / "intents.jsonl").write_text(intents)
    return folder


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    """Weights that the student starts from: none of the teachers'."""
    return make_tiny_teacher(tmp_path_factory.mktemp("start") / "start", spread=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_teacher_ends_in_a_bundle(kind: str, data: Path, start: Pretrained, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "teacher", **KINDS[kind])
    teacher = open_folder_teacher(folder, name=kind, license_="Apache-2.0", precision="float32")
    label(teacher, CORPUS, data, tmp_path / "targets")
    targets = read_targets(tmp_path / "targets")
    dimension = DIMENSIONS.get(kind, WIDTH)
    assert targets.embeddings.shape == (len(targets.texts), dimension)
    student = distill_student(targets, STUDENT, tmp_path / "student", start=start)
    _export_and_use(student, data, dimension, targets.manifest.embedding_space, tmp_path / "bundle")


def test_a_mixture_ends_in_a_bundle_of_its_space(data: Path, start: Pretrained, tmp_path: Path) -> None:
    encoders = [
        {"name": name, "model": str(make_folder(tmp_path / name, name)), "license": "MIT", "is_centered": centered}
        for name, centered in (("mpnet", True), ("distilbert", False))
    ]
    recipe = TeacherRecipe.model_validate(
        {"name": "two", "dimension": 24, "translation_pull": 0.5, "encoder": encoders}
    )
    label(open_teacher(recipe), CORPUS, data, tmp_path / "targets")
    targets = read_targets(tmp_path / "targets")
    assert targets.embeddings.shape[1] == 24
    student = distill_student(targets, STUDENT, tmp_path / "student", start=start)
    _export_and_use(student, data, 24, targets.manifest.embedding_space, tmp_path / "bundle")


def _export_and_use(student: Path, data: Path, dimension: int, space: str, out: Path) -> None:
    recipe = ExportRecipe("test", 1, data / "intents.jsonl", "made-up intents", "Apache-2.0", None, ())
    made = open_pretrained(student, name="student", license_="Apache-2.0")
    bundle = export_bundle(made, recipe, out, now=datetime(2026, 11, 30, tzinfo=UTC))
    assert bundle.manifest.encoder.dimension == dimension
    assert bundle.manifest.embedding_space == space
    loaded = load_student(out)
    embedding = loaded.encoder.encode(["red server mail"])[0]
    loaded.close()
    assert embedding.shape == (dimension,)
    assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-4)
