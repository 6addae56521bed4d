"""The audit log of a server: who did what, by key, by command and without one, and no content."""

import time
from pathlib import Path

import httpx

from edge_agent.audit.files import read_log
from edge_agent.audit.lines import Action, AuditLine
from tests.conftest import ServeStore, run_orilla

WORDS = ("xylophonewort", "quetzalcoatlus", "zwischenraumes", "bergamottenoel", "kumquatblossom")
"""Of the text, its title, a tag, the source and what is to be forgotten."""
TEXT = f"# {WORDS[1]}\n\nThe word is {WORDS[0]}, and the other is {WORDS[4]}.\n"
COMMANDS, MACHINE = "commands", "this machine"


def recorded(store: Path) -> list[AuditLine]:
    return list(read_log(store, latest=1000).latest)


def steps(lines: list[AuditLine]) -> list[tuple[str, Action]]:
    return [(line.actor, line.action) for line in lines]


def orilla(*arguments: str) -> str:
    done = run_orilla("edge", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def put(http: httpx.Client, text: str = TEXT, **said: object) -> str:
    body = {"source": f"{WORDS[3]}.md", "text": text, "tags": [WORDS[2]], **said}
    found: str = http.post("/v1/documents", json=body).raise_for_status().json()["document"]["document_id"]
    return found


def ingest_as_job(http: httpx.Client) -> str:
    asked = {"files": {"file": (f"{WORDS[3]}.md", TEXT)}, "headers": {"Prefer": "respond-async"}}
    job = http.post("/v1/documents/upload", **asked).raise_for_status().json()  # type: ignore[arg-type]
    while job["state"] not in ("done", "failed"):
        time.sleep(0.05)
        job = http.get(f"/v1/jobs/{job['job_id']}").json()
    found: str = job["result"]["document"]["document_id"]
    return found


def test_every_change_is_recorded_by_who_made_it_and_without_content(serve: ServeStore, tmp_path: Path) -> None:
    store = tmp_path / "store"
    secret = orilla("keys", "create", WORDS[1], "--scope", "admin", "--store", str(store)).strip()
    server = serve(store)
    key = f"key {secret.split('_')[1]}"
    with httpx.Client(base_url=server.http.base_url, headers={"Authorization": f"Bearer {secret}"}) as http:
        label = http.post("/v1/roots", json={"path": "/srv/faq"}).raise_for_status().json()["label"]
        http.post("/v1/roots", json={"path": "/srv/faq"}).raise_for_status()  # known: no line
        first = put(http, root=label)
        assert put(http, root=label) == first  # unchanged: no line
        put(http, TEXT + "More of it.\n", root=label)
        http.patch(f"/v1/documents/{first}", json={"source": f"{WORDS[3]}-2.md"}).raise_for_status()
        http.patch(f"/v1/roots/{label}", json={"path": "/srv/questions"}).raise_for_status()
        second = ingest_as_job(http)
        http.delete(f"/v1/documents/{second}").raise_for_status()
        http.delete("/v1/documents/unknown")
        http.post("/v1/forget", json={"words": WORDS[4], "is_trial": True}).raise_for_status()
        third = put(server.http)
        http.post("/v1/forget", json={"words": WORDS[4]}).raise_for_status()
        fourth = put(http, root=label)
        http.delete(f"/v1/roots/{label}").raise_for_status()
        made = http.post("/v1/keys", json={"name": WORDS[1], "scopes": ["ask"]}).json()["key"]["key_id"]
        rotated = http.post(f"/v1/keys/{made}/rotate", json={}).raise_for_status().json()["key"]["key_id"]
        http.delete(f"/v1/keys/{rotated}").raise_for_status()
        listed = http.get("/v1/audit", params={"limit": 4}).raise_for_status().json()
        assert [(line["action"], line["subject"]) for line in listed["lines"]] == [
            ("key revoked", rotated),
            ("key created", rotated),
            ("key rotated", made),
            ("key created", made),
        ]
        assert http.get("/v1/audit", params={"before": listed["next"]}).json()["lines"][0]["action"] == "root forgotten"
    server.process.terminate()
    server.process.wait(timeout=30)
    lines = recorded(store)
    assert [(line.actor, line.action, line.subject) for line in lines] == [
        (COMMANDS, Action.KEY_CREATED, key.split()[1]),
        (COMMANDS, Action.BUNDLE_ACTIVATED, ""),
        (COMMANDS, Action.SERVER_STARTED, ""),
        (key, Action.ROOT_ADDED, "faq"),
        (key, Action.DOCUMENT_ADDED, first),
        (key, Action.DOCUMENT_REPLACED, first),
        (key, Action.DOCUMENT_MOVED, first),
        (key, Action.ROOT_MOVED, "faq"),
        (key, Action.DOCUMENT_ADDED, second),
        (key, Action.DOCUMENT_DELETED, second),
        (MACHINE, Action.DOCUMENT_ADDED, third),
        (key, Action.DOCUMENT_DELETED, third),
        (key, Action.DOCUMENT_DELETED, first),
        (key, Action.FORGOTTEN, ""),
        (key, Action.DOCUMENT_ADDED, fourth),
        (key, Action.ROOT_FORGOTTEN, "faq"),
        (key, Action.KEY_CREATED, made),
        (key, Action.KEY_ROTATED, made),
        (key, Action.KEY_CREATED, rotated),
        (key, Action.KEY_REVOKED, rotated),
        (COMMANDS, Action.SERVER_STOPPED, ""),
    ]
    bundle = lines[1].digest
    assert lines[0].bundle == ""
    assert {line.bundle for line in lines[1:]} == {bundle}
    of_roots = {line.root for line in lines if line.subject == first}
    assert of_roots == {"faq"}
    counts = {line.action: line.counts for line in lines if line.counts}
    assert counts[Action.ROOT_FORGOTTEN] == {"documents": 1}
    assert counts[Action.FORGOTTEN]["documents"] == 2
    content = b"".join(path.read_bytes() for path in store.glob("audit*")).lower()
    assert content
    assert [word for word in WORDS if word.encode() in content] == []


def test_commands_are_recorded_as_such_with_and_without_a_server(serve: ServeStore, tmp_path: Path) -> None:
    store, folder = tmp_path / "store", tmp_path / "faq"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.md").write_text(f"# Title {name}\n\nText of {name}.\n")
    orilla("ingest", str(folder), "--store", str(store))
    server = serve(store)
    orilla("delete", "a.md", "--yes", "--store", str(store))
    assert server.http.get("/v1/documents").json()["total"] == 1
    server.process.terminate()
    server.process.wait(timeout=30)
    orilla("export", str(tmp_path / "base.zip"), "--store", str(store))
    orilla("import", str(tmp_path / "base.zip"), "--store", str(tmp_path / "other"))
    assert steps(recorded(store)) == [
        (COMMANDS, action)
        for action in (
            Action.BUNDLE_ACTIVATED,
            Action.ROOT_ADDED,
            Action.DOCUMENT_ADDED,
            Action.DOCUMENT_ADDED,
            Action.SERVER_STARTED,
            Action.DOCUMENT_DELETED,
            Action.SERVER_STOPPED,
            Action.BASE_EXPORTED,
        )
    ]
    (imported,) = recorded(tmp_path / "other")
    assert (imported.action, imported.digest) == (Action.BASE_IMPORTED, recorded(store)[-1].digest)
    shown = orilla("audit", "--last", "20", "--store", str(store))
    assert "faq/b.md" in shown
    assert "a.md" not in shown
    assert shown.count("(no longer there)") == 2


def test_a_root_whose_label_holds_personal_data_is_recorded_by_a_digest(serve: ServeStore, tmp_path: Path) -> None:
    http = serve(tmp_path).http
    label = http.post("/v1/roots", json={"path": "/srv/ana.garcia@example.com"}).raise_for_status().json()["label"]
    put(http, root=label)
    http.delete(f"/v1/roots/{label}").raise_for_status()
    assert {line.root for line in recorded(tmp_path) if line.action is Action.DOCUMENT_ADDED} != {""}
    assert b"garcia" not in b"".join(path.read_bytes() for path in tmp_path.glob("audit*"))


def test_a_broken_log_refuses_changes_and_questions_go_on(serve: ServeStore, tmp_path: Path) -> None:
    http = serve(tmp_path).http
    put(http)
    (path,) = tmp_path.glob("audit-*.jsonl")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    refused = http.post("/v1/documents", json={"source": "b.md", "text": "# B\n\nText.\n"})
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:orilla:problem:audit-broken")
    assert http.get("/v1/audit").status_code == 503
    assert http.get("/v1/documents").json()["total"] == 1
    assert http.post("/v1/query", json={"text": f"What is {WORDS[0]}?"}).status_code == 200
