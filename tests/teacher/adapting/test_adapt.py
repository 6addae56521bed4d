"""One command from a folder of documents to a bundle that finds them better: tiny weights, real files and processes."""

import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from student.bundle.folder import open_bundle
from student.distill.encoder.recipe import read_student_recipe
from student.distill.pretrained import ORIGIN
from student.distill.targets import read_targets
from student.runtime.student import load_student
from teacher.adapting.adapt import Adaptation
from teacher.adapting.adapt import adapt as adapt_student
from tests.conftest import ROOT
from tests.teacher.adapting.own_documents import write_documents
from tests.tiny import make_tiny_bundle

RECIPE = """
name = "tiny own"
languages = ["en", "es"]
leaves_space = true

[architecture]

[training]
steps = {steps}
batch_size = 32
max_tokens = 32
learning_rate = 3e-3
warmup_steps = 5
similarity_weight = 0.0
matryoshka_weight = 0.0
answer_share = 0.8
answer_weight = 1.0
asks_teacher_of_negatives = false
precision = "float32"
validation_steps = 1000
checkpoint_steps = 10

[bounds]
teacher_similarity = -1
int8_mean_similarity = 0.5
int8_min_similarity = 0
int8_top10_overlap = 0
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guides")
    write_documents(folder, 80)
    return folder


def adapt(documents: Path, base: Path, out: Path, recipe: Path, *more: str) -> list[str]:
    command = [sys.executable, "-m", "orilla", "teacher", "adapt", str(documents), "--bundle", str(base)]
    return [*command, "--out", str(out), "--recipe", str(recipe), "--hold-out", "0.2", *more]


def write_recipe(folder: Path, steps: int) -> Path:
    path = folder / f"recipe-{steps}.toml"
    path.write_text(RECIPE.format(steps=steps), encoding="utf-8")
    return path


def test_a_killed_adaptation_goes_on_and_ends_in_a_better_bundle(documents: Path, base: Path, tmp_path: Path) -> None:
    out, recipe = tmp_path / "own", write_recipe(tmp_path, 150)
    (tmp_path / "questions.jsonl").write_text('{"question": "red", "source": "b/guide-0.md"}\n', encoding="utf-8")
    command = adapt(documents, base, out, recipe, "--questions", str(tmp_path / "questions.jsonl"))
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("own.run/*/student/checkpoint.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    assert not out.exists()
    (checkpoint,) = tmp_path.glob("own.run/*/student/checkpoint.safetensors")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    assert "held-out documents" in done.stderr
    assert "own questions" in done.stderr
    assert list(tmp_path.glob("own.run/*/student/checkpoint.safetensors")) == [checkpoint]  # no second run
    made, began = open_bundle(out).manifest, open_bundle(base).manifest
    figures = made.metrics["held_out_documents"]
    assert figures["questions"] >= 10
    assert figures["ndcg_at_10_after"] > figures["ndcg_at_10_before"] + 0.1
    assert made.embedding_space != began.embedding_space
    assert [each.spdx for each in made.licenses] == ["LicenseRef-own AND Apache-2.0", "Apache-2.0"]
    assert {"own documents", "bundle"} <= {origin.role for origin in made.lineage}
    assert any("without differential privacy" in limit for limit in made.limits["known"])
    assert "without differential privacy. Give the bundle to nobody" in (out / "MODEL_CARD.md").read_text()
    student = load_student(out)  # its probes hold
    student.close()
    assert list(student.heads) == ["intent"]


def test_a_student_that_is_no_better_is_not_written_unless_asked_for(
    documents: Path, base: Path, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, 1)
    recipe.write_text(recipe.read_text().replace("3e-3", "1e-12"), encoding="utf-8")
    command = adapt(documents, base, tmp_path / "own", recipe)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 2
    assert "keep that bundle" in " ".join(done.stderr.split())
    assert not (tmp_path / "own").exists()
    start = Path(shutil.copytree(base.parent / "teacher", tmp_path / "start"))
    (start / ORIGIN).write_text('{"name": "float", "license": "MIT"}', encoding="utf-8")
    command += ["--even-if-no-better", "--start", str(start)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    made = open_bundle(tmp_path / "own").manifest
    assert made.metrics["held_out_documents"]["gain"] <= 0.05
    assert made.licenses[0].spdx == "LicenseRef-own AND MIT"  # as the folder that it started from says
    began = next(origin for origin in made.lineage if origin.role == "student started from")
    assert (began.name, began.license) == ("float", "MIT")


def test_a_document_that_comes_during_the_training_is_not_learned(base: Path, tmp_path: Path) -> None:
    """The folder is read once: what is held out to measure with is held out of what was read then."""
    write_documents(tmp_path / "guides", 40)
    recipe, shown = read_student_recipe(write_recipe(tmp_path, 1)), set[str]()
    settings = Adaptation(
        documents=tmp_path / "guides",
        base=base,
        start=None,
        recipe=recipe,
        run=tmp_path / "run",
        hold_out=0.4,
        questions=None,
        name="own",
        serial=1,
        is_forced=True,
    )

    def show(done: float, total: float | None, what: str, *, kept: float = 0) -> None:
        if what == "reading the student's weights":
            (tmp_path / "guides" / "late.md").write_text("# Late\n\nThe zebra came late, long after all others.\n")
        shown.add(what)

    adapted = adapt_student(settings, tmp_path / "own", now=datetime(2026, 11, 30, tzinfo=UTC), show=show)
    assert {"reading documents", "embedding texts", "training"} <= shown
    (targets,) = (tmp_path / "run").glob("*/targets")
    assert (len(adapted.documents.documents), adapted.held_out) == (40, 16)
    assert not any("zebra" in text for text in read_targets(targets).texts)


def test_too_few_documents_are_refused_before_anything_is_trained(base: Path, tmp_path: Path) -> None:
    write_documents(tmp_path / "guides", 5)
    command = adapt(tmp_path / "guides", base, tmp_path / "own", write_recipe(tmp_path, 1))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 2
    assert "expected at least 10" in " ".join(done.stderr.split())
    assert not (tmp_path / "own.run").exists()


def test_a_bundle_that_is_there_is_refused_before_anything_is_read(documents: Path, base: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    command = adapt(documents, base, tmp_path / "own", write_recipe(tmp_path, 1))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 2
    assert "pass --force" in " ".join(done.stderr.split())
    assert not (tmp_path / "own.run").exists()
