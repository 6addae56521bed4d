"""The audit log under tampering, crashes, rotation and several writers."""

import hashlib
import json
import random
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_agent.audit.actors import acting_as
from edge_agent.audit.files import read_log, read_page
from edge_agent.audit.lines import Action
from edge_agent.audit.log import AuditLog
from edge_agent.errors import AuditBroken
from tests.conftest import ROOT, run_orilla

SMALL = 1_000
"""Bytes of a file, so that a log of some lines has several."""
LINES = 14


def written(folder: Path, count: int = LINES) -> AuditLog:
    """A log of several files."""
    audit = AuditLog(folder, max_file_bytes=SMALL)
    for number in range(count):
        audit.record(Action.DOCUMENT_ADDED, f"d{number}", digest="ab" * 32)
    return audit


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("audit-*.jsonl"))


def test_what_was_recorded_is_read_back_over_all_files(tmp_path: Path) -> None:
    with acting_as("key 0123456789ab"):
        written(tmp_path)
    log = read_log(tmp_path, latest=1000)
    assert [line.subject for line in log.latest] == [f"d{number}" for number in range(LINES)]
    assert {line.actor for line in log.latest} == {"key 0123456789ab"}
    files = files_of(tmp_path)
    assert len(files) > 3
    assert log.lines == LINES + len(files) == log.end.serial + 1
    assert all(path.stat().st_size < SMALL + 500 for path in files)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_page_goes_on_from_the_one_before(tmp_path: Path) -> None:
    written(tmp_path)
    pages, before = [], None
    while page := read_page(tmp_path, limit=4, before=before):
        pages.append([line.subject for line in page])
        before = page[-1].serial
    assert [len(page) for page in pages] == [4, 4, 4, 2]
    assert [subject for page in pages for subject in page] == [f"d{number}" for number in reversed(range(LINES))]


def test_the_next_writer_goes_on_and_knows_the_active_bundle(tmp_path: Path) -> None:
    AuditLog(tmp_path).activate_bundle("cd" * 32)
    again = AuditLog(tmp_path)
    again.activate_bundle("cd" * 32)  # it was active before: no line
    again.record(Action.SERVER_STARTED)
    assert [(line.action, line.bundle) for line in read_log(tmp_path, latest=9).latest] == [
        (Action.BUNDLE_ACTIVATED, "cd" * 32),
        (Action.SERVER_STARTED, "cd" * 32),
    ]


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def byte_changed(folder: Path) -> None:
    path = files_of(folder)[1]
    path.write_bytes(path.read_bytes().replace(b'"commands"', b'"commandz"', 1))


def last_byte_changed(folder: Path) -> None:
    path = files_of(folder)[-1]
    before, _, after = path.read_bytes().rpartition(b'"commands"')
    path.write_bytes(before + b'"commandz"' + after)


def line_left_out(folder: Path) -> None:
    path = files_of(folder)[1]
    lines = lines_of(path)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))


def lines_swapped(folder: Path) -> None:
    path = files_of(folder)[-1]
    lines = lines_of(path)
    path.write_bytes(b"".join([*lines[:-2], lines[-1], lines[-2]]))


def end_cut_off(folder: Path) -> None:
    path = files_of(folder)[-1]
    path.write_bytes(b"".join(lines_of(path)[:-1]))


def end_of_a_middle_file_cut_off(folder: Path) -> None:
    path = files_of(folder)[1]
    path.write_bytes(b"".join(lines_of(path)[:-1]))


def middle_file_missing(folder: Path) -> None:
    files_of(folder)[1].unlink()


def newest_file_missing(folder: Path) -> None:
    files_of(folder)[-1].unlink()


def all_files_missing(folder: Path) -> None:
    for path in files_of(folder):
        path.unlink()


def files_swapped(folder: Path) -> None:
    one, other = files_of(folder)[1:3]
    one.rename(folder / "aside")
    other.rename(one)
    (folder / "aside").rename(other)


def head_missing(folder: Path) -> None:
    (folder / "audit.head").unlink()


def head_of_before(folder: Path) -> None:
    head = json.loads((folder / "audit.head").read_bytes())
    (folder / "audit.head").write_text(json.dumps(head | {"serial": head["serial"] - 2}))


def readable_by_others(folder: Path) -> None:
    files_of(folder)[-1].chmod(0o644)


def behind_a_link(folder: Path) -> None:
    path = files_of(folder)[-1]
    path.rename(folder / "aside")
    path.symlink_to(folder / "aside")


