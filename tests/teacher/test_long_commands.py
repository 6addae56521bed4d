"""The long commands as they are given: JSON on stdout, progress in lines on stderr, a tracked run beside the result."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orilla import app
from student.artifacts.digests import digest_file
from student.tracking.csv_store import METRICS_FILE
from student.tracking.tracked_run import RUN_FILE
from tests.teacher.training.test_train import make_data
from tests.tiny import make_tiny_teacher, sentences

CORPUS = """
name = "tickets"
[[source]]
mix = "tickets"
kind = "texts"
file = "tickets.jsonl"
license = "LicenseRef-own"
"""
STUDENT = """
name = "tiny"
languages = ["en"]
[architecture]
layers = [0]
vocabulary = 400
trained_vocabulary = 300
max_tokens = 32
[training]
steps = 60
batch_size = 16
matryoshka_dimensions = [8, 16]
validation_steps = 30
precision = "float32"
"""
TEACHER = "name = 'tiny'\nsteps = 20\nbatch_size = 8\nmessages = 8\nmax_tokens = 32\nvalidation_steps = 10\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    make_tiny_teacher(folder / "model")
    rows = [{"text": f"{english} Quixote {number}"} for number, (english, _) in enumerate(sentences(300))]
    (folder / "tickets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pairs = [{"query": pair.query, "passage": pair.passage, "guide": pair.guide} for pair in make_data().pairs]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in pairs))
    for name, content in (("corpus.toml", CORPUS), ("student.toml", STUDENT), ("teacher.toml", TEACHER)):
        (folder / name).write_text(content)
    return folder


def run(folder: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    """The JSON that a command prints, and what it says on stderr."""
    words = [word.replace("@", f"{folder}/") for word in arguments]
    done = CliRunner().invoke(app, [*words, "--track", "csv", "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made, done.stderr


def tracked(folder: Path) -> tuple[dict[str, Any], list[tuple[int, str]]]:
    """The facts of a tracked run, and the steps and names of its figures; no text of the corpus is in either."""
    facts: dict[str, Any] = json.loads((folder / RUN_FILE).read_bytes())
    content = (folder / METRICS_FILE).read_text()
    assert "Quixote" not in content + json.dumps(facts)
    return facts, [(int(row["step"]), row["name"]) for row in csv.DictReader(content.splitlines())]


def test_label_and_distill_say_and_track_what_they_make(folder: Path) -> None:
    label = ("teacher", "label", "--recipe", "@corpus.toml", "--data", "@", "--model", "@model", "--out", "@targets")
    made, said = run(folder, *label)
    assert made == {"targets": f"{folder}/targets", "rows": 300, "encoded_now": 300}
    assert "labelling: 300 of 300" in said
    facts, figures = tracked(folder / "targets" / "tracking")
    assert (facts["command"], facts["status"], facts["parameters"]["share"]) == ("teacher label", "finished", "1.0")
    assert facts["artifacts"]["targets.json"] == digest_file(folder / "targets" / "targets.json")
    assert figures[-1] == (300, "texts_per_s")
    assert run(folder, *label)[0]["encoded_now"] == 0

    distill = ("student", "distill", "--targets", "@targets", "--recipe", "@student.toml", "--start", "@model")
    made, said = run(folder, *distill, "--out", "@run")
    assert made["student"] == f"{folder}/run/model"
    assert "60 of 60" in said
    facts, figures = tracked(folder / "run" / "tracking")
    assert facts["parameters"]["training.steps"] == "60"
    assert facts["artifacts"]["model.safetensors"] == digest_file(folder / "run" / "model" / "model.safetensors")
    assert [step for step, name in figures if name == "loss"] == [20, 40, 60]
    assert [step for step, name in figures if name == "validation/similarity"] == [30, 60]


def test_train_says_and_tracks_what_it_makes(folder: Path) -> None:
    train = ("teacher", "train", "--pairs", "@pairs.jsonl", "--recipe", "@teacher.toml", "--model", "@model")
    made, said = run(folder, *train, "--out", "@taught")
    assert made["teacher"] == f"{folder}/taught/model"
    for what in ("measuring the teacher as it is", "mining hard negatives", "measuring the trained teacher"):
        assert what in said
    facts, figures = tracked(folder / "taught" / "tracking")
    assert facts["artifacts"]["model.safetensors"] == digest_file(folder / "taught" / "model" / "model.safetensors")
    assert (20, "test after/nDCG_10") in figures
    assert (10, "loss") in figures
