"""Keys over real HTTP: nobody in without one, no further than its scopes, and no word of it anywhere."""

import json
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from edge_agent.access.key_file import KeyFile
from edge_agent.access.scopes import Scope
from edge_agent.agent import Agent
from edge_agent.http.admission.route_scopes import ADMIN, OPEN, SCOPES_OF, scopes_of
from edge_agent.http.app import create_routes
from edge_agent.http.metrics import Metrics
from edge_agent.ingest.jobs import Jobs
from edge_agent.intents.learning import HeadLearning
from edge_agent.settings import HttpSettings
from tests.conftest import ROOT, Server, ServeStore, run_orilla, serving

FALSE_TEXT = "# Transfers\n\nTransfers are free if you call 900 000 000 first.\n"


def made_key(store: Path, *scopes: str, name: str = "test", more: tuple[str, ...] = ()) -> str:
    """A key that the command made."""
    options = [part for scope in scopes for part in ("--scope", scope)]
    done = run_orilla("edge", "keys", "create", name, *options, *more, "--store", str(store))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "store"


@pytest.fixture(scope="module")
def keys(store: Path) -> dict[Scope, str]:
    """A key of each scope, made before the server starts."""
    return {scope: made_key(store, scope.value) for scope in Scope}


@pytest.fixture(scope="module")
def server(store: Path, keys: dict[Scope, str]) -> Iterator[Server]:
    """A server that asks for keys, in whose store nothing false may have come at the end."""
    with serving() as start:
        yield start(store, "--require-keys", "--rate", "0")
    assert b"900 000 000" not in b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())


def routes_of(agent: Agent, tmp_path: Path) -> set[tuple[str, str]]:
    """Every route that is served, with its methods."""
    models = agent.models
    with (
        Jobs(tmp_path / "jobs", agent.ingest_job) as jobs,
        HeadLearning(models.own_heads, models.learning_start) as learning,
    ):
        app = create_routes(
            agent, jobs, learning, Metrics(agent, jobs), settings=HttpSettings(), keys=KeyFile(tmp_path)
        )
    assert all(isinstance(route, Route) for route in app.router.routes)
    return {(m, r.path) for r in app.router.routes if isinstance(r, Route) for m in r.methods or ()}


def test_no_route_is_without_a_scope(agent: Agent, tmp_path: Path) -> None:
    served = {(method, path) for method, path in routes_of(agent, tmp_path) if method != "HEAD"}
    assert served - {("GET", path) for path in OPEN} == set(SCOPES_OF)
    assert scopes_of("GET", "/v1/added-later") == ADMIN
    assert scopes_of("HEAD", "/metrics") == scopes_of("GET", "/metrics")


def _asked(http: httpx.Client, method: str, path: str, key: str | None, **content: Any) -> httpx.Response:
    headers = {} if key is None else bearer(key)
    return http.request(method, re.sub(r"{\w+}", "none", path), headers=headers, **content)


@pytest.mark.parametrize(("method", "path"), sorted(SCOPES_OF))
def test_a_route_opens_to_its_scopes_alone(server: Server, keys: dict[Scope, str], method: str, path: str) -> None:
    for key in (None, "wrong", "orilla_000000000000_" + "A" * 43, keys[Scope.ADMIN][:-1], keys[Scope.ADMIN] + "A"):
        refused = _asked(server.http, method, path, key, content=b"never read")
        name = "key-missing" if key is None else "key-refused"
        assert (refused.status_code, refused.json()["type"]) == (401, f"urn:orilla:problem:{name}")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert key is None or key not in refused.text
    for scope, key in keys.items():
        response = _asked(server.http, method, path, key)
        is_open = scope is Scope.ADMIN or scope in SCOPES_OF[method, path]
        assert (response.status_code in (401, 403)) is not is_open, (scope, response.text)
        if not is_open:
            assert response.json()["type"] == "urn:orilla:problem:scope-missing"
            assert key not in response.text


def test_without_the_right_key_nothing_is_written(server: Server, keys: dict[Scope, str], store: Path) -> None:
    for key in (None, "wrong", keys[Scope.ASK], keys[Scope.REVIEW], keys[Scope.FEDERATION]):
        upload = {"files": {"file": ("transfers.md", FALSE_TEXT)}}
        for response in (
            _asked(server.http, "POST", "/v1/documents/upload", key, **upload),
            _asked(server.http, "POST", "/v1/documents", key, json={"source": "a", "text": FALSE_TEXT}),
        ):
            assert response.status_code in (401, 403)
    assert _asked(server.http, "GET", "/v1/documents", keys[Scope.ASK]).json()["total"] == 0
    assert not any((store / "jobs").iterdir())


