"""Files and folders are on the disk before they are renamed into place, and a failure leaves nothing behind."""

from pathlib import Path

import pytest

from student.artifacts import durable
from student.artifacts.durable import making_folder


def make(path: Path, content: str) -> None:
    with making_folder(path, replace=True) as new:
        (new / "inner").mkdir()
        (new / "inner" / "file").write_text(content)


def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path: Path) -> None:
    make(tmp_path / "deep" / "folder", "old")
    make(tmp_path / "deep" / "folder", "new")
    assert (tmp_path / "deep" / "folder" / "inner" / "file").read_text() == "new"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["folder"]


def test_everything_is_synced_before_the_rename_and_the_rename_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool]] = []
    really = durable.fsync_path

    def watch(path: Path) -> None:
        synced.append((path.name, (tmp_path / "folder").exists()))
        really(path)

    monkeypatch.setattr(durable, "fsync_path", watch)
    make(tmp_path / "folder", "content")
    assert sorted(synced[:-1]) == [("file", False), ("inner", False), ("new", False)]
    assert synced[-1] == (tmp_path.name, True)


def test_what_may_not_be_replaced_stays_though_it_came_while_the_folder_was_made(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not empty"), making_folder(tmp_path / "folder") as new:
        (new / "file").write_text("late")
        make(tmp_path / "folder", "first")
    assert (tmp_path / "folder" / "inner" / "file").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_what_fails_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    make(tmp_path / "folder", "old")
    with pytest.raises(RuntimeError, match="in the middle"), making_folder(tmp_path / "folder") as new:
        (new / "half").write_text("half")
        raise RuntimeError("in the middle")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["file"]
