"""Folders of every architecture and pooling open, and encode as sentence-transformers itself does."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from student.embeddings import Embeddings
from teacher.encoders.opening import open_encoder
from teacher.roles import Role
from tests.teacher.encoders.tiny_encoders import TEXTS, WIDTH, WINDOW, make_folder, settings_of
from tests.tiny import make_tiny_teacher

KINDS: dict[str, dict[str, Any]] = {
    "bert mean": {"normalize": True},
    "xlm-roberta mean": {"architecture": "xlm-roberta"},
    "mpnet mean": {"architecture": "mpnet"},
    "distilbert cls": {"architecture": "distilbert", "pooling": "cls"},
    "roberta mean": {"architecture": "roberta"},
    "modernbert mean": {"architecture": "modernbert"},
    "qwen2 last token": {"architecture": "qwen2", "pooling": "lasttoken"},
    "bert dense": {"dense": 24, "normalize": True},
    "bert truncated": {"truncate_dim": 12},
    "bert max": {"pooling": "max"},
    "bert mean by square root, and cls": {"pooling": ("cls", "mean_sqrt_len_tokens")},
    "bert last token": {"pooling": "lasttoken", "normalize": True},
    "bert default prompt": {"prompts": {"sts": "same as: "}, "default_prompt_name": "sts"},
}
DIMENSIONS = {"bert dense": 24, "bert truncated": 12, "bert mean by square root, and cls": 2 * WIDTH}


def encode_by_library(folder: Path, texts: list[str], prompt: str = "", **arguments: Any) -> Embeddings:
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    embeddings = model.encode(texts, prompt=prompt, normalize_embeddings=True, show_progress_bar=False, **arguments)
    return np.asarray(embeddings, dtype=np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_folder_encodes_as_the_library_does(kind: str, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model", **KINDS[kind])
    encoder = open_encoder(settings_of(folder, precision="float32", batch_size=2))
    embeddings = encoder.encode(TEXTS, Role.PASSAGE)
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (len(TEXTS), DIMENSIONS.get(kind, WIDTH))
    assert encoder.facts.dimension == embeddings.shape[1]
    assert np.abs(np.linalg.norm(embeddings, axis=1) - 1).max() < 1e-5
    assert np.abs(embeddings - encode_by_library(folder, TEXTS)).max() < 1e-4
    assert encoder.facts.max_tokens == WINDOW
    assert encoder.encode([], Role.QUERY).shape == (0, encoder.facts.dimension)


def test_a_folder_of_earlier_versions_opens(tmp_path: Path) -> None:
    folder = make_tiny_teacher(tmp_path / "model").path
    encoder = open_encoder(settings_of(folder, precision="float32"))
    assert (encoder.facts.dimension, encoder.facts.max_tokens) == (32, 32)
    texts = ["red server", "the site restores a backup"]
    assert np.abs(encoder.encode(texts, Role.QUERY) - encode_by_library(folder, texts)).max() < 1e-4


def test_a_folder_opens_without_a_declared_window(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    for name in ("sentence_bert_config.json", "tokenizer_config.json"):
        content = json.loads((folder / name).read_text())
        content.pop("max_seq_length", None)
        content.pop("model_max_length", None)
        (folder / name).write_text(json.dumps(content))
    assert open_encoder(settings_of(folder)).facts.max_tokens == WINDOW


def test_a_window_that_the_config_exaggerates_is_measured(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model", "roberta")
    content = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(content | {"model_max_length": 512}))
    assert open_encoder(settings_of(folder)).facts.max_tokens == WINDOW


def test_roles_have_the_prompts_of_the_settings(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model", prompts={"query": "other: "}, default_prompt_name="query")
    prompts = {"query": "find: ", "passage": "text: "}
    encoder = open_encoder(settings_of(folder, precision="float32", prompts=prompts))
    by_role = {role: encoder.encode(TEXTS, role) for role in Role}
    for role, embeddings in by_role.items():
        assert np.abs(embeddings - encode_by_library(folder, TEXTS, prompts[role])).max() < 1e-4
    assert np.abs(by_role[Role.QUERY] - by_role[Role.PASSAGE]).max() > 0.01
    assert encoder.facts.notes == ()
    none = open_encoder(settings_of(folder, precision="float32", prompts={}))
    assert np.abs(none.encode(TEXTS, Role.QUERY) - encode_by_library(folder, TEXTS)).max() < 1e-4


def test_prompts_by_role_of_the_folder_are_taken_and_named(tmp_path: Path) -> None:
    own = {"query": "find: ", "document": "text: ", "clustering": "group: "}
    folder = make_folder(tmp_path / "model", prompts=own, default_prompt_name="clustering")
    encoder = open_encoder(settings_of(folder, precision="float32"))
    assert encoder.facts.prompts.model_dump() == {"query": "find: ", "passage": "text: "}
    assert "role passage taken from the folder's prompt document" in " ".join(encoder.facts.notes)
    assert "default prompt clustering is not applied" in " ".join(encoder.facts.notes)
    for role, prompt in {Role.QUERY: "find: ", Role.PASSAGE: "text: "}.items():
        assert np.abs(encoder.encode(TEXTS, role) - encode_by_library(folder, TEXTS, prompt)).max() < 1e-4


def test_a_default_prompt_is_not_applied_silently(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model", prompts={"sts": "same as: "}, default_prompt_name="sts")
    encoder = open_encoder(settings_of(folder, precision="float32"))
    assert np.abs(encoder.encode(TEXTS, Role.QUERY) - encode_by_library(folder, TEXTS)).max() < 1e-4
    assert "sts is not applied" in encoder.facts.notes[0]


def test_dimensions_are_the_first_ones_of_unit_norm(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model", normalize=True)
    encoder = open_encoder(settings_of(folder, precision="float32", dimensions=8))
    assert encoder.facts.dimension == 8
    assert np.abs(encoder.encode(TEXTS, Role.QUERY) - encode_by_library(folder, TEXTS, truncate_dim=8)).max() < 1e-4


def test_max_tokens_cuts_texts(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    encoder = open_encoder(settings_of(folder, max_tokens=12))
    assert encoder.facts.max_tokens == 12
    one, other = encoder.encode(["red server " * 9, "red server " * 9 + "blue"], Role.QUERY)
    assert float(one @ other) > 0.9999


def test_the_digest_names_what_fixes_the_embeddings_and_nothing_else(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    digest = open_encoder(settings_of(folder)).facts.digest
    (folder / "README.md").write_text("A model.")
    (folder / "intent_head.json").write_text("{}")
    assert open_encoder(settings_of(folder, name="renamed", batch_size=3)).facts.digest == digest
    others = [
        settings_of(folder, dimensions=8),
        settings_of(folder, prompts={"query": "q: "}),
        settings_of(folder, max_tokens=16),
        settings_of(make_folder(tmp_path / "max", pooling="max")),
        settings_of(make_folder(tmp_path / "roberta", "roberta")),
    ]
    assert len({digest, *(open_encoder(settings).facts.digest for settings in others)}) == 6
