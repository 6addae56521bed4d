"""Synchronization of a store with a folder of documents, once or as files change."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Protocol

from edge_agent.errors import AgentError, ContentTooLarge, InputInvalid
from edge_agent.ingest.outcome import Ingested, Outcome
from edge_agent.ingest.parsing.document_format import FORMAT_OF_SUFFIX, DocumentFormat, format_of
from edge_agent.settings import Limits


class Documents(Protocol):
    """The part of an agent, here or served elsewhere, that ingests and deletes documents."""

    def add_document(
        self, source: str, content: bytes, document_format: DocumentFormat, *, tags: Sequence[str] = ()
    ) -> Ingested:
        """See `Agent.add_document`."""

    def sources(self) -> list[str]:
        """See `Agent.sources`."""

    def delete_source(self, source: str) -> None:
        """See `Agent.delete_source`."""


@dataclass(slots=True)
class Synced:
    """The result of a synchronization: documents by outcome, and the refused files with the reason."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    skipped: int = 0
    deleted: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)

    @property
    def has_changed(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.added or self.replaced or self.deleted or self.refused)


def sync(
    documents: Documents,
    path: Path,
    *,
    tags: Sequence[str] = (),
    prune: bool = False,
    on_file: Callable[[int, int], None] = lambda *_: None,
) -> Synced:
    """Ingests a file, or every document below a folder.

    Args:
        documents: that ingests them.
        path: a file or a folder; a document's source is its path below the folder.
        tags: of all these documents, beside those that they carry.
        prune: delete what the store has and the folder has not.
        on_file: called with the number of files done and that of all.

    Raises:
        InputInvalid: the path does not exist, or is a file that should prune.
    """
    if not path.exists():
        raise InputInvalid(f"{path} does not exist; name a file or a folder")
    if prune and not path.is_dir():
        raise InputInvalid(f"{path} is a file; --prune compares a whole folder")
    root = path if path.is_dir() else path.parent
    found = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    files = [file for file in found if is_document(file)] if path.is_dir() else found
    synced = Synced(skipped=len(found) - len(files))
    for number, file in enumerate(files, start=1):
        _ingest(documents, root, file, synced, tags)
        on_file(number, len(files))
    if prune:
        kept = {file.relative_to(root).as_posix() for file in files}
        for source in documents.sources():
            if source not in kept:
                documents.delete_source(source)
                synced.deleted += 1
    return synced


def watch_folder(
    documents: Documents, folder: Path, *, stop: Event, tags: Sequence[str] = (), every_s: float = 300
) -> Iterator[Synced]:
    """Keeps a store like a folder until `stop` is set: a full comparison first, then what changes, as it changes.

    The whole folder is compared again every so often, so that a change that the system did not tell, or a server that
    was away, is made up for.
    """
    import watchfiles  # noqa: PLC0415  (native; only this command needs it)

    folder = folder.resolve()
    yield sync(documents, folder, tags=tags, prune=True)
    for changes in watchfiles.watch(folder, stop_event=stop, rust_timeout=int(every_s * 1000), yield_on_timeout=True):
        if changes and all(Path(name).suffix for _, name in changes):  # a folder that moved has no suffix: compare all
            yield _follow(documents, folder, {Path(name) for _, name in changes}, tags)
        else:
            yield sync(documents, folder, tags=tags, prune=True)


def is_document(file: Path) -> bool:
    """Whether a file's name is of a format that is read; names that begin with a dot are temporary ones of editors."""
    return file.suffix.lower() in FORMAT_OF_SUFFIX and not file.name.startswith((".", "~$"))


def _follow(documents: Documents, folder: Path, changed: Iterable[Path], tags: Sequence[str]) -> Synced:
    synced = Synced()
    files = sorted(file for file in changed if is_document(file))
    for file in files:
        if file.is_file():
            _ingest(documents, folder, file, synced, tags)
    gone = {file.relative_to(folder).as_posix() for file in files if not file.is_file()}
    for source in sorted(gone.intersection(documents.sources()) if gone else ()):
        documents.delete_source(source)
        synced.deleted += 1
    return synced


def _ingest(documents: Documents, root: Path, file: Path, synced: Synced, tags: Sequence[str]) -> None:
    source = file.relative_to(root).as_posix()
    max_bytes = Limits().parsing.bytes
    try:
        if not file.resolve().is_relative_to(root.resolve()):
            raise InputInvalid("the file is a link to somewhere outside the folder; copy it there instead")
        size_bytes = file.stat().st_size
        if size_bytes > max_bytes:
            raise ContentTooLarge(f"the file has {size_bytes} bytes, at most {max_bytes} are accepted; split it")
        outcome = documents.add_document(source, file.read_bytes(), format_of(file.name), tags=tags).outcome
    except (AgentError, OSError) as error:
        synced.refused.append({"source": source, "reason": str(error)})
        return
    synced.added += outcome is Outcome.ADDED
    synced.replaced += outcome is Outcome.REPLACED
    synced.unchanged += outcome is Outcome.UNCHANGED
