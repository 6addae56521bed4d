"""Fine-tuning at small scale: a tiny teacher learns what its center's words mean."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from student.distill.heads.intent_head import LabelledTexts
from student.distill.pretrained import INTENT_HEAD_FILES, Pretrained, WeightsRefused, open_pretrained
from student.distill.training.checkpoint import AnotherRun
from student.distill.training.loop import CHECKPOINT, LOG
from teacher.corpora.queries import Pair
from teacher.errors import TrainingRefused
from teacher.training.fine_tuning import TEACHER_FOLDER, TRAINING_REPORT, fine_tune
from teacher.training.losses import contrastive_loss
from teacher.training.recipe import FineTuningRecipe, read_fine_tuning_recipe
from teacher.training.training_data import TrainingData, split_training_data
from tests.conftest import ROOT
from tests.teacher.encoders.tiny_encoders import make_folder
from tests.tiny import SPANISH, WORDS, make_tiny_teacher

RECIPE = FineTuningRecipe(
    name="tiny",
    steps=120,
    batch_size=16,
    messages=16,
    max_tokens=32,
    learning_rate=3e-3,
    warmup_steps=5,
    negatives=3,
    validation_steps=20,
    validation_share=0.15,
    test_share=0.2,
    patience=10,
    precision="float32",
    seed=3,
)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    return make_tiny_teacher(tmp_path_factory.mktemp("teacher"), spread=0.05)


def make_data() -> TrainingData:
    """Queries share three words with their passages, which hold others that say nothing; the intent is a word."""
    generator = random.Random(2)
    pairs, texts, labels = [], [], []
    for number in range(400):
        topics = generator.sample(WORDS, 3)
        query, passage = " ".join(topics), " ".join(generator.sample([*topics, *generator.choices(SPANISH, k=3)], 6))
        pairs.append(Pair(query, passage, f"guide-{number}", "title", "en", "a" if number % 2 else "b"))
        topic = WORDS[number % 4]
        texts.append(f"{topic} {generator.choice(WORDS[4:])} {topic} {generator.choice(WORDS[4:])}")
        labels.append(topic)
    return TrainingData(pairs, LabelledTexts(texts, labels, ["en"] * 400, ["x"] * 400), [])


def test_a_teacher_learns_retrieval_and_intents(teacher: Pretrained, tmp_path: Path) -> None:
    report = fine_tune(teacher, make_data(), RECIPE, tmp_path)
    before, after = report["before"], report["after"]
    assert after["retrieval"]["nDCG@10"] > before["retrieval"]["nDCG@10"] + 0.2
    assert set(after["retrieval"]["by segment"]) == {"a", "b"}
    assert after["intents"]["accuracy"] > 0.9
    assert set(after["intents"]["F1 by class"]) == set(WORDS[:4])
    assert after["intents"]["accuracy by language"] == {"en": after["intents"]["accuracy"]}
    made = open_pretrained(tmp_path / TEACHER_FOLDER, name="made", license_="MIT")
    assert made.intent_head is not None
    assert made.intent_head.labels == tuple(sorted(WORDS[:4]))
    assert made.embedding_space != teacher.embedding_space
    assert [origin.sha256 for origin in made.lineage] == [teacher.weights_sha256]


def test_training_stops_when_validation_gains_no_more(teacher: Pretrained, tmp_path: Path) -> None:
    still = RECIPE.model_copy(update={"learning_rate": 1e-12, "head_learning_rate": 1e-12, "patience": 2})
    report = fine_tune(teacher, make_data(), still, tmp_path)
    steps = [json.loads(line)["step"] for line in (tmp_path / LOG).read_text().splitlines()]
    assert steps[-1] < RECIPE.steps
    assert steps[-1] - report["best_step"] == 2 * RECIPE.validation_steps


def test_a_teacher_whose_layers_training_would_lose_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model", dense=24, normalize=True)
    teacher = open_pretrained(folder, name="dense", license_="MIT")
    with pytest.raises(TrainingRefused, match="layers after it would be lost"):
        fine_tune(teacher, make_data(), RECIPE, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_accumulation_and_no_intents_work(teacher: Pretrained, tmp_path: Path) -> None:
    data = make_data()
    short = RECIPE.model_copy(update={"steps": 20, "accumulation": 4})
    report = fine_tune(teacher, TrainingData(data.pairs, None, []), short, tmp_path)
    assert "intents" not in report["after"]
    assert open_pretrained(tmp_path / TEACHER_FOLDER, name="made", license_="MIT").intent_head is None


_CHILD = """
import sys
from pathlib import Path
from student.distill.pretrained import open_pretrained
from teacher.training.fine_tuning import fine_tune
from tests.teacher.training.test_train import RECIPE, make_data
teacher = open_pretrained(Path(sys.argv[1]), name="tiny teacher", license_="Apache-2.0")
fine_tune(teacher, make_data(), RECIPE, Path(sys.argv[2]))
"""


def test_a_killed_run_continues_and_ends_like_one_that_was_not(teacher: Pretrained, tmp_path: Path) -> None:
    fine_tune(teacher, make_data(), RECIPE, tmp_path / "whole")
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(teacher.path), str(tmp_path / "killed")], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "killed" / "checkpoint.safetensors").exists():
            assert child.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        child.kill()
        child.wait(timeout=30)
    assert not (tmp_path / "killed" / TEACHER_FOLDER).exists()
    fine_tune(teacher, make_data(), RECIPE, tmp_path / "killed")
    whole, continued = (
        load_file(tmp_path / name / TEACHER_FOLDER / "model.safetensors") for name in ("whole", "killed")
    )
    for name, value in whole.items():
        assert torch.allclose(value, continued[name], atol=1e-5), name


def run_two(child: str, teacher: Pretrained, folder: Path) -> None:
    """Runs a script under torchrun in two processes, with gloo on loopback; their run's folder is `run`."""
    (folder / "child.py").write_text(child)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run(
        [*command, str(folder / "child.py"), str(teacher.path), str(folder / "run")],
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        timeout=100,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


_ONE_IS_STOPPED = """
import os, signal, sys, threading, time
from pathlib import Path
from student.distill.pretrained import open_pretrained
from student.distill.training.supervision import Supervision
from student.errors import Interrupted
from teacher.training.fine_tuning import fine_tune
from tests.teacher.training.test_train import RECIPE, make_data
rank, started = os.environ["RANK"], Path(sys.argv[2] + ".started")
def stop_this_one():
    while not started.exists() or signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:  # not yet listening: it would die
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
if rank == "1":
    threading.Thread(target=stop_this_one, daemon=True).start()
teacher = open_pretrained(Path(sys.argv[1]), name="tiny teacher", license_="Apache-2.0")
watched = Supervision(on_progress=lambda progress: started.touch())
try:
    fine_tune(teacher, make_data(), RECIPE, Path(sys.argv[2]), supervision=watched)
except Interrupted as stopped:
    Path(f"{sys.argv[2]}.stopped-{rank}").write_text(str(stopped))
"""


def test_a_signal_to_one_of_two_processes_stops_both_after_the_same_step(teacher: Pretrained, tmp_path: Path) -> None:
    run_two(_ONE_IS_STOPPED, teacher, tmp_path)
    said = [(tmp_path / f"run.stopped-{rank}").read_text() for rank in (0, 1)]
    assert "again goes on from there" in said[0]
    assert said[1] == ""
    assert (tmp_path / "run" / CHECKPOINT).exists()
    assert not (tmp_path / "run" / TEACHER_FOLDER).exists()


def test_two_processes_teach_one_teacher(teacher: Pretrained, tmp_path: Path) -> None:
    run_two(_CHILD, teacher, tmp_path)
    report = json.loads((tmp_path / "run" / TRAINING_REPORT).read_text())
    assert report["after"]["retrieval"]["nDCG@10"] > report["before"]["retrieval"]["nDCG@10"] + 0.2
    assert open_pretrained(tmp_path / "run" / TEACHER_FOLDER, name="made", license_="MIT").intent_head is not None


def test_another_run_is_not_continued(teacher: Pretrained, tmp_path: Path) -> None:
    short = RECIPE.model_copy(update={"steps": 20})
    fine_tune(teacher, make_data(), short, tmp_path)
    with pytest.raises(AnotherRun, match="another recipe or other data"):
        fine_tune(teacher, make_data(), short.model_copy(update={"seed": 9}), tmp_path)


def test_a_damaged_intent_head_is_refused(teacher: Pretrained, tmp_path: Path) -> None:
    fine_tune(teacher, make_data(), RECIPE.model_copy(update={"steps": 20}), tmp_path)
    facts = tmp_path / TEACHER_FOLDER / INTENT_HEAD_FILES[1]
    content = json.loads(facts.read_text())
    facts.write_text(json.dumps(content | {"labels": content["labels"][1:]}))
    with pytest.raises(WeightsRefused, match="expected"):
        open_pretrained(tmp_path / TEACHER_FOLDER, name="made", license_="MIT")


def test_no_guide_is_in_two_parts_and_every_label_is_in_each() -> None:
    parts = split_training_data(make_data(), validation=0.15, test=0.2, seed=0)
    guides = [{pair.guide for pair in part.pairs} for part in parts.values()]
    assert sum(map(len, guides)) == len(set.union(*guides)) == 400
    for part in parts.values():
        assert part.messages is not None
        assert set(part.messages.labels) == set(WORDS[:4])


def test_too_little_data_is_refused() -> None:
    data = make_data()
    with pytest.raises(TrainingRefused, match="1 guides are too few"):
        split_training_data(TrainingData(data.pairs[:1] * 20, None, []), validation=0.1, test=0.1, seed=0)
    few = LabelledTexts(["a", "b", "c"], ["x", "y", "y"])
    with pytest.raises(TrainingRefused, match="3 messages of 2 labels are too few"):
        split_training_data(TrainingData(data.pairs, few, []), validation=0.1, test=0.1, seed=0)


def test_contrastive_loss_matches_a_hand_computation() -> None:
    unit = torch.eye(3)
    nothing = torch.zeros(2, 4, dtype=torch.bool)
    loss = contrastive_loss(unit[:2], unit[:2], unit[[2, 2]], nothing, 0.5)
    expected = -torch.log(torch.tensor(2.0).exp() / (torch.tensor(2.0).exp() + 3))
    assert loss == pytest.approx(float(expected))
    same = nothing.clone()
    same[0, 1] = same[0, 0] = True  # the other passage is of the same guide: it does not count, the own one does
    loss = contrastive_loss(unit[:2], unit[:2], unit[[2, 2]], same, 0.5)
    first = -torch.log(torch.tensor(2.0).exp() / (torch.tensor(2.0).exp() + 2))
    assert loss == pytest.approx(float((first + expected) / 2))


def test_the_recipe_that_ships_can_be_read() -> None:
    assert read_fine_tuning_recipe(ROOT / "teacher" / "recipes" / "fine-tuning.toml").steps > 0


@pytest.mark.parametrize("text", ["steps = 5", "name = 'x'\nsteps = 0", "name = 'x'\nother = 1", "not toml ["])
def test_recipes_of_another_form_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(TrainingRefused, match=r"recipe .* is (refused: \d+ problem\(s\), first in|not TOML in UTF-8)"):
        read_fine_tuning_recipe(tmp_path / "r.toml")
