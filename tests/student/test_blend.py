"""A head's blend: what words and another head add, its file, its golden bundle, and each way it can be wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from student.bundle.folder import Bundle, open_bundle, write_bundle
from student.bundle.lexical_features import LEXICAL_SIZE, lexical_features
from student.bundle.linear_head import Blend, LinearHead, pack_blend, pack_head, read_head, softmax
from student.errors import BundleTooNew, BundleUnusable, ManifestInvalid
from tests.student.test_bundle import FIELDS, FILES

GOLDEN = Path(__file__).parent / "golden" / "bundle-v2"
GOLDEN_DIGEST = "b6770873214239800045ac644081700d24b618225bfa2df29a746a44bff064c2"
LABELS = ["refund", "invoice"]


def made_head() -> LinearHead:
    basis = LinearHead(np.eye(4, dtype=np.float32)[:3], np.zeros(3, np.float32), ("a", "b", "c"), 0.5, 0.0)
    lexical = np.zeros((LEXICAL_SIZE, 2), np.float32)
    columns, values = lexical_features("¡FACTURA!")
    lexical[columns, 1] = 4 * values
    basis_weight = np.array([[1, 0], [0, 0.5], [0, 0]], np.float32)
    weight, bias = np.array([[1, 0, 0, 0], [0, 1, 0, 0]], np.float32), np.array([0.25, 0], np.float32)
    return LinearHead(weight, bias, tuple(LABELS), 0.5, 0.6, Blend(lexical, basis_weight, basis))


def write(folder: Path, entry: dict[str, Any] | None = None, **files: bytes) -> Bundle:
    head = made_head()
    assert head.blend is not None
    assert head.blend.basis is not None
    basis = head.blend.basis
    blend = {"file": "blend.safetensors", "lexical_version": 1, "basis": "basis"} | (entry or {})
    heads = {
        "basis": {"file": "basis.safetensors", "labels": ["a", "b", "c"], "temperature": 0.5, "threshold": 0.0},
        "intent": {"file": "head.safetensors", "labels": LABELS, "temperature": 0.5, "threshold": 0.6, "blend": blend},
    }
    contents = FILES | {
        "basis.safetensors": pack_head(basis.weight, basis.bias),
        "head.safetensors": pack_head(head.weight, head.bias),
        "blend.safetensors": files.get("blend") or pack_blend(head.blend),
    }
    return write_bundle(folder, FIELDS | {"heads": heads}, contents)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    bundle = write(tmp_path / "bundle")
    assert bundle.manifest.format_version == 2
    embeddings, texts = np.eye(4, dtype=np.float32)[:2], ["la factura", "my money"]
    expected = made_head().probabilities(embeddings, texts)
    assert np.allclose(read_head(bundle, "intent").probabilities(embeddings, texts), expected, atol=1e-3)


def test_the_logits_are_the_sum_of_three_parts() -> None:
    head, embedding = made_head(), np.array([0.6, 0.8, 0, 0], np.float32)
    columns, values = lexical_features("factura")
    dense = np.zeros(LEXICAL_SIZE, np.float32)
    dense[columns] = values
    assert head.blend is not None
    assert head.blend.basis_weight is not None
    answers = np.sqrt(softmax(np.array([[0.6, 0.8, 0]]) / 0.5))[0]
    logits = head.weight @ embedding + head.bias + dense @ head.blend.lexical + answers @ head.blend.basis_weight
    expected = softmax(logits[None] / 0.5)[0]
    said = head.classify(embedding, "factura")
    assert said.label == "invoice"
    assert said.probability == pytest.approx(float(expected.max()), abs=1e-5)


def test_without_its_text_a_blended_head_refuses_and_its_embedding_part_is_a_head() -> None:
    head, embedding = made_head(), np.eye(4, dtype=np.float32)[0]
    with pytest.raises(ValueError, match="expected the text beside its embedding"):
        head.classify(embedding)
    alone = LinearHead(head.weight, head.bias, head.labels, head.temperature, head.threshold)
    assert np.array_equal(head.probabilities(embedding[None]), alone.probabilities(embedding[None]))


def test_words_are_counted_as_version_1_counts_them() -> None:
    columns, values = lexical_features("No llega la FACTURA, ¿qué hago?")
    assert (len(columns), columns[:4].tolist()) == (62, [79, 143, 424, 541])
    assert values[:4].tolist() == pytest.approx([-0.127, 0.127, -0.127, 0.127], abs=1e-6)
    assert np.linalg.norm(values) == pytest.approx(1, abs=1e-6)


def test_case_and_accents_are_folded_and_a_text_without_words_has_no_features() -> None:
    assert lexical_features("CONTRASEÑA olvidé")[0].tolist() == lexical_features("contrasena olvide")[0].tolist()
    assert [part.tolist() for part in lexical_features("¿?!")] == [[], []]


def test_golden_bundle_of_format_2_still_opens() -> None:
    bundle = open_bundle(GOLDEN)
    assert bundle.digest == GOLDEN_DIGEST
    said = read_head(bundle, "intent").classify(np.array([0.6, 0.8, 0, 0], np.float32), "factura")
    assert (said.label, round(said.probability, 3)) == ("invoice", 0.999)


def test_a_bundle_without_blends_is_still_written_as_format_1(tmp_path: Path) -> None:
    assert write_bundle(tmp_path / "bundle", FIELDS, FILES).manifest.format_version == 1


def test_a_later_rule_of_counting_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleTooNew, match="by version 2 of the rule; this program knows version 1"):
        read_head(write(tmp_path / "bundle", {"lexical_version": 2}), "intent")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nothing", "is not safetensors"),
        (save({"lexical": np.zeros((LEXICAL_SIZE, 2), np.float16)}), "expected finite numbers of"),
        (
            save({"lexical": np.zeros((LEXICAL_SIZE, 3), np.float16), "basis": np.zeros((3, 2), np.float32)}),
            "expected finite numbers of",
        ),
        (
            save({"lexical": np.full((LEXICAL_SIZE, 2), np.inf, np.float16), "basis": np.zeros((3, 2), np.float32)}),
            "expected finite numbers of",
        ),
    ],
)
def test_a_blend_that_does_not_fit_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(BundleUnusable, match=message):
        read_head(write(tmp_path / "bundle", blend=content), "intent")


@pytest.mark.parametrize("basis", ["nowhere", "intent"])
def test_a_basis_that_is_absent_or_has_one_itself_is_refused(tmp_path: Path, basis: str) -> None:
    with pytest.raises(ManifestInvalid, match="names the basis"):
        write(tmp_path / "bundle", {"basis": basis})
    assert not (tmp_path / "bundle").exists()