def test_health_is_open_and_says_nothing_of_the_base(server: Server, keys: dict[Scope, str]) -> None:
    assert server.http.get("/healthz").json() == {"status": "ok"}
    assert server.http.get("/readyz").json() == {"is_ready": True}
    assert server.http.get("/readyz", headers=bearer("wrong")).json() == {"is_ready": True}
    assert server.http.get("/readyz", headers=bearer(keys[Scope.ASK])).json()["documents"] == 0


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer")],
        [("authorization", "Basic {key}")],
        [("authorization", "{key}")],
        [("x-api-key", "{key}")],
        [("authorization", "Bearer {key}"), ("authorization", "Bearer {key}")],
        [("cookie", "key={key}")],
    ],
)
def test_a_key_counts_in_one_place_alone(
    server: Server, keys: dict[Scope, str], headers: list[tuple[str, str]]
) -> None:
    sent = httpx.Headers([(name, value.format(key=keys[Scope.ADMIN])) for name, value in headers])
    assert server.http.get("/v1/documents", headers=sent).status_code == 401
    assert server.http.get("/v1/documents", params={"key": keys[Scope.ADMIN]}).status_code == 401


def test_keys_are_made_rotated_and_revoked_over_http(server: Server, keys: dict[Scope, str]) -> None:
    http, admin = server.http, bearer(keys[Scope.ADMIN])
    made = http.post("/v1/keys", headers=admin, json={"name": "web", "scopes": ["ask"]})
    assert made.status_code == 201
    key_id, secret = made.json()["key"]["key_id"], made.json()["secret"]
    assert http.get("/v1/documents", headers=bearer(secret)).status_code == 200

    rotated = http.post(f"/v1/keys/{key_id}/rotate", headers=admin, json={"overlap_hours": 1}).json()
    assert rotated["key"]["scopes"] == ["ask"]
    assert [http.get("/v1/documents", headers=bearer(s)).status_code for s in (secret, rotated["secret"])] == [200, 200]
    again = http.post(f"/v1/keys/{rotated['key']['key_id']}/rotate", headers=admin, json={}).json()
    assert http.get("/v1/documents", headers=bearer(rotated["secret"])).status_code == 401

    assert http.delete(f"/v1/keys/{again['key']['key_id']}", headers=admin).status_code == 204
    assert http.get("/v1/documents", headers=bearer(again["secret"])).status_code == 401
    assert http.delete(f"/v1/keys/{again['key']['key_id']}", headers=admin).status_code == 404
    shown = http.get("/v1/keys", headers=admin)
    assert {key["is_active"] for key in shown.json()["keys"] if key["name"] == "web"} == {True, False}
    for each in (secret, rotated["secret"], again["secret"], *keys.values()):
        assert each.split("_", 2)[2] not in shown.text


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "scopes": ["ask"]},
        {"name": "a\nb", "scopes": ["ask"]},
        {"name": "a", "scopes": []},
        {"name": "a", "scopes": ["everything"]},
        {"name": "a", "scopes": ["ask"], "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "a", "scopes": ["ask"], "expires_at": "2099-01-01T00:00:00"},
    ],
)
def test_wrong_keys_are_not_made(server: Server, keys: dict[Scope, str], body: dict[str, Any], store: Path) -> None:
    before = (store / "keys.json").read_bytes()
    assert server.http.post("/v1/keys", headers=bearer(keys[Scope.ADMIN]), json=body).status_code == 422
    assert (store / "keys.json").read_bytes() == before


def test_a_running_server_follows_the_command(server: Server, store: Path) -> None:
    secret = made_key(store, "ask", name="for a while")
    assert server.http.get("/v1/documents", headers=bearer(secret)).status_code == 200
    listed = json.loads(run_orilla("edge", "keys", "list", "--store", str(store), "--json").stdout)
    key_id = next(key["key_id"] for key in listed if key["name"] == "for a while")
    assert run_orilla("edge", "keys", "revoke", key_id, "--store", str(store)).returncode == 0
    assert server.http.get("/v1/documents", headers=bearer(secret)).status_code == 401
    again = run_orilla("edge", "keys", "revoke", key_id, "--store", str(store))
    assert (again.returncode, "no active key has that id" in again.stderr) == (2, True)


