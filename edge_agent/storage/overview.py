"""A base for people to look through: its documents one after another, and one of them whole."""

from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.storage.records import Document, Passage, PassageSpan
from edge_agent.storage.snapshot import SnapshotPool, StoreSnapshot

_PAGE = 50


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A document, its text, which offsets point into, and the places of its passages in it."""

    document: Document
    text: str
    passages: list[PassageSpan]


@dataclass(frozen=True, slots=True)
class WholeDocument:
    """A document with all of its passages, in order."""

    document: Document
    passages: list[Passage]


def show_document(snapshot: StoreSnapshot, document_id: str) -> ShownDocument:
    """One document, whole. Raises `DocumentUnknown`."""
    document, text = snapshot.document_with_text(document_id)
    passages = snapshot.passages(snapshot.passages_of(document_id))
    return ShownDocument(document, text, [PassageSpan(p.start, p.end, p.heading, p.page, p.kind) for p in passages])


def list_documents(snapshots: SnapshotPool, root: str | None = None) -> Iterator[Document]:
    """All documents by root and source, or those of one root."""
    for page in _pages(snapshots, root):
        yield from page


def whole_documents(snapshots: SnapshotPool) -> Iterator[WholeDocument]:
    """Every document by root and source, with its passages; each is read from a snapshot of its own."""
    for page in _pages(snapshots, None):
        for document in page:
            with snapshots.open() as snapshot:
                passages = snapshot.passages(snapshot.passages_of(document.document_id))
            yield WholeDocument(document, passages)


def _pages(snapshots: SnapshotPool, root: str | None) -> Iterator[list[Document]]:
    after = ("", "")
    while True:
        with snapshots.open() as snapshot:
            documents = snapshot.documents(after=after, limit=_PAGE, root=root)
        if not documents:
            return
        yield documents
        after = (documents[-1].root, documents[-1].source)
