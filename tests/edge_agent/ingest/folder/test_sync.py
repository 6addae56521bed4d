"""A folder and its root in a real store: nothing goes that may still be there, and nothing is left out unnamed."""

import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from edge_agent.agent import Agent
from edge_agent.errors import InputInvalid
from edge_agent.ingest.folder.comparison import Interrupted, Plan
from edge_agent.ingest.folder.sync import sync
from edge_agent.ingest.folder.synced import Done, Effect, Synced
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.storage.records import Document
from tests.edge_agent.stored import documents_of, text_of

PRUNE = Plan(prune=True)
ON_PURPOSE = Plan(prune=True, allow_many_deletions=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three documents, one of them in a sub-folder, left alone for a while."""
    path = tmp_path / "docs"
    for name in ("refunds.md", "backups.md", "hr/holidays.md"):
        write(path / name, f"A text about {name}.")
    return path


def write(path: Path, text: str) -> Path:
    """A file that was written an hour ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    changed = path.stat().st_mtime - 3600
    os.utime(path, (changed, changed))
    return path


def stored(agent: Agent) -> dict[tuple[str, str], Document]:
    return {(document.root, document.source): document for document in documents_of(agent.store)}


def sources(agent: Agent) -> list[str]:
    return sorted(source for _, source in stored(agent))


def reasons(synced: Synced) -> str:
    return "\n".join(each.reason for each in synced.withheld)


def test_new_changed_and_gone_files(agent: Agent, folder: Path) -> None:
    assert sync(agent, folder).added == 3
    write(folder / "refunds.md", "Another text.")
    (folder / "backups.md").unlink()
    kept = sync(agent, folder)
    assert (kept.replaced, kept.unchanged, kept.deleted) == (1, 1, 0)  # nothing goes unless it is asked for
    pruned = sync(agent, folder, PRUNE)
    assert (pruned.unchanged, pruned.deleted) == (2, 1)
    assert sources(agent) == ["hr/holidays.md", "refunds.md"]
    assert not sync(agent, folder, PRUNE).done


def test_documents_whose_files_are_gone_are_named_while_nobody_prunes(agent: Agent, folder: Path) -> None:
    assert sync(agent, folder).gone == []
    (folder / "backups.md").unlink()
    kept = sync(agent, folder)
    assert (kept.gone, kept.has_failed, kept.as_json()["gone"]) == (["backups.md"], False, ["backups.md"])
    assert [(each.root, each.source) for each in agent.report().gone] == [("docs", "backups.md")]
    assert agent.report().counts["gone"] == 1
    assert sync(agent, folder, PRUNE).gone == []
    assert agent.report().gone == []


def test_an_emptied_folder_says_what_it_held_while_nobody_prunes(agent: Agent, folder: Path) -> None:
    sync(agent, folder)
    shutil.rmtree(folder)
    folder.mkdir()
    synced = sync(agent, folder)
    assert "the folder has no document now but held 3" in reasons(synced)
    assert (synced.has_failed, len(stored(agent)), len(agent.report().gone)) == (True, 3, 3)
    folder.rmdir()
    (away,) = agent.report().gone
    assert (away.source, away.remark) == ("", f"{folder}: not there; documents: 3")


def test_files_of_a_root_inside_another_are_not_gone_from_it(agent: Agent, folder: Path) -> None:
    sync(agent, folder / "hr")
    sync(agent, folder)
    assert agent.report().gone == []


def test_an_empty_folder_deletes_nothing_until_somebody_says_so(agent: Agent, folder: Path) -> None:
    sync(agent, folder)
    shutil.rmtree(folder)
    folder.mkdir()  # a mount point without its share
    synced = sync(agent, folder, PRUNE)
    assert synced.has_failed
    assert "the folder has no document now but held 3" in reasons(synced)
    assert f"orilla edge ingest {folder} --prune --allow-many-deletions" in reasons(synced)
    assert len(stored(agent)) == 3
    assert sync(agent, folder, ON_PURPOSE).deleted == 3
    assert not stored(agent)


def test_a_mount_point_that_holds_other_things_deletes_nothing(agent: Agent, folder: Path) -> None:
    sync(agent, folder)
    shutil.rmtree(folder)
    write(folder / "NOT-MOUNTED.txt", "The share is not mounted.")
    assert "none of the 3 stored documents is in the folder" in reasons(sync(agent, folder, PRUNE))
    assert len(stored(agent)) == 4


def test_a_placeholder_on_a_mount_point_that_was_ingested_deletes_nothing_later(agent: Agent, folder: Path) -> None:
    sync(agent, folder)
    shutil.rmtree(folder)
    write(folder / "NOT_MOUNTED.txt", "The share is not here.")
    assert "none of the 3 stored documents" in reasons(sync(agent, folder, PRUNE))
    assert "3 of 4 documents would go at once" in reasons(sync(agent, folder, PRUNE))
    assert len(stored(agent)) == 4
    assert sync(agent, folder, ON_PURPOSE).deleted == 3


def test_a_sub_folder_with_nothing_but_a_note_keeps_its_documents(agent: Agent, folder: Path) -> None:
    for number in range(9):
        write(folder / f"share/{number}.md" if number < 3 else folder / f"{number}.md", f"The text {number}.")
    sync(agent, folder)
    for number in range(3):
        (folder / f"share/{number}.md").unlink()
    write(folder / "share" / "README", "Mount it here.")
    assert "share/ has no document now but held 3" in reasons(sync(agent, folder, PRUNE))
    assert len(stored(agent)) == 12


def test_a_link_whose_file_is_away_keeps_its_document_marked_stale(agent: Agent, folder: Path) -> None:
    content = write(folder / ".annex" / "1.md", "A text behind a link.")
    (folder / "linked.md").symlink_to(content)
    sync(agent, folder)
    away = content.rename(folder / ".annex" / "elsewhere")
    assert "leads nowhere" in sync(agent, folder, PRUNE).refused[0].reason
    assert stored(agent)["docs", "linked.md"].is_stale
    away.rename(content)
    again = sync(agent, folder, PRUNE)
    assert (again.refused, again.remarks) == ([], ["linked.md: no longer stale"])
    assert not stored(agent)["docs", "linked.md"].is_stale


@pytest.mark.parametrize("name", [".x", "x/.y"])
def test_a_hidden_part_of_a_root_is_refused_and_its_namesake_stays(agent: Agent, folder: Path, name: str) -> None:
    write(folder / name / "a.md", "A hidden text.")
    write(folder / "x" / "a.md", "A text.")
    sync(agent, folder)
    (folder / "x" / "a.md").unlink()
    for path in (folder / name, folder / name / "a.md"):
        with pytest.raises(InputInvalid, match="hidden and temporary files and folders"):
            sync(agent, path)
    with pytest.raises(InputInvalid, match="hidden and temporary files and folders"):
        sync(agent, folder / name, PRUNE)
    assert ("docs", "x/a.md") in stored(agent)


def test_a_hidden_folder_that_is_a_root_is_ingested(agent: Agent, folder: Path) -> None:
    write(folder / ".x" / "a.md", "A hidden text.")
    assert sync(agent, folder / ".x").added == 1
    assert sync(agent, folder / ".x", PRUNE).unchanged == 1
    assert sync(agent, folder, PRUNE).unchanged == 1  # and the folder around it leaves it alone


@pytest.mark.parametrize(("one", "other"), [("café", "cafe\u0301"), (" hr", "hr"), ("in/café", "in/cafe\u0301")])
def test_a_folder_whose_name_is_one_with_anothers_keeps_that_ones_documents(
    agent: Agent, folder: Path, one: str, other: str
) -> None:
    write(folder / one / "a.md", "A text of the one.")
    write(folder / other / "b.md", "A text of the other.")
    sync(agent, folder)
    count = len(stored(agent))
    for part in (one, other):
        assert sync(agent, folder / part, PRUNE).deleted == 0
    assert len(stored(agent)) == count


def test_a_folder_with_a_space_at_its_end_is_another(agent: Agent, folder: Path) -> None:
    write(folder / "old " / "a.md", "A text of the one.")
    write(folder / "old" / "b.md", "A text of the other.")
    sync(agent, folder)
    assert sync(agent, folder / "old ", PRUNE).unchanged == 1
    assert {"old /a.md", "old/b.md"} < set(sources(agent))


def test_a_folder_that_went_away_deletes_nothing(agent: Agent, folder: Path) -> None:
    sync(agent, folder)
    folder.rename(folder.with_name("moved"))
    with pytest.raises(InputInvalid, match="does not exist, while 3 documents of it are stored; nothing was deleted"):
        sync(agent, folder, ON_PURPOSE)
    assert len(stored(agent)) == 3


@pytest.mark.parametrize("code", [13, 5])
def test_a_folder_that_cannot_be_listed_keeps_all_documents(
    agent: Agent, folder: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(agent, folder)
    (folder / "backups.md").unlink()
    scandir = os.scandir

    def refuse(path: Any = ".") -> Any:
        if Path(path) == folder / "hr":
            raise OSError(code, os.strerror(code))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    synced = sync(agent, folder, ON_PURPOSE)
    assert (synced.deleted, len(stored(agent))) == (0, 3)
    assert "hr/ could not be listed" in reasons(synced)
    assert [each.source for each in synced.refused] == ["hr"]
    assert "its 1 documents stay as they are" in synced.refused[0].reason
    monkeypatch.undo()
    assert sync(agent, folder, PRUNE).deleted == 1


def test_a_share_that_goes_while_files_are_ingested_deletes_nothing(agent: Agent, folder: Path) -> None:
    sync(agent, folder)
    (folder / "backups.md").unlink()
    write(folder / "new.md", "A new text.")

    def unmount(done: int, total: int, source: str) -> None:
        if done == total and folder.exists():
            folder.rename(folder.with_name("away"))
            folder.mkdir()

    synced = sync(agent, folder, PRUNE, on_file=unmount)
    assert (synced.deleted, bool(synced.withheld)) == (0, True)


def test_two_folders_with_the_same_names_are_two_roots(agent: Agent, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "docs"
    shutil.copytree(folder, other)
    write(other / "refunds.md", "What the other folder says.")
    agent.add_document("refunds.md", b"What the API said.", DocumentFormat.TEXT)
    assert (sync(agent, folder).added, sync(agent, other).added) == (3, 3)
    assert len(stored(agent)) == 7
    for name in ("refunds.md", "backups.md"):
        (folder / name).unlink()
    assert sync(agent, folder, PRUNE).deleted == 2
    labels = {root.path: root.label for root in agent.roots()}
    assert {source for root, source in stored(agent) if root == labels[str(other)]} == {
        "refunds.md",
        "backups.md",
        "hr/holidays.md",
    }
    given = stored(agent)["", "refunds.md"]
    assert text_of(agent.store, given.document_id) == "What the API said."


def test_a_part_of_a_root_is_pruned_by_itself(agent: Agent, folder: Path) -> None:
    sync(agent, folder)
    write(folder / "hr" / "pay.md", "Pay.")
    sync(agent, folder / "hr")
    (folder / "backups.md").unlink()
    (folder / "hr" / "holidays.md").unlink()
    assert sync(agent, folder / "hr", PRUNE).done == [Done("hr/holidays.md", Effect.DELETED)]
    assert sync(agent, folder / "refunds.md").unchanged == 1
    assert sources(agent) == ["backups.md", "hr/pay.md", "refunds.md"]
    assert len(agent.roots()) == 1


def test_a_folder_around_a_root_leaves_its_documents_where_they_are(agent: Agent, folder: Path) -> None:
    sync(agent, folder / "hr")
    around = sync(agent, folder, PRUNE)
    assert around.added == 2
    assert f"docs ({folder}), hr ({folder / 'hr'})" in around.remarks[0]
    assert sorted(stored(agent)) == [("docs", "backups.md"), ("docs", "refunds.md"), ("hr", "holidays.md")]
    assert sync(agent, folder, PRUNE).unchanged == 3


def test_a_single_file_belongs_to_its_folder(agent: Agent, folder: Path) -> None:
    assert "docs is a root of the store from now on" in sync(agent, folder / "refunds.md").remarks[0]
    assert not sync(agent, folder / "refunds.md").remarks
    assert list(stored(agent)) == [("docs", "refunds.md")]
    with pytest.raises(InputInvalid, match="is a file; --prune compares a whole folder"):
        sync(agent, folder / "refunds.md", PRUNE)


def test_a_renamed_file_keeps_its_document(agent: Agent, folder: Path) -> None:
    sync(agent, folder)
    before = stored(agent)["docs", "backups.md"].document_id
    (folder / "backups.md").rename(folder / "hr" / "copies.md")
    synced = sync(agent, folder)
    assert synced.done == [Done("hr/copies.md", Effect.MOVED, "backups.md")]
    assert synced.unchanged == 2
    assert stored(agent)["docs", "hr/copies.md"].document_id == before
    assert len(stored(agent)) == 3


def test_swapped_names_keep_their_documents(agent: Agent, folder: Path) -> None:
    sync(agent, folder)
    before = {source: each.document_id for (_, source), each in stored(agent).items()}
    (folder / "backups.md").rename(folder / "aside")
    (folder / "refunds.md").rename(folder / "backups.md")
    (folder / "aside").rename(folder / "refunds.md")
    assert sync(agent, folder, PRUNE).moved == 2
    after = {source: each.document_id for (_, source), each in stored(agent).items()}
    assert (after["backups.md"], after["refunds.md"]) == (before["refunds.md"], before["backups.md"])


def test_a_copy_is_a_document_of_its_own(agent: Agent, folder: Path) -> None:
    sync(agent, folder)
    before = stored(agent)["docs", "backups.md"].document_id
    write(folder / "copy.md", (folder / "backups.md").read_text())
    assert sync(agent, folder).done == [Done("copy.md", Effect.ADDED)]
    assert stored(agent)["docs", "backups.md"].document_id == before


def test_the_other_unicode_form_of_a_name_is_the_same_document(agent: Agent, folder: Path) -> None:
    composed, decomposed = "Pol\u00edtica.md", "Poli\u0301tica.md"
    write(folder / composed, "A policy.")
    sync(agent, folder)
    (folder / composed).rename(folder / decomposed)  # as a copy by another system writes it
    synced = sync(agent, folder, PRUNE)
    assert (synced.done, synced.unchanged) == ([], 4)
    assert composed in sources(agent)


@pytest.mark.parametrize("what", ["not UTF-8 or anything", "empty", "too large", "a link outside"])
def test_a_refused_file_leaves_the_stored_version_marked_stale(
    agent: Agent, folder: Path, tmp_path: Path, what: str
) -> None:
    sync(agent, folder)
    path = folder / "backups.md"
    if what == "empty":
        write(path, "")
    elif what == "too large":
        with path.open("wb") as file:
            file.truncate(30_000_000)
    elif what == "a link outside":
        write(tmp_path / "secret.md", "Not for the branch.")
        path.unlink()
        path.symlink_to(tmp_path / "secret.md")
    else:
        path.write_bytes(b"%PDF-1.7 in disguise")
    synced = sync(agent, folder, PRUNE)
    assert ([each.source for each in synced.refused], synced.kept_old) == (["backups.md"], {"backups.md"})
    document = stored(agent)["docs", "backups.md"]
    assert document.is_stale
    assert document.stale_reason == synced.refused[0].reason
    assert text_of(agent.store, document.document_id) == "A text about backups.md."
    path.unlink()
    write(path, "A text about backups.md.")
    assert not sync(agent, folder).has_failed
    assert not stored(agent)["docs", "backups.md"].is_stale


def test_tags_that_were_given_stay_and_those_that_a_document_carries_follow_it(agent: Agent, folder: Path) -> None:
    write(folder / "refunds.md", "---\ntags: [billing, old]\n---\nA text about refunds.")
    sync(agent, folder, Plan(tags=("faq",)))
    assert sync(agent, folder).unchanged == 3
    assert stored(agent)["docs", "refunds.md"].tags == ("billing", "faq", "old")
    write(folder / "refunds.md", "---\ntags: [new]\n---\nAnother text about refunds.")
    (folder / "backups.md").rename(folder / "copies.md")
    changed = sync(agent, folder, PRUNE)
    assert (changed.replaced, changed.moved) == (1, 1)
    assert stored(agent)["docs", "refunds.md"].tags == ("faq", "new")
    assert stored(agent)["docs", "copies.md"].tags == ("faq",)
    sync(agent, folder, Plan(tags=("madrid",)))
    assert stored(agent)["docs", "copies.md"].tags == ("faq", "madrid")


def test_a_document_has_the_day_of_its_file(agent: Agent, folder: Path) -> None:
    os.utime(folder / "backups.md", (1_700_000_000, 1_700_000_000))
    sync(agent, folder)
    assert stored(agent)["docs", "backups.md"].date.startswith("2023-11-1")


def test_a_file_that_is_still_written_is_taken_when_it_is_quiet(agent: Agent, folder: Path) -> None:
    growing = folder / "growing.md"
    growing.write_text("The first half")
    asked = threading.Event()

    def finish(done: int, total: int, source: str) -> None:
        if source == "growing.md" and not asked.is_set():
            asked.set()
            growing.write_text("The first half and the second.")

    assert sync(agent, folder, on_file=finish).added == 4
    assert text_of(agent.store, stored(agent)["docs", "growing.md"].document_id) == "The first half and the second."


def test_an_interrupted_comparison_goes_on_where_it_was(agent: Agent, folder: Path) -> None:
    stop = threading.Event()
    with pytest.raises(Interrupted):
        sync(agent, folder, stop=stop, on_file=lambda done, total, source: stop.set() if done else None)
    assert len(stored(agent)) == 1
    synced = sync(agent, folder)
    assert (synced.added, synced.unchanged) == (2, 1)


def test_what_is_left_out_of_a_document_is_told(agent: Agent, folder: Path) -> None:
    write(folder / "prices.csv", "name,price\nS,5\nM,9,too,many\nL,12\n")
    synced = sync(agent, folder)
    assert {each.source for each in synced.notices} <= {"prices.csv"}
    assert synced.as_json()["notices"] == [{"source": each.source, "text": each.text} for each in synced.notices]
