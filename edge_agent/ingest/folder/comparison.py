"""One place compared with its root: files ingested, renamed documents moved, gone ones deleted, in that order."""

import contextlib
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event

from edge_agent.errors import (
    AgentError,
    DocumentUnknown,
    JobQueueFull,
    ServerUnreachable,
    StoreDamaged,
    StoreFull,
    StoreUnavailable,
)
from edge_agent.ingest.chunking import RULES
from edge_agent.ingest.folder.deletions import Absent, Withheld, decide, known_to_be_gone
from edge_agent.ingest.folder.documents import Documents
from edge_agent.ingest.folder.files import QUIET_S, BeingWritten, FileContent, is_quiet, look_again, now_utc, read_file
from edge_agent.ingest.folder.moves import find_moves
from edge_agent.ingest.folder.places import Place, is_below
from edge_agent.ingest.folder.scan import OWN, File, Refusal, Scan, Signature, scan
from edge_agent.ingest.folder.synced import Done, Effect, Notice, Synced
from edge_agent.ingest.given_tags import given_tags
from edge_agent.ingest.outcome import Ingested, Outcome
from edge_agent.ingest.parsing.document_format import format_of
from edge_agent.settings import Chunking, Limits
from edge_agent.storage.records import ChunkingRecipe, StoredFile

_LOOKS = 10
"""How often a file that is being written is looked at before it is left for the next time."""
_QUEUE_S, _QUEUE_TRIES = 2.0, 150
_OF_THE_SERVER = (JobQueueFull, ServerUnreachable, StoreDamaged, StoreFull, StoreUnavailable)
"""Errors that say nothing of the document: another one would meet them too."""

OnFile = Callable[[int, int, str], None]
"""Called with the number of files done, that of all, and the source of the next."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a comparison is made.

    Attributes:
        tags: of all these documents, beside those that they carry and that they were given before.
        prune: delete documents whose files have gone.
        allow_many_deletions: even when all or most have, which looks like a share that is not mounted.
    """

    tags: tuple[str, ...] = ()
    prune: bool = False
    allow_many_deletions: bool = False


@dataclass(slots=True)
class Memory:
    """The last comparison of a process that makes many, so that only what changed is read again.

    Attributes:
        done: signature and digest of each file as it was when it was ingested or refused, by root and source.
        looked: signatures at the last look of files that were being written.
        gone: documents without a file at the last look; they are deleted at the second.
    """

    done: dict[tuple[str, str], tuple[Signature, str]] = field(default_factory=dict)
    looked: dict[tuple[str, str], Signature] = field(default_factory=dict)
    gone: set[tuple[str, str]] = field(default_factory=set)


class Interrupted(Exception):
    """Somebody asked to stop; what is done is kept."""


