"""Attachments: files inside a document, such as a mail's, become documents of their own, named below it."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from edge_agent.errors import AgentError, DocumentUnreadable, InputInvalid
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.storage.records import NewDocument
from student.artifacts.digests import Digest

MAX_ATTACHMENTS, MAX_DEPTH = 100, 3
"""Of a document in all, and containers inside one another."""
_MAX_UNREADABLE = 3  # attachments that took the parser all its time or memory; those that follow are left out
_MAX_NAME_CHARS, _MAX_SUFFIX_CHARS = 100, 20


@dataclass(frozen=True, slots=True)
class RawDocument:
    """A document as it was handed in, checked but not parsed.

    Attributes:
        source, title, tags, root: see `Agent.add_document`.
        content: its bytes, untrusted.
        format: of them, as promised.
        digest: of all this and of the chunking recipe: the same digest again changes nothing.
        bytes_sha256: of the bytes alone.
        date, date_origin: for a document that does not say its own; see `Document`.
        container: source of the document that it is an attachment of, "" where it is none.
    """

    source: str
    title: str | None
    tags: tuple[str, ...]
    content: bytes
    format: DocumentFormat
    digest: Digest
    bytes_sha256: Digest
    root: str = ""
    date: str = ""
    date_origin: str = ""
    container: str = ""


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document that was parsed: ready to be stored, and what its passages are made of."""

    new: NewDocument
    extract: Extract


IsTaken = Callable[[str], bool]
"""Whether a source belongs to another document."""
Attached = Callable[[RawDocument, NewDocument, str, bytes], RawDocument]
"""Makes an attachment, given the container as handed in and as parsed, its source and its bytes."""


def read_with_attachments(
    raw: RawDocument, read: Callable[[RawDocument], ReadDocument], attached: Attached, is_taken: IsTaken
) -> list[ReadDocument]:
    """A document and its attachments, which follow it, each after its container.

    An attachment that cannot be read is named in the notices of its container, with the reason.

    Args:
        raw: the document.
        read: parses one.
        attached: see `Attached`.
        is_taken: see `IsTaken`.

    Raises:
        As `read` for the document itself. InputInvalid: it holds no text, and no attachment that can be read.
    """
    return _Containers(read, attached, is_taken).read(raw, depth=1)


class _Containers:
    """Reads containers inside containers, and counts what they hold together."""

    def __init__(self, read: Callable[[RawDocument], ReadDocument], attached: Attached, is_taken: IsTaken) -> None:
        self._read, self._attached, self._is_taken = read, attached, is_taken
        self._left, self._unreadable = MAX_ATTACHMENTS, 0

    def read(self, raw: RawDocument, *, depth: int) -> list[ReadDocument]:
        holder = self._read(raw)
        inside: list[ReadDocument] = []
        notices = list(holder.new.notices)
        names: set[str] = set()
        for number, attachment in enumerate(holder.extract.attachments, start=1):
            name = _unique(safe_name(attachment.name, number), names)
            names.add(name)
            try:
                self._require_room(depth)
                source = f"{raw.source}/{name}"
                if self._is_taken(source):
                    raise InputInvalid("another document has its name")
                child = self._attached(raw, holder.new, source, attachment.content)
                inside += self.read(child, depth=depth + 1)
            except AgentError as error:
                self._unreadable += isinstance(error, DocumentUnreadable)
                notices.append(f"attachment {name} was left out: {error}")
        if not holder.extract.blocks and not inside:
            raise InputInvalid("the document holds no text, and no attachment of it can be read; expected some text")
        return [replace(holder, new=replace(holder.new, notices=tuple(notices))), *inside]

    def _require_room(self, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise InputInvalid(f"documents inside one another are read to a depth of {MAX_DEPTH}; hand it in by itself")
        if self._left == 0:
            raise InputInvalid(f"at most {MAX_ATTACHMENTS} attachments are read; hand it in by itself")
        if self._unreadable >= _MAX_UNREADABLE:
            raise InputInvalid(f"{_MAX_UNREADABLE} attachments before it could not be read; hand it in by itself")
        self._left -= 1


def safe_name(name: str, number: int) -> str:
    """An attachment's name as part of a source: its last part, without control and format characters, bounded.

    Args:
        name: as the container says it, untrusted.
        number: of the attachment, for one without a name.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", last))
    clean = " ".join(kept.split()).strip(". ") if kept.strip(". ") else ""
    suffix = PurePosixPath(clean).suffix[:_MAX_SUFFIX_CHARS] if clean else ""
    stem = clean.removesuffix(suffix)[: _MAX_NAME_CHARS - len(suffix)].rstrip()
    return f"{stem or f'attachment-{number}'}{suffix}"


def _unique(name: str, taken: set[str]) -> str:
    path, number, chosen = PurePosixPath(name), 2, name
    while chosen in taken:
        chosen, number = f"{path.stem}-{number}{path.suffix}", number + 1
    return chosen
