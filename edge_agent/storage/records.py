"""Records of the store, as values: documents, passages, filters, changes."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from student.artifacts.digests import digest_bytes
from student.embeddings import Embeddings

MAX_ID = 2**63 - 1
"""SQLite's largest."""


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document, without its text.

    Attributes:
        document_id: given when the document first came; it stays when the document is replaced or moved.
        root: label of the folder that it came from, "" where it was given by the API.
        source: the caller's own name for it, unique below its root: a relative path, a CRM's key.
        container_id: of the document that it is an attachment of, None where it is none.
        language: `es`, `en`, or "" where it is neither.
        encoding: of its bytes, as Python names it; "" for formats that are no text.
        date: when it was written or last changed, `YYYY-MM-DD`, or `YYYY-MM` or `YYYY` where no
            more is known; "" where nothing says so.
        date_origin: `document` where the document itself says its date, `file` where its file does, "" without a date.
        content_sha256: digest of its bytes, title, tags and chunking recipe, by which the same content is recognized.
        bytes_sha256: digest of its bytes alone, by which a file is recognized under another name; "" where unknown.
        added_at: RFC 3339, UTC; of the last change.
        invisible_chars: characters left out because no reader sees them.
        notices: what was left out of it and where.
        stale_reason: why a later version of it was refused, "" where this is the version of now.
        stale_since: RFC 3339, UTC; when that was first so, "" where this is the version of now.
        passages: how many it was chunked into.
        chars: length of its text in code points.
        tags: labels that staff sort it by, ascending.
    """

    document_id: str
    root: str
    source: str
    container_id: str | None
    title: str
    format: str
    language: str
    encoding: str
    date: str
    date_origin: str
    content_sha256: str
    bytes_sha256: str
    added_at: str
    invisible_chars: int
    notices: tuple[str, ...]
    stale_reason: str
    stale_since: str
    passages: int
    chars: int
    tags: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """See `full_name`."""
        return full_name(self.root, self.source)

    @property
    def is_stale(self) -> bool:
        """Whether a later version of it was refused, so that what it says may be out of date."""
        return bool(self.stale_reason)


class PassageKind(StrEnum):
    """The kind of block that a passage is made of: of most of its text, where it is made of several."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE_ROW = "table row"
    CODE = "code"
    QUESTION_ANSWER = "question and answer"


@dataclass(frozen=True, slots=True)
class Passage:
    """A stored passage with what is needed to show it: `text` is `start:end` of its document's text.

    `content_sha256` is its document's: it says which text of the document that is. `root`, `date` and `is_stale` are
    its document's too.
    """

    passage_id: int
    document_id: str
    content_sha256: str
    source: str
    title: str
    language: str
    heading: str
    page: int
    start: int
    end: int
    text: str
    root: str = ""
    date: str = ""
    is_stale: bool = False
    kind: PassageKind = PassageKind.PARAGRAPH


@dataclass(frozen=True, slots=True)
class ChunkingRecipe:
    """How a document was chunked, kept with it, so that outdated chunking is found.

    Attributes:
        rules: number of the chunking rules (`edge_agent.ingest.chunking.RULES`).
        max_tokens: of a passage.
        overlap_tokens: that neighbors share where a section is split. None do: it did not pay (docs/log.md).
    """

    rules: int
    max_tokens: int
    overlap_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document that was refused and of which no version is stored.

    Attributes:
        root, source: of the document.
        reason: why, in words that repeat nothing of it.
        at: RFC 3339, UTC; the last time.
    """

    root: str
    source: str
    reason: str
    at: str


HEADING_GAP = " › "
"""Between the headings above a passage, outermost first."""


@dataclass(frozen=True, slots=True)
class PassageSpan:
    """A passage to be stored: `text[start:end]`, below the headings `heading` (outermost first, joined by ` › `).

    `page` counts from 1 where the format has pages, else it is 0. Of a question and its answer, the question is the
    last heading.
    """

    start: int
    end: int
    heading: str
    page: int = 0
    kind: PassageKind = PassageKind.PARAGRAPH


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents a search looks in; None looks in all.

    Attributes:
        language: `es` or `en`.
        source_prefix: how their source begins, such as a folder.
        added_since: RFC 3339, UTC; last changed then or later.
        tags: all of which the document has.
        root: label of the folder that it came from, "" for those given by the API.
    """

    language: str | None = None
    source_prefix: str | None = None
    added_since: str | None = None
    tags: tuple[str, ...] = ()
    root: str | None = None


NO_FILTER = Filter()
"""Lets everything through."""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document ready to be stored; for most attributes see `Document`.

    Attributes:
        tags: in their stored form (`edge_agent.ingest.tags`).
        container: source of the document that it is an attachment of, "" where it is none.
    """

    source: str
    title: str
    format: str
    language: str
    content_sha256: str
    text: str
    chunking: ChunkingRecipe
    tags: tuple[str, ...] = ()
    root: str = ""
    container: str = ""
    bytes_sha256: str = ""
    encoding: str = ""
    invisible_chars: int = 0
    notices: tuple[str, ...] = ()
    date: str = ""
    date_origin: str = ""


@dataclass(frozen=True, slots=True)
class EncodedDocument:
    """A document with its N passages, their embeddings (N, D) and those of their sentences (K, D each)."""

    document: NewDocument
    spans: Sequence[PassageSpan]
    embeddings: NDArray[np.floating]
    sentences: Sequence[Embeddings]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A document of a folder, as far as a comparison with the folder needs it; see `Document`."""

    document_id: str
    bytes_sha256: str
    is_stale: bool
    format: str = ""
    content_sha256: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that documents come from: its label, its absolute path, and how many documents there are of it."""

    label: str
    path: str
    documents: int


@dataclass(frozen=True, slots=True)
class Change:
    """The consequence of a store's change: passage ids gone and new, and which document was put.

    Attributes:
        document_id: of the document that was put, moved or deleted, "" where none was.
        is_replacement: whether it replaced an earlier version.
        root: label of the root that was added or forgotten, "" where none was.
        documents: how many were deleted with a root.
    """

    removed: list[int]
    added: list[int]
    document_id: str = ""
    is_replacement: bool = False
    root: str = ""
    documents: int = 0


OnChange = Callable[[Change, int], None]
"""Called with a change of the passages and the number of changes there are with it; see `Database.transaction`."""


def ignore_change(change: Change, changes: int) -> None:
    """Nobody follows the store."""


Record = Callable[[Change], None]
"""Called with a change in its transaction, before it is durable; what it raises undoes the change."""


def record_nothing(change: Change) -> None:
    """Nobody records what is changed."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much the store holds."""

    documents: int
    passages: int


def full_name(root: str, source: str) -> str:
    """A document's root and source as one name, as lists show it."""
    return f"{root}/{source}" if root else source


def document_id_of(source: str, root: str = "", *, taken: int = 0) -> str:
    """The id that a document gets when it comes first; look it up by root and source where it may have been moved.

    Args:
        source: of the document.
        root: label of its root. Without one the id is a digest of the source alone, as before there were roots.
        taken: how many ids made for this name belong to documents that were moved away from it.
    """
    name = source if not root and not taken else json.dumps([root, source, taken])
    return digest_bytes(name.encode())[:20]
