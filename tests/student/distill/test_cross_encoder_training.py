"""Training a cross-encoder: examples, a run that learns and can be killed, and the bundle that comes of it."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from student.artifacts.json_lines import DataRefused
from student.bundle.folder import Bundle, open_bundle, write_bundle
from student.bundle.manifest import Origin
from student.distill.cross_encoder.batches import ListDraws
from student.distill.cross_encoder.bundling import CROSS_ENCODER_METRICS
from student.distill.cross_encoder.examples import (
    CROSS_ENCODER_ROLE,
    RankingExample,
    read_ranking_examples,
    write_ranking_examples,
)
from student.distill.cross_encoder.making import make_cross_encoder
from student.distill.cross_encoder.recipe import CrossEncoderRecipe
from student.distill.encoder.recipe import RecipeRefused
from student.distill.example_origins import read_example_origins
from student.distill.training.checkpoint import AnotherRun
from student.distill.training.supervision import Supervision, TrainingProgress
from student.errors import BundleUnusable
from student.runtime.student import load_student
from tests.tiny import make_tiny_bundle, sentences

RECIPE = CrossEncoderRecipe(
    layers=[0, 1],
    steps=40,
    lists={"mined": (4, 4), "written: near miss": (1, 1)},
    texts=4,
    learning_rate=3e-3,
    warmup_steps=5,
    hold_out=0.3,
    checkpoint_steps=20,
)
NOW = datetime(2026, 11, 30, tzinfo=UTC)
ORIGINS = [Origin(role=CROSS_ENCODER_ROLE, name="made-up questions", sha256="0" * 64, license="CC0-1.0")]


def examples() -> list[RankingExample]:
    """Questions whose answer is the text of the same words; the words of a near miss stand in another order."""
    texts = list(dict.fromkeys(english for english, _ in sentences(40)))
    made = []
    for number, text in enumerate(texts):
        others = tuple(("", texts[(number + step) % len(texts)]) for step in range(1, 6))
        made.append(RankingExample("mined", "en", text, (("Title", text),), others, f"guide {number}"))
        made.append(RankingExample("written: near miss", "en", text, (), others[:2], f"guide {number}"))
    return made


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def made(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("made")
    write_ranking_examples(folder / "examples.jsonl", examples(), ORIGINS)
    return make(bundle, folder, folder / "out")


def make(bundle: Path, folder: Path, out: Path, *, supervision: Supervision = Supervision()) -> Bundle:
    examples_path = folder / "examples.jsonl"
    return make_cross_encoder(
        bundle, examples_path, RECIPE, folder / "run", out, serial=2, now=NOW, supervision=supervision
    )


def test_it_learns_which_text_answers(made: Bundle) -> None:
    student = load_student(made.path, workers=1)
    assert student.cross_encoder is not None
    right = [
        int(student.cross_encoder.logits(e.question, [*e.answers, *e.others]).argmax()) == 0
        for e in examples()
        if e.answers
    ]
    assert sum(right) > 0.6 * len(right)  # one of six by chance
    student.close()


def test_the_bundle_says_what_it_learned_from_and_how_well(made: Bundle) -> None:
    assert [o.model_dump() for o in made.manifest.lineage if o.role == CROSS_ENCODER_ROLE] == [
        o.model_dump() for o in ORIGINS
    ]
    assert made.manifest.serial == 2
    figures = made.manifest.metrics[CROSS_ENCODER_METRICS]
    assert 0 <= figures["first, mined, en"] <= 1
    assert "made-up questions (CC0-1.0)" in made.read("NOTICE.txt").decode()
    assert "cross-encoder learned from" in made.read("MODEL_CARD.md").decode()


def test_a_second_cross_encoder_replaces_the_first(made: Bundle, tmp_path: Path) -> None:
    other = [Origin(role=CROSS_ENCODER_ROLE, name="other questions", sha256="1" * 64, license="CC0-1.0")]
    write_ranking_examples(tmp_path / "examples.jsonl", examples(), other)
    notice = make(made.path, tmp_path, tmp_path / "out").read("NOTICE.txt").decode()
    assert "other questions" in notice
    assert "made-up questions" not in notice


def test_a_killed_run_ends_with_the_same_cross_encoder(made: Bundle, bundle: Path, tmp_path: Path) -> None:
    def killed_at_25(progress: TrainingProgress) -> None:
        if progress.step == 25:
            raise KeyboardInterrupt

    write_ranking_examples(tmp_path / "examples.jsonl", examples(), ORIGINS)
    with pytest.raises(KeyboardInterrupt):
        make(bundle, tmp_path, tmp_path / "out", supervision=Supervision(on_progress=killed_at_25))
    assert not (tmp_path / "out").exists()
    again = make(bundle, tmp_path, tmp_path / "out")
    assert again.manifest.files["cross_encoder.onnx"] == made.manifest.files["cross_encoder.onnx"]


def test_a_run_of_other_examples_is_not_continued(bundle: Path, tmp_path: Path) -> None:
    write_ranking_examples(tmp_path / "examples.jsonl", examples(), ORIGINS)
    make(bundle, tmp_path, tmp_path / "out")
    write_ranking_examples(tmp_path / "examples.jsonl", examples()[2:], ORIGINS)
    with pytest.raises(AnotherRun):
        make(bundle, tmp_path, tmp_path / "out 2")


def test_layers_that_the_bundle_has_not_are_refused(bundle: Path, tmp_path: Path) -> None:
    write_ranking_examples(tmp_path / "examples.jsonl", examples(), ORIGINS)
    recipe = RECIPE.model_copy(update={"layers": [0, 5]})
    with pytest.raises(RecipeRefused, match=r"layers \[0, 5\]; .* has 2"):
        make_cross_encoder(
            bundle, tmp_path / "examples.jsonl", recipe, tmp_path / "run", tmp_path / "out", serial=2, now=NOW
        )


def test_lists_are_drawn_by_kind_and_the_same_for_a_step() -> None:
    draws = ListDraws(examples(), RECIPE)
    drawn = draws.lists(3)
    assert [each.is_answered for each in drawn] == [True] * 4 + [False]
    assert [len(each.texts) for each in drawn] == [4] * 4 + [1]
    assert drawn == draws.lists(3) != draws.lists(4)


def test_a_bundle_whose_cross_encoder_computes_otherwise_here_serves_without_it(
    made: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    probes = json.loads(made.read("probes.json"))
    for probe in probes:
        if "pair" in probe:
            probe["pair"]["logit"] += 5
    with caplog.at_level(logging.WARNING):
        student = load_student(rewrite(made, tmp_path / "b", {"probes.json": json.dumps(probes).encode()}), workers=1)
    assert student.cross_encoder is None
    assert "cross-encoder of bundle tiny is left out: its logits are off by 5.000" in caplog.text
    student.close()


@pytest.mark.parametrize("graph", [b"no graph", "encoder"])
def test_a_foreign_cross_encoder_is_refused(made: Bundle, tmp_path: Path, graph: bytes | str) -> None:
    content = graph if isinstance(graph, bytes) else made.read(made.manifest.encoder.graph)
    with pytest.raises(BundleUnusable, match="cross-encoder"):
        load_student(rewrite(made, tmp_path / "b", {"cross_encoder.onnx": content}), workers=1)


def test_probes_that_say_nothing_of_it_are_refused(made: Bundle, tmp_path: Path) -> None:
    probes = [
        {name: value for name, value in p.items() if name != "pair"} for p in json.loads(made.read("probes.json"))
    ]
    with pytest.raises(BundleUnusable, match="say nothing of its cross-encoder"):
        load_student(rewrite(made, tmp_path / "b", {"probes.json": json.dumps(probes).encode()}), workers=1)


def rewrite(bundle: Bundle, path: Path, files: dict[str, bytes]) -> Path:
    """A copy of a bundle with other files, its digests right."""
    contents = {name: bundle.read(name) for name in bundle.manifest.files} | files
    return write_bundle(path, bundle.manifest.model_dump(exclude={"files"}), contents).path


def test_a_bundle_without_one_has_none(bundle: Path) -> None:
    assert open_bundle(bundle).manifest.cross_encoder is None
    student = load_student(bundle, workers=1)
    assert student.cross_encoder is None
    student.close()


ROW = {
    "kind": "mined",
    "language": "en",
    "question": "how?",
    "answers": [["", "so"]],
    "others": [["", "no"]],
    "group": "g",
}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW | {"question": " "}, "an empty question"),
        (ROW | {"answers": [], "others": []}, "without any text"),
        (ROW | {"answers": ["so"]}, r"answers are no list of \[heading, text\]"),
        (ROW | {"others": [["", " "]]}, "an empty text among its others"),
        (ROW | {"answers": []}, "no row with both answers and others"),
    ],
)
def test_rows_that_break_the_format_are_refused(row: dict[str, object], said: str, tmp_path: Path) -> None:
    (tmp_path / "examples.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(DataRefused, match=said):
        read_ranking_examples(tmp_path / "examples.jsonl")


def test_own_examples_need_no_origins(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text(json.dumps(ROW) + "\n", encoding="utf-8")
    assert read_ranking_examples(tmp_path / "own.jsonl")[0].answers == (("", "so"),)
    assert read_example_origins(tmp_path / "own.jsonl", CROSS_ENCODER_ROLE)[0].license == "LicenseRef-unknown"
    (tmp_path / "own.origins.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataRefused, match="no list of origins"):
        read_example_origins(tmp_path / "own.jsonl", CROSS_ENCODER_ROLE)
