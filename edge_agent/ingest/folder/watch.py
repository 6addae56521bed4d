"""A folder that is watched: the store follows it, through shares and servers that go away and come back.

Whatever the system tells of changes only says *when* to compare: each time the folder is listed whole, and what was not
changed since the last time is not read again. So nothing depends on which events came, and a folder whose name has a
dot, or one that was moved in, is noticed like a file.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

from edge_agent.errors import AgentError, InputInvalid
from edge_agent.ingest.folder.comparison import Interrupted, Memory, Plan, identity_of
from edge_agent.ingest.folder.documents import Documents
from edge_agent.ingest.folder.places import absolute
from edge_agent.ingest.folder.sync import sync
from edge_agent.ingest.folder.synced import Synced

OpenDocuments = Callable[[], contextlib.AbstractContextManager[Documents]]
"""Opens the agent; called again when its server went away."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a watched folder is looked at, in seconds.

    Attributes:
        poll_s: whether it is still there; and whether a server that went away is back.
        settle_s: until what was being written, or seemed gone, is looked at again.
        compare_s: until the whole folder is compared without any sign of a change, as on shares of other machines.
    """

    poll_s: float = 0.5
    settle_s: float = 1.0
    compare_s: float = 60.0


def watch_folder(
    open_documents: OpenDocuments,
    folder: Path,
    plan: Plan,
    *,
    stop: Event,
    show: Callable[[Synced], None],
    say: Callable[[str], None],
    rhythm: Rhythm | None = None,
) -> None:
    """Keeps a store like a folder until `stop` is set.

    Args:
        open_documents: see `OpenDocuments`.
        folder: may be away at the start.
        plan: see `Plan`; documents whose files have gone are deleted.
        stop: ends it before the next file.
        show: called with each comparison that has something new to tell.
        say: called with what happens otherwise, once for each change of it, in words.
        rhythm: see `Rhythm`.

    Guarantees:
        As `sync`. A document is deleted only after its file was missing at two looks.

    Raises:
        InputInvalid: `folder` is a file.
    """
    folder = absolute(folder)
    if folder.exists() and not folder.is_dir():
        raise InputInvalid(f"{folder} is a file; watch a folder, or ingest the file")
    _Watch(folder, replace(plan, prune=True), stop, show, say, rhythm or Rhythm()).run(open_documents)


@dataclass(slots=True)
class _Watch:
    """A folder that is watched, and what was last said of it."""

    folder: Path
    plan: Plan
    stop: Event
    show: Callable[[Synced], None]
    say: Callable[[str], None]
    rhythm: Rhythm
    memory: Memory = field(default_factory=Memory)
    shown: Synced = field(default_factory=Synced)
    trouble: str = ""
    is_first: bool = True

    def run(self, open_documents: OpenDocuments) -> None:
        self.say(f"watching {self.folder}; Ctrl-C ends it")
        while not self.stop.is_set():
            try:
                with open_documents() as documents:
                    self._follow(documents)
            except Interrupted:
                return
            except InputInvalid:
                if self.folder.is_dir():
                    raise  # it will not mend by itself
            except AgentError as error:
                self._tell(f"{error}; trying again until that is mended")
                self.stop.wait(max(self.rhythm.poll_s, 1.0))

    def _follow(self, documents: Documents) -> None:
        while not self.stop.is_set():
            identity = identity_of(self.folder)
            if identity is None:
                self._tell(f"{self.folder} is not there; waiting for it. Nothing is deleted meanwhile")
                self.stop.wait(self.rhythm.poll_s)
                continue
            due = 0.0
            for has_changes in _changes(self.folder, self.stop, self.rhythm.poll_s):
                if identity_of(self.folder) != identity:
                    break  # it went away, or another file system was mounted there: from the start
                if has_changes or time.monotonic() >= due:
                    is_unsettled = self._compare(documents)
                    due = time.monotonic() + (self.rhythm.settle_s if is_unsettled else self.rhythm.compare_s)

    def _compare(self, documents: Documents) -> bool:
        synced = sync(documents, self.folder, self.plan, memory=self.memory, stop=self.stop)
        if self.trouble:
            self.trouble = ""
            self.say(f"{self.folder} and the store are there again; going on")
        fresh = synced.without(self.shown)
        if self.is_first or fresh.has_news:
            self.show(fresh)
        self.shown, self.is_first = synced, False
        return synced.is_unsettled

    def _tell(self, trouble: str) -> None:
        """Says what is wrong, once."""
        if trouble != self.trouble:
            self.trouble = trouble
            self.say(trouble)


def _changes(folder: Path, stop: Event, poll_s: float) -> Iterator[bool]:
    """Yields whether something changed below a folder, as soon as it did and at least every `poll_s`, until `stop`."""
    import watchfiles  # noqa: PLC0415  (native; only this command needs it)

    with contextlib.suppress(OSError, RuntimeError):  # it went away, or the system watches no more folders
        for changes in watchfiles.watch(
            folder,
            watch_filter=None,
            stop_event=stop,
            rust_timeout=int(poll_s * 1000),
            yield_on_timeout=True,
            raise_interrupt=False,
            ignore_permission_denied=True,
        ):
            yield bool(changes)
    while not stop.wait(poll_s):
        yield False
