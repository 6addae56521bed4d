"""The own heads of a store on disk: records, examples that wait to be learned from, heads, and which is at work.

    intents/work.json             ids of the heads put to work, the last one now; none is the bundle's own
    intents/ID/record.json        how the head is made (`OwnHead`)
    intents/ID/examples.jsonl     until the head is made, or given up
    intents/ID/head/              the head and its report

All of it is for the store's owner alone. It stands beside the database, as jobs do: an exported base has no heads.
"""

import json
import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from edge_agent.audit.actors import acting_as
from edge_agent.audit.lines import Action
from edge_agent.audit.log import AuditLog
from edge_agent.errors import HeadUnknown, HeadUnusable
from edge_agent.ingest.jobs import JobState
from edge_agent.intents.own_head import OwnHead
from edge_agent.storage.failures import damaged, named_failures
from student.artifacts.durable import making_folder, write_durably
from student.bundle.head_folder import StoredHead, read_head_folder

log = logging.getLogger(__name__)

MAX_KEPT = 20
"""Heads that are remembered, beside those that wait; the oldest goes, unless it is one to go back to."""
MAX_PUT_TO_WORK = 10
"""Heads that can be gone back to."""
REPORT = "report.json"
_RECORD, _EXAMPLES, _WORK, _HEAD = "record.json", "examples.jsonl", "work.json", "head"
_OWNER = 0o600
_OWN_HEAD = TypeAdapter(OwnHead)
_IDS = TypeAdapter(tuple[str, ...])


