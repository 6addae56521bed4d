"""The command line as an administrator uses it."""

import json
from pathlib import Path

import httpx
import pytest

from edge_agent.storage.documents import Store
from tests.conftest import ROOT, ServeStore, run_orilla

DEMO = ROOT / "demo" / "knowledge_base"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "docs"
    (path / "sub").mkdir(parents=True)
    (path / "backups.md").write_text("# Backups\n\nBackups are kept for fourteen days.\n")
    (path / "sub" / "notas.txt").write_text("Los reembolsos tardan diez días.\n")
    (path / "film.mp4").write_bytes(b"film")
    return path


def test_ingest_then_query_from_an_empty_machine(folder: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    done = run_orilla("edge", "ingest", str(folder), "--store", store)
    said = "2 added, 0 replaced, 0 moved, 0 unchanged, 1 skipped, 0 deleted, 0 refused\n"
    assert (done.returncode, done.stdout) == (0, said)
    again = run_orilla("edge", "ingest", str(folder), "--store", store, "--json")
    assert json.loads(again.stdout) == {
        **{"added": 0, "replaced": 0, "moved": 0, "unchanged": 2, "skipped": 1, "deleted": 0},
        **{"refused": [], "changes": [], "withheld": [], "gone": [], "notices": []},
        "skipped_files": [
            {"source": "film.mp4", "kind": "not a document", "reason": "files of type .mp4 are not read"}
        ],
    }
    answer = run_orilla("edge", "query", "how long are backups kept?", "--store", store)
    assert answer.returncode == 0
    assert "Backups are kept for fourteen days." in answer.stdout
    assert "[1] Backups (backups.md, 2" in answer.stdout
    as_json = json.loads(run_orilla("edge", "query", "capital of France?", "--store", store, "--json").stdout)
    assert as_json["abstained"] is True
    assert as_json["nearest_documents"]
    checked = run_orilla("edge", "check", "--store", store)
    assert (checked.returncode, checked.stdout) == (0, "2 documents, 2 passages: sound\n")


@pytest.mark.parametrize("is_served", [True, False])
def test_a_folder_is_ingested_with_tags(folder: Path, tmp_path: Path, serve: ServeStore, is_served: bool) -> None:
    store = tmp_path / "store"
    if is_served:
        serve(store)
    done = run_orilla("edge", "ingest", str(folder), "--store", str(store), "--tag", "Madrid", "--tag", "faq")
    assert done.returncode == 0
    if is_served:
        again = run_orilla("edge", "ingest", str(folder), "--store", str(store), "--tag", "faq", "--tag", "madrid")
        assert "2 unchanged" in again.stdout
        return
    opened = Store(store)
    assert {d.tags for d in opened.snapshots.read(lambda s: s.documents())} == {("faq", "madrid")}
    opened.close()


def test_an_answer_from_a_source_in_another_language_says_so(folder: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    run_orilla("edge", "ingest", str(folder / "backups.md"), "--store", store)
    said = run_orilla("edge", "query", "¿Cuántos días se guardan los backups?", "--store", store).stdout
    assert "La fuente está en inglés" in said
    assert "fuente" not in run_orilla("edge", "query", "How long are backups kept?", "--store", store).stdout


def test_one_bad_file_is_reported_and_the_others_go_in(folder: Path, tmp_path: Path) -> None:
    (folder / "bad.md").write_bytes(b"PK\x03\x04")
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(1 << 40)  # a sparse terabyte: it must not be read
    done = run_orilla("edge", "ingest", str(folder), "--store", str(tmp_path / "store"))
    assert done.returncode == 1
    assert "2 added" in done.stdout
    assert "bad.md: the document is not what its type" in done.stderr
    assert "huge.txt: the file has 1099511627776 bytes, at most 20000000 are accepted" in done.stderr


def test_commands_on_a_served_store_go_through_its_server(folder: Path, serve: ServeStore, tmp_path: Path) -> None:
    store = tmp_path / "store"
    server = serve(store)
    done = run_orilla("edge", "ingest", str(folder), "--store", str(store))
    assert done.stdout.startswith("2 added")
    assert server.http.get("/v1/documents").json()["total"] == 2
    answer = run_orilla("edge", "query", "how long are backups kept?", "--store", str(store))
    assert "fourteen days" in answer.stdout
    (folder / "bad.md").write_bytes(b"PK\x03\x04")
    refused = run_orilla("edge", "ingest", str(folder), "--store", str(store))
    assert "not what its type" in refused.stderr


@pytest.mark.parametrize("is_served", [False, True])
def test_pruning_leaves_exactly_the_folder(folder: Path, serve: ServeStore, tmp_path: Path, is_served: bool) -> None:
    store = tmp_path / "store"
    if is_served:
        serve(store)
    run_orilla("edge", "ingest", str(folder), "--store", str(store))
    gone = next(folder.rglob("*.md"))
    gone.unlink()
    kept = run_orilla("edge", "ingest", str(folder), "--store", str(store), "--json")
    assert json.loads(kept.stdout)["deleted"] == 0  # nothing is deleted unless it is asked for
    said = run_orilla("edge", "ingest", str(folder), "--store", str(store))
    assert "1 documents kept and still answering although their files are gone" in said.stderr
    name = gone.relative_to(folder).as_posix()
    assert (said.returncode, name in said.stderr) == (0, True)
    assert name in run_orilla("edge", "report", "--store", str(store)).stdout
    pruned = run_orilla("edge", "ingest", str(folder), "--store", str(store), "--prune", "--json")
    assert json.loads(pruned.stdout)["deleted"] == 1
    again = run_orilla("edge", "ingest", str(folder), "--store", str(store), "--prune", "--json")
    assert json.loads(again.stdout)["deleted"] == 0
    (tmp_path / "single.md").write_text("Some text.")
    single = run_orilla("edge", "ingest", str(tmp_path / "single.md"), "--store", str(store), "--prune")
    assert (single.returncode, "is a file" in single.stderr) == (2, True)


def test_every_file_that_is_not_ingested_is_named_as_far_as_a_screen_goes(folder: Path, tmp_path: Path) -> None:
    for number in range(51):
        (folder / f"call-{number:02}.mp3").write_bytes(b"ID3")
    (folder / "empty.md").touch()
    (folder / ".DS_Store").touch()
    (folder / "strange \x1b[31m name.gif").touch()
    store = str(tmp_path / "store")
    done = run_orilla("edge", "ingest", str(folder), "--store", store)
    assert done.returncode == 0
    assert "not ingested, an empty file:\n  empty.md\n" in done.stderr
    assert "not ingested, files of type .mp3 are not read:\n  call-00.mp3\n" in done.stderr
    assert "  call-19.mp3\n  and 31 more; --verbose names all\n" in done.stderr
    assert "1 hidden or temporary files left out" in done.stderr
    assert "\x1b[31m" not in done.stderr
    assert "call-50.mp3" in run_orilla("edge", "ingest", str(folder), "--store", store, "--verbose").stderr
    as_json = json.loads(run_orilla("edge", "ingest", str(folder), "--store", store, "--json").stdout)
    assert len(as_json["skipped_files"]) == as_json["skipped"] == 55


@pytest.mark.parametrize("is_served", [False, True])
def test_a_share_that_is_not_mounted_empties_no_store(
    folder: Path, serve: ServeStore, tmp_path: Path, is_served: bool
) -> None:
    store = str(tmp_path / "store")
    if is_served:
        serve(tmp_path / "store")
    run_orilla("edge", "ingest", str(folder), "--store", store)
    mounted = folder.rename(tmp_path / "mounted")
    missing = run_orilla("edge", "ingest", str(folder), "--store", store, "--prune")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "does not exist, while 2 documents of it are stored; nothing was deleted" in missing.stderr
    folder.mkdir()
    empty = run_orilla("edge", "ingest", str(folder), "--store", store, "--prune")
    assert (empty.returncode, "0 deleted" in empty.stdout) == (1, True)
    assert "2 documents kept, not deleted: the folder has no document now but held 2" in empty.stderr
    folder.rmdir()
    mounted.rename(folder)
    assert "2 unchanged" in run_orilla("edge", "ingest", str(folder), "--store", store, "--prune").stdout
    allowed = run_orilla("edge", "ingest", str(folder), "--store", store, "--allow-many-deletions")
    assert (allowed.returncode, "pass both, or neither" in allowed.stderr) == (2, True)


def test_deleted_documents_are_named(folder: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    run_orilla("edge", "ingest", str(folder), "--store", store)
    gone = next(folder.rglob("*.md"))
    gone.unlink()
    pruned = run_orilla("edge", "ingest", str(folder), "--store", store, "--prune")
    assert "1 deleted" in pruned.stdout
    assert pruned.stderr.split("deleted:\n")[1].split()[0] == gone.relative_to(folder).as_posix()


def test_a_refused_update_says_that_the_old_version_stays(folder: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    run_orilla("edge", "ingest", str(folder), "--store", store)
    (folder / "backups.md").write_bytes(b"PK\x03\x04")
    done = run_orilla("edge", "ingest", str(folder), "--store", store)
    assert done.returncode == 1
    assert "backups.md: the document is not what its type" in done.stderr
    assert "(kept the old version, marked stale)" in done.stderr
    again = json.loads(run_orilla("edge", "ingest", str(folder), "--store", store, "--json").stdout)
    assert again["refused"][0]["kept_old_version"] is True


def test_a_second_server_on_a_store_is_refused(serve: ServeStore, tmp_path: Path) -> None:
    server = serve(tmp_path / "store")
    second = run_orilla("edge", "serve", "--store", str(tmp_path / "store"), "--port", "0")
    assert second.returncode == 2
    assert f"in use by process {server.process.pid}, which serves http://127.0.0.1:" in second.stderr
    assert "Traceback" not in second.stderr
    assert server.http.get("/healthz").is_success


def test_a_port_in_use_is_refused(serve: ServeStore, tmp_path: Path) -> None:
    port = serve(tmp_path / "store").http.base_url.port
    second = run_orilla("edge", "serve", "--store", str(tmp_path / "other"), "--port", str(port))
    assert second.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use; pass another --port" in second.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["edge", "serve", "--bundle", "/nowhere"], "no bundle at /nowhere"),
        (["edge", "query", "hi", "--bundle", "/nowhere"], "no bundle at /nowhere"),
        (["edge", "ingest", "/nowhere"], "/nowhere does not exist"),
        (["edge", "query", ""], "text is empty"),
        (["student", "show", "/etc"], "not an Orilla bundle"),
    ],
)
def test_what_is_refused_is_one_line_and_status_2(arguments: list[str], message: str, tmp_path: Path) -> None:
    Store(tmp_path / "store").close()
    store = ["--store", str(tmp_path / "store")] if arguments[0] == "edge" else []
    done = run_orilla(*arguments, *store)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["list"], ["show", "a.md"], ["delete", "a.md", "--yes"], ["report"], ["query", "hi"], ["check"]]
)
def test_a_folder_without_a_store_is_refused_and_stays_as_it_is(arguments: list[str], tmp_path: Path) -> None:
    done = run_orilla("edge", *arguments, "--store", str(tmp_path / "typo"))
    assert (done.returncode, "holds no store; name its folder with --store" in done.stderr) == (2, True)
    assert not (tmp_path / "typo").exists()


