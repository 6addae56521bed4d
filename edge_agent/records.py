"""What the store holds, as values: documents, passages, counts."""

from dataclasses import dataclass

from student.digests import digest_bytes


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document, without its text.

    Attributes:
        document_id: derived from `source`.
        source: the caller's own name for it, unique.
        content_sha256: digest of what came in, by which the same content is recognized.
        added_at: RFC 3339, UTC; of the last change.
        passages: how many it was cut into.
        chars: length of its text in code points.
    """

    document_id: str
    source: str
    title: str
    format: str
    content_sha256: str
    added_at: str
    passages: int
    chars: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A stored passage with what is needed to show it: `text` is `start:end` of its document's text."""

    passage_id: int
    document_id: str
    source: str
    title: str
    heading: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document ready to be stored."""

    source: str
    title: str
    format: str
    content_sha256: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a change of the store means for the index: passage ids gone and new."""

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