class OwnHeads:
    """The own heads of a store. Safe to use from several threads.

    Guarantees:
        A head is on disk whole or not at all, and the one at work is the former or the next, whenever the server ends.
    """

    def __init__(self, folder: Path, audit: AuditLog) -> None:
        """Reads what a folder holds; leftovers of a kill are removed. The folder is made when a head first comes.

        Args:
            folder: of the heads.
            audit: of the store.
        """
        self._folder, self._audit, self._lock = folder, audit, threading.Lock()
        for leftover in folder.glob(".*"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        self._heads = {head.head_id: head for head in self._read_folder()}
        for head in self._heads.values():
            if head.has_ended:
                self.examples(head.head_id).unlink(missing_ok=True)
        self._at_work = self._read_work()

    @property
    def put_to_work(self) -> tuple[str, ...]:
        """Ids of the heads that were put to work, the one at work last; empty where the bundle's own is."""
        return self._at_work

    def all(self) -> list[OwnHead]:
        """The heads, the oldest first."""
        with self._lock:
            return sorted(self._heads.values(), key=lambda head: head.head_id)

    def get(self, head_id: str) -> OwnHead:
        """A head's record. Raises `HeadUnknown`."""
        with self._lock:
            head = self._heads.get(head_id)
        if head is None:
            raise HeadUnknown("no intent head of this branch has that id; GET /v1/intents lists them")
        return head

    def accept(self, head: OwnHead, examples: bytes) -> None:
        """Keeps a new head and the examples to learn it from; durable when this returns.

        Raises:
            StoreFull, StoreUnavailable: it cannot be written.
        """
        with self._lock, named_failures(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with making_folder(self._folder / head.head_id) as new:
                new.chmod(0o700)
                write_durably(new / _EXAMPLES, examples, mode=_OWNER)
                write_durably(new / _RECORD, _OWN_HEAD.dump_json(head), mode=_OWNER)
            self._heads[head.head_id] = head

    def change(self, head: OwnHead) -> OwnHead:
        """Keeps a head's new record; of one that has ended the examples go, and so do old heads beyond `MAX_KEPT`."""
        with self._lock, named_failures(self._folder):
            if head.state is JobState.DONE:
                with acting_as(head.actor):
                    self._audit.record(Action.HEAD_MADE, head.head_id, digest=head.digest or "")
            write_durably(self._folder / head.head_id / _RECORD, _OWN_HEAD.dump_json(head), mode=_OWNER)
            self._heads[head.head_id] = head
            if head.has_ended:
                self.examples(head.head_id).unlink(missing_ok=True)
                ended = sorted(head_id for head_id, each in self._heads.items() if each.has_ended)
                for old in [each for each in ended[:-MAX_KEPT] if each not in self._at_work]:
                    self._remove(old)
        return head

    def forget(self, holds: Callable[..., bool], *, is_trial: bool) -> int:
        """Deletes the waiting examples that hold what is meant, in any column; returns how many they are.

        A head that is being learned has read them; of what it is made from, personal data were masked first.

        Raises:
            StoreUnavailable: a file cannot be read or written.
        """
        found = 0
        with self._lock, named_failures(self._folder):
            for path in sorted(self._folder.glob(f"*/{_EXAMPLES}")):
                rows = path.read_bytes().splitlines(keepends=True)
                kept = [row for row in rows if not holds(*json.loads(row)["columns"].values())]
                found += len(rows) - len(kept)
                if len(kept) < len(rows) and not is_trial:
                    write_durably(path, b"".join(kept), mode=_OWNER)
        return found

    def delete(self, head_id: str) -> None:
        """Deletes a head with all that was learned; it can no longer be gone back to.

        Raises:
            HeadUnknown: there is none with that id. HeadUnusable: it is at work, or being made.
        """
        head = self.get(head_id)
        with self._lock, named_failures(self._folder):
            if head_id == (self._at_work or ("",))[-1]:
                raise HeadUnusable("this head is at work; put another one to work first, or revert")
            if not self._heads[head_id].has_ended:
                raise HeadUnusable(f"this head is {head.state}; delete it when it is done or failed")
            self._audit.record(Action.HEAD_DELETED, head_id, digest=self._heads[head_id].digest or "")
            self._write_work(tuple(each for each in self._at_work if each != head_id))
            self._remove(head_id)

    def put(self, head_id: str) -> None:
        """Puts a head to work, durably. Raises `HeadUnknown`, `HeadUnusable`."""
        head = self.get(head_id)
        if head.state is not JobState.DONE:
            raise HeadUnusable(f"this head is {head.state}; only one that is done can be put to work")
        with self._lock, named_failures(self._folder):
            if head_id != (self._at_work or ("",))[-1]:
                self._audit.record(Action.HEAD_ACTIVATED, head_id, digest=head.digest or "")
                self._write_work((*self._at_work, head_id)[-MAX_PUT_TO_WORK:])

    def put_back(self) -> None:
        """Puts the head before to work, the bundle's own where there is none. Raises `HeadUnusable`."""
        with self._lock, named_failures(self._folder):
            if not self._at_work:
                raise HeadUnusable("the bundle's own head is at work; there is none before it to go back to")
            self._audit.record(Action.HEAD_REVERTED, self._at_work[-1])
            self._write_work(self._at_work[:-1])

    def read(self, head_id: str) -> StoredHead:
        """A head that is made. Raises `BundleError`: it is not as it was written."""
        return read_head_folder(self.head_folder(head_id))

    def report(self, head_id: str) -> dict[str, Any]:
        """The report on a head that is made. Raises `StoreDamaged`, `StoreUnavailable`."""
        path = self.head_folder(head_id) / REPORT
        with named_failures(path):
            content = path.read_bytes()
        try:
            report: dict[str, Any] = json.loads(content)
        except ValueError:
            raise damaged(path, "no JSON") from None
        return report

    def examples(self, head_id: str) -> Path:
        """The file of the examples that a head is to be learned from."""
        return self._folder / head_id / _EXAMPLES

    def head_folder(self, head_id: str) -> Path:
        """The folder that a head is in once it is made."""
        return self._folder / head_id / _HEAD

    def _remove(self, head_id: str) -> None:
        """Renamed first: a kill while it is removed leaves nothing that looks like a head."""
        gone = self._folder / f".{head_id}.gone"
        (self._folder / head_id).rename(gone)
        del self._heads[head_id]
        shutil.rmtree(gone)

    def _read_folder(self) -> list[OwnHead]:
        heads = []
        for path in sorted(self._folder.glob(f"*/{_RECORD}")):
            for leftover in path.parent.glob(".*"):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
            try:
                heads.append(_OWN_HEAD.validate_json(path.read_bytes()))
            except ValidationError:
                log.warning("the record of intent head %s is damaged; it is left out", path.parent.name)
        return heads

    def _read_work(self) -> tuple[str, ...]:
        try:
            return _IDS.validate_json((self._folder / _WORK).read_bytes())
        except FileNotFoundError:
            return ()
        except ValidationError:
            log.error("%s is damaged; the bundle's own intent head answers", self._folder / _WORK)
            return ()

    def _write_work(self, ids: tuple[str, ...]) -> None:
        write_durably(self._folder / _WORK, _IDS.dump_json(ids), mode=_OWNER)
        self._at_work = ids
