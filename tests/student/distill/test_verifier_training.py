"""Training a verifier: examples, a run that learns and can be killed, and the bundle that comes of it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from student.artifacts.json_lines import DataRefused
from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle
from student.bundle.manifest import Origin
from student.distill.example_origins import read_example_origins
from student.distill.training.checkpoint import AnotherRun
from student.distill.training.supervision import Supervision, TrainingProgress
from student.distill.verifier.batches import make_batch
from student.distill.verifier.bundling import VERIFIER_METRICS
from student.distill.verifier.examples import (
    VERIFIER_ROLE,
    VerifierExample,
    read_verifier_examples,
    write_verifier_examples,
)
from student.distill.verifier.making import make_verifier
from student.distill.verifier.model import VerifierModel
from student.distill.verifier.onnx_export import export_verifier
from student.distill.verifier.recipe import VerifierRecipe
from student.distill.verifier.token_table import TokenTable
from student.distill.verifier.training import train_verifier, verifier_loss
from student.runtime.encoder import Encoder
from student.runtime.student import load_student
from student.runtime.verifier import Verifier

RECIPE = VerifierRecipe(steps=30, batch_size=8, warmup_steps=3, hold_out=0.3, checkpoint_steps=10)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
THINGS = ["invoice", "backup", "password", "domain", "mailbox", "certificate", "server", "refund"]


ORIGINS = [Origin(role=VERIFIER_ROLE, name="kept things", sha256="0" * 64, license="CC0-1.0")]


def examples() -> list[VerifierExample]:
    """Passages that hold the answer, and the same ones about another thing."""
    made = []
    for number, thing in enumerate(THINGS):
        text = f"The {thing} is kept for {number + 2} days. Nothing else is kept."
        other = text.replace(thing, THINGS[number - 1])
        question = f"how long is my {thing} kept"
        made.append(
            VerifierExample("written: answered", "en", question, "Times", text, (0, text.index(".") + 1), thing)
        )
        made.append(VerifierExample("written: neighbour", "en", question, "Times", other, None, thing))
        made.append(VerifierExample("words", "en", f"{thing} days", "", text, (0, len(text)), f"guide {thing}"))
        made.append(VerifierExample("words", "en", f"{thing} days", "", other, None, f"guide {thing}"))
    return made


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.from_bundle(open_bundle(DEFAULT_BUNDLE), workers=1)


@pytest.fixture
def table(encoder: Encoder, tmp_path: Path) -> TokenTable:
    texts = dict.fromkeys(t for e in examples() for t in (e.question, e.heading or "-", e.text))
    return TokenTable(list(texts), encoder, tmp_path / "tokens")


def test_a_run_learns_to_tell_what_answers(table: TokenTable, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, batch = VerifierModel(384), make_batch(examples(), table)
    before = verifier_loss(model.eval(), batch, RECIPE).item()
    train_verifier(model, examples(), table, RECIPE, tmp_path)
    assert verifier_loss(model, batch, RECIPE).item() < 0.75 * before


def test_a_killed_run_ends_with_the_same_weights(table: TokenTable, tmp_path: Path) -> None:
    def killed_at_15(progress: TrainingProgress) -> None:
        if progress.step == 15:
            raise KeyboardInterrupt

    weights = []
    for name in ("whole", "killed"):
        torch.manual_seed(0)
        model = VerifierModel(384)
        if name == "killed":
            with pytest.raises(KeyboardInterrupt):
                train_verifier(model, examples(), table, RECIPE, tmp_path / name, supervision=Supervision(killed_at_15))
            model = VerifierModel(384)
        train_verifier(model, examples(), table, RECIPE, tmp_path / name)
        weights.append(torch.cat([value.flatten() for value in model.state_dict().values()]))
    assert torch.equal(*weights)


def test_a_folder_of_another_run_is_refused(table: TokenTable, tmp_path: Path) -> None:
    short = RECIPE.model_copy(update={"steps": 1})
    train_verifier(VerifierModel(384), examples(), table, short, tmp_path)
    with pytest.raises(AnotherRun):
        train_verifier(VerifierModel(384), examples()[:-1], table, short, tmp_path)


def test_onnx_verifies_as_torch_does(table: TokenTable) -> None:
    torch.manual_seed(0)
    model = VerifierModel(384).eval()
    verifier = Verifier(export_verifier(model, 384), dimension=384)
    batch = make_batch(examples(), table)  # padded; ONNX takes one by one
    with torch.no_grad():
        logits, _ = model(batch.question, batch.heading, batch.text)
    for example, logit in zip(examples(), logits.tolist(), strict=True):
        parts = [table[text] for text in (example.question, example.heading or "-", example.text)]
        assert verifier.logit(*parts) == pytest.approx(logit, abs=0.1)
    assert not model.training


def test_the_answer_is_marked_by_its_tokens(table: TokenTable) -> None:
    batch = make_batch(examples()[:2], table)
    first = table[examples()[0].text]
    marked = [int(i) for i in torch.nonzero(batch.is_answer[0])]
    assert marked == [i for i, (start, _) in enumerate(first.offsets) if start < examples()[0].span[1]]  # type: ignore[index]
    assert not batch.is_answer[1].any()


def test_examples_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert write_verifier_examples(tmp_path / "e.jsonl", examples(), ORIGINS) == len(examples())
    assert read_verifier_examples(tmp_path / "e.jsonl") == examples()
    assert read_example_origins(tmp_path / "e.jsonl", VERIFIER_ROLE) == ORIGINS


def test_examples_of_unknown_origin_are_named_by_their_file(tmp_path: Path) -> None:
    write_verifier_examples(tmp_path / "e.jsonl", examples(), ORIGINS)
    (tmp_path / "e.origins.json").unlink()
    (origin,) = read_example_origins(tmp_path / "e.jsonl", VERIFIER_ROLE)
    assert (origin.name, origin.license) == ("e.jsonl", "LicenseRef-unknown")
    (tmp_path / "e.origins.json").write_text("no list")
    with pytest.raises(DataRefused, match="no list of origins"):
        read_example_origins(tmp_path / "e.jsonl", VERIFIER_ROLE)


@pytest.mark.parametrize(
    ("change", "message"),
    [('"end": 5000', "outside its text"), ('"end": null', "outside its text"), ('"end": "8"', "outside its text")],
)
def test_an_answer_outside_its_text_is_refused(tmp_path: Path, change: str, message: str) -> None:
    write_verifier_examples(tmp_path / "e.jsonl", examples(), ORIGINS)
    lines = (tmp_path / "e.jsonl").read_text().splitlines()
    lines[0] = lines[0][: lines[0].rindex('"end"')] + change + "}"
    (tmp_path / "e.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataRefused, match=message):
        read_verifier_examples(tmp_path / "e.jsonl")


def test_examples_that_are_all_answered_are_refused(tmp_path: Path) -> None:
    write_verifier_examples(tmp_path / "e.jsonl", [example for example in examples() if example.span], ORIGINS)
    with pytest.raises(DataRefused, match="some that do not"):
        read_verifier_examples(tmp_path / "e.jsonl")


def test_a_bundle_gets_a_verifier_with_its_lineage_figures_and_probes(tmp_path: Path) -> None:
    write_verifier_examples(tmp_path / "e.jsonl", examples(), ORIGINS)
    recipe = RECIPE.model_copy(update={"steps": 2, "hold_out": 0.5})
    old = open_bundle(DEFAULT_BUNDLE).manifest
    bundle = make_verifier(
        DEFAULT_BUNDLE, tmp_path / "e.jsonl", recipe, tmp_path / "run", tmp_path / "b", serial=9, now=NOW
    )
    assert bundle.manifest.serial == 9
    assert bundle.manifest.embedding_space == old.embedding_space
    assert bundle.manifest.files["encoder.onnx"] == old.files["encoder.onnx"]
    assert [o.name for o in bundle.manifest.lineage if o.role == VERIFIER_ROLE] == ["kept things"]
    assert bundle.manifest.metrics[VERIFIER_METRICS]["passages that answer"] > 0
    assert "kept things" in (bundle.path / bundle.manifest.model_card).read_text()
    limits = [
        limit
        for limit in bundle.manifest.limits["known"]
        if limit.startswith(("The verifier learned", "The reader learned"))
    ]
    assert len(limits) == 1
    assert bundle.read("NOTICE.txt").decode().count("was trained on:") == 1
    student = load_student(bundle.path, workers=1)
    assert student.probes.max_logit_difference == 0.0
    student.close()
