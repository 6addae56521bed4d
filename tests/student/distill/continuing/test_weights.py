"""Weights of a bundle as a float student, and float students at half precision."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer

from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle, write_bundle
from student.bundle.manifest import MANIFEST
from student.distill.continuing.weights import open_start, read_table, unpack_weights
from student.distill.encoder.model import start_student
from student.distill.encoder.recipe import Architecture
from student.distill.export.half_precision import TooLargeForHalf, write_half
from student.distill.export.plain_onnx import OutputExists
from student.distill.pretrained import open_pretrained
from student.errors import BundleUnusable
from student.runtime.student import load_student
from tests.tiny import make_tiny_bundle, make_tiny_teacher, sentences

TEXTS = [text for pair in sentences(30) for text in pair]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle and, in `teacher`, the float weights that it was made of."""
    folder = tmp_path_factory.mktemp("made")
    make_tiny_bundle(folder)
    return folder


def encode(folder: Path) -> NDArray[np.float32]:
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return np.asarray(model.encode(TEXTS), dtype=np.float32)


def test_weights_of_a_bundle_come_back_as_a_float_student(made: Path, tmp_path: Path) -> None:
    unpacked = unpack_weights(made / "bundle", tmp_path / "start")
    similarities = (encode(unpacked.path) * encode(made / "teacher")).sum(axis=1)
    assert similarities.min() > 0.98
    assert (similarities < 1 - 1e-7).any()  # it is not the float student itself
    student = load_student(made / "bundle")
    assert (encode(unpacked.path) * student.encoder.encode(TEXTS)).sum(axis=1).min() > 0.98
    student.close()
    manifest = open_bundle(made / "bundle").manifest
    assert unpacked.embedding_space == manifest.embedding_space
    assert unpacked.license == "Apache-2.0"
    assert unpacked.lineage[0].role == "bundle"
    assert f"read back from the int8 bundle {manifest.name}, serial" in (unpacked.path / "README.md").read_text()
    config = json.loads((unpacked.path / "config.json").read_text())
    assert config["num_attention_heads"] == 4  # found by the probes; the graph does not say it


def test_the_installed_students_floats_give_nearly_its_embeddings(tmp_path: Path) -> None:
    texts = ["How do I reset my password?", "¿Cómo cambio la contraseña?", *TEXTS[:20]]
    floats = write_half(unpack_weights(DEFAULT_BUNDLE, tmp_path / "start"), tmp_path / "float")
    model = SentenceTransformer(str(floats), device="cpu", local_files_only=True)
    student = load_student(DEFAULT_BUNDLE)
    similarities = (np.asarray(model.encode(texts)) * student.encoder.encode(texts)).sum(axis=1)
    student.close()
    assert similarities.min() > 0.97
    assert "each was rounded once" in (floats / "README.md").read_text(encoding="utf-8")


def test_tables_of_every_form_are_read() -> None:
    rows = np.array([[-2, 4], [127, 0]], dtype=np.int8)
    stored: dict[str, NDArray[Any]] = {
        "t_quantized": rows,
        "t_zero_point": np.array(2, dtype=np.int8),
        "t_scale": np.array(0.5, dtype=np.float32),
        "r_rows": rows,
        "r_row_scales": np.array([[0.5], [2.0]], dtype=np.float32),
        "f": np.ones((3, 2), dtype=np.float32),
        "index": np.array([0, 1]),
    }
    np.testing.assert_array_equal(read_table(stored, "t_quantized"), [[-2, 1], [62.5, -1]])
    np.testing.assert_array_equal(read_table(stored, "r_rows"), [[-1, 2], [254, 0]])
    np.testing.assert_array_equal(read_table(stored, "f"), np.ones((3, 2)))
    assert read_table(stored, "r_row_scales") is None  # looked up beside the rows
    assert read_table(stored, "index") is None
    assert read_table(stored, "elsewhere") is None


