"""Releases of every format version open for ever; those here were written by version 0.1."""

import json
import shutil
from pathlib import Path

import pytest

from federation.errors import ReleaseRefused
from federation.release.files import read_release
from federation.release.format import Release
from student.bundle.linear_head import LinearHead
from student.bundle.query_adapter import QueryAdapter

GOLDEN = Path(__file__).parent / "golden"
KEY = GOLDEN / "release.pub"


def test_a_release_of_the_head_of_version_1_opens() -> None:
    read = read_release(GOLDEN / "head-1", KEY)
    assert isinstance(read.learned, LinearHead)
    assert (read.release.format_version, read.release.part) == (1, "head")
    assert read.learned.labels == ("billing", "delivery", "login", "refund")
    assert read.learned.weight.shape == (4, 16)
    assert (read.learned.temperature, read.learned.threshold) == (1.0881, 0.4579)
    assert read.release.evaluation.at_branches is not None


def test_a_release_of_the_adapter_of_version_1_opens() -> None:
    read = read_release(GOLDEN / "adapter-1", KEY)
    assert isinstance(read.learned, QueryAdapter)
    assert (read.release.part, read.release.rank, read.learned.a.shape) == ("adapter", 3, (3, 16))
    assert (read.release.evaluation.baseline, read.release.evaluation.accuracy) == (0.05, 0.25)


def test_a_tampered_release_of_version_1_is_refused(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(GOLDEN / "head-1", tmp_path / "copy"))
    content = bytearray((copy / "head.safetensors").read_bytes())
    content[-1] ^= 1
    (copy / "head.safetensors").write_bytes(content)
    with pytest.raises(ReleaseRefused, match="not the one that was signed"):
        read_release(copy, KEY)


@pytest.mark.parametrize("changes", [{"part": "adapter"}, {"learned_sha256": "0" * 64}, {"adapter_sha256": "0" * 64}])
def test_a_release_of_version_1_names_the_digest_of_its_part_and_no_other(changes: dict[str, str]) -> None:
    value = json.loads((GOLDEN / "head-1" / "release.json").read_bytes())
    assert Release.model_validate(value).learned_sha256 == value["head_sha256"]
    with pytest.raises(ValueError, match="are not those of a release of the"):
        Release.model_validate(value | changes)


def test_version_2_has_one_digest_whatever_the_part() -> None:
    value = json.loads((GOLDEN / "head-1" / "release.json").read_bytes()) | {"format_version": 2}
    with pytest.raises(ValueError, match="learned_sha256"):
        Release.model_validate(value)
