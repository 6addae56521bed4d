"""Damaged files of a store: flipped bits, torn ends, lost pages. Nothing false is given, nothing lost in silence."""

import contextlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edge_agent.errors import (
    AgentError,
    DocumentUnknown,
    StoreDamaged,
    StoreForeign,
    StoreTooNew,
    StoreTooOld,
    StoreUnavailable,
)
from edge_agent.feedback.log import FeedbackLog, NewFeedback
from edge_agent.storage.database import DATABASE
from edge_agent.storage.documents import Store
from edge_agent.storage.records import ChunkingRecipe, Document, NewDocument, Passage, PassageSpan, document_id_of
from student.embeddings import Embeddings
from tests.conftest import ROOT, ServeStore, run_orilla
from tests.edge_agent.stored import documents_of, text_of

SPACE, DIMENSION, RECIPE = "ab" * 32, 64, ChunkingRecipe(1, 100)
REFUSALS = (StoreDamaged, StoreForeign, StoreTooNew, StoreTooOld, StoreUnavailable)
"""A flipped bit may stand in the mark or the version of the file, too."""
WORDS = "pago factura copia correo servidor dominio clave web línea cuenta".split()


def flip_a_bit(content: bytearray, generator: random.Random) -> None:
    content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)


def cut_short(content: bytearray, generator: random.Random) -> None:
    del content[generator.randrange(len(content)) :]


def lose_a_page(content: bytearray, generator: random.Random) -> None:
    start = generator.randrange(len(content)) // 4096 * 4096
    content[start : start + 4096] = bytes(len(content[start : start + 4096]))


def overwrite_a_piece(content: bytearray, generator: random.Random) -> None:
    start = generator.randrange(len(content))
    content[start : start + 200] = generator.randbytes(len(content[start : start + 200]))


DAMAGES = (flip_a_bit, cut_short, lose_a_page, overwrite_a_piece)


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a store gives."""

    documents: list[Document]
    texts: dict[str, str]
    passages: dict[int, Passage]
    ids: list[int]
    to_embed: list[int]
    embeddings: Embeddings
    found: dict[str, list[int]]
    feedback: int


def read_everything(folder: Path) -> Contents:
    store = Store(folder)
    try:
        documents = documents_of(store)
        ids, embeddings = store.embeddings.all(SPACE, DIMENSION)
        with store.snapshots.open() as snapshot:
            passages = [p for d in documents for p in snapshot.passages(snapshot.passages_of(d.document_id))]
            found = {word: sorted(snapshot.bm25(f'"{word}"', limit=100)) for word in WORDS}
        return Contents(
            documents,
            texts_of(store, documents),
            {p.passage_id: p for p in passages},
            ids.tolist(),
            store.embeddings.missing(SPACE, after=0, limit=1000),
            embeddings.astype(np.float32),
            found,
            len(FeedbackLog(store.database).read_since(0)),
        )
    finally:
        store.close()


def texts_of(store: Store, documents: list[Document]) -> dict[str, str]:
    """Where the index of ids is damaged a document may be listed and not be found; the check reports it."""
    texts = {}
    for document in documents:
        with contextlib.suppress(DocumentUnknown):
            texts[document.document_id] = text_of(store, document.document_id)
    return texts


def make_store(folder: Path, generator: random.Random) -> Store:
    """Documents added, replaced and deleted, so that pages are fragmented as in a store that was used."""
    store = Store(folder)
    random_rows = np.random.default_rng(7)
    log = FeedbackLog(store.database)
    for number in range(40):
        source = f"{generator.randrange(25)}.md"
        paragraphs = [" ".join(generator.choices(WORDS, k=40)) for _ in range(generator.randrange(1, 12))]
        text, spans, start = "\n\n".join(paragraphs), [], 0
        for paragraph in paragraphs:
            spans.append(PassageSpan(start, start + len(paragraph), "Título"))
            start += len(paragraph) + 2
        rows = random_rows.standard_normal((len(spans), DIMENSION)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        store.put(
            NewDocument(source, "Título", "markdown", "es", f"{number:064x}", text, RECIPE, ("a", "b")),
            spans,
            rows,
            [rows[:1]] * len(spans),
            SPACE,
        )
        log.add(NewFeedback(f"¿pregunta {number}?", is_helpful=True), "ab" * 32)
        if number == 20:
            with sqlite3.connect(folder / DATABASE) as db:
                db.execute("PRAGMA wal_checkpoint")
            db.close()
        if number % 9 == 8:
            store.delete(document_id_of(source))
    return store


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The same store as it is left by a clean end, and by a kill, with its last changes in the log alone."""
    ended, killed, work = (tmp_path_factory.mktemp(name) for name in ("ended", "killed", "work"))
    store = make_store(work, random.Random(1))
    shutil.copytree(work, killed, dirs_exist_ok=True)
    store.close()
    shutil.copytree(work, ended, dirs_exist_ok=True)
    yield {"ended": ended, "killed": killed}


