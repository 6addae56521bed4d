"""Own heads on disk: which is at work, which is gone back to, and what a kill or damage leaves."""

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.audit.actors import acting_as
from edge_agent.audit.files import read_log
from edge_agent.audit.lines import Action
from edge_agent.audit.log import AuditLog
from edge_agent.errors import HeadUnknown, HeadUnusable, StoreDamaged
from edge_agent.ingest.jobs import JobState
from edge_agent.intents.own_head import LearningOptions, OwnHead
from edge_agent.intents.own_heads import MAX_KEPT, MAX_PUT_TO_WORK, OwnHeads
from edge_agent.models.intent_head import choose_head
from student.bundle import DEFAULT_BUNDLE
from student.bundle.head_folder import write_head_folder
from student.bundle.linear_head import LinearHead
from student.runtime.student import load_student

SPACE = "ab" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "intents"


def opened(folder: Path) -> OwnHeads:
    return OwnHeads(folder, AuditLog(folder.parent))


def add(heads: OwnHeads, head_id: str, state: JobState = JobState.DONE, space: str = SPACE) -> None:
    """A head of 384 dimensions, accepted and ended as the worker would."""
    record = OwnHead(head_id, JobState.QUEUED, "2026-11-30T12:00:00+00:00", 3, "row", LearningOptions())
    heads.accept(record, b'{"line": 1}\n')
    if state is JobState.DONE:
        head = LinearHead(np.ones((2, 384), np.float32), np.zeros(2, np.float32), ("a", head_id), 1.0, 0.0)
        write_head_folder(heads.head_folder(head_id), head, embedding_space=space, files={"report.json": b"{}"})
    if state is not JobState.QUEUED:
        heads.change(OwnHead(head_id, state, record.accepted_at, 3, "row", LearningOptions(), embedding_space=space))


def test_heads_are_put_to_work_and_gone_back_to_also_by_the_next_server(folder: Path) -> None:
    heads = opened(folder)
    assert heads.put_to_work == ()
    for head_id in "12":
        add(heads, head_id)
        heads.put(head_id)
    heads.put("2")  # again: it is at work already
    assert opened(folder).put_to_work == ("1", "2")
    heads.put_back()
    assert opened(folder).put_to_work == ("1",)
    heads.put_back()
    with pytest.raises(HeadUnusable, match="the bundle's own head is at work"):
        heads.put_back()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert not [path for path in files if path.name == "examples.jsonl"]


def test_only_a_head_that_is_made_is_put_to_work(folder: Path) -> None:
    heads = opened(folder)
    add(heads, "1", JobState.QUEUED)
    add(heads, "2", JobState.FAILED)
    for head_id in "12":
        with pytest.raises(HeadUnusable, match="only one that is done"):
            heads.put(head_id)
    with pytest.raises(HeadUnknown):
        heads.put("3")
    assert heads.put_to_work == ()


def test_a_deleted_head_is_gone_and_not_gone_back_to(folder: Path) -> None:
    heads = opened(folder)
    for head_id in "12":
        add(heads, head_id)
        heads.put(head_id)
    add(heads, "3", JobState.QUEUED)
    with pytest.raises(HeadUnusable, match="is at work"):
        heads.delete("2")
    with pytest.raises(HeadUnusable, match="is queued"):
        heads.delete("3")
    heads.delete("1")
    assert heads.put_to_work == ("2",)
    assert sorted(path.name for path in folder.iterdir()) == ["2", "3", "work.json"]


def test_heads_are_recorded_by_who_gave_their_examples_and_who_put_them_to_work(folder: Path) -> None:
    heads = opened(folder)
    record = OwnHead("1", JobState.QUEUED, "2026-11-30T12:00:00+00:00", 3, "row", LearningOptions(), actor="key a")
    heads.accept(record, b"{}")
    heads.change(replace(record, state=JobState.RUNNING))
    heads.change(replace(record, state=JobState.DONE, digest="ab" * 32))
    with acting_as("key b"):
        heads.put("1")
        heads.put("1")  # again: it is at work already
        heads.put_back()
        heads.delete("1")
    assert [(line.actor, line.action, line.subject) for line in read_log(folder.parent, latest=9).latest] == [
        ("key a", Action.HEAD_MADE, "1"),
        ("key b", Action.HEAD_ACTIVATED, "1"),
        ("key b", Action.HEAD_REVERTED, "1"),
        ("key b", Action.HEAD_DELETED, "1"),
    ]


def test_old_heads_go_but_those_to_go_back_to_stay(folder: Path) -> None:
    heads = opened(folder)
    add(heads, "00")
    heads.put("00")
    for number in range(1, MAX_KEPT + 3):
        add(heads, f"{number:02d}")
    assert [head.head_id for head in heads.all()] == ["00", *(f"{n:02d}" for n in range(3, MAX_KEPT + 3))]
    for number in range(3, 3 + MAX_PUT_TO_WORK):
        heads.put(f"{number:02d}")
    assert len(heads.put_to_work) == MAX_PUT_TO_WORK
    assert len(opened(folder).all()) == len(list(folder.iterdir())) - 1 == MAX_KEPT + 1


def test_leftovers_of_a_kill_are_removed_and_a_damaged_record_is_left_out(folder: Path) -> None:
    heads = opened(folder)
    for head_id in "12":
        add(heads, head_id)
    for leftover in (".3.abc", ".4.gone", "1/.head.abc"):
        (folder / leftover).mkdir()
        (folder / leftover / "record.json").write_text("{}")
    (folder / "1" / "examples.jsonl").write_text("left")
    (folder / "2" / "record.json").write_text("{")
    assert heads.report("1") == {}
    (folder / "1" / "head" / "report.json").write_text("{")
    with pytest.raises(StoreDamaged, match="is damaged"):
        heads.report("1")
    again = opened(folder)
    assert [head.head_id for head in again.all()] == ["1"]
    assert sorted(path.name for path in folder.rglob("*") if path.name.startswith(".")) == []
    assert not (folder / "1" / "examples.jsonl").exists()


def test_a_head_that_is_damaged_or_of_another_space_leaves_work_to_the_bundles_and_says_so(folder: Path) -> None:
    student = load_student(DEFAULT_BUNDLE, workers=1)
    student.close()
    heads = opened(folder)
    add(heads, "1", space=student.bundle.manifest.embedding_space)
    add(heads, "2")
    heads.put("1")
    own = choose_head(student, heads)
    assert own is not None
    assert (own.identity.head_id, own.identity.notice, own.head.labels) == ("1", "", ("a", "1"))
    heads.put("2")
    other = choose_head(student, heads)
    assert other is not None
    assert other.identity.head_id is None
    assert "reads another embedding space" in other.identity.notice
    assert other.head is student.heads["intent"]
    heads.put_back()
    (folder / "1" / "head" / "intent.safetensors").write_bytes(b"")
    damaged = choose_head(student, heads)
    assert damaged is not None
    assert damaged.identity.digest == other.identity.digest
    assert "not as it was written" in damaged.identity.notice
