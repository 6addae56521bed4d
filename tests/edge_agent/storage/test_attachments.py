"""Attachments in the store: they come, go and move with the document that holds them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_agent.errors import InputInvalid
from edge_agent.storage.documents import Store
from edge_agent.storage.records import (
    Change,
    ChunkingRecipe,
    EncodedDocument,
    NewDocument,
    PassageSpan,
    document_id_of,
)
from tests.edge_agent.stored import documents_of, text_of

ROWS = np.eye(1, 4, dtype=np.float32)
SPACE = "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


def encoded(source: str, text: str, container: str = "") -> EncodedDocument:
    new = NewDocument(source, source, "text", "en", "ef" * 32, text, ChunkingRecipe(1, 100), container=container)
    return EncodedDocument(new, [PassageSpan(0, len(text), "")], ROWS, [ROWS])


def put(store: Store, *attachments: EncodedDocument, source: str = "mail.eml") -> Change:
    first = encoded(source, "A mail.")
    return store.put(first.document, first.spans, ROWS, [ROWS], SPACE, attachments=attachments)


PRICES = encoded("mail.eml/prices.txt", "Prices rise.", "mail.eml")
INNER = encoded("mail.eml/inner.eml", "Another mail.", "mail.eml")
INNERMOST = encoded("mail.eml/inner.eml/faq.txt", "Questions.", "mail.eml/inner.eml")


def test_attachments_are_documents_that_name_their_container(store: Store) -> None:
    change = put(store, PRICES, INNER, INNERMOST)
    by_source = {d.source: d for d in documents_of(store)}
    assert len(change.added) == 4
    mail = by_source["mail.eml"]
    assert mail.container_id is None
    assert by_source["mail.eml/prices.txt"].container_id == mail.document_id
    assert by_source["mail.eml/inner.eml/faq.txt"].container_id == by_source["mail.eml/inner.eml"].document_id
    attached = store.snapshots.read(lambda s: s.attachments(mail.document_id))
    assert [d.source for d in attached] == ["mail.eml/inner.eml", "mail.eml/prices.txt"]
    assert list(store.snapshots.read(lambda s: s.files(""))) == ["mail.eml"]
    assert store.check(4) == []


def test_a_container_is_replaced_with_its_attachments_which_keep_their_ids(store: Store) -> None:
    first = put(store, PRICES, INNER, INNERMOST)
    ids = {d.source: d.document_id for d in documents_of(store)}
    again = put(store, PRICES)
    assert sorted(again.removed) == sorted(first.added)
    assert {d.source: d.document_id for d in documents_of(store)} == {
        source: ids[source] for source in ("mail.eml", "mail.eml/prices.txt")
    }
    assert store.check(4) == []


def test_attachments_are_deleted_with_their_container_and_never_alone(store: Store) -> None:
    added = put(store, PRICES, INNER, INNERMOST)
    for source in ("mail.eml/prices.txt", "mail.eml/inner.eml/faq.txt"):
        with pytest.raises(InputInvalid, match="delete the document that holds it"):
            store.delete(document_id_of(source))
        with pytest.raises(InputInvalid, match="move the document that holds it"):
            store.move(document_id_of(source), "free.txt", "free")
    assert sorted(store.delete(document_id_of("mail.eml")).removed) == sorted(added.added)
    assert documents_of(store) == []
    assert store.snapshots.read(lambda s: s.bm25(["prices", "questions", "mail"], limit=10)) == {}
    assert store.check(4) == []


def test_attachments_move_with_their_container(store: Store) -> None:
    change = put(store, PRICES, INNER, INNERMOST)
    store.move(change.document_id, "archive/mail.eml", "mail")
    found = {d.source: d.document_id for d in documents_of(store)}
    assert found == {
        "archive/mail.eml": document_id_of("mail.eml"),
        "archive/mail.eml/inner.eml": document_id_of("mail.eml/inner.eml"),
        "archive/mail.eml/inner.eml/faq.txt": document_id_of("mail.eml/inner.eml/faq.txt"),
        "archive/mail.eml/prices.txt": document_id_of("mail.eml/prices.txt"),
    }
    assert store.check(4) == []


def test_the_name_of_an_attachment_is_not_given_to_another_document(store: Store) -> None:
    put(store, PRICES)
    with pytest.raises(InputInvalid, match="an attachment of another document has that source"):
        put(store, source="mail.eml/prices.txt")
    put(store, source="other.eml/a.txt")
    with pytest.raises(InputInvalid, match="another document has that source"):
        put(store, encoded("other.eml/a.txt", "A.", "other.eml"), source="other.eml")
    assert [d.source for d in documents_of(store)] == ["mail.eml", "mail.eml/prices.txt", "other.eml/a.txt"]


def test_a_new_document_never_gets_the_id_of_one_that_moved_away(store: Store) -> None:
    first = put(store)
    store.move(first.document_id, "b.eml", "b")
    second = put(store)
    assert second.document_id != first.document_id
    store.move(second.document_id, "c.eml", "c")
    third = put(store)
    assert len({first.document_id, second.document_id, third.document_id}) == 3
    assert not third.is_replacement
    assert text_of(store, first.document_id) == "A mail."
    assert put(store).document_id == third.document_id


def test_a_move_to_the_name_of_another_document_is_refused(store: Store) -> None:
    first, second = put(store, source="a.txt"), put(store, source="b.txt")
    with pytest.raises(InputInvalid, match="delete that one first"):
        store.move(first.document_id, "b.txt", "b")
    assert {d.source: d.document_id for d in documents_of(store)} == {
        "a.txt": first.document_id,
        "b.txt": second.document_id,
    }
