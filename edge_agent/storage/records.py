"""Records of the store, as values: documents, passages, filters, changes."""

from dataclasses import dataclass
from enum import StrEnum

from student.artifacts.digests import digest_bytes


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document, without its text.

    Attributes:
        document_id: derived from `source`.
        source: the caller's own name for it, unique.
        language: `es`, `en`, or "" where it is neither.
        content_sha256: digest of the file as it came in, by which the same content is recognized.
        added_at: RFC 3339, UTC; of the last change.
        passages: how many it was chunked into.
        chars: length of its text in code points.
        tags: labels that staff sort it by, ascending.
    """

    document_id: str
    source: str
    title: str
    format: str
    language: str
    content_sha256: str
    added_at: str
    passages: int
    chars: int
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """A stored passage with what is needed to show it: `text` is `start:end` of its document's text.

    `content_sha256` is its document's: it says which text of the document that is.
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


class PassageKind(StrEnum):
    """The kind of block that a passage is made of: of most of its text, where it is made of several."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE_ROW = "table row"
    CODE = "code"
    QUESTION_ANSWER = "question and answer"


@dataclass(frozen=True, slots=True)
class ChunkingRecipe:
    """How a document was chunked, kept with it, so that stale chunking is found.

    Attributes:
        rules: number of the chunking rules (`edge_agent.ingest.chunking.RULES`).
        max_tokens: of a passage.
        overlap_tokens: that neighbors share where a section is split. None do: it did not pay (docs/log.md).
    """

    rules: int
    max_tokens: int
    overlap_tokens: int = 0


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
    """

    language: str | None = None
    source_prefix: str | None = None
    added_since: str | None = None
    tags: tuple[str, ...] = ()


NO_FILTER = Filter()
"""Lets everything through."""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document ready to be stored; `tags` are in their stored form (`edge_agent.ingest.tags`)."""

    source: str
    title: str
    format: str
    language: str
    content_sha256: str
    text: str
    chunking: ChunkingRecipe
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """The consequence of a store's change for the index: passage ids gone and new."""

    removed: list[int]
    added: list[int]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much the store holds."""

    documents: int
    passages: int


def document_id_of(source: str) -> str:
    """The id of the document with this source."""
    return digest_bytes(source.encode())[:20]
