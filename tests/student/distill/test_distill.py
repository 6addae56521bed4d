"""Distillation at small scale: a tiny teacher, a tiny student, seconds on a CPU."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers import BertConfig

from student.bundle.linear_head import LinearHead
from student.bundle.manifest import Origin
from student.distill.encoder.distillation import distill_student, encode_with_student, retention
from student.distill.encoder.losses import alignment_loss, intent_loss, matryoshka_loss, similarity_structure_loss
from student.distill.encoder.model import StudentModel
from student.distill.encoder.recipe import (
    Architecture,
    EncoderTraining,
    RecipeRefused,
    StudentRecipe,
    read_student_recipe,
)
from student.distill.encoder.vocabulary import (
    SPECIAL,
    initial_embeddings,
    split_greedily,
    tokenizer_json,
    train_vocabulary,
)
from student.distill.pretrained import DISTILLATION, Pretrained, open_pretrained, write_intent_head
from student.distill.targets import (
    TARGETS_MANIFEST,
    IntentTargets,
    Targets,
    TargetsManifest,
    TargetsRefused,
    read_targets,
    write_shard,
    write_targets_manifest,
)
from student.distill.training.checkpoint import AnotherRun
from student.distill.training.loop import LOG
from tests.conftest import ROOT
from tests.tiny import make_tiny_teacher, sentences

RECIPE = StudentRecipe(
    name="tiny",
    languages=["en", "es"],
    architecture=Architecture(layers=[0], vocabulary=700, trained_vocabulary=400, max_tokens=32),
    training=EncoderTraining(
        steps=120,
        batch_size=16,
        learning_rate=3e-3,
        warmup_steps=5,
        matryoshka_dimensions=[8, 16],
        validation_steps=60,
        checkpoint_steps=20,
        precision="float32",
        seed=7,
    ),
)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    return make_tiny_teacher(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="module")
def targets_folder(teacher: Pretrained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pairs = list(dict.fromkeys(sentences(600)))
    model = StudentModel(BertConfig.from_pretrained(teacher.path))
    model.bert.load_state_dict(load_file(teacher.path / "model.safetensors"))
    model.eval()
    tokenizer = Tokenizer.from_file(str(teacher.path / "tokenizer.json"))
    embeddings = encode_with_student(model, tokenizer, [english for english, _ in pairs], precision="float32")
    folder = tmp_path_factory.mktemp("targets")
    shards = [
        write_shard(folder / f"{name}.parquet", [pair[side] for pair in pairs], [name] * len(pairs), embeddings)
        for side, name in enumerate(("english", "spanish"))
    ]
    origin = Origin(role="teacher", name="tiny", sha256=teacher.weights_sha256, license="Apache-2.0")
    write_targets_manifest(
        folder,
        TargetsManifest(embedding_space=teacher.embedding_space, dimension=32, lineage=[origin], shards=shards),
    )
    return folder


@pytest.fixture(scope="module")
def targets(targets_folder: Path) -> Targets:
    return read_targets(targets_folder)


def test_a_student_learns_both_languages_from_an_english_teacher(
    teacher: Pretrained, targets: Targets, tmp_path: Path
) -> None:
    path = distill_student(targets, RECIPE, tmp_path, start=teacher)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    untrained = distill_student(
        targets,
        RECIPE.model_copy(update={"training": RECIPE.training.model_copy(update={"steps": 1, "learning_rate": 1e-9})}),
        tmp_path / "untrained",
        start=teacher,
    )
    before = json.loads((tmp_path / "untrained" / "log.jsonl").read_text().splitlines()[-1])
    after = log[-1]
    assert untrained.exists()
    assert after["similarity english"] > before["similarity english"] + 0.05
    assert after["similarity spanish"] > before["similarity spanish"] + 0.1
    facts = json.loads((path / "distillation.json").read_text())
    assert facts["embedding_space"] == teacher.embedding_space


def test_the_student_is_an_ordinary_sentence_transformers_folder(
    teacher: Pretrained, targets: Targets, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    short = RECIPE.model_copy(update={"training": RECIPE.training.model_copy(update={"steps": 2})})
    path = distill_student(targets, short, tmp_path, start=teacher)
    ours = StudentModel(BertConfig.from_pretrained(path))
    ours.bert.load_state_dict(load_file(path / "model.safetensors"))
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    texts = ["red server mail", "servidor rojo rápido y lento"]
    theirs = SentenceTransformer(str(path), device="cpu", local_files_only=True).encode(texts)
    np.testing.assert_allclose(
        encode_with_student(ours.eval(), tokenizer, texts, precision="float32"), theirs, atol=1e-5
    )


def test_a_killed_run_continues_and_ends_like_one_that_was_not(
    teacher: Pretrained, targets: Targets, targets_folder: Path, tmp_path: Path
) -> None:
    whole = distill_student(targets, RECIPE, tmp_path / "whole", start=teacher)
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.student.distill.test_distill import RECIPE\n"
        "from student.distill.encoder.distillation import distill_student\n"
        "from student.distill.pretrained import open_pretrained\n"
        "from student.distill.targets import read_targets\n"
        "teacher = open_pretrained(Path(sys.argv[1]), name='tiny teacher', license_='Apache-2.0')\n"
        "distill_student(read_targets(Path(sys.argv[2])), RECIPE, Path(sys.argv[3]), start=teacher)\n"
    )
    command = [sys.executable, "-c", code, str(teacher.path), str(targets_folder), str(tmp_path / "killed")]
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "tokenizer.json").write_bytes((tmp_path / "whole" / "tokenizer.json").read_bytes())
    process = subprocess.Popen(command, cwd=ROOT)
    checkpoint = tmp_path / "killed" / "checkpoint.safetensors"
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait(timeout=30)
    assert checkpoint.exists()
    continued = distill_student(targets, RECIPE, tmp_path / "killed", start=teacher)
    expected, got = load_file(whole / "model.safetensors"), load_file(continued / "model.safetensors")
    for name, tensor in expected.items():
        torch.testing.assert_close(got[name], tensor, atol=1e-4, rtol=1e-3)


def test_a_run_of_another_recipe_is_not_continued(teacher: Pretrained, targets: Targets, tmp_path: Path) -> None:
    short = RECIPE.model_copy(update={"training": RECIPE.training.model_copy(update={"steps": 2})})
    distill_student(targets, short, tmp_path, start=teacher)
    with pytest.raises(AnotherRun, match="another recipe or other data"):
        distill_student(targets, RECIPE, tmp_path, start=teacher)


def test_only_a_run_whose_rate_falls_last_may_be_made_longer(
    teacher: Pretrained, targets: Targets, tmp_path: Path
) -> None:
    short = RECIPE.training.model_copy(update={"steps": 4, "decay_steps": 2, "warmup_steps": 1})
    for steps in (4, 6):
        training = short.model_copy(update={"steps": steps})
        distill_student(targets, RECIPE.model_copy(update={"training": training}), tmp_path, start=teacher)
    log = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [entry["step"] for entry in log] == [6]
    with pytest.raises(AnotherRun):
        training = short.model_copy(update={"decay_steps": None})
        distill_student(targets, RECIPE.model_copy(update={"training": training}), tmp_path, start=teacher)


def test_a_start_of_another_space_gets_a_map_into_that_of_the_targets(
    teacher: Pretrained, targets: Targets, tmp_path: Path
) -> None:
    turned = np.linalg.qr(np.random.default_rng(2).normal(size=(32, 32)))[0][:, :24]
    embeddings = targets.embeddings.astype(np.float32) @ turned
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    manifest = targets.manifest.model_copy(update={"embedding_space": "ab" * 32, "dimension": 24})
    foreign = replace(targets, manifest=manifest, embeddings=embeddings.astype(np.float16))
    training = RECIPE.training.model_copy(update={"steps": 1, "learning_rate": 1e-9})
    untrained = distill_student(foreign, RECIPE.model_copy(update={"training": training}), tmp_path, start=teacher)
    log = json.loads((tmp_path / LOG).read_text().splitlines()[-1])
    assert log["similarity english"] > 0.8  # by the fitted map alone
    encoded = SentenceTransformer(str(untrained), device="cpu", local_files_only=True).encode(targets.texts[:4])
    assert encoded.shape == (4, 24)
    np.testing.assert_allclose(np.linalg.norm(encoded, axis=1), 1, atol=1e-5)


def test_unfinished_and_damaged_targets_are_refused(targets_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetsRefused, match="no finished targets"):
        read_targets(tmp_path)
    for path in targets_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    shard = tmp_path / "english.parquet"
    shard.write_bytes(shard.read_bytes()[:-1] + b"\0")
    with pytest.raises(TargetsRefused, match="differs from its digest"):
        read_targets(tmp_path)
    (tmp_path / TARGETS_MANIFEST).write_text("{}")
    with pytest.raises(TargetsRefused, match="breaks the format"):
        read_targets(tmp_path)


def test_what_is_drawn_is_the_same_after_reading_again(targets_folder: Path, targets: Targets) -> None:
    again = read_targets(targets_folder)
    assert again.texts == targets.texts
    np.testing.assert_array_equal(again.embeddings, targets.embeddings)


def test_losses_match_hand_computations() -> None:
    student = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    teacher = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert alignment_loss(student, teacher).item() == pytest.approx(0.5)  # cosines 1 and 0
    assert similarity_structure_loss(student, teacher).item() == pytest.approx(0.5)  # two of four differ by 1
    assert similarity_structure_loss(teacher, teacher).item() == 0
    wide = torch.tensor([[0.6, 0.8, 0.0], [0.6, 0.0, 0.8]])
    assert matryoshka_loss(wide, teacher, [1]).item() == pytest.approx(0)  # both are [1] when cut to one number


def test_a_known_piece_keeps_its_embedding_and_a_new_one_gets_the_mean_of_its_parts() -> None:
    teacher = ["[UNK]", "re", "##em", "##bol", "##so", "refund"]
    embeddings = np.eye(6, dtype=np.float32)
    rows = initial_embeddings(["refund", "reembolso", "##bolso", "ñ"], teacher, embeddings)
    np.testing.assert_allclose(rows[0], embeddings[5])
    np.testing.assert_allclose(rows[1], embeddings[1:5].mean(axis=0))
    np.testing.assert_allclose(rows[2], embeddings[3:5].mean(axis=0))
    np.testing.assert_allclose(rows[3], embeddings[0])
    assert split_greedily("reembolso", teacher) == ["re", "##em", "##bol", "##so"]


def test_the_vocabulary_has_its_size_and_the_teachers_frequent_words() -> None:
    texts = [f"{english} {spanish}" for english, spanish in sentences(300)]
    pieces = train_vocabulary(texts, ["[PAD]", "the", "zebra", "quixotic"], size=200, trained=198)
    assert pieces[:5] == SPECIAL
    assert len(set(pieces)) == len(pieces)
    assert "servidor" in pieces
    assert "the" in pieces
    tokenizer = Tokenizer.from_str(tokenizer_json(pieces, 16))
    assert tokenizer.encode("Servidor RÁPIDO").tokens == ["[CLS]", "servidor", "rapido", "[SEP]"]


def test_retention_is_1_for_the_teacher_itself(targets: Targets) -> None:
    figures = retention(targets.embeddings.astype(np.float32), targets)
    assert figures["similarity"] == pytest.approx(1, abs=1e-3)
    assert figures["finds its target first"] == pytest.approx(1)


@pytest.mark.parametrize(
    "name", ["default", "two-layers", "six-layers", "bilingual-short", "bilingual-longer", "bilingual", "own-domain"]
)
def test_the_recipes_that_ship_can_be_read(name: str) -> None:
    recipe = read_student_recipe(ROOT / "student" / "distill" / "recipes" / f"{name}.toml")
    assert recipe.languages == ["en", "es"]


@pytest.mark.parametrize("text", ["name = 1", "not toml [", 'name = "x"\nlanguages = ["en"]\nsurprise = 1'])
def test_recipes_of_another_form_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RecipeRefused, match=r"recipe .* is (refused: \d+ problem\(s\), first in|not TOML in UTF-8)"):
        read_student_recipe(tmp_path / "r.toml")


def test_a_layer_that_the_teacher_lacks_is_refused(teacher: Pretrained, targets: Targets, tmp_path: Path) -> None:
    deep = RECIPE.model_copy(update={"architecture": RECIPE.architecture.model_copy(update={"layers": [0, 5]})})
    with pytest.raises(RecipeRefused, match=r"layers \[0, 5\] of a BERT; tiny teacher is a bert with 2 layers"):
        distill_student(targets, deep, tmp_path, start=teacher)


@pytest.fixture(scope="module")
def knowing(teacher: Pretrained, tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    """The teacher with an intent head of three intents."""
    folder = tmp_path_factory.mktemp("knowing")
    shutil.copytree(teacher.path, folder, dirs_exist_ok=True)
    weight = np.random.default_rng(3).normal(scale=20, size=(3, 32)).astype(np.float32)
    write_intent_head(folder, LinearHead(weight, np.zeros(3, np.float32), ("a", "b", "c"), 1.0, 0.0))
    return open_pretrained(folder, name="knowing teacher", license_="Apache-2.0")


def with_intents(targets: Targets, teacher: Pretrained) -> Targets:
    assert teacher.intent_head is not None
    logits = targets.embeddings.astype(np.float32) @ teacher.intent_head.weight.T
    known = np.where(np.arange(len(logits)) % 2, logits.argmax(axis=1), -1).astype(np.int16)
    return replace(targets, intents=IntentTargets(logits.astype(np.float16), known))


def test_intents_are_learned_from_logits_and_labels_alone(
    knowing: Pretrained, targets: Targets, tmp_path: Path
) -> None:
    """Without the other losses, so that only the intent loss can bring the student to the teacher's intents."""
    labelled = with_intents(targets, knowing)
    update = {"similarity_weight": 0.0, "matryoshka_weight": 0.0, "steps": 120}
    agreement = {}
    for weight in (0.0, 1.0):
        training = RECIPE.training.model_copy(update=update | {"intent_weight": weight})
        folder = distill_student(
            labelled,
            RECIPE.model_copy(update={"training": training}),
            tmp_path / str(weight),
            start=knowing,
            intent_head=knowing.intent_head,
        )
        model = SentenceTransformer(str(folder), device="cpu")
        assert knowing.intent_head is not None
        assert labelled.intents is not None
        said = knowing.intent_head.probabilities(model.encode(labelled.texts, normalize_embeddings=True)).argmax(axis=1)
        agreement[weight] = float((said == labelled.intents.logits.argmax(axis=1)).mean())
    assert agreement[1.0] > agreement[0.0] + 0.05


