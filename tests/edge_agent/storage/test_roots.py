"""Roots: equal names of two folders are two documents, and a folder is never two roots."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.errors import InputInvalid, RootUnknown
from edge_agent.storage.documents import Store
from edge_agent.storage.records import Change, ChunkingRecipe, Filter, NewDocument, PassageSpan, Root
from tests.edge_agent.stored import documents_of, text_of

NEW = NewDocument("faq.md", "Title", "markdown", "en", "ef" * 32, "Hello", ChunkingRecipe(1, 100))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


def put(store: Store, root: str, text: str) -> Change:
    rows = np.eye(1, 4, dtype=np.float32)
    document = replace(NEW, root=root, text=text, bytes_sha256="ab" * 32)
    return store.put(document, [PassageSpan(0, len(text), "")], rows, [rows], "ab" * 32)


def test_a_label_is_the_folders_name_made_unique_and_stays(store: Store) -> None:
    assert store.roots.add("/srv/a/manuals") == "manuals"
    assert store.roots.add("/srv/b/manuals") == "manuals-2"
    assert store.roots.add("/srv/a/manuals") == "manuals"
    assert store.roots.all() == [Root("manuals", "/srv/a/manuals", 0), Root("manuals-2", "/srv/b/manuals", 0)]


def test_a_folder_inside_a_root_is_refused_and_one_around_it_is_another(store: Store) -> None:
    store.roots.add("/srv/a/manuals")
    with pytest.raises(InputInvalid, match=r"lies in the root 'manuals' \(/srv/a/manuals\)"):
        store.roots.add("/srv/a/manuals/faq")
    assert len(store.roots.all()) == 1
    assert [store.roots.add(path) for path in ("/srv/a", "/")] == ["a", "root"]


@pytest.mark.parametrize("path", ["", "relative", "/srv/../etc", "/a\0b", "/" + "a" * 5000])
def test_what_is_no_absolute_path_is_refused(store: Store, path: str) -> None:
    with pytest.raises(InputInvalid, match="absolute path"):
        store.roots.add(path)


def test_equal_names_of_two_roots_are_two_documents(store: Store) -> None:
    labels = [store.roots.add(path) for path in ("/a/manuals", "/b/manuals")]
    changes = [put(store, label, text) for label, text in zip(["", *labels], ["none", "first", "second"], strict=True)]
    assert len({change.document_id for change in changes}) == 3
    assert [text_of(store, change.document_id) for change in changes] == ["none", "first", "second"]
    assert put(store, "manuals", "again").document_id == changes[1].document_id
    assert [d.root for d in documents_of(store)] == ["", "manuals", "manuals-2"]
    for root in ("", "manuals", "manuals-2"):
        assert list(store.snapshots.read(lambda s, root=root: s.files(root))) == ["faq.md"]  # type: ignore[misc]
        assert len(store.snapshots.read(lambda s, root=root: s.passage_ids(Filter(root=root)))) == 1  # type: ignore[misc]
    with pytest.raises(InputInvalid, match="documents of 3 roots have that source"):
        store.snapshots.read(lambda s: s.document_named("faq.md"))
    assert store.snapshots.read(lambda s: s.document_named("faq.md", "manuals-2")).root == "manuals-2"
    assert store.check(4) == []


def test_pages_go_through_all_roots_in_order(store: Store) -> None:
    for label in ["", *(store.roots.add(f"/{name}/manuals") for name in "abc")]:
        put(store, label, "text")
    seen, after = [], ("", "")
    while page := store.snapshots.read(lambda s, after=after: s.documents(after=after, limit=1)):  # type: ignore[misc]
        seen.append(page[0].root)
        after = (page[0].root, page[0].source)
    assert seen == ["", "manuals", "manuals-2", "manuals-3"]
    of_one = store.snapshots.read(lambda s: s.documents(root="manuals-2"))
    assert [d.root for d in of_one] == ["manuals-2"]


def test_a_document_of_an_unknown_root_is_refused(store: Store) -> None:
    with pytest.raises(RootUnknown, match="no root has that label"):
        put(store, "absent", "text")
    assert documents_of(store) == []


def test_a_root_that_moved_keeps_its_documents(store: Store) -> None:
    label = store.roots.add("/a/manuals")
    put(store, label, "text")
    store.roots.move(label, "/b/handbooks")
    assert store.roots.all() == [Root(label, "/b/handbooks", 1)]
    assert store.roots.add("/b/handbooks") == label
    store.roots.add("/c")
    with pytest.raises(InputInvalid, match="lies in the root 'c'"):
        store.roots.move(label, "/c/inside")
    with pytest.raises(RootUnknown):
        store.roots.move("absent", "/d")


def test_a_root_is_forgotten_with_its_documents_alone(store: Store) -> None:
    labels = [store.roots.add(path) for path in ("/a/manuals", "/b/manuals")]
    changes = [put(store, label, label) for label in labels]
    followed: list[Change] = []
    store.roots.forget("manuals", on_change=lambda change, changes: followed.append(change))
    assert followed[0].removed == changes[0].added
    assert [d.root for d in documents_of(store)] == ["manuals-2"]
    assert [root.label for root in store.roots.all()] == ["manuals-2"]
    with pytest.raises(RootUnknown):
        store.roots.forget("manuals")
    assert store.check(4) == []
