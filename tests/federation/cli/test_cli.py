"""The commands as they are typed: what the documents show exists, and a simulated run from recipe to bundle."""

import json
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from federation.center.home import Center, set_up_center
from federation.center.run_recipe import read_recipe
from federation.cli.commands import app
from federation.transport.certificates import write_branch_key
from student.errors import OrillaError
from tests.conftest import ROOT, run_orilla
from tests.federation.lab import build_lab, ticket, write_lines

DOCUMENTS = ("README.md", "docs/federation.md")
RECIPE = """
run_id = "first"
rounds = 2
epsilon = 8.0
branches = 5
minimum_survivors = 3
customers = 120
learning_rate = 20.0
momentum = 0.5
bundle = "../bundle"
public_texts = "public.jsonl"
feature_dimension = 12
validation = "validation.jsonl"
"""


def shown_commands() -> Iterator[str]:
    for document in DOCUMENTS:
        for line in (ROOT / document).read_text(encoding="utf-8").splitlines():
            if line.startswith("    orilla federation "):
                yield line.partition(" # ")[0].strip()


@pytest.mark.parametrize("line", sorted(set(shown_commands())))
def test_a_command_that_the_documents_show_exists_with_its_options(line: str) -> None:
    command: click.Command = typer.main.get_command(app)
    words = shlex.split(line)[2:]
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_help_says_what_is_used_where_an_option_is_not_given() -> None:
    from typer.testing import CliRunner

    for command, default in (("up", "as --address"), ("enroll", "a key is made here")):
        assert f"default: ({default})" in CliRunner().invoke(app, [command, "--help"], terminal_width=200).output


def test_the_demo_s_recipe_names_every_intent_of_its_tickets() -> None:
    recipe = read_recipe(ROOT / "demo" / "federation.toml")
    tickets = (ROOT / "demo" / "tickets.jsonl").read_text(encoding="utf-8").splitlines()
    assert set(recipe.new_labels) == {json.loads(line)["intent"] for line in tickets}
    assert recipe.public_texts.exists()


def test_a_simulated_run_ends_in_a_release_a_report_and_a_bundle(tmp_path: Path) -> None:
    import random

    lab, generator = build_lab(tmp_path), random.Random(7)
    (lab.home / "recipe.toml").write_text(RECIPE)
    labels = ("billing", "delivery", "login", "refund")
    rows = [ticket(generator, generator.choice(labels)) | {"customer": f"c{i % 120}"} for i in range(360)]
    write_lines(tmp_path / "tickets.jsonl", rows)

    out = tmp_path / "out"
    command = ("simulate", str(lab.home / "recipe.toml"), "--tickets", str(tmp_path / "tickets.jsonl"))
    said = federation(*command, "--out", str(out), "--branches", "5", "--lost", "0.2")
    assert said["accuracy"] > said["baseline"] + 0.2
    assert federation(*command, "--out", str(out), "--branches", "5") == said  # given again, it says the same

    (run,) = federation("status", "--home", str(out))["runs"]
    assert (run["round"], run["rounds"], run["survivors"]) == (2, 2, 4)
    assert (run["delta"], run["unit"], run["neighboring"]) == (1e-5, "customer", "add-or-remove")
    ledger = federation("ledger", "show", str(out / "branches" / "branch-0000"))
    assert ledger["entries"][-1]["epsilon"] == pytest.approx(8.0)
    made = federation(
        *("apply", said["release"], "--bundle", str(lab.bundle), "--out", str(tmp_path / "new")),
        *("--key", str(out / "release.pub")),
    )
    assert made["serial"] == 5
    assert {path.stat().st_mode & 0o077 for path in [tmp_path / "new", *(tmp_path / "new").rglob("*")]} == {0}
    assert Path(said["report"]).exists()


def federation(*arguments: str) -> dict[str, Any]:
    done = run_orilla("federation", *arguments, "--json", timeout_s=90)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("status", "--home", "absent"), "orilla federation up --home"),
        (("report", "spring", "--home", "absent"), "holds no run"),
        (("ledger", "verify", "absent"), "no ledger at absent"),
        (("join", "."), "no branch's kit"),
        (("apply", ".", "--out", "new", "--key", "pyproject.toml"), "release.json"),
        (("up", "--home", "absent", "--name", "two words"), "first in federation"),
        (("up", "--home", "absent", "--address", "no-port"), "first in address"),
        (("run", "demo/federation.toml", "--home", "absent"), "orilla federation up --home absent"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_what_to_do(
    arguments: tuple[str, ...], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, OrillaError)
    assert why in str(result.exception)
    assert not (ROOT / "new").exists()
    assert not (ROOT / "absent").exists()


def test_a_run_of_another_version_is_shown_beside_the_others(tmp_path: Path) -> None:
    set_up_center(tmp_path, Center(federation="lab", address="127.0.0.1:8000"), now=datetime.now(UTC))
    (tmp_path / "runs" / "of 0.1").mkdir(parents=True)
    (tmp_path / "runs" / "of 0.1" / "run.json").write_text('{"recipe": {"evaluation_share": 0.0}}')
    (run,) = federation("status", "--home", str(tmp_path))["runs"]
    assert (run["run_id"], "no run of this version" in run["why_not"]) == ("of 0.1", True)


def test_a_branch_that_was_told_wrong_things_can_join_with_the_right_ones(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    write_branch_key(tmp_path)
    (tmp_path / "join.json").write_text('{"branch": "north", "federation": "lab", "address": "127.0.0.1:1"}')
    for wrong, why in ((("--store", "absent"), "--store"), (("--max-epsilon", "1000"), "first in max_epsilon")):
        result = CliRunner().invoke(app, ["join", str(tmp_path), *wrong])
        assert isinstance(result.exception, OrillaError)
        assert why in str(result.exception)
        assert not (tmp_path / "branch.json").exists()
