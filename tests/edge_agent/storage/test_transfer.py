"""A whole base exported while it is written to, and imported elsewhere; damaged archives leave nothing behind."""

import sqlite3
import stat
import zipfile
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.errors import InputInvalid, StoreForeign
from edge_agent.feedback.log import NewFeedback
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from edge_agent.storage.database import DATABASE
from edge_agent.storage.transfer import MANIFEST, export_base, import_base

TEXT = b"# Parking\n\nVisitors park behind the bakery on weekdays."


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """An export that was made while the store was open."""
    with Agent(AgentSettings(tmp_path / "store")) as agent:
        agent.add_document("parking.md", TEXT, DocumentFormat.MARKDOWN)
        agent.add_feedback(NewFeedback("Where do visitors park?", is_helpful=True))
        manifest = export_base(tmp_path / "store", tmp_path / "base.zip")
    assert (manifest.documents, manifest.feedback) == (1, 1)
    return tmp_path / "base.zip"


def test_a_base_is_the_same_elsewhere(exported: Path, tmp_path: Path) -> None:
    import_base(exported, tmp_path / "other")
    with Agent(AgentSettings(tmp_path / "other")) as agent:
        answer = agent.questions.query("Where do visitors park?")
        assert answer.answer == "Visitors park behind the bakery on weekdays."
        assert len(agent.feedback.read_since(0)) == 1
        assert agent.store.check(agent.models.active.student.encoder.dimension) == []


def test_only_its_owner_may_read_an_export(exported: Path) -> None:
    assert stat.S_IMODE(exported.stat().st_mode) == 0o600


def test_nothing_is_overwritten(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="exists; name a new file"):
        export_base(tmp_path / "store", exported)
    with pytest.raises(InputInvalid, match="holds a store already"):
        import_base(exported, tmp_path / "store")


def test_there_must_be_a_store(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="holds no store"):
        export_base(tmp_path, tmp_path / "base.zip")
    sqlite3.connect(tmp_path / DATABASE).execute("CREATE TABLE documents (id)").connection.close()
    with pytest.raises(StoreForeign):
        export_base(tmp_path, tmp_path / "base.zip")
    assert [path.name for path in tmp_path.iterdir()] == [DATABASE]


@pytest.mark.parametrize("harm", ["cut", "swapped", "renamed", "text", "bytes"])
def test_a_damaged_export_leaves_nothing_behind(exported: Path, tmp_path: Path, harm: str) -> None:
    damaged = tmp_path / "damaged.zip"
    with zipfile.ZipFile(exported) as packed:
        manifest, database = packed.read(MANIFEST), packed.read(DATABASE)
    if harm == "cut":
        damaged.write_bytes(exported.read_bytes()[:5000])
    elif harm == "text":
        damaged.write_text("a text")
    else:
        with zipfile.ZipFile(damaged, "w") as packed:
            packed.writestr(MANIFEST, manifest.replace(b'"bytes": ', b'"bytes": 1') if harm == "bytes" else manifest)
            name = "../orilla.db" if harm == "renamed" else DATABASE
            packed.writestr(name, database[:-1] + b"?" if harm == "swapped" else database)
    with pytest.raises(InputInvalid, match="no whole export"):
        import_base(damaged, tmp_path / "other")
    assert not (tmp_path / "other").exists()
