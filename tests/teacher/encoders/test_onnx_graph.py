"""ONNX graphs as teachers: with a tokenizer, with strings, pooled inside or here."""

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from student.distill.export.onnx_graph import export_graph
from student.distill.pretrained import open_pretrained
from teacher.encoders.opening import open_encoder
from teacher.errors import EncoderRefused
from teacher.roles import Role
from tests.teacher.encoders.tiny_encoders import TEXTS, WIDTH, WINDOW, make_folder, settings_of, tiny_tokenizer

VOCABULARY = 70


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("model") / "model", normalize=True)


@pytest.fixture(scope="module")
def exported(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graph of a tiny BERT as optimum exports it, with its tokenizer beside it."""
    return export_graph(open_pretrained(folder, name="tiny", license_="MIT"), tmp_path_factory.mktemp("onnx"))


def expected_of(folder: Path, texts: list[str]) -> Any:
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return model.encode(texts, normalize_embeddings=True, show_progress_bar=False)


def test_a_graph_with_a_tokenizer_encodes_as_its_folder_does(folder: Path, exported: Path) -> None:
    prompts = {"query": "find: "}
    encoder = open_encoder(settings_of(exported, prompts=prompts, batch_size=3))
    assert (encoder.facts.dimension, encoder.facts.max_tokens) == (WIDTH, WINDOW)
    assert np.abs(encoder.encode(TEXTS, Role.PASSAGE) - expected_of(folder, TEXTS)).max() < 1e-4
    queries = expected_of(folder, [f"find: {text}" for text in TEXTS])
    assert np.abs(encoder.encode(TEXTS, Role.QUERY) - queries).max() < 1e-4


def test_a_graph_of_token_embeddings_is_pooled_here(folder: Path, exported: Path) -> None:
    tokens = onnx.load(str(exported))
    del tokens.graph.output[[each.name for each in tokens.graph.output].index("sentence_embedding")]
    path = exported.with_name("tokens.onnx")
    onnx.save(tokens, str(path))
    with pytest.raises(EncoderRefused, match="say pooling = mean, cls or last"):
        open_encoder(settings_of(path))
    embeddings = {p: open_encoder(settings_of(path, pooling=p)) for p in ("mean", "cls", "last")}
    assert np.abs(embeddings["mean"].encode(TEXTS, Role.QUERY) - expected_of(folder, TEXTS)).max() < 1e-4
    by_token = SentenceTransformer(str(folder), device="cpu").encode(TEXTS, output_value="token_embeddings")
    for pooling, position in {"cls": 0, "last": -1}.items():
        rows = np.array([tokens[position].numpy() for tokens in by_token])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        assert np.abs(embeddings[pooling].encode(TEXTS, Role.QUERY) - rows).max() < 1e-4
    assert len({encoder.facts.digest for encoder in embeddings.values()}) == 3


def make_graph(path: Path, *, tokens: int | str = "tokens", name: str = "input_ids", output: str = "text") -> Path:
    """The sum of its tokens' rows of a table, as a graph; its tokenizer is not written."""
    table = np.random.default_rng(1).normal(size=(VOCABULARY, WIDTH)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", name], ["rows"]),
        helper.make_node("ReduceSum", ["rows", "axes"], [output], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "sum",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", tokens])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", WIDTH])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([1]), "axes")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), str(path))
    return path


def save_tokenizer(folder: Path) -> Path:
    path = folder / "tokenizer.json"
    tiny_tokenizer().backend_tokenizer.save(str(path))
    return path


def test_a_graph_of_fixed_length_is_padded_to_it(tmp_path: Path) -> None:
    path = make_graph(tmp_path / "fixed.onnx", tokens=16)
    encoder = open_encoder(settings_of(path, tokenizer=save_tokenizer(tmp_path)))
    assert encoder.facts.max_tokens == 16
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    tokenizer.enable_padding(length=16)
    tokenizer.enable_truncation(16)
    ids = np.array([each.ids for each in tokenizer.encode_batch(TEXTS)])
    rows = InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"input_ids": ids})[0]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.abs(encoder.encode(TEXTS, Role.QUERY) - rows).max() < 1e-5


