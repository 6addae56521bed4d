"""Stores of past versions, made by the programs of then (`past/*.sql`): upgraded at opening, with nothing lost."""

import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.errors import StoreDamaged, StoreFull
from edge_agent.feedback.log import NewFeedback
from edge_agent.ingest.outcome import Outcome
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from edge_agent.storage.database import DATABASE, SCHEMA_VERSION
from edge_agent.storage.documents import Store
from edge_agent.storage.failures import named_failures
from edge_agent.storage.feedback import FeedbackTable
from edge_agent.storage.records import document_id_of
from edge_agent.storage.training_data import read_staff_feedback
from edge_agent.storage.upgrade import upgrade
from tests.edge_agent.stored import documents_of, text_of

PAST = sorted((Path(__file__).parent / "past").glob("*.sql"))
WITH_FEEDBACK = [path for path in PAST if path.stem != "v1"]
BEFORE_ROOTS = [path for path in PAST if path.stem != "v4"]
LATEST = next(path for path in PAST if path.stem == "v3-checksums")
BACKUPS, REFUNDS = document_id_of("faq/backups.md"), document_id_of("devoluciones.md")
TEXT = "# Backups\n\n## How long are backups kept?\n\nBackups are kept for thirty days.\n"


def restored(dump: Path, folder: Path) -> Path:
    """The store of a dump, in a folder."""
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        db.executescript(dump.read_text())
    return folder