def test_unpacking_again_opens_what_is_there(made: Path, tmp_path: Path) -> None:
    first = unpack_weights(made / "bundle", tmp_path / "start")
    written = (first.path / "model.safetensors").stat().st_mtime_ns
    again = open_start(made / "bundle", tmp_path / "start", name="", license_="")
    assert again.weights_sha256 == first.weights_sha256
    assert (first.path / "model.safetensors").stat().st_mtime_ns == written


def test_another_bundle_at_the_same_path_is_another_start(made: Path, tmp_path: Path) -> None:
    bundle = open_bundle(made / "bundle")
    contents = {name: bundle.read(name) for name in bundle.manifest.files}
    fields = json.loads((made / "bundle" / MANIFEST).read_text())
    path, digests = tmp_path / "installed", []
    for serial in (1, 2):
        changed = {k: v for k, v in fields.items() if k != "files"} | {"serial": serial}
        digests.append(write_bundle(path, changed, contents, replace=True).digest)
        assert unpack_weights(path, tmp_path / "start").lineage[0].sha256 == digests[-1]
    assert digests[0] != digests[1]


def test_a_start_may_be_a_folder_too(made: Path, tmp_path: Path) -> None:
    opened = open_start(made / "teacher", tmp_path / "start", name="float", license_="MIT")
    assert (opened.name, opened.license, opened.path) == ("float", "MIT", made / "teacher")
    assert not (tmp_path / "start").exists()


def test_a_bundle_whose_probes_do_not_come_out_is_refused(made: Path, tmp_path: Path) -> None:
    bundle = open_bundle(made / "bundle")
    probes = json.loads(bundle.read("probes.json"))
    for probe in probes:
        probe["embedding"] = [-number for number in probe["embedding"]]
    contents = {name: bundle.read(name) for name in bundle.manifest.files}
    contents["probes.json"] = json.dumps(probes).encode()
    fields = json.loads((made / "bundle" / MANIFEST).read_text())
    write_bundle(tmp_path / "other", {k: v for k, v in fields.items() if k != "files"}, contents)
    with pytest.raises(BundleUnusable, match="give its probes a similarity of -"):
        unpack_weights(tmp_path / "other", tmp_path / "start")
    assert not (tmp_path / "start").exists()


def test_a_float_student_at_half_precision_is_half_as_large_and_gives_the_same(made: Path, tmp_path: Path) -> None:
    whole = open_pretrained(made / "teacher", name="tiny", license_="Apache-2.0")
    half = open_pretrained(write_half(whole, tmp_path / "half"), name="half", license_="Apache-2.0")
    assert {str(t.dtype) for t in load_file(half.path / "model.safetensors").values()} == {"float16"}
    sizes = [(each.path / "model.safetensors").stat().st_size for each in (half, whole)]
    assert sizes[0] < 0.6 * sizes[1]
    model = SentenceTransformer(str(half.path), device="cpu", local_files_only=True)
    assert {str(parameter.dtype) for parameter in model.parameters()} == {"torch.float32"}
    np.testing.assert_allclose(model.encode(TEXTS), encode(whole.path), atol=2e-3)
    tokenizer = (half.path / "tokenizer.json").read_text(encoding="utf-8")
    student = start_student(half, Architecture(), tokenizer, dimension=32, is_same_space=True)
    assert {str(parameter.dtype) for parameter in student.parameters()} == {"torch.float32"}


def test_half_precision_refuses_a_weight_outside_its_range(tmp_path: Path) -> None:
    whole = make_tiny_teacher(tmp_path / "teacher")
    tensors = load_file(whole.path / "model.safetensors")
    tensors["embeddings.LayerNorm.weight"] = np.full(32, 1e5, dtype=np.float32)
    save_file(tensors, whole.path / "model.safetensors")
    with pytest.raises(TooLargeForHalf, match=r"embeddings\.LayerNorm\.weight"):
        write_half(whole, tmp_path / "half")
    assert not (tmp_path / "half").exists()
    (tmp_path / "half").mkdir()
    with pytest.raises(OutputExists, match="exists"):
        write_half(whole, tmp_path / "half")
