"""The listing of a folder: everything in it is named once, and what cannot be listed is not taken for gone."""

import contextlib
import errno
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.ingest.folder.places import Place
from edge_agent.ingest.folder.scan import Scan, SkipKind, Unlisted, scan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "folder"
    path.mkdir()
    return path


def write(path: Path, text: str = "Some text.") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def listed(folder: Path, scope: str = "", excluded: frozenset[str] = frozenset()) -> Scan:
    return scan(Place(folder, None, scope, excluded))


def skipped(found: Scan) -> dict[str, str]:
    return {each.source: each.kind.value for each in found.skipped}


def test_each_thing_is_listed_once_by_kind(folder: Path) -> None:
    for name in ("a.md", "sub/b.TXT", "film.mp4", "README", ".hidden.md", ".git/notes.md", "~$a.docx", "x.md.tmp"):
        write(folder / name)
    for name in ("Thumbs.db", ".DS_Store", "c.md~"):
        write(folder / name)
    write(folder / "empty.md", "")
    os.mkfifo(folder / "pipe.md")
    found = listed(folder)
    assert [file.source for file in found.files] == ["a.md", "sub/b.TXT"]
    assert skipped(found) == {
        **dict.fromkeys(
            (".DS_Store", ".git", ".hidden.md", "Thumbs.db", "c.md~", "x.md.tmp", "~$a.docx"), "hidden or temporary"
        ),
        **{"film.mp4": "not a document", "README": "not a document", "empty.md": "empty", "pipe.md": "special file"},
    }
    assert {each.source: each.reason for each in found.skipped}["film.mp4"] == "files of type .mp4 are not read"


def test_sockets_are_named_and_never_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("s.md")
        assert [each.reason for each in listed(folder).skipped] == ["a socket, not an ordinary file"]


def test_a_file_that_is_too_large_is_refused_unread(folder: Path) -> None:
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(1 << 40)
    assert [each.reason for each in listed(folder).refused] == [
        "the file has 1099511627776 bytes, at most 20000000 are accepted; split it"
    ]


def test_links_are_named_and_followed_nowhere(folder: Path, tmp_path: Path) -> None:
    write(folder / "sub" / "a.md")
    write(tmp_path / "outside" / "secret.md")
    (folder / "again.md").symlink_to(folder / "sub" / "a.md")
    (folder / "loop").symlink_to(folder)
    (folder / "broken.md").symlink_to(folder / "nothing.md")
    (folder / "secret.md").symlink_to(tmp_path / "outside" / "secret.md")
    (folder / "outside").symlink_to(tmp_path / "outside")
    found = listed(folder)
    assert [file.source for file in found.files] == ["sub/a.md"]
    assert skipped(found) == {"again.md": "link", "loop": "link", "broken.md": "link to nowhere"}
    assert {each.source for each in found.refused} == {"secret.md", "outside"}
    assert all("outside the folder" in each.reason for each in found.refused)


def test_a_link_to_a_file_without_a_name_of_its_own_is_read_under_the_links_name(folder: Path) -> None:
    write(folder / "..2026_11_30" / "faq.md")  # as volumes of configuration are mounted
    (folder / "..data").symlink_to("..2026_11_30")
    (folder / "faq.md").symlink_to("..data/faq.md")
    assert [(file.source, file.relative) for file in listed(folder).files] == [("faq.md", "..2026_11_30/faq.md")]


def test_two_unicode_forms_of_a_name_are_one_source_and_the_other_is_named(folder: Path) -> None:
    composed, decomposed = "Pol\u00edtica.md", "Poli\u0301tica.md"
    write(folder / decomposed)
    assert [(file.source, file.relative) for file in listed(folder).files] == [(composed, decomposed)]
    write(folder / composed)
    found = listed(folder)
    assert [(file.source, file.relative) for file in found.files] == [(composed, composed)]
    assert skipped(found) == {composed: SkipKind.SAME_NAME.value}


def test_a_name_with_a_space_beside_one_without_is_said_to_be_so(folder: Path) -> None:
    write(folder / "two.md")
    write(folder / " two.md")
    assert [each.relative for each in listed(folder).files] == ["two.md"]
    assert "but for a space at its beginning or end" in listed(folder).skipped[0].reason


def test_names_of_roots_inside_are_left_to_them(folder: Path) -> None:
    write(folder / "a.md")
    write(folder / "inner" / "b.md")
    found = listed(folder, excluded=frozenset({"inner"}))
    assert ([file.source for file in found.files], skipped(found)) == (["a.md"], {"inner": "another root"})


def test_a_part_is_listed_by_names_below_the_root(folder: Path) -> None:
    write(folder / "a.md")
    write(folder / "sub" / "b.md")
    assert [file.source for file in listed(folder, "sub").files] == ["sub/b.md"]
    assert [file.source for file in listed(folder, "sub/b.md").files] == ["sub/b.md"]


def test_folders_without_documents_are_known(folder: Path) -> None:
    write(folder / "a" / "x.md")
    write(folder / "b" / ".hidden")
    write(folder / "e" / "README")
    (folder / "c" / "d").mkdir(parents=True)
    assert set(listed(folder).empty_folders) == {"b", "c", "c/d", "e"}


def test_very_deep_folders_are_named_and_not_followed_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for _ in range(200):
        Path("d").mkdir()
        monkeypatch.chdir("d")
    found = listed(folder)
    assert (found.files, len(found.unlisted)) == ([], 1)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO])
def test_a_folder_that_cannot_be_listed_is_said_to_be_so(
    folder: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "a.md")
    write(folder / "sub" / "b.md")
    refuse_to_list(monkeypatch, folder / "sub", OSError(code, os.strerror(code)))
    found = listed(folder)
    assert [file.source for file in found.files] == ["a.md"]
    assert found.unlisted == [Unlisted("sub", os.strerror(code), is_failure=code == errno.EIO)]


def refuse_to_list(monkeypatch: pytest.MonkeyPatch, folder: Path, error: OSError) -> None:
    """Makes the system refuse to list a folder, as a broken disk does."""
    scandir = os.scandir

    def refuse(path: Any = ".") -> Any:
        if Path(path) == folder:
            raise error
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Gives up the rights of root for a while, where the tests have them."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_this_user_may_not_list_is_said_to_be_so() -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's own folders are closed to nobody
    try:
        folder.chmod(0o755)
        write(folder / "closed" / "a.md")
        (folder / "closed").chmod(0)
        with as_nobody():
            found = listed(folder)
        assert found.unlisted == [Unlisted("closed", "Permission denied", is_failure=False)]
    finally:
        (folder / "closed").chmod(0o700)
        shutil.rmtree(folder)
