"""A store whose file is replaced, deleted or overwritten under its server: it is not ready and promises nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.errors import StoreForeign
from edge_agent.storage.database import DATABASE
from edge_agent.storage.documents import Store
from tests.conftest import ServeStore

WAL = f"{DATABASE}-wal"


def delete(store: Path, _: Path) -> None:
    (store / DATABASE).unlink()


def delete_log(store: Path, _: Path) -> None:
    (store / WAL).unlink()


def replace(store: Path, before: Path) -> None:
    shutil.copy(before / DATABASE, store / "new")
    (store / "new").rename(store / DATABASE)


def link(store: Path, before: Path) -> None:
    (store / DATABASE).unlink()
    (store / DATABASE).symlink_to(before / DATABASE)


def overwrite(store: Path, _: Path) -> None:
    with (store / DATABASE).open("r+b") as file:
        file.write(b"\0" * 4096)


def cut_off(store: Path, _: Path) -> None:
    with (store / DATABASE).open("r+b") as file:
        file.truncate(0)


REPLACED: list[Callable[[Path, Path], None]] = [delete, delete_log, replace, link]


@pytest.mark.parametrize("change", [*REPLACED, overwrite, cut_off])
def test_a_server_notices_that_its_database_is_another(
    serve: ServeStore, tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    Store(tmp_path / "before").close()
    store = tmp_path / "store"
    shutil.copytree(tmp_path / "before", store)
    http = serve(store).http
    body = {"source": "a.md", "text": "# Copies\n\nThe copies are kept for fourteen days."}
    http.post("/v1/documents", json=body).raise_for_status()
    assert http.get("/readyz").status_code == 200
    change(store, tmp_path / "before")
    answer = http.get("/readyz")
    assert (answer.status_code, http.get("/healthz").status_code) == (503, 200)
    assert answer.json()["type"] in ("urn:orilla:problem:store-unavailable", "urn:orilla:problem:store-damaged")
    if change in REPLACED:
        refused = http.post("/v1/documents", json=body | {"source": "b.md"})
        assert (refused.status_code, "was replaced or deleted" in refused.json()["detail"]) == (503, True)


def test_without_a_key_it_is_only_said_that_it_is_not_ready(serve: ServeStore, tmp_path: Path) -> None:
    http = serve(tmp_path, "--require-keys").http
    assert http.get("/readyz").json() == {"is_ready": True}
    delete(tmp_path, tmp_path)
    answer = http.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"is_ready": False})


def test_a_database_behind_a_link_is_not_opened(tmp_path: Path) -> None:
    Store(tmp_path / "elsewhere").close()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / DATABASE).symlink_to(tmp_path / "elsewhere" / DATABASE)
    with pytest.raises(StoreForeign, match="is a link, expected the file itself"):
        Store(tmp_path / "store")
