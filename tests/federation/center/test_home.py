"""Enrollment: what is let in by which name, and what is left alone."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from federation.center.home import Center, enroll_branch, enrolled_branches, set_up_center
from federation.errors import DeploymentFailed, KeysInvalid

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    set_up_center(tmp_path / "center", Center(federation="lab", address="127.0.0.1:8000"), now=NOW)
    return tmp_path / "center"


def test_an_enrolled_branch_gets_a_kit_with_a_key_of_its_own(home: Path) -> None:
    kits = [enroll_branch(home, name) for name in ("north", "south")]
    assert enrolled_branches(home) == ["north", "south"]
    for kit in kits:
        assert {file.name for file in kit.iterdir()} == {
            *("branch.key", "branch.pub", "ca.crt", "join.json", "release.pub")
        }
        assert (kit / "branch.key").stat().st_mode & 0o77 == 0
    assert kits[0].joinpath("branch.key").read_bytes() != kits[1].joinpath("branch.key").read_bytes()


def test_a_key_made_at_the_branch_never_comes_to_the_center(home: Path, tmp_path: Path) -> None:
    public = enroll_branch(home, "north") / "branch.pub"
    kit = enroll_branch(home, "south", public)
    assert not (kit / "branch.key").exists()


@pytest.mark.parametrize("name", ["bad name", "../north", "", ".hidden", "x" * 65])
def test_what_is_no_name_is_refused_and_nothing_is_written(home: Path, name: str) -> None:
    before = sorted(home.rglob("*"))
    with pytest.raises(KeysInvalid, match="no branch's name"):
        enroll_branch(home, name)
    assert sorted(home.rglob("*")) == before


def test_an_enrolled_branch_keeps_its_key(home: Path) -> None:
    kit = enroll_branch(home, "north")
    key = (kit / "branch.key").read_bytes()
    with pytest.raises(KeysInvalid, match="is enrolled"):
        enroll_branch(home, "north")
    assert (kit / "branch.key").read_bytes() == key


def test_a_public_key_of_another_kind_is_refused_and_nobody_is_enrolled(home: Path, tmp_path: Path) -> None:
    (tmp_path / "rsa.pub").write_text("ssh-rsa AAAA")
    with pytest.raises(KeysInvalid, match="ssh-keygen -t ecdsa"):
        enroll_branch(home, "north", tmp_path / "rsa.pub")
    assert enrolled_branches(home) == []


def test_a_folder_without_a_federation_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DeploymentFailed, match="orilla federation up --home"):
        enroll_branch(tmp_path, "north")
