"""A watched folder: followed as it changes, waited for while it is away, and never emptied by an absence."""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.errors import InputInvalid, ServerUnreachable
from edge_agent.ingest.folder.comparison import Plan
from edge_agent.ingest.folder.synced import Synced
from edge_agent.ingest.folder.watch import OpenDocuments, Rhythm, watch_folder
from tests.edge_agent.stored import documents_of

FAST = Rhythm(poll_s=0.05, settle_s=0.1, compare_s=60)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Watching:
    """A folder that a thread watches, and what it said."""

    def __init__(self, agent: Agent, folder: Path, opener: OpenDocuments | None = None) -> None:
        self.said: list[str] = []
        self.shown: list[Synced] = []
        self.stop = threading.Event()
        self._agent = agent
        self._thread = threading.Thread(
            target=watch_folder,
            args=(opener or (lambda: contextlib.nullcontext(agent)), folder, Plan()),
            kwargs={"stop": self.stop, "show": self.shown.append, "say": self.said.append, "rhythm": FAST},
        )
        self._thread.start()

    def sources(self) -> list[str]:
        return sorted(document.source for document in documents_of(self._agent.store))

    def has(self, *sources: str) -> None:
        wait_until(lambda: self.sources() == sorted(sources))

    def withheld(self) -> str:
        return "\n".join(each.reason for synced in self.shown for each in synced.withheld)

    def end(self) -> None:
        self.stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "share"
    path.mkdir()
    for name in ("a.md", "b.md"):
        write(path / name)
    return path


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"A text of {path.name}.")


@contextlib.contextmanager
def watching(agent: Agent, folder: Path, opener: OpenDocuments | None = None) -> Iterator[Watching]:
    started = Watching(agent, folder, opener)
    try:
        yield started
    finally:
        started.end()


def test_files_are_followed_as_they_come_change_move_and_go(agent: Agent, folder: Path) -> None:
    with watching(agent, folder) as watch:
        watch.has("a.md", "b.md")
        assert watch.said == [f"watching {folder}; Ctrl-C ends it"]
        write(folder / "v1.2" / "c.md")  # a folder with a dot in its name
        watch.has("a.md", "b.md", "v1.2/c.md")
        (folder / "a.md").unlink()
        watch.has("b.md", "v1.2/c.md")
        (folder / "v1.2").rename(folder / "v1.3")
        watch.has("b.md", "v1.3/c.md")
        shutil.rmtree(folder / "v1.3")
        watch.has("b.md")
    effects = [(done.effect.value, done.source) for synced in watch.shown for done in synced.done]
    assert sorted(effects[:2]) == [("added", "a.md"), ("added", "b.md")]
    assert effects[2:] == [
        ("added", "v1.2/c.md"),
        ("deleted", "a.md"),
        ("moved", "v1.3/c.md"),
        ("deleted", "v1.3/c.md"),
    ]


def test_a_folder_that_is_away_at_the_start_is_waited_for(agent: Agent, folder: Path) -> None:
    away = folder.rename(folder.with_name("away"))
    with watching(agent, folder) as watch:
        wait_until(lambda: len(watch.said) == 2)
        assert "is not there; waiting for it. Nothing is deleted meanwhile" in watch.said[1]
        away.rename(folder)
        watch.has("a.md", "b.md")
    assert len(watch.said) == 3  # that it is back


def test_a_folder_that_goes_away_is_waited_for_and_compared_when_it_is_back(agent: Agent, folder: Path) -> None:
    with watching(agent, folder) as watch:
        watch.has("a.md", "b.md")
        away = folder.rename(folder.with_name("away"))
        wait_until(lambda: len(watch.said) == 2)
        write(away / "c.md")
        (away / "a.md").unlink()
        assert watch.sources() == ["a.md", "b.md"]
        away.rename(folder)
        watch.has("b.md", "c.md")
        write(folder / "d.md")  # it is watched again
        watch.has("b.md", "c.md", "d.md")


def test_a_share_that_is_unmounted_keeps_its_documents_and_is_followed_when_it_is_back(
    agent: Agent, folder: Path
) -> None:
    with watching(agent, folder) as watch:
        watch.has("a.md", "b.md")
        away = folder.rename(folder.with_name("away"))
        folder.mkdir()
        wait_until(lambda: "the folder has no document now but held 2" in watch.withheld())
        folder.rmdir()
        away.rename(folder)
        write(folder / "c.md")
        watch.has("a.md", "b.md", "c.md")


def test_an_empty_mount_point_at_the_start_deletes_nothing(agent: Agent, folder: Path) -> None:
    with watching(agent, folder) as watch:
        watch.has("a.md", "b.md")
    shutil.rmtree(folder)
    folder.mkdir()
    with watching(agent, folder) as watch:
        wait_until(lambda: "the folder has no document now but held 2" in watch.withheld())
        assert watch.sources() == ["a.md", "b.md"]
    assert len([each for synced in watch.shown for each in synced.withheld]) == 1  # said once


def test_a_file_that_is_replaced_in_two_steps_is_never_deleted(agent: Agent, folder: Path) -> None:
    with watching(agent, folder) as watch:
        watch.has("a.md", "b.md")
        for _ in range(5):
            (folder / "a.md").rename(folder / ".a.md.old")
            write(folder / ".a.md.new")
            (folder / ".a.md.new").rename(folder / "a.md")
        write(folder / "c.md")
        watch.has("a.md", "b.md", "c.md")
    assert "deleted" not in {done.effect.value for synced in watch.shown for done in synced.done}


def test_a_server_that_goes_away_is_waited_for(agent: Agent, folder: Path) -> None:
    is_away = threading.Event()

    class Flaky:
        def __getattr__(self, name: str) -> object:
            if is_away.is_set():
                raise ServerUnreachable("the server does not answer")
            return getattr(agent, name)

    with watching(agent, folder, lambda: contextlib.nullcontext(Flaky())) as watch:  # type: ignore[arg-type]
        watch.has("a.md", "b.md")
        is_away.set()
        write(folder / "c.md")
        wait_until(lambda: len(watch.said) == 2)
        assert "the server does not answer; trying again" in watch.said[1]
        is_away.clear()
        watch.has("a.md", "b.md", "c.md")


def test_only_what_changed_is_read_again(agent: Agent, folder: Path) -> None:
    opened: list[str] = []
    add = agent.add_document

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(agent, name)

        def add_document(self, source: str, *rest: object, **more: object) -> object:
            opened.append(source)
            return add(source, *rest, **more)  # type: ignore[arg-type]

    with watching(agent, folder, lambda: contextlib.nullcontext(Counting())) as watch:  # type: ignore[arg-type]
        watch.has("a.md", "b.md")
        opened.clear()
        write(folder / "c.md")
        watch.has("a.md", "b.md", "c.md")
        os.utime(folder / "a.md", (1_700_000_000, 1_700_000_000))
        wait_until(lambda: "a.md" in opened)
    assert set(opened) == {"a.md", "c.md"}


def test_a_file_is_not_watched(agent: Agent, folder: Path) -> None:
    stop = threading.Event()
    with pytest.raises(InputInvalid, match="is a file; watch a folder"):
        watch_folder(lambda: contextlib.nullcontext(agent), folder / "a.md", Plan(), stop=stop, show=print, say=print)