def test_a_recipe_that_weighs_intents_needs_them(teacher: Pretrained, targets: Targets, tmp_path: Path) -> None:
    training = RECIPE.training.model_copy(update={"intent_weight": 1.0})
    with pytest.raises(RecipeRefused, match="the teacher or its targets have none"):
        distill_student(targets, RECIPE.model_copy(update={"training": training}), tmp_path / "x", start=teacher)


def test_intents_are_read_from_shards_as_they_were_written(
    targets: Targets, knowing: Pretrained, tmp_path: Path
) -> None:
    labelled = with_intents(targets, knowing)
    shard = write_shard(tmp_path / "s.parquet", labelled.texts, labelled.mixes, labelled.embeddings, labelled.intents)
    fields = targets.manifest.model_dump() | {"intents": ["a", "b", "c"], "shards": [shard.model_dump()]}
    write_targets_manifest(tmp_path, TargetsManifest.model_validate(fields))
    again = read_targets(tmp_path)
    assert again.intents is not None
    assert labelled.intents is not None
    assert np.array_equal(again.intents.logits, labelled.intents.logits)
    assert np.array_equal(again.intents.known, labelled.intents.known)
    assert again.texts == labelled.texts


def test_a_student_goes_on_from_an_earlier_one(teacher: Pretrained, targets: Targets, tmp_path: Path) -> None:
    first = distill_student(targets, RECIPE, tmp_path / "first", start=teacher)
    start = open_pretrained(first, name="first", license_="Apache-2.0")
    training = RECIPE.training.model_copy(update={"steps": 1})
    going_on = Architecture(max_tokens=32)
    one_step = RECIPE.model_copy(update={"training": training, "architecture": going_on})
    second = distill_student(targets, one_step, tmp_path / "second", start=start)
    facts = json.loads((second / DISTILLATION).read_text())
    log = [json.loads(line) for line in (first.parent / LOG).read_text().splitlines()]
    assert facts["log"][-1]["similarity"] > log[-1]["similarity"] - 0.02  # far above the untrained start
    assert {"role": "student started from", "name": "first"}.items() <= facts["lineage"][1].items()
    assert (second / "tokenizer.json").read_text() == (first / "tokenizer.json").read_text()


def test_intent_loss_matches_a_hand_computation() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.5], [0.9, 0.1]]))
    teacher = torch.log(torch.tensor([[0.5, 0.5], [0.5, 0.5]]))
    divergence = 0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.5 / 0.1)  # of the second row; the first has none
    unknown = torch.tensor([-1, -1])
    assert intent_loss(logits, teacher, unknown, 1.0) == pytest.approx(divergence / 2, abs=1e-6)
    known = torch.tensor([-1, 0])
    assert intent_loss(logits, teacher, known, 1.0) == pytest.approx(divergence / 2 - np.log(0.9), abs=1e-6)
