"""The commands that `orilla teacher adapt` stands for, one by one, as docs/own-student.md shows them."""

from pathlib import Path

from student.bundle.folder import open_bundle
from tests.conftest import run_orilla
from tests.teacher.adapting.own_documents import write_documents
from tests.teacher.adapting.test_adapt import write_recipe
from tests.tiny import make_tiny_bundle

CORPUS = """
name = "own documents"

[[source]]
mix = "own documents"
kind = "folder"
file = "guides"
hold_out = 0.1
license = "LicenseRef-own"
"""


def test_a_bundle_is_made_step_by_step_with_the_parts_of_another(tmp_path: Path) -> None:
    bundle, out = make_tiny_bundle(tmp_path), tmp_path / "own"
    write_documents(tmp_path / "guides", 30)
    (tmp_path / "own.toml").write_text(CORPUS, encoding="utf-8")
    start, targets, run = (str(tmp_path / name) for name in ("float", "targets", "run"))
    parts = ("--parts-of", str(bundle))
    for command in (
        ("student", "export-float", "--bundle", str(bundle), "--out", start),
        (
            *("teacher", "label", "--recipe", str(tmp_path / "own.toml"), "--data", str(tmp_path)),
            *("--model", start, "--out", targets),
        ),
        (
            *("student", "distill", "--recipe", str(write_recipe(tmp_path, 3)), "--start", start),
            *("--targets", targets, "--out", run),
        ),
        ("student", "export", "--model", f"{run}/model", *parts, "--targets", targets, "--out", str(out)),
    ):
        done = run_orilla(*command)
        assert done.returncode == 0, done.stderr
    made, began = open_bundle(out).manifest, open_bundle(bundle).manifest
    assert made.heads["intent"].labels == began.heads["intent"].labels
    assert made.embedding_space != began.embedding_space
    assert made.metrics["carried_over"]["intent_labels_kept"] > 0.5
    done = run_orilla("student", "export", "--model", f"{run}/model", "--out", str(tmp_path / "other"))
    assert done.returncode == 2
    assert "either --intents" in " ".join(done.stderr.replace("│", " ").split())
    done = run_orilla("student", "export", "--model", f"{run}/model", *parts, "--out", str(tmp_path / "other"))
    assert done.returncode == 2
    assert "needs --targets" in " ".join(done.stderr.replace("│", " ").split())


def test_a_folder_that_is_no_bundle_is_called_so_by_export_float(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run_orilla("student", "export-float", "--bundle", str(tmp_path / "empty"), "--out", str(tmp_path / "float"))
    assert (done.returncode, (tmp_path / "float").exists()) == (2, False)
    assert "is not an Orilla bundle" in done.stderr
