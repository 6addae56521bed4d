"""Labelling: the targets of a small corpus, whole after any kill."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from student.bundle.linear_head import LinearHead
from student.bundle.manifest import PrivacySpent
from student.distill.pretrained import Pretrained, find_minilm
from student.distill.targets import read_targets
from student.embeddings import Embeddings
from teacher.corpora.corpus import CorpusRecipe, Source
from teacher.errors import LabelsDiffer
from teacher.labelling import label as labelling
from tests.conftest import ROOT

RECIPE = CorpusRecipe(
    name="small", source=[Source(mix="pairs", kind="pairs", file="pairs.jsonl", license="Apache-2.0")]
)


def fake_free_encode(texts: list[str]) -> Embeddings:
    """A deterministic embedding of the letters of a text: labelling itself is what is tested here."""
    rows = np.array([[text.count(c) + 1 for c in "abcdefgh"] for text in texts], dtype=np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [{"en": f"text number {n} {'abcdefgh'[n % 8] * (n % 5)}", "es": f"texto número {n}"} for n in range(10_000)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def pretrained() -> Pretrained:
    """MiniLM's identity, with the size of the embeddings used here."""
    return replace(find_minilm(), dimension=8)


def test_a_translation_gets_the_embedding_of_its_english_side(
    data: Path, pretrained: Pretrained, tmp_path: Path
) -> None:
    done = labelling.label(pretrained, RECIPE, data, tmp_path / "t", encode=fake_free_encode)
    targets = read_targets(tmp_path / "t")
    assert done.rows == done.rows_written == len(targets.texts) == 20_000
    assert (targets.texts[0], targets.texts[1]) == ("text number 0", "texto número 0")
    np.testing.assert_array_equal(targets.embeddings[0], targets.embeddings[1])
    np.testing.assert_allclose(targets.embeddings[0], fake_free_encode(["text number 0"])[0], atol=1e-3)
    assert targets.manifest.embedding_space == pretrained.embedding_space
    assert {origin.role for origin in targets.manifest.lineage} == {"teacher", "distillation texts"}


def test_labelling_again_does_nothing_and_gives_the_same(data: Path, pretrained: Pretrained, tmp_path: Path) -> None:
    labelling.label(pretrained, RECIPE, data, tmp_path / "t", encode=fake_free_encode)
    first = read_targets(tmp_path / "t")
    again = labelling.label(pretrained, RECIPE, data, tmp_path / "t", encode=fake_free_encode)
    assert again.rows_written == 0
    assert read_targets(tmp_path / "t").digest == first.digest


