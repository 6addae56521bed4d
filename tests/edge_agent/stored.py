"""Reads of a store that tests share."""

from edge_agent.storage.documents import Store
from edge_agent.storage.records import Document


def text_of(store: Store, document_id: str) -> str:
    return store.snapshots.read(lambda snapshot: snapshot.document_with_text(document_id)[1])


def documents_of(store: Store) -> list[Document]:
    return store.snapshots.read(lambda snapshot: snapshot.documents(limit=1000))
