"""Private files: what is written is for its owner, and what others could have changed or swapped is not read."""

import os
from pathlib import Path

import pytest

from student.artifacts.durable import write_durably
from student.artifacts.private import make_files_private, make_private_folder, read_private
from student.errors import OrillaError


def mode_of(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


def test_a_folder_is_made_for_its_owner_and_one_of_before_becomes_so(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        (tmp_path / "old").mkdir()
        for name in ("old", "new/inner"):
            make_private_folder(tmp_path / name)
            make_private_folder(tmp_path / name)
    finally:
        os.umask(before)
    assert [mode_of(tmp_path / name) for name in ("old", "new/inner")] == ["700", "700"]


def test_files_that_match_lose_the_rights_of_others_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.db"
    (tmp_path / "store" / "jobs").mkdir(parents=True)
    for path in (outside, tmp_path / "store" / "a.db", tmp_path / "store" / "a.md", tmp_path / "store" / "jobs" / "1"):
        path.touch()
        path.chmod(0o664)
    (tmp_path / "store" / "link.db").symlink_to(outside)
    make_files_private(tmp_path / "store", "*.db", "jobs", "jobs/*")
    shown = {p.relative_to(tmp_path).as_posix(): mode_of(p) for p in [outside, *(tmp_path / "store").rglob("[aj1]*")]}
    assert shown == {
        "outside.db": "664",
        "store/a.db": "600",
        "store/a.md": "664",
        "store/jobs": "700",
        "store/jobs/1": "600",
    }


def test_a_private_file_is_read_and_one_that_is_open_to_others_is_not(tmp_path: Path) -> None:
    key = tmp_path / "key"
    write_durably(key, b"secret", mode=0o600)
    assert read_private(key, "key", OrillaError) == b"secret"
    for mode in (0o640, 0o604, 0o620, 0o602, 0o660):
        key.chmod(mode)
        with pytest.raises(OrillaError, match=rf"key .*/key is open to others \(mode {mode:o}\), expected 600; chmod"):
            read_private(key, "key", OrillaError)


def test_links_pipes_and_folders_are_not_read(tmp_path: Path) -> None:
    write_durably(tmp_path / "key", b"secret", mode=0o600)
    (tmp_path / "link").symlink_to(tmp_path / "key")
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(0o700)
    for name, said in (("link", "is a link"), ("pipe", "is no plain file"), ("folder", "is no plain file")):
        with pytest.raises(OrillaError, match=said):
            read_private(tmp_path / name, "key", OrillaError)
    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "none", "key", OrillaError)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_users_file_is_not_read(tmp_path: Path) -> None:
    write_durably(tmp_path / "key", b"secret", mode=0o600)
    os.chown(tmp_path / "key", 12345, 12345)
    with pytest.raises(OrillaError, match="belongs to user 12345, this is user 0"):
        read_private(tmp_path / "key", "key", OrillaError)


def test_nothing_is_written_through_a_link_that_waits_at_the_temporary_name(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"as it was")
    (tmp_path / ".key.new").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        write_durably(tmp_path / "key", b"secret", mode=0o600)
    assert (tmp_path / "victim").read_bytes() == b"as it was"
