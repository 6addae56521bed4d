"""The root that a path belongs to, and which part of it is meant."""

import os
from pathlib import Path

import pytest

from edge_agent.errors import InputInvalid
from edge_agent.ingest.folder.places import Place, places_of, source_of
from edge_agent.storage.records import Root


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    (tmp_path / "srv" / "hr" / "old").mkdir(parents=True)
    (tmp_path / "srv" / "hr" / "a.md").write_text("A text.")
    return tmp_path / "srv"


def root(label: str, path: Path) -> Root:
    return Root(label, str(path), 3)


def test_a_folder_nobody_knows_is_a_root_and_a_files_folder_is_its(srv: Path) -> None:
    assert places_of(srv, []) == [Place(srv, None)]
    assert places_of(srv / "hr" / "a.md", []) == [Place(srv / "hr", None, "a.md")]


def test_a_part_of_a_known_root_belongs_to_it(srv: Path) -> None:
    known = [root("srv", srv)]
    assert places_of(srv / "hr", known) == [Place(srv, "srv", "hr")]
    assert places_of(srv / "hr" / "a.md", known) == [Place(srv, "srv", "hr/a.md")]


def test_a_folder_around_known_roots_leaves_their_files_to_them(srv: Path) -> None:
    known = [root("old", srv / "hr" / "old"), root("hr", srv / "hr")]
    assert places_of(srv, known) == [
        Place(srv, None, "", frozenset({"hr", "hr/old"})),
        Place(srv / "hr" / "old", "old"),
        Place(srv / "hr", "hr", "", frozenset({"old"})),
    ]
    assert places_of(srv / "hr" / "old", known) == [Place(srv / "hr" / "old", "old")]


def test_a_link_to_a_root_is_that_root(srv: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(srv)
    assert places_of(tmp_path / "link" / "hr", [root("srv", srv)]) == [Place(srv, "srv", "hr")]


def test_a_root_behind_a_link_stays_the_same_when_the_link_leads_elsewhere(srv: Path, tmp_path: Path) -> None:
    link = tmp_path / "current"
    link.symlink_to(srv / "hr")
    known = [root("current", link)]
    link.unlink()
    link.symlink_to(srv)
    assert places_of(link, known) == [Place(link, "current")]


def test_folders_whose_names_begin_alike_are_apart(srv: Path) -> None:
    (srv / "hr-2").mkdir()
    assert places_of(srv / "hr-2", [root("hr", srv / "hr")]) == [Place(srv / "hr-2", None)]


def test_a_root_that_went_away_says_that_its_documents_stay(srv: Path) -> None:
    with pytest.raises(InputInvalid, match="does not exist, while 3 documents of it are stored; nothing was deleted"):
        places_of(srv / "gone", [root("gone", srv / "gone")])
    with pytest.raises(InputInvalid, match="does not exist; name a file or a folder"):
        places_of(srv / "gone", [])


def test_a_part_of_a_root_that_went_away_says_how_to_delete_its_documents(srv: Path) -> None:
    with pytest.raises(InputInvalid, match=f"in the root srv stay.*orilla edge ingest {srv} --prune"):
        places_of(srv / "gone", [root("srv", srv)])


def test_special_files_are_refused(srv: Path) -> None:
    os.mkfifo(srv / "pipe.md")
    with pytest.raises(InputInvalid, match="neither a file nor a folder"):
        places_of(srv / "pipe.md", [])


def test_all_unicode_forms_of_a_name_are_one_source() -> None:
    assert source_of("Poli\u0301tica.md") == source_of("Pol\u00edtica.md") == "Pol\u00edtica.md"
