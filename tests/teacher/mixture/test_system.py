"""A labelling teacher measured beside students: it says what it said when it labelled."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from student.bundle import DEFAULT_BUNDLE
from student.distill.targets import read_targets
from teacher.corpora.recipe import CorpusRecipe, Source
from teacher.labelling.label import label
from teacher.mixture.folder import open_teacher_folder
from teacher.mixture.recipe import TeacherRecipe
from teacher.mixture.system import as_system
from teacher.mixture.teacher import open_folder_teacher, open_teacher
from teacher.roles import Role
from tests.conftest import ROOT
from tests.teacher.encoders.tiny_encoders import WIDTH, make_folder

SOURCE: dict[str, Any] = {
    "mix": "m",
    "kind": "answers",
    "file": "qa.jsonl",
    "field": "question",
    "answer": ["answer"],
    "language": "en",
    "license": "MIT",
}
CORPUS = CorpusRecipe(name="tiny", source=[Source.model_validate(SOURCE)])
WORDS = "red blue server mail domain invoice backup restore password login cloud key".split()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    rows = [
        {
            "question": f"How is the {first} {second}?",
            "answer": f"The {second} of the {first} is {first}.",
            "pregunta": f"¿Cómo está el {second} de la {first}?",
        }
        for first in WORDS
        for second in WORDS
    ]
    (folder / "qa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def two(folder: Path, **changes: Any) -> TeacherRecipe:
    """A centered encoder with prompts beside another one."""
    mpnet = {"name": "mpnet", "model": str(make_folder(folder / "mpnet", "mpnet")), "is_centered": True}
    mpnet |= {"prompts": {"query": "ask: ", "passage": "say: "}, **changes}
    bert = {"name": "bert", "model": str(make_folder(folder / "bert", "bert")), "weight": 3.0}
    encoders = [each | {"license": "MIT", "precision": "float32"} for each in (mpnet, bert)]
    return TeacherRecipe.model_validate({"name": "two", "dimension": 24, "encoder": encoders})


@pytest.fixture(scope="module")
def labelled(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    label(open_teacher(two(folder)), CORPUS, data, folder / "targets")
    return folder / "targets"


def test_a_mixture_says_of_each_text_what_it_labelled(labelled: Path) -> None:
    targets = read_targets(labelled)
    system = as_system("teacher", open_teacher_folder(labelled))
    assert system.embedding_space == targets.manifest.embedding_space
    assert system.encode_documents is not None
    asked = [row for row, text in enumerate(targets.texts) if text.endswith("?")]
    answers = [row for row, text in enumerate(targets.texts) if not text.endswith("?")]
    assert min(len(asked), len(answers)) > 50
    for rows, encode, other in (
        (asked, system.encode, system.encode_documents),
        (answers, system.encode_documents, system.encode),
    ):
        texts = [targets.texts[row] for row in rows]
        expected = targets.embeddings[rows].astype(np.float32)
        assert (encode(texts) * expected).sum(axis=1).min() > 0.999
        assert (other(texts) * expected).sum(axis=1).mean() < 0.99  # the role matters
    assert system.size_bytes > 10_000


def test_a_single_folder_is_measured_as_itself(data: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "one")
    label(open_folder_teacher(folder, name="one", license_="MIT", precision="float32"), CORPUS, data, tmp_path / "t")
    targets = read_targets(tmp_path / "t")
    system = as_system("teacher", open_teacher_folder(tmp_path / "t"))
    assert system.embedding_space == targets.manifest.embedding_space
    found = system.encode(list(targets.texts[:8]))
    assert found.shape == (8, WIDTH)
    assert np.abs(found - targets.embeddings[:8]).max() < 2e-3


def test_a_text_in_a_language_that_an_encoder_does_not_read_is_noticed(data: Path, tmp_path: Path) -> None:
    both = CORPUS.model_copy(update={"source": [Source.model_validate(SOURCE | {"translated": "pregunta"})]})
    label(open_teacher(two(tmp_path, languages=["en"])), both, data, tmp_path / "targets")
    teacher = open_teacher_folder(tmp_path / "targets")
    texts = ["¿Cómo está el servidor de la nube y cuánto cuesta?", "How is the server of the cloud?"]
    np.testing.assert_allclose(
        as_system("teacher", teacher).encode(texts), teacher.encode(texts, Role.QUERY, ["es", "en"]), atol=1e-5
    )
    assert (
        np.abs(teacher.encode(texts[:1], Role.QUERY, ["en"]) - teacher.encode(texts[:1], Role.QUERY, ["es"])).max()
        > 0.01
    )


def test_the_command_compares_a_bundle_with_the_mixture(labelled: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(
        f"""name = "small"
[[task]]
kind = "answers"
name = "qa"
files = ["{data / "qa.jsonl"}"]
question = {{en = "question"}}
answer = {{en = "answer"}}
hold_out = 0.2
"""
    )
    out = tmp_path / "report"
    command = [sys.executable, "-m", "orilla", "teacher", "evaluate", str(DEFAULT_BUNDLE), "--targets", str(labelled)]
    subprocess.run(
        [*command, "--recipe", str(tmp_path / "recipe.toml"), "--out", str(out)], check=True, cwd=ROOT, timeout=100
    )
    written = json.loads((out / "evaluation.json").read_text())
    figures = {name: system["figures"] for name, system in written["systems"].items()}
    assert list(figures) == ["teacher", "default_bundle"]
    assert list(figures["default_bundle"]) == ["qa en-en"]  # of another space: the teacher's documents mean nothing
    assert figures["default_bundle"]["qa en-en"]["nDCG@10"] > 0.9
