"""Enrollment: what is let in by which name, and what is left alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from federation.center.home import Center, enroll_branch, enrolled_branches, read_center, set_up_center
from federation.errors import DeploymentFailed, KeysInvalid
from federation.release.signing import read_signing_key, read_verifying_key

CENTER = Center(federation="lab", address="127.0.0.1:8000")
FILES = {"ca.crt", "ca.key", "center.json", "release.key", "release.pub", "server.crt", "server.key"}
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    set_up_center(tmp_path / "center", CENTER, now=NOW)
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


@pytest.mark.parametrize("content", [b"ssh-rsa AAAA", b"-----BEGIN CERTIFICATE-----", b"not-a-kind AAAA", b"\xff", b""])
def test_a_public_key_of_another_kind_is_refused_and_nobody_is_enrolled(
    home: Path, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "rsa.pub").write_bytes(content)
    with pytest.raises(KeysInvalid, match="ssh-keygen -t ecdsa"):
        enroll_branch(home, "north", tmp_path / "rsa.pub")
    assert enrolled_branches(home) == []


def test_a_folder_without_a_federation_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DeploymentFailed, match="orilla federation up --home"):
        enroll_branch(tmp_path, "north")


class Killed(BaseException):
    """Stands for the end of the process."""


@contextmanager
def killed_at(rename: int) -> Iterator[None]:
    """Ends what runs in the block before it puts a file or folder in its place for the nth time."""
    counted, move = 0, Path.rename

    def count(self: Path, target: Path) -> Path:
        nonlocal counted
        counted += 1
        if counted == rename:
            raise Killed
        return move(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", count)
        with pytest.raises(Killed):
            yield


@pytest.mark.parametrize("rename", range(1, 13))
def test_a_set_up_that_is_killed_is_ended_by_the_next_one(tmp_path: Path, rename: int) -> None:
    home = tmp_path / "center"
    with killed_at(rename):
        set_up_center(home, CENTER, now=NOW)
    set_up_center(home, CENTER, now=NOW)
    assert {path.name for path in home.iterdir()} == FILES
    assert read_center(home) == CENTER
    for name in ("ca", "server"):
        certificate = x509.load_pem_x509_certificate((home / f"{name}.crt").read_bytes())
        key = load_pem_private_key((home / f"{name}.key").read_bytes(), None)
        assert certificate.public_key() == key.public_key()
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate((home / "ca.crt").read_bytes()))
    assert read_signing_key(home / "release.key").public_key() == read_verifying_key(home / "release.pub")


@pytest.mark.parametrize("name", ["ca.crt", "server.key", "release.pub"])
def test_a_folder_with_a_key_of_someone_else_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("theirs")
    with pytest.raises(KeysInvalid, match="not written over"):
        set_up_center(tmp_path, CENTER, now=NOW)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_federation_of_version_0_1_says_what_to_rename(home: Path) -> None:
    (home / "center.json").rename(home / "centre.json")
    for use in (lambda: read_center(home), lambda: set_up_center(home, CENTER, now=NOW)):
        with pytest.raises(DeploymentFailed, match=r"rename centre\.json there to center\.json"):
            use()
    (home / "centre.json").rename(home / "center.json")
    assert read_center(home) == CENTER


@pytest.mark.parametrize("rename", range(1, 7))
def test_an_enrollment_that_is_killed_is_made_again(home: Path, rename: int) -> None:
    with killed_at(rename):
        enroll_branch(home, "north")
    kit = enroll_branch(home, "north")
    assert (kit / "branch.pub").read_bytes() == (home / "branches" / "north.pub").read_bytes()
    assert sorted(path.name for path in (home / "kits").iterdir()) == ["north"]


def test_a_branch_whose_key_was_removed_gets_another_one(home: Path) -> None:
    kit = enroll_branch(home, "north")
    key = (kit / "branch.key").read_bytes()
    (home / "branches" / "north.pub").unlink()
    assert (enroll_branch(home, "north") / "branch.key").read_bytes() != key


def test_a_kit_that_a_branch_lives_in_is_not_replaced(home: Path) -> None:
    kit = enroll_branch(home, "north")
    (kit / "ledger.jsonl").write_text("what is spent")
    (home / "branches" / "north.pub").unlink()
    with pytest.raises(KeysInvalid, match="move that folder away"):
        enroll_branch(home, "north")
    assert (kit / "ledger.jsonl").exists()


def test_a_registered_key_is_taken_back_only_by_a_center_that_is_up(home: Path) -> None:
    enroll_branch(home, "north")
    (home / "branches" / "north.node").write_text("17")
    (home / "branches" / "north.pub").unlink()
    with pytest.raises(DeploymentFailed, match="orilla federation up"):
        enroll_branch(home, "north")
    assert enrolled_branches(home) == []


def test_a_signing_key_that_others_could_have_is_refused(home: Path) -> None:
    (home / "release.key").chmod(0o640)
    with pytest.raises(KeysInvalid, match=r"is open to others \(mode 640\), expected 600"):
        read_signing_key(home / "release.key")


def test_a_signing_key_that_is_damaged_is_refused_in_words(home: Path) -> None:
    (home / "release.key").write_text("damaged")
    with pytest.raises(KeysInvalid, match="restore it from a backup"):
        read_signing_key(home / "release.key")
