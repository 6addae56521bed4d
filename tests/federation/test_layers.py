"""The places that may import Flower; import-linter knows packages from outside by their root alone."""

import ast
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT

FEDERATION = ROOT / "federation"
INTERNALS = ("flwr.supercore", "flwr.common", "flwr.proto", "flwr.supernode")
"""Packages of Flower that promise nothing from one version to the next."""
MESSENGERS = {
    f"center/{name}.py"
    for name in (
        "server_app",
        "rounds",
        "collection",
        "evaluation_round",
        "submission",
        "simulated_branches",
    )
} | {"branch/client_app.py", "branch/joining.py"}


def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


MODULES = sorted(str(path.relative_to(FEDERATION)) for path in FEDERATION.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_only_transport_and_those_that_send_or_answer_messages_import_flower(module: str) -> None:
    flower = {name for name in imports_of(FEDERATION / module) if name.split(".")[0] == "flwr"}
    if module.startswith("transport/"):
        return
    assert not flower or module in MESSENGERS
    assert not {name for name in flower if name.startswith(INTERNALS)}


def test_the_federation_holds_no_sql() -> None:
    for module in MODULES:
        assert "sqlite3" not in imports_of(FEDERATION / module)


def test_import_linter_holds_the_layers_of_this_package() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each.get("containers") == ["federation"]]
    packages = {path.name for path in FEDERATION.iterdir() if (path / "__init__.py").exists()}
    assert packages <= {name for layer in layers for name in layer.split(" | ")}
