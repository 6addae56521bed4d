"""A head in a folder of its own: read as it was written, for its owner alone, and every change of it noticed."""

import dataclasses
import json
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from student.bundle.head_folder import head_digest, read_head_folder, write_head_folder
from student.bundle.linear_head import LinearHead, read_head
from student.errors import BundleDamaged, BundleTooNew, BundleUnusable
from tests.student.test_blend import made_head, write

SPACE = "ab" * 32


def kept(folder: Path) -> Path:
    write_head_folder(folder / "head", made_head(), embedding_space=SPACE, files={"report.json": b"{}"})
    return folder / "head"


def test_what_is_kept_is_what_is_read_and_nobody_else_may(tmp_path: Path) -> None:
    stored, embeddings = read_head_folder(kept(tmp_path)), np.eye(4, dtype=np.float32)[:2]
    assert (stored.embedding_space, stored.head.labels) == (SPACE, made_head().labels)
    texts = ["la factura", "my money"]
    expected = made_head().probabilities(embeddings, texts)
    assert np.allclose(stored.head.probabilities(embeddings, texts), expected, atol=1e-3)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "head").iterdir()}
    assert (modes, stat.S_IMODE((tmp_path / "head").stat().st_mode)) == ({0o600}, 0o700)


def test_a_head_has_the_same_digest_in_a_bundle_and_alone(tmp_path: Path) -> None:
    in_bundle = read_head(write(tmp_path / "bundle"), "intent")
    assert head_digest(in_bundle) == read_head_folder(kept(tmp_path)).digest == head_digest(made_head())


@pytest.mark.parametrize(
    "change",
    [
        lambda head: dataclasses.replace(head, labels=("refund", "bill")),
        lambda head: dataclasses.replace(head, threshold=0.5),
        lambda head: dataclasses.replace(head, temperature=0.4),
        lambda head: dataclasses.replace(head, weight=head.weight * 1.01),
        lambda head: dataclasses.replace(head, bias=head.bias + 1),
        lambda head: dataclasses.replace(head, blend=None),
        lambda head: dataclasses.replace(head, blend=dataclasses.replace(head.blend, lexical=head.blend.lexical + 1)),
        lambda head: dataclasses.replace(
            head, blend=dataclasses.replace(head.blend, basis=dataclasses.replace(head.blend.basis, threshold=0.1))
        ),
    ],
)
def test_the_digest_is_of_all_that_an_answer_depends_on(change: Callable[[LinearHead], LinearHead]) -> None:
    assert head_digest(change(made_head())) != head_digest(made_head())


def test_a_changed_head_is_refused(tmp_path: Path) -> None:
    folder = kept(tmp_path)
    record = json.loads((folder / "head.json").read_text())
    wrong: list[dict[str, object]] = [{"digest": SPACE}, {"heads": {}}, {"dimension": 5}, {"format": "other"}]
    for changed in wrong:
        (folder / "head.json").write_text(json.dumps(record | changed))
        with pytest.raises(BundleUnusable if "dimension" in changed else BundleDamaged):
            read_head_folder(folder)
    (folder / "head.json").write_text(json.dumps(record | {"format_version": 2}))
    with pytest.raises(BundleTooNew, match="format 2, this program reads 1"):
        read_head_folder(folder)
    (folder / "head.json").write_text(json.dumps(record))
    weights = folder / "intent.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x40")
    with pytest.raises(BundleDamaged, match="is not the one that was written"):
        read_head_folder(folder)
    weights.unlink()
    with pytest.raises(BundleDamaged, match="lacks a file"):
        read_head_folder(folder)