# A further file of the store joins here: (how the store was left, the file's name).
FILES = [("ended", DATABASE), ("killed", DATABASE), ("killed", f"{DATABASE}-wal"), ("ended", "acknowledged")]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("left", "name"), FILES)
def test_a_damaged_store_gives_what_was_written_or_says_that_it_is_damaged(
    sound: dict[str, Path], tmp_path: Path, left: str, name: str, damage: Callable[[bytearray, random.Random], None]
) -> None:
    truth = read_everything(shutil.copytree(sound[left], tmp_path / "sound"))
    assert len(truth.documents) > 10
    generator = random.Random(f"{left} {name} {damage.__name__}")
    refused = 0
    for number in range(25):
        folder = shutil.copytree(sound[left], tmp_path / str(number))
        content = bytearray((folder / name).read_bytes())
        damage(content, generator)
        (folder / name).write_bytes(content)
        refused += is_refused(folder, truth)
        shutil.rmtree(folder)
    where_it_counts = [("ended", DATABASE), ("killed", f"{DATABASE}-wal")]  # elsewhere what is spoilt is often unused
    assert refused or damage is flip_a_bit or (left, name) not in where_it_counts


def is_refused(folder: Path, truth: Contents) -> bool:
    """Whether a damaged store is refused, at once or by its check; else all that it gives is what was written."""
    try:
        given = read_everything(folder)
    except REFUSALS as error:
        assert "factura" not in str(error)
        return True
    by_id = {d.document_id: d for d in truth.documents}
    for document in given.documents:  # nothing false; what is missing is the check's to find
        assert by_id[document.document_id].content_sha256 == document.content_sha256
        assert document.title == by_id[document.document_id].title
    assert all(truth.texts[document_id] == text for document_id, text in given.texts.items())
    assert all(truth.passages[passage_id] == passage for passage_id, passage in given.passages.items())
    at = {passage_id: row for row, passage_id in enumerate(truth.ids)}
    for passage_id, row in zip(given.ids, given.embeddings, strict=True):
        if passage_id in at:
            assert row @ truth.embeddings[at[passage_id]] > 0.9  # of a unit vector one number may have changed its sign
    if is_the_same(given, truth):
        return False
    assert check(folder)
    return True


def is_the_same(given: Contents, truth: Contents) -> bool:
    fields = ("documents", "texts", "passages", "found", "feedback")
    is_whole = sorted(given.ids + given.to_embed) == truth.ids  # what has lost its embedding is embedded again
    return is_whole and all(getattr(given, field) == getattr(truth, field) for field in fields)


def check(folder: Path) -> list[str]:
    try:
        store = Store(folder)
        try:
            return store.check(DIMENSION)
        finally:
            store.close()
    except AgentError as error:
        return [str(error)]


