"""A folder's layout is what its files really are, whatever its configs say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from student.distill.folder_layout import LayoutBroken, read_layout
from student.distill.pretrained import open_pretrained
from student.evaluation.evaluate import open_system
from tests.teacher.encoders.tiny_encoders import TEXTS, WIDTH, WINDOW, make_folder


def lie(file: Path, **changes: Any) -> None:
    content = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(content | changes))


@pytest.mark.parametrize(
    ("architecture", "settings", "dimension"),
    [
        ("bert", {}, WIDTH),
        ("bert", {"dense": 24, "normalize": True}, 24),
        ("bert", {"truncate_dim": 12}, 12),
        ("bert", {"pooling": ("cls", "max")}, 2 * WIDTH),
        ("distilbert", {"pooling": "cls"}, WIDTH),
        ("xlm-roberta", {}, WIDTH),
        ("mpnet", {}, WIDTH),
        ("modernbert", {}, WIDTH),
        ("qwen2", {"pooling": "lasttoken"}, WIDTH),
    ],
)
def test_any_folder_is_measured_as_it_is(
    architecture: str, settings: dict[str, Any], dimension: int, tmp_path: Path
) -> None:
    folder = make_folder(
        tmp_path / "model", architecture, prompts={"sts": "same: "}, default_prompt_name="sts", **settings
    )
    opened = open_pretrained(folder, name="x", license_="y")
    assert (opened.dimension, opened.max_tokens) == (dimension, WINDOW)
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    expected = model.encode(TEXTS, prompt="", normalize_embeddings=True, show_progress_bar=False)
    assert np.abs(open_system("x", folder).encode(TEXTS) - expected).max() < 1e-4


def test_sizes_are_those_of_the_tensors(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model", dense=24)
    lie(folder / "config.json", hidden_size=99, max_position_embeddings=4096)
    lie(folder / "sentence_bert_config.json", max_seq_length=4096)
    lie(folder / "2_Dense" / "config.json", out_features=99)
    layout = read_layout(folder)
    assert (layout.dimension, layout.max_tokens) == (24, WINDOW)


def test_spaces_differ_where_a_module_does(tmp_path: Path) -> None:
    folders = [
        make_folder(tmp_path / "mean"),
        make_folder(tmp_path / "max", pooling="max"),
        make_folder(tmp_path / "dense", dense=WIDTH),
    ]
    spaces = {open_pretrained(folder, name="x", license_="y").embedding_space for folder in folders}
    assert len(spaces) == 3


@pytest.mark.parametrize(
    ("file", "content", "match"),
    [
        ("modules.json", "[", "cannot be read as a list of modules"),
        ("modules.json", "[]", "begins with nothing"),
        ("config.json", "1", "is not a JSON object"),
        ("1_Pooling/config.json", "", "cannot be read"),
        ("model.safetensors", "x", "no readable safetensors file"),
    ],
)
def test_a_broken_folder_names_its_file(file: str, content: str, match: str, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    (folder / file).write_text(content)
    with pytest.raises(LayoutBroken, match=match):
        read_layout(folder)
