"""Reading a file while others write: no link is followed, no special file opened, nothing half-written given back."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.errors import ContentTooLarge, InputInvalid
from edge_agent.ingest.folder.files import BeingWritten, is_quiet, look_again, read_file
from edge_agent.ingest.folder.scan import File, signature_of


def file_at(folder: Path, relative: str) -> File:
    return File(relative, relative, signature_of((folder / relative).stat()))


@pytest.fixture
def file(tmp_path: Path) -> File:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.md").write_text("A text.")
    return file_at(tmp_path, "sub/a.md")


def test_a_file_is_read_with_its_digest_and_day(file: File, tmp_path: Path) -> None:
    os.utime(tmp_path / "sub" / "a.md", (1_700_000_000, 1_700_000_000))
    content = read_file(tmp_path, file_at(tmp_path, "sub/a.md"), max_bytes=100)
    assert content.content == b"A text."
    assert len(content.bytes_sha256) == 64
    assert content.date(datetime(2026, 1, 1, tzinfo=UTC)).startswith("2023-11-1")
    assert content.date(datetime(2020, 1, 1, tzinfo=UTC)) == ""  # the day of a clock that was wrong


@pytest.mark.parametrize("swapped", ["sub/a.md", "sub"])
def test_a_file_or_folder_swapped_for_a_link_after_it_was_listed_is_not_followed(
    file: File, tmp_path: Path, swapped: str
) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.md").write_text("secret")
    (tmp_path / swapped).rename(tmp_path / "away")
    (tmp_path / swapped).symlink_to(tmp_path / "secret" / ("a.md" if swapped.endswith(".md") else ""))
    with pytest.raises(InputInvalid, match="became a link"):
        read_file(tmp_path, file, max_bytes=100)


def test_a_file_swapped_for_a_pipe_is_not_waited_for(file: File, tmp_path: Path) -> None:
    (tmp_path / "sub" / "a.md").unlink()
    os.mkfifo(tmp_path / "sub" / "a.md")
    with pytest.raises(InputInvalid, match="special files are never read"):
        read_file(tmp_path, file, max_bytes=100)
    assert look_again(tmp_path, file) is None


def test_a_file_that_changed_since_it_was_listed_is_being_written(file: File, tmp_path: Path) -> None:
    with (tmp_path / "sub" / "a.md").open("a") as growing:
        growing.write(" More.")
    with pytest.raises(BeingWritten):
        read_file(tmp_path, file, max_bytes=100)
    again = look_again(tmp_path, file)
    assert again is not None
    assert read_file(tmp_path, again, max_bytes=100).content == b"A text. More."


def test_no_more_is_read_than_is_accepted(file: File, tmp_path: Path) -> None:
    with pytest.raises(ContentTooLarge, match="more than 3 bytes"):
        read_file(tmp_path, file, max_bytes=3)


def test_a_file_is_quiet_once_it_was_left_alone(file: File) -> None:
    changed = file.modified_ns / 1e9
    assert not is_quiet(file, datetime.fromtimestamp(changed + 0.1, UTC))
    assert is_quiet(file, datetime.fromtimestamp(changed + 1, UTC))
    assert is_quiet(file, datetime.fromtimestamp(changed - 60, UTC))  # a clock ahead says nothing
