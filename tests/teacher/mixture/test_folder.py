"""A mixture opened again: new texts are encoded in the space of its targets, by the same encoders or not at all."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from student.artifacts.digests import digest_bytes
from student.distill.pretrained import open_pretrained
from student.distill.targets import TARGETS_MANIFEST, Targets, read_targets, read_targets_manifest
from student.errors import OrillaError
from teacher.corpora.recipe import CorpusRecipe
from teacher.errors import EncoderRefused, TeacherRefused
from teacher.labelling.label import label
from teacher.mixture.facts import TeacherFacts
from teacher.mixture.folder import open_teacher_folder
from teacher.mixture.learner import MixtureFolder, read_learner
from teacher.mixture.recipe import TeacherRecipe, as_seen_from, found_from, read_teacher_recipe
from teacher.mixture.reduction import REDUCTION_FILE, unpack_reduction
from teacher.mixture.teacher import open_folder_teacher, open_teacher
from teacher.roles import Role
from tests.teacher.encoders.tiny_encoders import make_folder
from tests.teacher.mixture.tiny_mixture import DIMENSION, ROLES, write_mixture, write_texts


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the encoders, the texts and targets of the mixture."""
    folder = tmp_path_factory.mktemp("mixture")
    label(open_teacher(read_teacher_recipe(write_mixture(folder))), ROLES, write_texts(folder / "texts"), folder / "t")
    return folder


