"""`orilla student intents` on the installed bundle: what comes of it, and what a refusal leaves."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import orilla
from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle
from student.intents.errors import IntentsRefused
from student.runtime.student import Student, load_student
from tests.test_torch_free import run_without_torch

OWN = {
    "zebra_crossing": ["zebra crossing is worn", "paint the zebra crossing", "no zebra crossing at the school"],
    "street_lamp": ["street lamp is dark", "the lamp in our street flickers", "new street lamp please"],
    "waste_bin": ["waste bin is full", "the bin was not emptied", "we need a bigger waste bin"],
}


def write(path: Path, own: dict[str, list[str]]) -> Path:
    rows = [f'"{text}",{label},en\n' for label, texts in own.items() for text in texts]
    path.write_text("text,label,language\n" + "".join(rows), encoding="utf-8")
    return path


def run(*arguments: object) -> dict[str, object]:
    done = CliRunner().invoke(orilla.app, ["student", "intents", *map(str, arguments), "--json"])
    assert done.exit_code == 0, done.output
    facts: dict[str, object] = json.loads(done.stdout)
    return facts


def say(student: Student, text: str) -> str:
    head = student.heads["intent"]
    return head.classify(student.encoder.encode([text])[0], text).alternatives[0].label


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    run("--examples", write(folder / "own.csv", OWN), "--replace", "--out", folder / "bundle")
    return folder


def test_own_labels_are_named_and_encoder_and_space_stay(own: Path) -> None:
    student, before = load_student(own / "bundle"), open_bundle(DEFAULT_BUNDLE)
    try:
        assert student.heads["intent"].labels == ("street_lamp", "waste_bin", "zebra_crossing")
        assert say(student, "the bin in the park is full") == "waste_bin"
        assert student.probes.label_mismatches == 0
        assert student.bundle.manifest.embedding_space == before.manifest.embedding_space
        assert student.bundle.manifest.serial == before.manifest.serial + 1
        assert student.bundle.manifest.lineage[-2].sha256 == before.digest
    finally:
        student.close()


def test_the_report_has_labels_languages_intervals_and_advice(own: Path) -> None:
    report = json.loads((own / "bundle.report.json").read_text())
    assert report["overall"]["all"]["examples"] == report["overall"]["en"]["examples"] == 9
    low, high = report["overall"]["all"]["accuracy_interval"]
    assert low < report["overall"]["all"]["accuracy"] <= high
    assert set(report["labels"]) == set(OWN)
    assert sum(map(sum, report["confusion_matrix"])) == 9
    table = (own / "bundle.report.md").read_text()
    assert "| waste_bin |" in table
    for pair in report["confused"]:
        assert f"{pair['labels'][0]} and {pair['labels'][1]} are taken for each other" in table


def test_labels_are_added_to_those_of_the_bundle(own: Path) -> None:
    more = write(own / "more.csv", {"parking": ["car parks on the pavement", "parking permit", "where may I park"]})
    run("--bundle", own / "bundle", "--examples", more, "--out", own / "third")
    student = load_student(own / "third")
    try:
        assert set(student.heads["intent"].labels) == {*OWN, "parking"}
        assert say(student, "I need a parking permit") == "parking"
        assert say(student, "the bin in the park is full") == "waste_bin"
        assert json.loads((own / "third.report.json").read_text())["kept_labels"] == sorted(OWN)
    finally:
        student.close()


def test_a_refused_file_leaves_nothing(tmp_path: Path) -> None:
    examples = write(tmp_path / "own.csv", {"a": ["one"], "b": ["two", "three", "four"]})
    done = CliRunner().invoke(
        orilla.app, ["student", "intents", "--examples", str(examples), "--replace", "--out", str(tmp_path / "bundle")]
    )
    assert isinstance(done.exception, IntentsRefused)
    assert [path.name for path in tmp_path.iterdir()] == ["own.csv"]


def test_intents_are_learned_without_torch_and_scipy(tmp_path: Path) -> None:
    examples = write(tmp_path / "own.csv", OWN)
    code = "import orilla; sys.argv[0] = 'orilla'; orilla.main()"
    done = run_without_torch(
        code, "student", "intents", "--examples", str(examples), "--replace", "--out", str(tmp_path / "bundle")
    )
    assert done.returncode == 0, done.stderr
    assert "macro-F1" in done.stdout