def schema_of(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()


def test_there_is_a_store_of_every_past_shape() -> None:
    names = [path.stem for path in PAST]
    assert names == ["v1", "v2", "v3-checksums", "v3-first", "v3-sentences", "v3-spaces", "v4"]


@pytest.mark.parametrize("dump", PAST, ids=lambda path: path.stem)
def test_documents_of_a_past_version_answer_with_valid_citations(dump: Path, tmp_path: Path) -> None:
    with Agent(AgentSettings(restored(dump, tmp_path))) as agent:
        answer = agent.questions.query("how long are backups kept?")
        [citation] = answer.citations
        assert citation.document_id == BACKUPS
        assert text_of(agent.store, BACKUPS)[citation.start : citation.end] == citation.quote
        assert citation.quote == "Backups are kept for thirty days."
        found = agent.lookup.search("devoluciones")
        assert found[0].document_id == REFUNDS
        assert agent.store.check(agent.models.active.student.encoder.dimension) == []


@pytest.mark.parametrize("dump", PAST, ids=lambda path: path.stem)
def test_an_upgraded_store_has_the_tables_of_a_new_one(dump: Path, tmp_path: Path) -> None:
    Store(restored(dump, tmp_path)).close()
    (tmp_path / "new").mkdir()
    Store(tmp_path / "new").close()
    assert schema_of(tmp_path / DATABASE) == schema_of(tmp_path / "new" / DATABASE)
    reopened = Store(tmp_path)
    documents = documents_of(reopened)
    reopened.close()
    assert [(d.source, d.root, d.language) for d in documents] == [
        ("devoluciones.md", "", "es"),
        ("faq/backups.md", "", "en"),
    ]
    assert documents[1].tags == (("faq",) if "document_tags" in dump.read_text() else ())


@pytest.mark.parametrize("dump", WITH_FEEDBACK, ids=lambda path: path.stem)
def test_feedback_and_reviews_are_kept_with_their_ids(dump: Path, tmp_path: Path) -> None:
    store = Store(restored(dump, tmp_path))
    table = FeedbackTable(store.database)
    said = table.read_since(0)
    assert [(f.feedback_id, f.text, f.intent, f.source, f.customer, f.review_id) for f in said] == [
        (1, "how long are backups kept?", None, "faq/backups.md", "c1", None),
        (2, "where is my parcel?", "track_order", None, None, 1),
    ]
    assert [f.document_id for f in said] == [BACKUPS, None]
    assert [(r.review_id, r.text) for r in table.pending()] == [(2, "quiero hablar con alguien")]
    with pytest.raises(sqlite3.IntegrityError, match="append-only"), store.database.transaction() as db:
        db.execute("DELETE FROM feedback")
    store.close()
    assert len(read_staff_feedback(tmp_path)) == 2


@pytest.mark.parametrize("dump", PAST, ids=lambda path: path.stem)
def test_no_passage_id_of_before_is_given_again(dump: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(restored(dump, tmp_path) / DATABASE)) as db:
        (last,) = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'passages'").fetchone()
        db.execute("UPDATE sqlite_sequence SET seq = 1000 WHERE name = 'passages'")
        db.commit()
    assert last >= 3
    with Agent(AgentSettings(tmp_path)) as agent:
        agent.add_document("new.md", b"# New\n\nOne more.", DocumentFormat.MARKDOWN)
        assert agent.lookup.search("one more")[0].passage_id == 1001


@pytest.mark.parametrize("dump", BEFORE_ROOTS, ids=lambda path: path.stem)
def test_a_folder_takes_over_the_documents_of_before_with_their_ids(dump: Path, tmp_path: Path) -> None:
    (tmp_path / "manuals").mkdir()
    with Agent(AgentSettings(restored(dump, tmp_path))) as agent:
        root = agent.add_root(tmp_path / "manuals")
        added = agent.add_document("faq/backups.md", TEXT.encode(), DocumentFormat.MARKDOWN, root=root)
        assert added.outcome in (Outcome.REPLACED, Outcome.UNCHANGED)
        assert (added.document.document_id, added.document.root) == (BACKUPS, root)
        assert list(agent.files("")) == ["devoluciones.md"]
        agent.add_feedback(NewFeedback("until when?", source="faq/backups.md"))
        assert agent.feedback.read_since(0)[-1].document_id == BACKUPS


@pytest.mark.parametrize("dump", BEFORE_ROOTS, ids=lambda path: path.stem)
def test_a_folder_leaves_a_document_of_before_that_says_something_else(dump: Path, tmp_path: Path) -> None:
    (tmp_path / "manuals").mkdir()
    with Agent(AgentSettings(restored(dump, tmp_path))) as agent:
        root = agent.add_root(tmp_path / "manuals")
        other = b"# Opening hours\n\nThe branch opens at nine.\n"
        added = agent.add_document("faq/backups.md", other, DocumentFormat.MARKDOWN, root=root)
        assert added.outcome is Outcome.ADDED
        assert added.document.document_id != BACKUPS
        assert "faq/backups.md" in agent.files("")


def test_the_file_of_before_is_kept_until_the_second_start(tmp_path: Path) -> None:
    copy = restored(LATEST, tmp_path) / "orilla.v3.db"
    Store(tmp_path).close()
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (3,)
        assert db.execute("SELECT count(*) FROM feedback").fetchone() == (2,)
    Store(tmp_path).close()
    assert not copy.exists()


def test_the_file_of_before_can_be_put_back(tmp_path: Path) -> None:
    restored(LATEST, tmp_path)
    Store(tmp_path).close()
    (tmp_path / "orilla.v3.db").replace(tmp_path / DATABASE)
    store = Store(tmp_path)
    assert len(documents_of(store)) == 2
    store.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE documents SET text = replace(text, 'thirty', 'ninety')",
        "UPDATE documents SET title = 'Another' WHERE source = 'devoluciones.md'",
        "UPDATE passages SET start = start + 1",
        "UPDATE document_tags SET tag = 'other'",
        "DROP TRIGGER feedback_is_kept",
        "DELETE FROM changes",
    ],
)
def test_damage_is_not_covered_by_an_upgrade(damage: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(restored(LATEST, tmp_path) / DATABASE)) as db:
        db.execute(damage)
        db.commit()
    with pytest.raises(StoreDamaged):
        Store(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (3,)
        assert db.execute("SELECT count(*) FROM feedback").fetchone() == (2,)


def test_a_full_disk_leaves_the_store_of_before(tmp_path: Path) -> None:
    path = restored(LATEST, tmp_path) / DATABASE
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        schema = files("edge_agent.storage").joinpath("schema.sql").read_text()
        before = list(db.iterdump())
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreFull), named_failures(path):
            upgrade(db, path, schema=schema, version=SCHEMA_VERSION, finish=lambda: None)
        assert list(db.iterdump()) == before
        assert db.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    Store(tmp_path).close()


def test_a_memory_is_added_to_a_store_that_has_all_else(tmp_path: Path) -> None:
    dump = next(path for path in PAST if path.stem == "v4")
    with Agent(AgentSettings(restored(dump, tmp_path))) as agent:
        assert (tmp_path / "orilla.v4.db").exists()
        assert agent.memory.all() == []
        agent.add_feedback(NewFeedback("until when are copies there?", source="faq/backups.md"))
        assert [row.source for row in agent.memory.all()] == ["faq/backups.md"]
        assert agent.store.check(agent.models.active.student.encoder.dimension) == []
