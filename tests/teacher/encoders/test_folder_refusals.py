"""Folders that cannot teach are refused before anything is labelled, each with what to do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules.router import Router
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

from teacher.encoders.opening import open_encoder
from teacher.errors import EncoderRefused
from teacher.roles import Role
from tests.teacher.encoders.tiny_encoders import TEXTS, WIDTH, make_folder, settings_of, tiny_model, tiny_tokenizer

Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("whole") / "model", dense=24)


def edit(name: str, **changes: Any) -> Change:
    """A change of some values of a folder's JSON file."""

    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text()) if (folder / name).exists() else {}
        (folder / name).write_text(json.dumps(content | changes))

    return change


def edit_modules(number: int, kind: str) -> Change:
    """A change of one module's class."""

    def change(folder: Path) -> None:
        modules = json.loads((folder / "modules.json").read_text())
        modules[number]["type"] = kind
        (folder / "modules.json").write_text(json.dumps(modules))

    return change


def edit_weights(alter: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    """A change of the transformer's tensors."""

    def change(folder: Path) -> None:
        tensors = alter(load_file(folder / "model.safetensors"))
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    return change


def write(name: str, content: str) -> Change:
    def change(folder: Path) -> None:
        (folder / name).write_text(content)

    return change


def remove(*names: str) -> Change:
    def change(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return change


def own_code(folder: Path) -> None:
    (folder / "own_code.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    edit_modules(1, "own_code.Pooling")(folder)


def pickled(folder: Path) -> None:
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def shorten(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])


def all_nan(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: np.full_like(value, np.nan) for name, value in tensors.items()}


def all_zero(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: np.zeros_like(value) for name, value in tensors.items()}


def constant(tensors: dict[str, Any]) -> dict[str, Any]:
    ends = {"encoder.layer.1.output.LayerNorm.bias": np.arange(WIDTH, dtype=np.float32)}
    return all_zero(tensors) | ends


def without_layer(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tensors.items() if "layer.1." not in name}


ST = "sentence_transformers.models."
REFUSALS: dict[str, tuple[Change, str]] = {
    "plain folder": (remove("modules.json"), r"no modules\.json.*Pooling\(dimension"),
    "cross-encoder": (edit("config_sentence_transformers.json", model_type="CrossEncoder"), "is a cross-encoder"),
    "classifier": (edit("config.json", architectures=["BertForSequenceClassification"]), "is a cross-encoder"),
    "sparse": (edit("config_sentence_transformers.json", model_type="SparseEncoder"), "is a sparse encoder"),
    "SPLADE": (edit_modules(1, "sentence_transformers.sparse_encoder.models.SpladePooling"), "sparse encoder .Splade"),
    "CLIP module": (edit_modules(0, f"{ST}CLIPModel"), "is an image model"),
    "CLIP config": (edit("config.json", model_type="clip"), r"is an image model \(clip\)"),
    "unknown module": (edit_modules(1, f"{ST}BoW"), "module BoW, which is not supported"),
    "own code": (own_code, "needs remote code, its own class Pooling, which is never run"),
    "auto_map": (edit("config.json", auto_map={"AutoModel": "own.Model"}), "needs remote code .auto_map"),
    "own activation": (edit("2_Dense/config.json", activation_function="os.getcwd"), "activation of its Dense layer"),
    "adapter": (edit("adapter_config.json", r=8), "adapter of another model; merge it"),
    "no weights": (remove("model.safetensors"), r"missing weights, no model\.safetensors"),
    "no weights of Dense": (remove("2_Dense/model.safetensors"), "missing weights"),
    "pickled weights": (pickled, "pickled weights.*save them once as safetensors"),
    "cut weights": (shorten, "damaged weights, no readable"),
    "a layer is missing": (edit_weights(without_layer), r"damaged weights, 16 tensors are missing"),
    "no tokenizer": (remove("tokenizer.json"), r"missing tokenizer, none of tokenizer\.json"),
    "broken JSON": (write("modules.json", "["), "cannot be read as JSON"),
    "empty modules": (write("modules.json", "[]"), "begins with nothing"),
    "NaN": (edit_weights(all_nan), "are not finite"),
    "constant": (edit_weights(constant), "constant embeddings"),
    "wrong size of Dense": (edit("2_Dense/config.json", in_features=20), "cannot be loaded|cannot encode a text"),
    "unknown architecture": (edit("config.json", model_type="no-such"), "cannot be loaded"),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_folder_that_cannot_teach_is_refused(kind: str, whole: Path, tmp_path: Path) -> None:
    change, match = REFUSALS[kind]
    folder = tmp_path / "model"
    shutil.copytree(whole, folder)
    change(folder)
    with pytest.raises(EncoderRefused, match=match):
        open_encoder(settings_of(folder))
    assert not (folder / "ran").exists()


def test_zero_embeddings_are_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    edit_weights(all_zero)(folder)
    with pytest.raises(EncoderRefused, match="embeddings are zero"):
        open_encoder(settings_of(folder))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"dimensions": 99}, "embeddings have 24 numbers, dimensions asks for 99"),
        ({"max_tokens": 8000}, r"window of 48 tokens, max_tokens asks for 8000"),
    ],
)
def test_settings_that_the_folder_cannot_keep_are_refused(changes: dict[str, Any], match: str, whole: Path) -> None:
    with pytest.raises(EncoderRefused, match=match):
        open_encoder(settings_of(whole, **changes))


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderRefused, match="is no folder; name a sentence-transformers folder"):
        open_encoder(settings_of(tmp_path / "none"))


def make_routed(folder: Path, *names: str) -> Path:
    """An asymmetric folder, a route of different pooling for each name."""
    plain = folder / "plain"
    tiny_model("bert").save_pretrained(plain)
    tiny_tokenizer().save_pretrained(plain)
    routes = {
        name: [Transformer(str(plain)), Pooling(WIDTH, ("mean", "max")[number])] for number, name in enumerate(names)
    }
    model = SentenceTransformer(modules=[Router(routes, allow_empty_key=False), Normalize()], device="cpu")
    model.save(str(folder / "model"), create_model_card=False)
    return folder / "model"


def test_an_asymmetric_folder_needs_both_routes(tmp_path: Path) -> None:
    with pytest.raises(EncoderRefused, match="asymmetric with the routes query, expected query and one of document"):
        open_encoder(settings_of(make_routed(tmp_path, "query")))


def test_roles_take_their_routes(tmp_path: Path) -> None:
    folder = make_routed(tmp_path, "query", "document")
    encoder = open_encoder(settings_of(folder, precision="float32"))
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    for role, task in {Role.QUERY: "query", Role.PASSAGE: "document"}.items():
        expected = model.encode(TEXTS, task=task, show_progress_bar=False)
        assert np.abs(encoder.encode(TEXTS, role) - expected).max() < 1e-4
    assert np.abs(encoder.encode(TEXTS, Role.QUERY) - encoder.encode(TEXTS, Role.PASSAGE)).max() > 0.01


def test_no_message_shows_a_text(whole: Path) -> None:
    encoder = open_encoder(settings_of(whole))
    with pytest.raises(EncoderRefused) as caught:
        encoder.encode([object()], Role.QUERY)  # type: ignore[list-item]
    assert "object" not in str(caught.value)
