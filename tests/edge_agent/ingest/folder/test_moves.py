"""Renames by content: a document keeps its identity, and whatever order they are made in no two share a name."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.ingest.folder.moves import Move, find_moves

NAMES = st.sampled_from(["a.md", "b.md", "c.md", "sub/a.md", "sub/b.md"])
BYTES = st.sampled_from(["one", "two", "three", "four"])


def moves(stored: dict[str, str], disk: dict[str, str]) -> list[Move]:
    """The moves for a store and a folder, by what a comparison would give of both."""
    loose = {source: digest for source, digest in stored.items() if disk.get(source) != digest}
    found = {source: digest for source, digest in disk.items() if stored.get(source) != digest}
    return find_moves(loose, frozenset(loose) - frozenset(disk), found)


def test_a_renamed_file_is_a_move() -> None:
    assert moves({"a.md": "one", "b.md": "two"}, {"c.md": "one", "b.md": "two"}) == [Move("a.md", "c.md")]


def test_a_copy_is_no_move_even_when_the_first_is_edited() -> None:
    assert moves({"a.md": "one"}, {"a.md": "one", "b.md": "one"}) == []
    assert moves({"a.md": "one"}, {"a.md": "two", "b.md": "one"}) == []


def test_of_two_new_files_with_the_same_bytes_the_one_with_the_old_file_name_is_the_move() -> None:
    assert moves({"x/a.md": "one"}, {"b.md": "one", "y/a.md": "one"}) == [Move("x/a.md", "y/a.md")]


def test_swapped_names_are_moved_by_a_name_that_no_file_has() -> None:
    assert moves({"a.md": "one", "b.md": "two"}, {"a.md": "two", "b.md": "one"}) == [
        Move("a.md", ".moving/a.md"),
        Move("b.md", "a.md"),
        Move(".moving/a.md", "b.md"),
    ]


def test_a_chain_of_renames_is_made_from_its_end() -> None:
    assert moves({"a.md": "one", "b.md": "two"}, {"b.md": "one", "c.md": "two"}) == [
        Move("b.md", "c.md"),
        Move("a.md", "b.md"),
    ]


def test_a_file_renamed_over_another_document_is_a_replacement_of_that_one() -> None:
    assert moves({"a.md": "one", "b.md": "two"}, {"a.md": "two"}) == []


def test_a_document_of_unknown_bytes_is_moved_nowhere() -> None:
    assert moves({"a.md": ""}, {"b.md": ""}) == []


@given(st.dictionaries(NAMES, BYTES), st.dictionaries(NAMES, BYTES))
def test_every_move_goes_to_a_free_name_and_ends_at_its_own_bytes(stored: dict[str, str], disk: dict[str, str]) -> None:
    names = {source: (source, digest) for source, digest in stored.items()}
    for move in moves(stored, disk):
        assert move.target not in names
        names[move.target] = names.pop(move.origin)
    for source, (origin, digest) in names.items():
        if source != origin:
            assert disk[source] == digest
            assert disk.get(origin) != digest


def test_every_ring_of_three_names_is_made() -> None:
    for order in itertools.permutations("abc"):
        stored = {f"{name}.md": name for name in "abc"}
        disk = {f"{name}.md": other for name, other in zip("abc", order, strict=True)}
        names = dict(stored)
        for move in moves(stored, disk):
            names[move.target] = names.pop(move.origin)
        assert names == disk