def identity_of(folder: Path) -> tuple[int, int] | None:
    """The device and inode of a folder, which change when a share is mounted or goes; None where it is not there."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


@dataclass(slots=True, kw_only=True)
class Comparison:
    """A place compared with its root; `synced` is filled.

    Attributes:
        documents, plan, memory, stop: see `sync`.
        place: that is compared.
        label: of its root.
        how_to_allow: the command that deletes what this one would not.
        synced: the result.
    """

    documents: Documents
    place: Place
    label: str
    plan: Plan
    memory: Memory | None
    stop: Event
    how_to_allow: str
    synced: Synced
    _stored: dict[str, StoredFile] = field(default_factory=dict)
    _moved: set[str] = field(default_factory=set)
    _done: int = 0
    _total: int = 0

    def run(self, on_file: OnFile) -> None:
        """Compares: files first, then renames, then deletions. Raises: see `sync`."""
        identity = identity_of(self.place.folder)
        found = scan(self.place)
        files = self.documents.files(self.label)
        scope = self.place.source
        self._stored = {source: file for source, file in files.items() if is_below(source, scope)}
        self._name_what_is_left(found)
        self._total = len(found.files)
        deferred = [each for file in found.files if (each := self._compare(file, on_file, may_defer=bool(files)))]
        gone = known_to_be_gone(self._stored.keys(), found.present, found.unlisted)
        gone -= self._move(dict(deferred), gone)
        for file, _ in deferred:
            self._compare(file, on_file, may_defer=False)
        if self.plan.prune and gone:
            self._delete(gone, identity)
        elif gone:
            self._name_what_is_gone(gone, is_empty=scope in found.empty_folders)
        elif self.memory:
            self.memory.gone = {key for key in self.memory.gone if key[0] != self.label}

    def _name_what_is_left(self, found: Scan) -> None:
        """Files that are skipped or refused; where a version of one is stored, it is out of date."""
        for skipped in found.skipped:
            if skipped.source in self._stored and skipped.kind in OWN:
                self._refuse(skipped.source, f"it is {skipped.reason} now")
            else:
                self.synced.skipped.append(skipped)
        for refusal in found.refused:
            self._refuse(refusal.source, refusal.reason)
        for unlisted in found.unlisted:
            held = sum(is_below(source, unlisted.source) for source in self._stored)
            kept = f"; its {held} documents stay as they are" if held else ""
            self.synced.refused.append(Refusal(unlisted.source or ".", f"cannot be listed ({unlisted.reason}){kept}"))

    def _name_what_is_gone(self, gone: frozenset[str], *, is_empty: bool) -> None:
        """Documents that stay though their files are gone; all of them of a folder that is empty, with what to do."""
        if is_empty and gone == self._stored.keys():
            reason = (
                f"the folder has no document now but held {len(gone)}, as a share does that is not mounted; they still "
                f"answer; mount it, or if they were removed on purpose: {self.how_to_allow}"
            )
            self.synced.withheld.append(Withheld(reason, tuple(sorted(gone))))
        else:
            self.synced.gone += sorted(gone)

    def _compare(self, file: File, on_file: OnFile, *, may_defer: bool) -> tuple[File, str] | None:
        """Ingests a file; where it may be one that was renamed, returns it and its digest instead, for later."""
        if self.stop.is_set():
            raise Interrupted
        on_file(self._done, self._total, file.source)
        known = self._stored.get(file.source)
        if not self._is_done(file, known):
            content = self._read(file)
            if content and may_defer and (known is None or known.bytes_sha256 != content.bytes_sha256):
                return file, content.bytes_sha256
            if content:
                self._add(file, content)
        self._done += 1
        on_file(self._done, self._total, file.source)
        return None

    def _is_done(self, file: File, known: StoredFile | None) -> bool:
        """Whether the last comparison ingested or refused the file as it is now."""
        signature, digest = self.memory.done.get((self.label, file.source), (None, "")) if self.memory else (None, "")
        if signature != file.signature:
            return False
        is_same = known is not None and known.bytes_sha256 == digest and not known.is_stale
        self.synced.unchanged += is_same
        return is_same or not digest

    def _read(self, file: File) -> FileContent | None:
        """A file's content once nobody writes to it; None where that is not so yet, or where it is refused or gone."""
        key = self.label, file.source
        for look in range(1 if self.memory else _LOOKS):
            if look:
                if self.stop.wait(QUIET_S):
                    raise Interrupted
                again = look_again(self.place.folder, file)
                if again is None:
                    return None
                file = again
            if is_quiet(file, now_utc()) or (self.memory and self.memory.looked.get(key) == file.signature):
                with contextlib.suppress(BeingWritten):
                    return self._read_quiet(file)
        if self.memory:
            self.memory.looked[key] = file.signature
            self.synced.is_unsettled = True
        else:
            self.synced.refused.append(Refusal(file.source, "is being written; run the same again when that is done"))
        return None

    def _read_quiet(self, file: File) -> FileContent | None:
        try:
            return read_file(self.place.folder, file, max_bytes=Limits().parsing.bytes)
        except (FileNotFoundError, NotADirectoryError):
            return None  # it went since it was listed
        except OSError as error:
            stays = "; the stored version stays" if file.source in self._stored else ""
            self.synced.refused.append(Refusal(file.source, f"cannot be read ({error.strerror}){stays}"))
        except AgentError as error:
            self._refuse(file.source, str(error))
        return None

    def _add(self, file: File, content: FileContent) -> None:
        key = self.label, file.source
        try:
            ingested = self._ingest(file, content)
        except _OF_THE_SERVER:
            raise
        except AgentError as error:
            self._refuse(file.source, str(error))
            self._remember(key, content.signature, "")
            return
        self._remember(key, content.signature, content.bytes_sha256)
        if (known := self._stored.get(file.source)) and known.is_stale:
            self.synced.remarks.append(f"{file.source}: no longer stale")
        if ingested.outcome is Outcome.UNCHANGED:
            self.synced.unchanged += file.source not in self._moved
            return
        self.synced.done.append(Done(file.source, Effect(ingested.outcome.value)))
        self.synced.notices += [Notice(file.source, text) for text in ingested.document.notices]

    def _ingest(self, file: File, content: FileContent) -> Ingested:
        """Gives a file to the agent; waits while the queue of its server is full."""
        add = partial(
            self.documents.add_document,
            file.source,
            content.content,
            format_of(file.source),
            tags=self._tags(file),
            root=self.label,
            file_date=content.date(now_utc()),
        )
        for _ in range(_QUEUE_TRIES):
            with contextlib.suppress(JobQueueFull):
                return add()
            if self.stop.wait(_QUEUE_S):
                raise Interrupted
        return add()

    def _tags(self, file: File) -> tuple[str, ...]:
        """The tags of the plan beside those that the document was given before: a run without tags takes none away."""
        known = self._stored.get(file.source)
        recipe = ChunkingRecipe(RULES, Chunking().max_tokens)
        return (*self.plan.tags, *(given_tags(known, recipe) if known else ()))

    def _remember(self, key: tuple[str, str], signature: Signature, digest: str) -> None:
        if self.memory:
            self.memory.done[key] = signature, digest
            self.memory.looked.pop(key, None)

    def _refuse(self, source: str, reason: str) -> None:
        """Names a refused file; the version of it that is stored stays, marked."""
        known = self._stored.get(source)
        self.synced.refused.append(Refusal(source, reason))
        if known is not None:
            self.synced.kept_old.add(source)
            if not known.is_stale:
                self.documents.mark_stale(self.label, source, reason)

    def _move(self, deferred: dict[File, str], gone: frozenset[str]) -> frozenset[str]:
        """Gives documents the new names of their files; returns the sources that were gone and are no more."""
        found = {file.source: digest for file, digest in deferred.items()}
        loose = {
            source: each.bytes_sha256 for source, each in self._stored.items() if source in gone or source in found
        }
        origins: dict[str, str] = {}
        for move in find_moves(loose, gone, found):
            known = self._stored[move.origin]
            try:
                self.documents.move_document(known.document_id, move.target)
            except _OF_THE_SERVER:
                raise
            except AgentError:
                break  # another process was faster; the files are ingested under their names
            del self._stored[move.origin]
            self._stored[move.target] = known
            origins[move.target] = origins.pop(move.origin, move.origin)
        for target, origin in origins.items():
            if target in found:
                self._moved.add(target)
                self.synced.done.append(Done(target, Effect.MOVED, origin))
        return frozenset(origins.values())

    def _delete(self, gone: frozenset[str], identity: tuple[int, int] | None) -> None:
        """Deletes what has gone for sure. The place is listed again first: ingesting may have taken hours."""
        found = scan(self.place)
        gone &= known_to_be_gone(self._stored.keys(), found.present, found.unlisted)
        scope = self.place.source
        absent = Absent(
            stored=self._stored.keys(),
            gone=gone,
            unlisted=found.unlisted,
            empty_folders=[folder for folder in found.empty_folders if folder != scope],
            is_empty=scope in found.empty_folders,
        )
        deleted, withheld = decide(absent, allow_many=self.plan.allow_many_deletions, how_to_allow=self.how_to_allow)
        self.synced.withheld += withheld
        if self.memory:
            seen, here = self.memory.gone, {(self.label, source) for source in deleted}
            self.memory.gone = {key for key in seen if key[0] != self.label} | here
            self.synced.is_unsettled |= bool(here - seen)
            deleted = [source for source in deleted if (self.label, source) in seen]
        for number, source in enumerate(deleted):
            if self.stop.is_set():
                raise Interrupted
            if identity is None or identity_of(self.place.folder) != identity:
                reason = "the folder went away or became another while it was compared; run the same again"
                self.synced.withheld.append(Withheld(reason, tuple(deleted[number:])))
                return
            with contextlib.suppress(DocumentUnknown):  # somebody else deleted it
                self.documents.delete_document(self._stored[source].document_id)
            self.synced.done.append(Done(source, Effect.DELETED))
