"""Deletions that are sure, and those that are not: each of the ways in which a folder seems to have lost its files."""

import pytest

from edge_agent.ingest.folder.deletions import FEW, Absent, decide, known_to_be_gone
from edge_agent.ingest.folder.scan import Unlisted


def documents(count: int, folder: str = "") -> set[str]:
    return {f"{folder}{number}.md" for number in range(count)}


def decided(
    stored: set[str],
    gone: set[str],
    *,
    unlisted: tuple[Unlisted, ...] = (),
    empty: tuple[str, ...] = (),
    is_empty: bool = False,
    allow_many: bool = False,
) -> tuple[list[str], str]:
    absent = Absent(stored, gone, unlisted, empty, is_empty)
    deleted, withheld = decide(absent, allow_many=allow_many, how_to_allow="THE COMMAND")
    assert sorted([*deleted, *(source for each in withheld for source in each.sources)]) == sorted(gone)
    return deleted, "\n".join(each.reason for each in withheld)


def test_a_few_documents_of_many_go() -> None:
    assert decided(documents(10), {"1.md", "2.md"}) == (["1.md", "2.md"], "")
    assert decided(documents(10), set()) == ([], "")


@pytest.mark.parametrize(
    ("is_empty", "why"), [(True, "the folder has no document now but held"), (False, "none of the 10")]
)
def test_nothing_goes_when_everything_would(is_empty: bool, why: str) -> None:
    deleted, reason = decided(documents(10), documents(10), is_empty=is_empty)
    assert deleted == []
    assert why in reason
    assert "if they were removed on purpose: THE COMMAND" in reason


@pytest.mark.parametrize(("count", "most"), [(16, 15), (21, 20), (5, 3), (60, 40)])
def test_most_of_a_folder_goes_only_when_somebody_says_so(count: int, most: int) -> None:
    stored = documents(count)
    assert decided(stored, documents(count // 2))[1] == ""
    deleted, reason = decided(stored, documents(most))
    assert (deleted, f"{most} of {count} documents" in reason) == ([], True)
    assert len(decided(stored, documents(most), allow_many=True)[0]) == most


def test_an_emptied_sub_folder_keeps_its_documents_and_the_others_go() -> None:
    stored = documents(30) | documents(FEW, "share/")
    deleted, reason = decided(stored, {"1.md"} | documents(FEW, "share/"), empty=("share",))
    assert deleted == ["1.md"]
    assert "share/ has no document now but held 3" in reason
    assert decided(stored, documents(FEW, "share/"))[1] == ""  # that folder was removed too


@pytest.mark.parametrize("allow_many", [False, True])
def test_nothing_goes_while_a_folder_that_held_documents_cannot_be_listed(allow_many: bool) -> None:
    unlisted = (Unlisted("hr", "Permission denied", is_failure=False),)
    stored = {"a.md", "hr/b.md", "hr.md"}
    gone = known_to_be_gone(stored, {"x.md"}, unlisted)
    assert gone == {"a.md", "hr.md"}
    deleted, reason = decided(stored, set(gone), unlisted=unlisted, allow_many=allow_many)
    assert (deleted, "hr/ could not be listed (Permission denied)" in reason) == ([], True)


def test_a_folder_that_never_held_documents_and_is_closed_to_this_user_stops_nothing() -> None:
    unlisted = (Unlisted("private", "Permission denied", is_failure=False),)
    assert decided({"a.md", "b.md"}, {"a.md"}, unlisted=unlisted) == (["a.md"], "")


def test_nothing_goes_after_an_error_of_the_disk_wherever_it_was() -> None:
    unlisted = (Unlisted("other", "Input/output error", is_failure=True),)
    assert decided({"a.md", "b.md"}, {"a.md"}, unlisted=unlisted)[0] == []