def test_a_key_ends_by_itself(server: Server, store: Path) -> None:
    secret = made_key(store, "ask", more=("--days", "0.001"))
    assert server.http.get("/v1/documents", headers=bearer(secret)).status_code == 200
    text = (store / "keys.json").read_text()
    ends = json.loads(text)[-1]["expires_at"]
    (store / "keys.json").write_text(text.replace(ends, ends.replace("2", "1", 1)))  # a thousand years ago
    assert server.http.get("/v1/documents", headers=bearer(secret)).status_code == 401


def test_commands_beside_the_server_need_no_key(
    server: Server, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_orilla("edge", "list", "--store", str(store), "--json").stdout.strip() == "[]"
    monkeypatch.setenv("ORILLA_KEY", "wrong")
    refused = run_orilla("edge", "list", "--store", str(store))
    assert (refused.returncode, "the key is unknown, ended or not of this server" in refused.stderr) == (2, True)
    assert "wrong" not in refused.stderr
    (tmp_path / "key").write_text(made_key(store, "ask") + "\n")
    monkeypatch.setenv("ORILLA_KEY_FILE", str(tmp_path / "key"))
    assert run_orilla("edge", "list", "--store", str(store)).returncode == 0


def test_digests_and_notes_are_for_the_owner_alone(server: Server, store: Path, keys: dict[Scope, str]) -> None:
    for name in ("keys.json", "agent.json"):
        assert stat.S_IMODE((store / name).stat().st_mode) == 0o600
    on_disk = b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())
    for secret in keys.values():
        assert secret.split("_", 2)[2].encode() not in on_disk


def test_damaged_keys_open_nothing(serve: ServeStore, tmp_path: Path) -> None:
    secret = made_key(tmp_path, "admin")
    http = serve(tmp_path, "--require-keys").http
    assert http.get("/v1/documents", headers=bearer(secret)).status_code == 200
    (tmp_path / "keys.json").write_text("[{")
    for headers in ({}, bearer(secret)):
        refused = http.get("/v1/documents", headers=headers)
        assert refused.status_code in (401, 503)
    assert refused.json()["type"] == "urn:orilla:problem:store-damaged"
    assert http.get("/healthz").status_code == 200


def test_a_trusted_machine_needs_no_key_but_refuses_a_wrong_one_and_what_a_proxy_brings(
    serve: ServeStore, tmp_path: Path
) -> None:
    http = serve(tmp_path / "store").http  # --trust-this-machine, as all tests that are not about keys
    assert http.get("/v1/documents").status_code == 200
    assert http.get("/v1/documents", headers=bearer("wrong")).status_code == 401
    for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"):
        assert http.get("/v1/documents", headers={name: "192.0.2.1"}).status_code == 401


def test_only_loopback_can_be_trusted(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for host in ("0.0.0.0", "::"):  # noqa: S104
        done = run_orilla("edge", "serve", "--store", str(store), "--host", host, "--port", "0", "--trust-this-machine")
        assert (done.returncode, "opens everything without a key" in done.stderr) == (2, True)
        assert not store.exists()


def test_no_key_is_in_the_log(tmp_path: Path) -> None:
    secret = made_key(tmp_path / "store", "ask")
    command = [sys.executable, "-m", "orilla", "edge", "serve", "--store", str(tmp_path / "store"), "--port", "0"]
    with (tmp_path / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT) as process:
        try:
            while not (match := re.search(r"on (http://\S+)", (tmp_path / "log").read_text())):
                assert process.poll() is None
            with httpx.Client(base_url=match[1], timeout=30, trust_env=False) as http:
                for key in (secret, f"{secret}x", "orilla_wrong"):
                    http.post("/v1/query", headers=bearer(key), json={"text": "hi"})
                    http.get("/v1/keys", headers=bearer(key))
                assert secret not in http.get("/metrics", headers=bearer(secret)).text
        finally:
            process.terminate()
            process.wait(timeout=30)
    said = (tmp_path / "log").read_text()
    assert "no key yet" not in said
    assert secret.split("_", 2)[2] not in said
    assert "orilla_wrong" not in said


def test_the_description_says_which_scopes_open_what(server: Server, keys: dict[Scope, str]) -> None:
    schema = server.http.get("/openapi.json", headers=bearer(keys[Scope.ASK])).json()
    assert schema["components"]["securitySchemes"] == {"key": {"type": "http", "scheme": "bearer"}}
    described = {
        (method.upper(), path): operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }
    for (method, path), operation in described.items():
        scopes = scopes_of(method, path)
        assert operation.get("security") == (None if scopes is None else [{"key": [s]} for s in sorted(scopes)])
        assert ("401" in operation["responses"]) is (scopes is not None)