def test_a_killed_labelling_continues_and_ends_like_one_that_was_not(
    data: Path, pretrained: Pretrained, tmp_path: Path
) -> None:
    labelling.label(pretrained, RECIPE, data, tmp_path / "whole", encode=fake_free_encode)
    code = (
        "import sys, time; from pathlib import Path\n"
        "from tests.teacher.labelling.test_label import RECIPE, fake_free_encode\n"
        "from dataclasses import replace; from student.distill.pretrained import find_minilm\n"
        "from teacher.labelling.label import label\n"
        "def slow(texts):\n    time.sleep(0.2)\n    return fake_free_encode(texts)\n"
        "label(replace(find_minilm(), dimension=8), RECIPE, Path(sys.argv[1]), Path(sys.argv[2]), encode=slow)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(data), str(tmp_path / "killed")], cwd=ROOT)
    deadline = time.monotonic() + 60
    while not (tmp_path / "killed" / "progress.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    assert not (tmp_path / "killed" / "targets.json").exists()
    done = labelling.label(pretrained, RECIPE, data, tmp_path / "killed", encode=fake_free_encode)
    assert 0 < done.rows_written < done.rows
    assert read_targets(tmp_path / "killed").digest == read_targets(tmp_path / "whole").digest


def test_targets_of_other_texts_are_not_continued(data: Path, pretrained: Pretrained, tmp_path: Path) -> None:
    labelling.label(pretrained, RECIPE, data, tmp_path / "t", encode=fake_free_encode)
    before = {path.name: path.read_bytes() for path in (tmp_path / "t").iterdir()}
    with (data / "pairs.jsonl").open("a") as file:
        file.write(json.dumps({"en": "one more", "es": "uno más"}) + "\n")
    with pytest.raises(LabelsDiffer, match="another teacher, recipe or data"):
        labelling.label(pretrained, RECIPE, data, tmp_path / "t", encode=fake_free_encode)
    assert {path.name: path.read_bytes() for path in (tmp_path / "t").iterdir()} == before


def test_a_folder_of_something_else_is_not_written_into(data: Path, pretrained: Pretrained, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "notes.txt").write_text("mine")
    with pytest.raises(LabelsDiffer, match="not empty"):
        labelling.label(pretrained, RECIPE, data, tmp_path / "t", encode=fake_free_encode)


def test_a_teacher_with_an_intent_head_gives_logits_and_the_known_intents(
    tmp_path: Path, pretrained: Pretrained
) -> None:
    rows = [{"text": f"{'abc'[n % 3] * 3} {n}", "label": "xyz"[n % 3]} for n in range(30)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    weight = np.random.default_rng(0).normal(size=(2, 8)).astype(np.float32)
    knowing = replace(pretrained, intent_head=LinearHead(weight, np.ones(2, np.float32), ("x", "y"), 1.0, 0.0))
    source = Source(mix="m", kind="texts", file="texts.jsonl", intent_field="label", license="x")
    recipe = CorpusRecipe(name="intents", source=[source])
    labelling.label(knowing, recipe, tmp_path, tmp_path / "targets", encode=fake_free_encode)
    targets = read_targets(tmp_path / "targets")
    assert targets.manifest.intents == ["x", "y"]
    assert targets.intents is not None
    assert targets.intents.known.tolist() == [{"x": 0, "y": 1, "z": -1}["xyz"[n % 3]] for n in range(30)]
    expected = fake_free_encode(targets.texts) @ weight.T + 1
    assert np.allclose(targets.intents.logits, expected, atol=0.01)


def test_targets_are_labelled_again_without_the_teacher_running(
    data: Path, pretrained: Pretrained, tmp_path: Path
) -> None:
    labelling.label(pretrained, RECIPE, data, tmp_path / "old", encode=fake_free_encode)
    head = LinearHead(np.eye(2, 8, dtype=np.float32), np.ones(2, np.float32), ("x", "y"), 0.5, 0.0)
    spent = PrivacySpent(
        federation="lab",
        serial=1,
        sha256="7" * 64,
        run_id="run-1",
        rounds=2,
        fewest_branches=3,
        epsilon=3.0,
        delta=1e-5,
        unit="customer",
        neighboring="add-or-remove",
        accountant="exact",
        mechanism="secure",
        largest_ledger_epsilon=3.0,
    )
    knowing = replace(pretrained, intent_head=head, intent_head_sha256="8" * 64, privacy=(spent,))
    labelling.relabel(knowing, tmp_path / "old", tmp_path / "new")
    old, new = read_targets(tmp_path / "old"), read_targets(tmp_path / "new")
    assert (new.texts, new.manifest.intents, new.manifest.intent_temperature) == (old.texts, ["x", "y"], 0.5)
    assert np.array_equal(new.embeddings, old.embeddings)
    assert new.intents is not None
    assert np.allclose(new.intents.logits, new.embeddings.astype(np.float32)[:, :2] + 1, atol=0.01)
    assert new.manifest.privacy == [spent]
    assert {origin.sha256 for origin in new.manifest.lineage} >= {"8" * 64, pretrained.weights_sha256}
    before = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    labelling.relabel(knowing, tmp_path / "old", tmp_path / "new")
    assert {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()} == before


def test_targets_of_another_space_are_not_labelled_again(data: Path, pretrained: Pretrained, tmp_path: Path) -> None:
    labelling.label(pretrained, RECIPE, data, tmp_path / "old", encode=fake_free_encode)
    with pytest.raises(LabelsDiffer, match="no intent head"):
        labelling.relabel(pretrained, tmp_path / "old", tmp_path / "new")
    assert not (tmp_path / "new").exists()