def test_a_store_that_is_held_unserved_says_how_to_ask_beside_it(tmp_path: Path) -> None:
    from edge_agent.storage.lock import StoreLock

    with StoreLock(tmp_path):
        done = run_orilla("edge", "list", "--store", str(tmp_path))
    assert (done.returncode, "start `orilla edge serve`, then watch and ask" in done.stderr) == (2, True)


def test_a_served_store_whose_server_does_not_answer_is_named(tmp_path: Path) -> None:
    from edge_agent.storage.lock import StoreLock

    with StoreLock(tmp_path, url="http://127.0.0.1:9"):
        done = run_orilla("edge", "query", "hi", "--store", str(tmp_path))
    assert done.returncode == 2
    assert "the server at http://127.0.0.1:9 has the store open but does not answer" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["edge"], ["student"], ["edge", "serve"], ["edge", "ingest"], ["edge", "watch"], ["student", "export"]],
)
def test_help_is_there_for_every_command(arguments: list[str]) -> None:
    done = run_orilla(*arguments, "--help")
    assert done.returncode == 0
    assert "Usage:" in done.stdout


def test_show_verifies_and_describes_a_bundle() -> None:
    facts = json.loads(run_orilla("student", "show", "--json").stdout)
    assert facts["probes"]["min_similarity"] >= 0.995


def test_an_answer_through_the_server_is_the_answer_without_it(serve: ServeStore, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    run_orilla("edge", "ingest", str(DEMO / "en" / "refunds.md"), "--store", store)
    question = "who can get a refund?"
    direct = json.loads(run_orilla("edge", "query", question, "--store", store, "--json").stdout)
    server = serve(tmp_path / "store")
    served = json.loads(run_orilla("edge", "query", question, "--store", store, "--json").stdout)
    posted = httpx.post(server.http.base_url.join("/v1/query"), json={"text": question}, trust_env=False).json()
    for answer in (direct, served, posted):
        del answer["timings"], answer["is_repeated"]
    assert direct == served == posted