def test_an_emptied_or_missing_database_is_not_taken_for_a_new_one(sound: dict[str, Path], tmp_path: Path) -> None:
    for is_there in (True, False):
        folder = shutil.copytree(sound["ended"], tmp_path / "store")
        (folder / DATABASE).unlink()
        if is_there:
            (folder / DATABASE).touch()
        with pytest.raises(StoreDamaged, match=r"holds 0 changes, expected \d+.*Restore the folder from a backup"):
            Store(folder)
        (folder / "acknowledged").unlink()  # as the message says, to go on with what is left
        Store(folder).close()
        shutil.rmtree(folder)


def test_changes_that_a_lost_log_held_are_missed(sound: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(sound["killed"], tmp_path / "store")
    (folder / f"{DATABASE}-wal").unlink()
    with pytest.raises(StoreDamaged, match=f"{DATABASE}-wal was damaged, cut off or taken away"):
        Store(folder)


def test_a_changed_text_is_never_quoted(sound: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(sound["ended"], tmp_path / "store")
    content = (folder / DATABASE).read_bytes()
    (folder / DATABASE).write_bytes(content.replace(b"factura copia", b"factura Copia"))
    store = Store(folder)
    with pytest.raises(StoreDamaged, match="a passage"):
        store.snapshots.read(lambda s: s.passages(store.embeddings.all(SPACE, DIMENSION)[0].tolist()))
    problems = store.check(DIMENSION)
    store.close()
    assert any("passages that are not what was written" in problem for problem in problems)


def test_text_that_is_no_text_any_more_is_damage_and_is_not_repeated(sound: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(sound["ended"], tmp_path / "store")
    content = (folder / DATABASE).read_bytes()
    (folder / DATABASE).write_bytes(content.replace("línea cuenta".encode(), b"l\xff\xfenea cuenta"))
    store = Store(folder)
    with pytest.raises(StoreDamaged, match="SQLITE_CORRUPT") as raised:
        for document in documents_of(store):
            text_of(store, document.document_id)
    store.close()
    assert "cuenta" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_damage_while_a_store_is_served_is_a_problem_that_says_what_to_do(serve: ServeStore, tmp_path: Path) -> None:
    store = tmp_path / "store"
    folder = tmp_path / "documents"
    folder.mkdir()
    for path in sorted((ROOT / "demo/knowledge_base/es").glob("*.md"))[:15]:
        shutil.copy(path, folder)
    assert run_orilla("edge", "ingest", str(folder), "--store", str(store)).returncode == 0
    server = serve(store)
    path = store / DATABASE
    with path.open("r+b") as file:  # in place, under the running server
        for start in range(8 * 4096, path.stat().st_size, 4096):
            file.seek(start)
            file.write(b"\xa5" * 4096)
    problems = 0
    questions = ["¿Cuánto se guardan las copias?", "¿Cómo pago una factura?", "cambiar de plan"]
    for path_of, body in [(p, {"text": q}) for p in ("/v1/query", "/v1/search") for q in questions]:
        response = server.http.post(path_of, json=body)
        if response.status_code != 200:
            assert (response.status_code, response.json()["type"]) == (503, "urn:orilla:problem:store-damaged")
            assert 'see what "orilla edge check" finds, then restore' in response.json()["detail"]
            problems += 1
    assert problems
    added = server.http.post("/v1/documents", json={"source": "new.md", "text": "Some new text."})
    assert added.status_code in (201, 503)
    assert server.http.get("/healthz").is_success
    server.kill()
    checked = run_orilla("edge", "check", "--store", str(store))
    assert checked.returncode in (1, 2)
    assert "Traceback" not in checked.stderr
    assert "damaged" in checked.stdout + checked.stderr or "not what was written" in checked.stdout


def test_the_number_of_acknowledged_changes_never_runs_ahead(tmp_path: Path) -> None:
    store = make_store(tmp_path, random.Random(2))
    store.close()
    with sqlite3.connect(tmp_path / DATABASE) as db:
        (count,) = db.execute("SELECT count FROM changes").fetchone()
    db.close()
    assert int((tmp_path / "acknowledged").read_text().split()[0]) == count
    Store(tmp_path).close()