def targets_of(labelled: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of the targets whose manifest says something else."""
    folder = Path(shutil.copytree(labelled / "t", tmp_path / "t"))
    value = json.loads((folder / TARGETS_MANIFEST).read_bytes())
    change(value)
    (folder / TARGETS_MANIFEST).write_text(json.dumps(value))
    return folder


def rows_of(targets: Targets, role: Role) -> list[int]:
    return [row for row, mix in enumerate(targets.mixes) if mix == role]


def test_texts_get_the_embeddings_that_they_have_as_targets(labelled: Path) -> None:
    teacher, targets = open_teacher_folder(labelled / "t"), read_targets(labelled / "t")
    for role in Role:
        rows = rows_of(targets, role)
        assert len(rows) > 50
        made = teacher.encode([targets.texts[row] for row in rows], role)
        assert made.shape == (len(rows), DIMENSION)
        assert np.abs(made - targets.embeddings[rows].astype(np.float32)).max() < 3e-3
    (other,) = {Role.QUERY, Role.PASSAGE} - {role}
    assert np.abs(teacher.encode([targets.texts[rows[0]]], other) - made[0]).max() > 0.02  # its prompt is another


def test_one_text_is_encoded_as_among_many(labelled: Path) -> None:
    teacher = open_teacher_folder(labelled / "t")
    texts = ["red server mail", "blue invoice", "the key of the cloud site"]
    together = teacher.encode(texts, Role.QUERY)
    for text, row in zip(texts, together, strict=True):
        np.testing.assert_allclose(teacher.encode([text], Role.QUERY)[0], row, atol=1e-4)
    assert teacher.encode([], Role.QUERY).shape == (0, DIMENSION)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_it_names_the_space_of_its_targets(labelled: Path) -> None:
    teacher, manifest = open_teacher_folder(labelled / "t"), read_targets_manifest(labelled / "t")[0]
    assert teacher.own_space == manifest.embedding_space
    assert teacher.learner is not None
    assert teacher.learner.embedding_space == manifest.embedding_space
    named = (teacher.learner.name, teacher.learner.license, teacher.dimension)
    assert named == ("two", "MIT AND Apache-2.0", DIMENSION)


def test_a_choice_of_licences_stays_a_choice_beside_others(tmp_path: Path) -> None:
    encoders = [{"name": name, "model": name, "license": name} for name in ("MIT OR Apache-2.0", "CC-BY-4.0")]
    recipe = TeacherRecipe.model_validate({"name": "two", "encoder": encoders})
    facts = TeacherFacts(embedding_space="0" * 64, recipe=recipe, encoders=["1" * 64, "2" * 64])
    assert MixtureFolder(tmp_path, facts).license == "(MIT OR Apache-2.0) AND CC-BY-4.0"


def test_a_reduction_is_read_as_it_was_packed(labelled: Path) -> None:
    content = (labelled / "t" / REDUCTION_FILE).read_bytes()
    assert unpack_reduction(content, [1.0, 2.0]).packed() == content


@pytest.mark.parametrize(
    ("weights", "content"), [([1.0, 1.0, 1.0], None), ([1.0], None), ([1.0, 1.0], b"no tensors"), ([1.0, 1.0], b"")]
)
def test_a_reduction_of_other_encoders_is_not_read(labelled: Path, weights: list[float], content: bytes | None) -> None:
    packed = (labelled / "t" / REDUCTION_FILE).read_bytes() if content is None else content
    with pytest.raises(ValueError, match=f"no reduction of {len(weights)} encoders"):
        unpack_reduction(packed, weights)


def test_targets_of_before_that_state_no_pull_open_too(labelled: Path, tmp_path: Path) -> None:
    write_mixture(tmp_path, pull=0.35)
    label(open_teacher(read_teacher_recipe(tmp_path / "teacher.toml")), ROLES, labelled / "texts", tmp_path / "t")
    value = json.loads((tmp_path / "t" / TARGETS_MANIFEST).read_bytes())
    del value["translation_pull"], value["teacher_name"]
    (tmp_path / "t" / TARGETS_MANIFEST).write_text(json.dumps(value))
    opened = open_teacher_folder(tmp_path / "t")
    assert (opened.recipe.translation_pull, opened.recipe.name) == (0.35, "mpnet and distilbert")


def read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def swap_encoder(value: dict[str, Any]) -> None:
    value["teachers"][0] = value["teachers"][1] | {"name": "impostor", "is_centered": True, "weight": 1.0}


def forget_teachers(value: dict[str, Any]) -> None:
    value["teachers"] = []


def move_encoder(value: dict[str, Any]) -> None:
    value["teachers"][1]["model"] = "/no/such/folder"


def change_space(value: dict[str, Any]) -> None:
    value["embedding_space"] = "7" * 64


def lose_an_encoder(value: dict[str, Any]) -> None:
    value["lineage"] = value["lineage"][1:]


def break_settings(value: dict[str, Any]) -> None:
    value["teachers"][0]["weight"] = -1


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (swap_encoder, TeacherRefused, "impostor is another encoder than"),
        (forget_teachers, TeacherRefused, "before targets named their teacher; label again"),
        (move_encoder, EncoderRefused, "its path can be corrected"),
        (change_space, TeacherRefused, "do not make its embedding space"),
        (lose_an_encoder, TeacherRefused, "no teacher that can be opened again"),
        (break_settings, TeacherRefused, "names no teacher: .* weight"),
    ],
)
def test_targets_that_name_another_teacher_are_not_opened(
    labelled: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], error: type[OrillaError], match: str
) -> None:
    with pytest.raises(error, match=match):
        open_teacher_folder(targets_of(labelled, tmp_path, change))


@pytest.mark.parametrize("content", [None, b"other"])
def test_a_reduction_that_is_not_the_one_named_is_refused(
    labelled: Path, tmp_path: Path, content: bytes | None
) -> None:
    folder = Path(shutil.copytree(labelled / "t", tmp_path / "t"))
    (folder / REDUCTION_FILE).unlink()
    if content:
        (folder / REDUCTION_FILE).write_bytes(content)
    with pytest.raises(TeacherRefused, match=f"{REDUCTION_FILE} is missing or differs"):
        open_teacher_folder(folder)


def test_a_reduction_whose_digest_is_right_and_content_is_not_is_refused(labelled: Path, tmp_path: Path) -> None:
    def change(value: dict[str, Any]) -> None:
        value["reduction"]["sha256"] = digest_bytes(b"other")

    folder = targets_of(labelled, tmp_path, change)
    (folder / REDUCTION_FILE).write_bytes(b"other")
    with pytest.raises(TeacherRefused, match="is no reduction of 2 encoders"):
        open_teacher_folder(folder)


def test_what_an_encoder_may_not_say_the_others_let_expect(labelled: Path, tmp_path: Path) -> None:
    recipe = read_teacher_recipe(write_mixture(tmp_path, languages='languages = ["en"]'))
    label(open_teacher(recipe), ROLES, labelled / "texts", tmp_path / "t")
    teacher, targets = open_teacher_folder(tmp_path / "t"), read_targets(tmp_path / "t")
    spanish = {json.loads(line)["text"] for line in read_lines(labelled / "texts" / "query.jsonl") if '"es"' in line}
    rows = [row for row in rows_of(targets, Role.QUERY) if targets.texts[row] in spanish]
    texts, expected = [targets.texts[row] for row in rows], targets.embeddings[rows].astype(np.float32)
    made = teacher.encode(texts, Role.QUERY, ["es"] * len(rows))
    assert np.abs(made - expected).max() < 5e-3
    assert np.abs(teacher.encode(texts, Role.QUERY) - expected).max() > 0.02  # unknown languages are all read


def test_a_language_that_no_encoder_reads_is_refused(tmp_path: Path) -> None:
    recipe = read_teacher_recipe(write_mixture(tmp_path))
    only = recipe.model_copy(
        update={"encoder": [voice.model_copy(update={"languages": ["en"]}) for voice in recipe.encoder]}
    )
    label(open_teacher(only), ROLES, write_texts(tmp_path / "texts"), tmp_path / "t")
    with pytest.raises(TeacherRefused, match="no encoder of two may speak for language es"):
        open_teacher_folder(tmp_path / "t").encode(["rojo"], Role.QUERY, ["es"])


def test_a_mixture_that_has_labelled_nothing_encodes_nothing(labelled: Path) -> None:
    teacher = open_teacher(read_teacher_recipe(labelled / "teacher.toml"))
    with pytest.raises(TeacherRefused, match="not fitted yet; label a corpus"):
        teacher.encode(["red"], Role.QUERY)
    with pytest.raises(TeacherRefused, match="not fitted yet; label a corpus"):
        _ = teacher.own_space


def test_targets_of_one_models_folder_open_that_model(labelled: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model", "bert", normalize=True)
    teacher = open_folder_teacher(folder, name="bert", license_="MIT", precision="float32")
    label(teacher, ROLES, labelled / "texts", tmp_path / "t")
    opened, targets = open_teacher_folder(tmp_path / "t"), read_targets(tmp_path / "t")
    rows = rows_of(targets, Role.PASSAGE)
    made = opened.encode([targets.texts[row] for row in rows], Role.PASSAGE)
    assert np.abs(made - targets.embeddings[rows].astype(np.float32)).max() < 1e-3
    assert opened.embedding_space(None) == open_pretrained(folder, name="x", license_="MIT").embedding_space
    make_folder(tmp_path / "other", "bert", "cls")
    shutil.rmtree(folder)
    (tmp_path / "other").rename(folder)
    with pytest.raises(TeacherRefused, match="another model than labelled"):
        open_teacher_folder(tmp_path / "t")


def test_a_recipe_of_one_encoder_opens_without_a_reduction(labelled: Path, tmp_path: Path) -> None:
    recipe = read_teacher_recipe(labelled / "teacher.toml")
    one = recipe.model_copy(update={"encoder": recipe.encoder[1:], "dimension": None})
    label(open_teacher(one), ROLES, labelled / "texts", tmp_path / "t")
    opened, targets = open_teacher_folder(tmp_path / "t"), read_targets(tmp_path / "t")
    rows = rows_of(targets, Role.QUERY)
    made = opened.encode([targets.texts[row] for row in rows], Role.QUERY)
    assert targets.manifest.reduction is None
    assert np.abs(made - targets.embeddings[rows].astype(np.float32)).max() < 1e-3


def test_a_role_without_texts_is_centered_by_the_mean_of_all(tmp_path: Path) -> None:
    write_texts(tmp_path / "texts")
    passages = CorpusRecipe(name="passages", source=ROLES.source[1:])
    label(open_teacher(read_teacher_recipe(write_mixture(tmp_path))), passages, tmp_path / "texts", tmp_path / "t")
    reduction = open_teacher_folder(tmp_path / "t").reduction
    assert reduction is not None
    assert reduction.means[0].any()
    np.testing.assert_array_equal(reduction.means[0][0], reduction.means[0][1])
    assert not reduction.means[1].any()


def test_targets_of_a_teacher_that_has_absorbed_an_adapter_do_not_stand_for_it(labelled: Path, tmp_path: Path) -> None:
    spent = {"federation": "lab", "serial": 1, "sha256": "7" * 64, "run_id": "run-1", "rounds": 2, "fewest_branches": 3}
    spent |= {"epsilon": 3.0, "delta": 1e-5, "unit": "customer", "neighboring": "add-or-remove", "accountant": "exact"}
    spent |= {"mechanism": "secure", "largest_ledger_epsilon": 3.0}
    folder = targets_of(labelled, tmp_path, lambda value: value.update(privacy=[spent]))
    with pytest.raises(TeacherRefused, match="by a teacher that has learned; name the folder of that teacher"):
        read_learner(folder, name=None, license_=None)
    assert open_teacher_folder(folder).learner is None


def test_paths_of_a_recipe_survive_a_move_into_another_folder(labelled: Path, tmp_path: Path) -> None:
    recipe = read_teacher_recipe(labelled / "teacher.toml")
    (tmp_path / "a" / "b").mkdir(parents=True)
    stored = as_seen_from(tmp_path / "a" / "b", recipe)
    assert all(voice.model.startswith("../") for voice in stored.encoder)
    again = found_from(tmp_path / "a" / "b", stored)
    assert [Path(v.model).resolve() for v in again.encoder] == [Path(v.model).resolve() for v in recipe.encoder]
