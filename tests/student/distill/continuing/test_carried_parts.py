"""The parts of a bundle beside a new encoder: what still works goes with it, what does not is left out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch

from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle
from student.bundle.manifest import Origin
from student.distill.continuing.bundle import NewBundle, export_trained_on
from student.distill.continuing.carried_parts import carry_parts
from student.distill.continuing.weights import unpack_weights
from student.distill.cross_encoder.bundling import add_cross_encoder
from student.distill.cross_encoder.examples import CROSS_ENCODER_ROLE
from student.distill.cross_encoder.model import start_cross_encoder
from student.distill.cross_encoder.onnx_export import export_cross_encoder
from student.distill.pretrained import WeightsRefused
from student.distill.targets import Links, Targets, TargetsManifest, evenly
from student.distill.verifier.bundling import add_verifier
from student.distill.verifier.checking import near_misses
from student.distill.verifier.examples import VERIFIER_ROLE
from student.distill.verifier.model import VerifierModel
from student.distill.verifier.onnx_export import export_verifier
from student.embeddings import TokenEmbeddings
from student.runtime.encoder import Encoder
from student.runtime.student import Student, load_student
from tests.conftest import ROOT
from tests.tiny import make_tiny_bundle, make_tiny_teacher, sentences

MANIFEST = TargetsManifest.model_construct(embedding_space="ab" * 32, dimension=384)


@pytest.fixture(scope="module")
def base() -> Iterator[Student]:
    student = load_student()
    yield student
    student.close()


@pytest.fixture(scope="module")
def targets() -> Targets:
    """The demo's questions and the sentences that answer them."""
    path = ROOT / "demo" / "questions.jsonl"
    rows = [row for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()) if row["language"] == "en"]
    texts = [row[side] for row in rows for side in ("text", "quote")]
    links = Links.of([(row, row + 1) for row in range(0, len(texts), 2)], [""] * len(rows))
    return Targets(MANIFEST, "d", texts, ["x"] * len(texts), np.zeros((len(texts), 384), np.float16), links=links)


class Blind(Encoder):
    """An encoder to whom all tokens look alike."""

    def encode_each_tokens(self, texts: Sequence[str]) -> list[TokenEmbeddings]:
        """The tokens with one embedding for all."""
        made = super().encode_each_tokens(texts)
        return [replace(tokens, embeddings=np.ones_like(tokens.embeddings)) for tokens in made]


def test_beside_the_same_encoder_every_part_stays_as_it_is(base: Student, targets: Targets) -> None:
    parts = carry_parts(base, base.encoder, targets)
    assert parts.is_verified
    assert parts.figures["verifier_before"] == parts.figures["verifier_after"] > 0.6
    assert parts.figures["verifier_cases"] > 50
    assert parts.figures["intent_labels_kept"] == 1
    np.testing.assert_allclose(parts.heads["intent"].weight, base.heads["intent"].weight, atol=1e-3)


def test_a_verifier_that_tells_answers_apart_no_more_is_left_out(base: Student, targets: Targets) -> None:
    blind = Blind.from_bundle(open_bundle(DEFAULT_BUNDLE))
    parts = carry_parts(base, blind, targets)
    blind.close()
    assert not parts.is_verified
    assert parts.figures["verifier_after"] < parts.figures["verifier_before"] - 0.02
    assert parts.figures["intent_labels_kept"] == 1


def test_a_near_miss_is_the_nearest_text_that_does_not_answer() -> None:
    texts = ["q0", "a0", "also a0", "q1", "a1", "q2", "a2"]
    links = np.array([[0, 1], [0, 2], [3, 4], [5, 6]])
    embeddings = np.array([[1, 0], [1, 0], [0.9, 0.1], [0, 1], [0.6, 0.8], [0, 1], [0, 1]], dtype=np.float32)
    cases = near_misses(texts, links, embeddings, count=9)
    assert cases == [("q0", "a0", "a1"), ("q0", "also a0", "a1"), ("q1", "a1", "a2"), ("q2", "a2", "a1")]
    assert near_misses(texts, links, embeddings, count=2) == [cases[0], cases[3]]
    assert near_misses(texts, links[:2], embeddings, count=9) == []
    assert near_misses(texts, links[:0], embeddings, count=9) == []


@pytest.mark.parametrize(("count", "most", "expected"), [(10, 3, [0, 4, 9]), (3, 10, [0, 1, 2]), (0, 5, [])])
def test_rows_are_drawn_evenly(count: int, most: int, expected: list[int]) -> None:
    assert evenly(count, most).tolist() == expected


