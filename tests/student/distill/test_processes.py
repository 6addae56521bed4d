"""Two real processes distill one student: what comes out is what one process makes of the same batches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from student.artifacts.digests import digest_file
from student.bundle.manifest import Origin
from student.distill.encoder.distillation import distill_student
from student.distill.encoder.recipe import Architecture, EncoderTraining, RecipeRefused, StudentRecipe
from student.distill.pretrained import DISTILLATION, Pretrained
from student.distill.targets import (
    Links,
    Targets,
    TargetsManifest,
    read_targets,
    write_links,
    write_shard,
    write_targets_manifest,
)
from student.distill.training.loop import CHECKPOINT, LOG
from student.distill.training.processes import Processes
from tests.conftest import ROOT
from tests.tiny import make_tiny_bundle, make_tiny_teacher, sentences

RECIPE = StudentRecipe(
    name="tiny",
    languages=["en", "es"],
    architecture=Architecture(layers=[0], vocabulary=700, trained_vocabulary=400, max_tokens=32),
    training=EncoderTraining(
        steps=12,
        batch_size=15,  # odd: one process has a text more
        learning_rate=3e-3,
        warmup_steps=3,
        matryoshka_dimensions=[8, 16],
        answer_share=0.4,
        answer_weight=0.5,
        careless_share=0.3,
        validation_steps=6,
        checkpoint_steps=4,
        precision="float32",
        seed=7,
    ),
)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    return make_tiny_teacher(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="module")
def targets_folder(teacher: Pretrained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts of 3 to 12 words with random embeddings, and links between them: what is learned does not matter here."""
    folder, generator = tmp_path_factory.mktemp("targets"), torch.Generator().manual_seed(1)
    texts = list(
        dict.fromkeys(" ".join([english.title()] * (1 + n % 3)) for n, (english, _) in enumerate(sentences(300)))
    )
    embeddings = torch.nn.functional.normalize(torch.randn(len(texts), 32, generator=generator), dim=1)
    links = Links.of(answers=[(n, n + 1) for n in range(0, 200, 2)], areas=["x"] * 100)
    origin = Origin(role="teacher", name="tiny", sha256=teacher.weights_sha256, license="Apache-2.0")
    manifest = TargetsManifest(
        embedding_space=teacher.embedding_space,
        dimension=32,
        lineage=[origin],
        shards=[write_shard(folder / "s.parquet", texts, ["all"] * len(texts), embeddings.numpy())],
        links=write_links(folder / "links.parquet", links),
    )
    write_targets_manifest(folder, manifest)
    return folder


_CHILD = """
import sys
from pathlib import Path
from safetensors.torch import save_file
from student.distill.encoder import distillation, training
from student.distill.pretrained import open_pretrained
from student.distill.targets import read_targets
from student.distill.training.processes import join_processes
from tests.student.distill.test_processes import RECIPE
processes = join_processes()
teacher, targets, out = map(Path, sys.argv[1:])
run_training = training.run_training
def keeping(run):
    run_training(run)
    save_file(dict(run.model.state_dict()), f"{out}-{processes.rank}-of-{processes.count}.safetensors")
training.run_training = keeping
pretrained = open_pretrained(teacher, name="tiny teacher", license_="Apache-2.0")
distillation.distill_student(read_targets(targets), RECIPE, out, start=pretrained, processes=processes)
"""


def launch(*script: object) -> None:
    """Two processes of a script under torchrun, with gloo on loopback."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--"]
    subprocess.run(
        [*command, *map(str, script)],
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        timeout=110,
    )


def test_two_processes_end_with_the_weights_of_one(teacher: Pretrained, targets_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(_CHILD)
    launch(tmp_path / "child.py", teacher.path, targets_folder, tmp_path / "two")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "tokenizer.json").write_bytes((tmp_path / "two" / "tokenizer.json").read_bytes())
    whole = load_file(
        distill_student(read_targets(targets_folder), RECIPE, tmp_path / "one", start=teacher) / "model.safetensors"
    )
    ranks = [load_file(tmp_path / f"two-{rank}-of-2.safetensors") for rank in (0, 1)]
    for name, tensor in ranks[0].items():
        assert torch.equal(tensor, ranks[1][name]), name
    made = load_file(tmp_path / "two" / "model" / "model.safetensors")
    for name, tensor in whole.items():
        if not name.endswith("key.bias"):  # a softmax does not see it: its gradient is rounding, which Adam magnifies
            torch.testing.assert_close(made[name], tensor, atol=1e-5, rtol=1e-4)
    logs = [[json.loads(line) for line in (tmp_path / n / LOG).read_text().splitlines()] for n in ("one", "two")]
    assert [entry["step"] for entry in logs[1]] == [6, 12]
    for one, two in zip(*logs, strict=True):
        assert two == pytest.approx(one, abs=2e-4)
    assert (tmp_path / "two" / CHECKPOINT).exists()


def test_two_processes_go_on_from_the_weights_of_a_bundle(targets_folder: Path, tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path)
    (tmp_path / "recipe.toml").write_text(
        'name = "own"\nlanguages = ["en"]\n[architecture]\nmax_tokens = 32\n[training]\nsteps = 2\nwarmup_steps = 1\n',
        encoding="utf-8",
    )
    words = ("--recipe", tmp_path / "recipe.toml", "--targets", targets_folder, "--start", bundle)
    launch(ROOT / "orilla.py", "student", "distill", *words, "--out", tmp_path / "run")
    (unpacked,) = (tmp_path / "run" / "start").rglob("model.safetensors")
    facts = json.loads((tmp_path / "run" / "model" / DISTILLATION).read_text())
    assert digest_file(unpacked) in [origin["sha256"] for origin in facts["lineage"]]


def test_more_processes_than_texts_in_a_batch_are_refused(
    teacher: Pretrained, targets_folder: Path, tmp_path: Path
) -> None:
    targets: Targets = read_targets(targets_folder)
    with pytest.raises(RecipeRefused, match="16 processes cannot share a batch of 15; launch fewer"):
        distill_student(targets, RECIPE, tmp_path, start=teacher, processes=Alone(0, 16))
    assert not (tmp_path / CHECKPOINT).exists()


class Alone(Processes):
    """One of several that never wait for each other."""

    def wait(self) -> None:
        """Returns at once."""


def test_each_of_numbered_things_is_of_one_process() -> None:
    owned = [Processes(rank, 3).own(8) for rank in range(3)]
    assert owned == [[0, 3, 6], [1, 4, 7], [2, 5]]


def test_a_process_alone_gathers_and_sums_nothing() -> None:
    rows: Tensor = torch.ones(2, 3, requires_grad=True)
    alone = Processes()
    assert alone.gather(rows, 2) is rows
    assert alone.from_main("x") == "x"
    assert alone.any_of(is_true=True)
    assert not alone.any_of(is_true=False)