OF_THE_NEWEST = [
    *(last_byte_changed, lines_swapped, end_cut_off, middle_file_missing, newest_file_missing, all_files_missing),
    *(head_missing, head_of_before, readable_by_others, behind_a_link),
]
"""Noticed by whoever writes on; the others by whoever verifies all of it."""
OF_OTHERS = [byte_changed, line_left_out, end_of_a_middle_file_cut_off, files_swapped]


@pytest.mark.parametrize("attack", [*OF_THE_NEWEST, *OF_OTHERS], ids=lambda attack: attack.__name__)
def test_a_log_that_was_changed_is_told_and_not_written_on(attack: Callable[[Path], None], tmp_path: Path) -> None:
    written(tmp_path)
    attack(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(AuditBroken, match=r"move all audit\* files elsewhere|open to others|is a link"):
        read_log(tmp_path)
    if attack in OF_THE_NEWEST:
        with pytest.raises(AuditBroken):
            AuditLog(tmp_path).record(Action.SERVER_STARTED)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "attack", [end_cut_off, newest_file_missing, all_files_missing], ids=lambda attack: attack.__name__
)
def test_a_writer_that_is_at_work_notices_that_lines_are_gone(attack: Callable[[Path], None], tmp_path: Path) -> None:
    audit = written(tmp_path)
    attack(tmp_path)
    with pytest.raises(AuditBroken, match=r"ends with line|is missing"):
        audit.record(Action.SERVER_STARTED)


def test_a_new_log_begins_where_the_broken_one_was_moved_away(tmp_path: Path) -> None:
    written(tmp_path / "store")
    byte_changed(tmp_path / "store")
    (tmp_path / "kept").mkdir()
    for path in (tmp_path / "store").glob("audit*"):
        path.rename(tmp_path / "kept" / path.name)
    AuditLog(tmp_path / "store").record(Action.SERVER_STARTED)
    assert read_log(tmp_path / "store").lines == 2


def test_a_last_line_torn_at_any_byte_is_dropped_and_the_rest_stands(tmp_path: Path) -> None:
    written(tmp_path / "log", 1)
    shutil.copytree(tmp_path / "log", tmp_path / "before")
    written(tmp_path / "log", 1)
    (path,) = files_of(tmp_path / "log")
    whole = path.read_bytes()
    begin = len(b"".join(lines_of(path)[:-1]))
    for cut in range(begin, len(whole) - 1, 37):
        for name in ("audit.head", path.name):
            shutil.copyfile(tmp_path / "before" / name, tmp_path / "log" / name)
        path.write_bytes(whole[:cut])
        assert read_log(tmp_path / "log").lines == 2
        AuditLog(tmp_path / "log").record(Action.SERVER_STARTED)
        assert [line.action for line in read_log(tmp_path / "log", latest=9).latest][1:] == [Action.SERVER_STARTED]


def test_a_crash_between_a_line_and_its_head_leaves_the_line(tmp_path: Path) -> None:
    written(tmp_path)
    head = (tmp_path / "audit.head").read_bytes()
    AuditLog(tmp_path).record(Action.KEY_CREATED, "k1")
    (tmp_path / "audit.head").write_bytes(head)
    assert read_log(tmp_path).lines == json.loads(head)["serial"] + 2
    AuditLog(tmp_path).record(Action.KEY_REVOKED, "k1")
    assert [line.subject for line in read_log(tmp_path, latest=2).latest] == ["k1", "k1"]


def test_a_crash_between_a_new_file_and_its_head_leaves_both_files(tmp_path: Path) -> None:
    written(tmp_path, 1)
    head, (path,) = (tmp_path / "audit.head").read_bytes(), files_of(tmp_path)
    AuditLog(tmp_path, max_file_bytes=1).record(Action.SERVER_STARTED)
    newest = files_of(tmp_path)[-1]
    newest.write_bytes(lines_of(newest)[0])
    (tmp_path / "audit.head").write_bytes(head)
    assert read_log(tmp_path).lines == 3
    AuditLog(tmp_path).record(Action.SERVER_STOPPED)
    assert files_of(tmp_path) == [path, newest]
    assert read_log(tmp_path).lines == 4


WRITER = """
import sys
from pathlib import Path
from edge_agent.audit.actors import acting_as
from edge_agent.audit.lines import Action
from edge_agent.audit.log import AuditLog
audit = AuditLog(Path(sys.argv[1]), max_file_bytes=int(sys.argv[3]))
with acting_as(sys.argv[2]):
    for number in range(int(sys.argv[4])):
        audit.record(Action.DOCUMENT_ADDED, str(number))
        print(number, flush=True)
"""


