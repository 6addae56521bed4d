"""The bundle format: round trip, golden file, and one test for each way a bundle can be wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from student.artifacts.digests import digest_bytes
from student.bundle.folder import open_bundle, write_bundle
from student.bundle.manifest import MANIFEST, parse_manifest
from student.errors import (
    BundleDamaged,
    BundleError,
    BundleExists,
    BundleForeign,
    BundleMissing,
    BundleTooNew,
    BundleTruncated,
    BundleUnusable,
    ManifestInvalid,
)
from student.runtime.student import load_student

GOLDEN = Path(__file__).parent / "golden" / "bundle-v1"

GOLDEN_DIGEST = "86cb16fda01fb49ea302b8b524e712728e711353caa9d12d0e8962ad6622d1c0"

FILES = {"graph.onnx": b"graph", "tokenizer.json": b"{}", "probes.json": b"[]", "CARD.md": b"# card", "L.txt": b"law"}
FIELDS: dict[str, Any] = {
    "name": "test",
    "serial": 3,
    "created": "2026-11-20T12:00:00Z",
    "embedding_space": "ab" * 32,
    "languages": ["en"],
    "encoder": {"graph": "graph.onnx", "tokenizer": "tokenizer.json", "dimension": 4, "max_tokens": 16},
    "heads": {},
    "probes": {"file": "probes.json", "min_similarity": 0.99},
    "lineage": [{"role": "encoder", "name": "none", "sha256": "cd" * 32, "license": "Apache-2.0"}],
    "licenses": [{"spdx": "Apache-2.0", "applies_to": "everything", "file": "L.txt"}],
    "model_card": "CARD.md",
}


@pytest.fixture
def bundle_path(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle", FIELDS, FILES).path


def edit_manifest(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((path / MANIFEST).read_text())
    change(manifest)
    (path / MANIFEST).write_text(json.dumps(manifest))


def test_what_is_written_is_what_is_read(bundle_path: Path) -> None:
    bundle = open_bundle(bundle_path)
    assert bundle.manifest.serial == 3
    assert {name: bundle.read(name) for name in FILES} == FILES
    assert bundle.digest == digest_bytes((bundle_path / MANIFEST).read_bytes())


def test_golden_bundle_of_format_1_still_opens() -> None:
    bundle = open_bundle(GOLDEN)
    assert bundle.digest == GOLDEN_DIGEST
    assert bundle.manifest.name == "golden"
    assert bundle.manifest.heads["intent"].labels == ["refund", "invoice"]


def test_fields_of_later_minor_versions_are_kept(bundle_path: Path) -> None:
    edit_manifest(bundle_path, lambda m: (m.update(rollout="canary"), m["encoder"].update(pooling="mean")))
    kept = open_bundle(bundle_path).manifest.model_dump()
    assert kept["rollout"] == "canary"
    assert kept["encoder"]["pooling"] == "mean"


def test_missing_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleMissing, match=r"no bundle at .*--bundle"):
        open_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"not json", b"[1, 2]", b'{"format": "other"}', b"\xff\xfe", b"[" * 100_000])
def test_foreign_manifest_is_refused(bundle_path: Path, content: bytes) -> None:
    (bundle_path / MANIFEST).write_bytes(content)
    with pytest.raises(BundleForeign, match=r"not (JSON|an Orilla bundle)"):
        open_bundle(bundle_path)


def test_folder_without_manifest_is_foreign(bundle_path: Path) -> None:
    (bundle_path / MANIFEST).unlink()
    with pytest.raises(BundleForeign, match=f"it has no {MANIFEST}"):
        open_bundle(bundle_path)


def test_later_format_version_is_refused_whatever_else_it_holds(bundle_path: Path) -> None:
    edit_manifest(bundle_path, lambda m: (m.update(format_version=3), m.pop("encoder")))
    with pytest.raises(BundleTooNew, match="format version 3; this program reads up to 2; upgrade"):
        open_bundle(bundle_path)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda m: m.pop("encoder"), "encoder"),
        (lambda m: m.update(serial=0), "serial"),
        (lambda m: m.update(serial="3"), "serial"),
        (lambda m: m.update(embedding_space="xyz"), "embedding_space"),
        (lambda m: m.update(licenses=[]), "licenses"),
        (lambda m: m["files"].update({"../x": {"sha256": "ab" * 32, "size_bytes": 1}}), "files"),
        (lambda m: m["files"].update({"/etc/passwd": {"sha256": "ab" * 32, "size_bytes": 1}}), "files"),
        (lambda m: m["files"].update({MANIFEST: {"sha256": "ab" * 32, "size_bytes": 1}}), "manifest itself"),
        (lambda m: m["files"].pop("CARD.md"), "does not list CARD.md"),
        (lambda m: m["encoder"].update(dimension=10**9), "encoder.dimension"),
    ],
)
def test_manifest_that_breaks_the_format_is_refused(
    bundle_path: Path, change: Callable[[dict[str, Any]], object], where: str
) -> None:
    edit_manifest(bundle_path, change)
    with pytest.raises(ManifestInvalid, match=where):
        open_bundle(bundle_path)


def test_huge_manifest_is_refused_unread(bundle_path: Path) -> None:
    with (bundle_path / MANIFEST).open("r+b") as file:
        file.truncate(1 << 30)
    with pytest.raises(ManifestInvalid, match="larger than"):
        open_bundle(bundle_path)


def test_missing_file_is_refused_as_truncated(bundle_path: Path) -> None:
    (bundle_path / "graph.onnx").unlink()
    with pytest.raises(BundleTruncated, match=r"lacks graph\.onnx"):
        open_bundle(bundle_path)


def test_short_file_is_refused_as_truncated(bundle_path: Path) -> None:
    (bundle_path / "graph.onnx").write_bytes(b"gra")
    with pytest.raises(BundleTruncated, match="3 bytes, expected 5"):
        open_bundle(bundle_path)


def test_long_file_is_refused_as_damaged(bundle_path: Path) -> None:
    (bundle_path / "graph.onnx").write_bytes(b"graph and more")
    with pytest.raises(BundleDamaged, match="14 bytes, expected 5"):
        open_bundle(bundle_path)


@pytest.mark.parametrize("name", sorted(FILES))
def test_one_flipped_bit_in_any_file_is_refused(bundle_path: Path, name: str) -> None:
    content = bytearray((bundle_path / name).read_bytes())
    content[0] ^= 1
    (bundle_path / name).write_bytes(content)
    with pytest.raises(BundleDamaged, match=f"{name} has SHA-256"):
        open_bundle(bundle_path)


def test_unlisted_file_is_refused(bundle_path: Path) -> None:
    (bundle_path / "extra.onnx").write_bytes(b"x")
    with pytest.raises(BundleDamaged, match="does not list"):
        open_bundle(bundle_path)


def test_file_behind_a_link_is_refused(bundle_path: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"graph")
    (bundle_path / "graph.onnx").unlink()
    (bundle_path / "graph.onnx").symlink_to(tmp_path / "outside")
    with pytest.raises(BundleDamaged, match="behind a link"):
        open_bundle(bundle_path)


def test_bundle_reached_through_a_link_opens(bundle_path: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(bundle_path)
    assert open_bundle(tmp_path / "current").manifest.serial == 3


def test_file_changed_after_opening_is_not_given_out(bundle_path: Path) -> None:
    bundle = open_bundle(bundle_path)
    (bundle_path / "graph.onnx").write_bytes(b"grapH")
    with pytest.raises(BundleDamaged, match="SHA-256"):
        bundle.read("graph.onnx")


def test_existing_folder_is_not_overwritten(bundle_path: Path) -> None:
    before = (bundle_path / MANIFEST).read_bytes()
    with pytest.raises(BundleExists, match="--force"):
        write_bundle(bundle_path, FIELDS | {"serial": 4}, FILES)
    assert (bundle_path / MANIFEST).read_bytes() == before


def test_replacing_never_touches_what_is_not_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BundleExists):
        write_bundle(tmp_path, FIELDS, FILES, replace=True)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_replacing_leaves_only_the_new_bundle(bundle_path: Path) -> None:
    write_bundle(bundle_path, FIELDS | {"serial": 4}, FILES, replace=True)
    assert open_bundle(bundle_path).manifest.serial == 4
    assert [p.name for p in bundle_path.parent.iterdir()] == ["bundle"]


def test_refused_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ManifestInvalid, match="serial"):
        write_bundle(tmp_path / "bundle", FIELDS | {"serial": 0}, FILES)
    assert [p.name for p in tmp_path.iterdir()] == []


def test_intact_bundle_with_a_senseless_graph_is_unusable(bundle_path: Path) -> None:
    with pytest.raises(BundleUnusable, match="tokenizer"):
        load_student(bundle_path)


def test_every_refusal_is_a_bundle_error_that_says_what_to_do(bundle_path: Path) -> None:
    (bundle_path / "graph.onnx").write_bytes(b"gra")
    with pytest.raises(BundleError, match="get the bundle again"):
        open_bundle(bundle_path)


def test_parsing_needs_no_disk() -> None:
    manifest = parse_manifest((GOLDEN / MANIFEST).read_bytes(), Path("/does/not/exist"))
    assert manifest.format_version == 1