def test_a_graph_that_depends_on_padding_is_refused(tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    with pytest.raises(EncoderRefused, match="depends on the texts beside it"):
        open_encoder(settings_of(make_graph(tmp_path / "sum.onnx")))


def make_string_graph(path: Path) -> Path:
    """Counts of three words of each text: a graph that takes strings, of standard operators alone."""
    words = ["How", "is", "the", "a", ".", "red", "¿Cómo"]
    nodes = [
        helper.make_node("StringSplit", ["texts"], ["words", "lengths"], delimiter=" "),
        helper.make_node(
            "LabelEncoder",
            ["words"],
            ["ids"],
            keys_strings=words,
            values_int64s=range(1, 8),
            default_int64=99,
            domain="ai.onnx.ml",
        ),
        helper.make_node("OneHot", ["ids", "depth", "values"], ["hits"]),
        helper.make_node("ReduceSum", ["hits", "axes"], ["sums"], keepdims=0),
        helper.make_node("MatMul", ["sums", "table"], ["outputs"]),
    ]
    table = np.random.default_rng(2).normal(size=(8, WIDTH)).astype(np.float32)
    constants = {
        "depth": np.array(8),
        "values": np.array([0, 1], dtype=np.float32),
        "axes": np.array([1]),
        "table": table,
    }
    graph = helper.make_graph(
        nodes,
        "words",
        [helper.make_tensor_value_info("texts", TensorProto.STRING, ["batch"])],
        [helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["batch", WIDTH])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 4)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), str(path))
    return path


def test_a_graph_that_takes_strings_needs_no_tokenizer(tmp_path: Path) -> None:
    encoder = open_encoder(settings_of(make_string_graph(tmp_path / "strings.onnx")))
    assert (encoder.facts.dimension, encoder.facts.max_tokens) == (WIDTH, None)
    cut = open_encoder(settings_of(tmp_path / "strings.onnx", max_tokens=8))
    one, other = cut.encode(["the a " * 9, "the a " * 9 + "red"], Role.QUERY)
    assert float(one @ other) > 0.9999
    assert cut.facts.max_tokens == 8
    with pytest.raises(EncoderRefused, match="none of which is of token embeddings"):
        open_encoder(settings_of(tmp_path / "strings.onnx", pooling="mean"))


def test_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderRefused, match="missing weights, there is no such file"):
        open_encoder(settings_of(tmp_path / "none.onnx"))
    path = make_graph(tmp_path / "graph.onnx")
    with pytest.raises(EncoderRefused, match=r"missing tokenizer, no .*tokenizer\.json"):
        open_encoder(settings_of(path))
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": 1}))
    with pytest.raises(EncoderRefused, match="is no tokenizer"):
        open_encoder(settings_of(path))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(EncoderRefused, match="damaged weights"):
        open_encoder(settings_of(path))


@pytest.mark.parametrize(
    ("graph", "match"),
    [
        ({"name": "pixel_values"}, "has the inputs pixel_values, expected attention_mask"),
        ({"output": "logits"}, "has the outputs logits, none of which is an embedding"),
        ({"output": "pooler_output"}, "has the outputs pooler_output, none of which"),
    ],
)
def test_graphs_of_other_things_are_refused(graph: dict[str, Any], match: str, tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    with pytest.raises(EncoderRefused, match=match):
        open_encoder(settings_of(make_graph(tmp_path / "graph.onnx", **graph)))


def test_custom_operators_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = onnx.load(str(make_string_graph(tmp_path / "strings.onnx")))
    graph.graph.node[0].domain = "ai.onnx.contrib"
    graph.opset_import.append(helper.make_opsetid("ai.onnx.contrib", 1))
    onnx.save(graph, str(tmp_path / "custom.onnx"))
    with pytest.raises(EncoderRefused, match="set custom_operators = true"):
        open_encoder(settings_of(tmp_path / "custom.onnx"))
    monkeypatch.setitem(sys.modules, "onnxruntime_extensions", None)
    with pytest.raises(EncoderRefused, match="pip install onnxruntime-extensions"):
        open_encoder(settings_of(tmp_path / "custom.onnx", custom_operators=True))
    stand_in = types.ModuleType("onnxruntime_extensions")
    stand_in.get_library_path = lambda: str(tmp_path / "none.so")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "onnxruntime_extensions", stand_in)
    with pytest.raises(EncoderRefused, match="cannot be loaded by onnxruntime"):
        open_encoder(settings_of(tmp_path / "custom.onnx", custom_operators=True))