def writer(folder: Path, actor: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(folder), actor, str(SMALL), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_processes_and_threads_that_write_at_once_make_one_chain(tmp_path: Path) -> None:
    processes = [writer(tmp_path, actor, 40) for actor in "ab"]
    audit = AuditLog(tmp_path, max_file_bytes=SMALL)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: audit.record(Action.DOCUMENT_DELETED, str(number)), range(40)))
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    latest = read_log(tmp_path, latest=1000).latest
    for actor in "ab":
        assert [line.subject for line in latest if line.actor == actor] == [str(number) for number in range(40)]
    deleted = sorted(int(line.subject) for line in latest if line.action is Action.DOCUMENT_DELETED)
    assert deleted == list(range(40))
    assert len(latest) == 120


def test_what_was_acknowledged_stays_recorded_whatever_is_killed_at_whatever_moment(tmp_path: Path) -> None:
    generator, acknowledged, was_killed_at_work = random.Random(3), 0, 0
    for _ in range(5):
        process = writer(tmp_path, "a", 100_000)
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        time.sleep(generator.uniform(0, 0.1))
        process.kill()
        said = 1 + len([line for line in process.stdout.read().splitlines() if line])
        process.wait(timeout=30)
        process.stdout.close()
        recorded = len(read_log(tmp_path, latest=100_000).latest)
        assert acknowledged + said <= recorded <= acknowledged + said + 1
        was_killed_at_work += said > 1
        acknowledged = recorded
    assert was_killed_at_work >= 2


OPENED = (
    '{"at":"2026-11-30T12:00:00+00:00","bundle":"","format":"orilla-audit","format_version":1,"previous":"'
    + "0" * 64
    + '","serial":0}\n'
)
GOLDEN = (
    '{"action":"document deleted","actor":"key 0123456789ab","at":"2026-11-30T12:00:01+00:00","bundle":"'
    + "cd" * 32
    + '","counts":{},"digest":"'
    + "ab" * 32
    + '","previous":"PREVIOUS","root":"faq","serial":1,"subject":"d1"}\n'
)


def test_a_log_of_this_version_opens_for_ever(tmp_path: Path) -> None:
    previous = hashlib.sha256(OPENED[:-1].encode()).hexdigest()
    line = GOLDEN.replace("PREVIOUS", previous)
    path = tmp_path / "audit-0001.jsonl"
    path.write_text(OPENED + line)
    digest = hashlib.sha256(line[:-1].encode()).hexdigest()
    (tmp_path / "audit.head").write_text(json.dumps({"serial": 1, "digest": digest}))
    for each in tmp_path.iterdir():
        each.chmod(0o600)
    (read,) = read_log(tmp_path, latest=1).latest
    assert (read.actor, read.action, read.subject, read.root) == (
        "key 0123456789ab",
        Action.DOCUMENT_DELETED,
        "d1",
        "faq",
    )
    AuditLog(tmp_path).record(Action.DOCUMENT_DELETED, "d1", root="faq", digest="ab" * 32)
    assert re.sub("[0-9a-f]{64}", "", lines_of(path)[2].decode()).startswith('{"action":"document deleted","actor":')


def test_a_later_version_says_so(tmp_path: Path) -> None:
    path = tmp_path / "audit-0001.jsonl"
    path.write_text(OPENED.replace('"format_version":1', '"format_version":2'))
    path.chmod(0o600)
    with pytest.raises(AuditBroken, match="line 1 is not an entry of an audit log of version 1"):
        read_log(tmp_path)


def test_the_command_says_what_is_wrong_and_whether_a_noted_line_is_there(tmp_path: Path) -> None:
    (tmp_path / "orilla.db").touch()
    written(tmp_path)
    noted = json.loads(run_orilla("edge", "audit", "--store", str(tmp_path), "--json").stdout)["digest"]
    written(tmp_path, 3)
    done = run_orilla("edge", "audit", "--store", str(tmp_path), "--noted", noted)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d+ lines, sound; the newest is [0-9a-f]{64}\n", done.stdout)
    for path in tmp_path.glob("audit*"):
        path.unlink()
    written(tmp_path)  # another log in its place, sound in itself
    done = run_orilla("edge", "audit", "--store", str(tmp_path), "--noted", noted)
    assert (done.returncode, done.stdout) == (1, "")
    assert "which was noted before" in done.stderr
    byte_changed(tmp_path)
    done = run_orilla("edge", "audit", "--store", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "audit-0002.jsonl line" in done.stderr