def test_a_bundle_that_was_trained_on_says_only_what_is_true_of_it(tmp_path: Path) -> None:
    """Its base has a verifier; the texts that it learned have no answers to check a verifier with."""
    bundle, now = open_bundle(make_tiny_bundle(tmp_path)), datetime(2026, 11, 30, tzinfo=UTC)
    encoder = Encoder.from_bundle(bundle)
    torch.manual_seed(0)
    graph = export_verifier(VerifierModel(32), 32)
    asked = [Origin(role=VERIFIER_ROLE, name="asked.jsonl", sha256="3" * 64, license="MIT")]
    out = tmp_path / "verified"
    verified = add_verifier(bundle, graph, asked, {}, out, encoder=encoder, serial=2, now=now, replace=False)
    encoder.close()
    assert "The verifier learned from asked.jsonl." in verified.manifest.limits["known"]
    start = unpack_weights(verified.path, tmp_path / "start")
    guides = Origin(role="distillation texts", name="guides", sha256="4" * 64, license="CC-BY-4.0", attribution="A. B.")
    facts = {"recipe": {"bounds": {"teacher_similarity": -1}}, "log": []}
    trained = replace(start, distillation=(start.distillation or {}) | facts, lineage=(guides, *start.lineage))
    texts = [english for english, _ in dict.fromkeys(sentences(80))]
    targets = Targets(MANIFEST, "d", texts, ["x"] * len(texts), np.zeros((len(texts), 32), np.float16))
    made = export_trained_on(trained, verified.path, targets, tmp_path / "own", NewBundle("own", 3, now, ("Mine.",)))
    assert made.manifest.verifier is None
    assert set(made.manifest.files) == set(bundle.manifest.files)
    assert made.manifest.limits["known"] == [*bundle.manifest.limits["known"], "Mine."]
    assert "guides (CC-BY-4.0): A. B." in made.read("NOTICE.txt").decode()
    load_student(made.path).close()  # its probes hold


def test_a_student_of_other_numbers_than_the_bundle_is_refused(targets: Targets, tmp_path: Path) -> None:
    tiny = make_tiny_teacher(tmp_path / "tiny")
    new = NewBundle("own", 1, datetime(2026, 11, 30, tzinfo=UTC))
    with pytest.raises(WeightsRefused, match=r"makes 32 numbers, bundle .* 384; name the bundle"):
        export_trained_on(tiny, DEFAULT_BUNDLE, targets, tmp_path / "own", new)
    assert not (tmp_path / "own").exists()


def test_a_cross_encoder_goes_with_every_student_of_the_same_pieces(tmp_path: Path) -> None:
    bundle, now = open_bundle(make_tiny_bundle(tmp_path)), datetime(2026, 11, 30, tzinfo=UTC)
    start = unpack_weights(bundle.path, tmp_path / "start")
    paired_graph = export_cross_encoder(start_cross_encoder(start, [0, 1], dropout=0.0))
    asked = [Origin(role=CROSS_ENCODER_ROLE, name="asked.jsonl", sha256="3" * 64, license="MIT")]
    verified, out, encoder = tmp_path / "verified", tmp_path / "paired", Encoder.from_bundle(bundle)
    paired = add_cross_encoder(bundle, paired_graph, asked, {}, out, encoder=encoder, serial=2, now=now, replace=False)
    graph = export_verifier(VerifierModel(32), 32)
    read = [Origin(role=VERIFIER_ROLE, name="read.jsonl", sha256="5" * 64, license="MIT")]
    first = add_verifier(paired, graph, read, {}, verified, encoder=encoder, serial=3, now=now, replace=False)
    again = add_cross_encoder(first, paired_graph, asked, {}, out, encoder=encoder, serial=4, now=now, replace=True)
    last = add_verifier(again, graph, read, {}, tmp_path / "last", encoder=encoder, serial=5, now=now, replace=False)
    encoder.close()
    for made in (first, again, last):
        notice = made.read("NOTICE.txt").decode()
        assert notice.count("asked.jsonl (MIT)") == notice.count("read.jsonl (MIT)") == 1
    facts = {"recipe": {"bounds": {"teacher_similarity": -1}}, "log": []}
    trained = replace(start, distillation=(start.distillation or {}) | facts)
    texts = [english for english, _ in dict.fromkeys(sentences(80))]
    targets = Targets(MANIFEST, "d", texts, ["x"] * len(texts), np.zeros((len(texts), 32), np.float16))
    made = export_trained_on(trained, verified, targets, tmp_path / "own", NewBundle("own", 4, now, ()))
    for path in (verified, made.path):
        student = load_student(path, workers=1)
        assert student.cross_encoder is not None
        assert student.cross_encoder.logits("How?", [("", "So.")]).shape == (1,)
        student.close()
