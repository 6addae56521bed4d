"""The README and the docs are true: commands run or parse, figures are the benchmarks', tables are complete."""

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main

import orilla
from benchmarks.pages.writing import PAGES, read_figures, render_all
from edge_agent.http.problems import STATUS_OF
from student.bundle.manifest import Manifest
from tests.conftest import ROOT, ServeStore, run_orilla

README = (ROOT / "README.md").read_text(encoding="utf-8")
CURL = re.search(r"    (curl (?:.*\\\n)*.*)", README)
PAGES_WITH_COMMANDS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES_WITH_COMMANDS += sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FIGURES = render_all(ROOT / "benchmarks" / "results")


def test_the_curl_of_the_readme_answers_with_a_correct_cited_passage(serve: ServeStore, tmp_path: Path) -> None:
    assert CURL is not None
    run_orilla("edge", "ingest", "demo/knowledge_base", "--store", str(tmp_path))
    address = str(serve(tmp_path).http.base_url).rstrip("/")
    command = shlex.split(CURL[1].replace("\\\n", " ").replace("http://127.0.0.1:8080", address))
    answer = json.loads(subprocess.run(command, capture_output=True, timeout=30, check=True).stdout)
    assert answer["citations"][0]["source"] == "en/backups-and-restore.md"
    assert "14 days" in answer["answer"]
    shown = re.search(r"```json\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    assert_shown(json.loads(shown[1]), answer)


def assert_shown(shown: Any, real: Any) -> None:
    """Everything that a document shows of an answer is in the real one; figures to two decimals."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert_shown(value, real[name])
    elif isinstance(shown, list):
        assert len(shown) == len(real)
        for one, other in zip(shown, real, strict=True):
            assert_shown(one, other)
    elif isinstance(shown, float):
        assert shown == pytest.approx(real, abs=0.005)
    else:
        assert shown == real


def test_make_run_prints_the_curl_of_the_readme() -> None:
    assert CURL is not None
    dry = subprocess.run(["make", "--dry-run", "run"], capture_output=True, text=True, cwd=ROOT, timeout=30, check=True)
    printed = "\n".join(line for line in dry.stdout.splitlines() if line.startswith("printf"))
    shown = subprocess.run(["sh", "-c", printed], capture_output=True, text=True, timeout=30, check=True).stdout
    assert shlex.split(CURL[1].replace("\\\n", " ")) == shlex.split(shown[shown.index("curl") :].replace("\\\n", " "))


def test_the_readme_is_short() -> None:
    assert len(README.split()) < 1500


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_figures_are_those_of_the_benchmarks(path: Path) -> None:
    assert read_figures(path) == FIGURES[path]


def test_every_result_is_on_one_page_and_every_page_is_listed() -> None:
    shown = [name for parts in PAGES.values() for name in parts]
    results = {path.stem for path in (ROOT / "benchmarks" / "results").glob("*.json")}
    assert sorted(shown) == sorted(results - {"mixes"})
    index = (ROOT / "docs" / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for page in PAGES:
        assert f"]({page}.md)" in index


def shown_commands(path: Path) -> list[str]:
    """The `orilla` commands in a document's indented code, continued lines joined, without their comments."""
    text = path.read_text(encoding="utf-8")
    return [
        command.replace("\\\n", " ")
        for command in re.findall(
            r"^    +(?:\[ .*?\] \|\| |torchrun .*? )?(?:[^\s#]*/)?(orilla (?:.*\\\n)*.*)$", text, re.MULTILINE
        )
    ]


@pytest.mark.parametrize("path", PAGES_WITH_COMMANDS, ids=lambda path: path.stem)
def test_commands_in_documents_have_only_options_that_exist(path: Path) -> None:
    for shown in shown_commands(path):
        words = shlex.split(shown, comments=True)[1:]
        if "..." not in words and "…" not in words:
            assert parse(typer.main.get_command(orilla.app), words) == [], shown


def test_the_commands_of_documents_are_found() -> None:
    assert len(shown_commands(ROOT / "README.md")) == README.count("orilla edge ") + README.count("orilla teacher ") + (
        README.count("orilla student ") + README.count("orilla federation ")
    )
    assert len(shown_commands(ROOT / "docs" / "releasing.md")) == 4


def parse(command: click.Command, words: list[str]) -> list[str]:
    """What of a command line is unknown or missing, without running it or looking for its files."""
    try:
        values, rest, _ = command.make_parser(click.Context(command)).parse_args(list(words))
    except click.UsageError as error:
        return [str(error)]
    if isinstance(command, click.Group) and rest:
        return parse(command.commands[rest[0]], rest[1:]) if rest[0] in command.commands else [f"unknown: {rest[0]}"]
    missing = [one.name or "" for one in command.params if one.required and values.get(one.name or "") in (None, ())]
    return [*rest, *(f"missing: {name}" for name in missing)]


def test_a_command_with_a_misspelt_option_or_without_a_required_one_is_noticed() -> None:
    app = typer.main.get_command(orilla.app)
    assert parse(app, ["edge", "ingest", "documents", "--pruned"])
    assert parse(app, ["edge", "devour", "documents"])
    assert parse(app, ["student", "distill", "--targets", "targets"]) == ["missing: out"]
    assert parse(app, ["edge", "ingest", "documents", "--prune"]) == []


def test_the_demo_of_the_federation_makes_the_file_that_its_recipe_reads() -> None:
    recipe = tomllib.loads((ROOT / "demo" / "federation.toml").read_text(encoding="utf-8"))
    assert f"> {recipe['validation'].removeprefix('../')}\n" in README


def test_decisions_are_numbered_once_and_all_listed() -> None:
    files = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    numbers = [path.name[:4] for path in files]
    assert len(set(numbers)) == len(numbers)
    index = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    for path in files:
        number, title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").split(". ", 1)
        assert int(number) == int(path.name[:4])
        assert f"| {number} | [{title}]({path.name}) |" in index


def test_every_problem_type_is_documented_with_its_status() -> None:
    documented = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (\d+) \|", (ROOT / "docs/http-api.md").read_text(), re.M))
    for error, status in STATUS_OF.items():
        name = re.sub(r"(?<!^)([A-Z])", r"-\1", error.__name__).lower().replace("utf8", "utf-8")
        assert documented[name] == str(int(status))
    source = "".join(path.read_text() for path in (ROOT / "edge_agent/http").rglob("*.py"))
    for name in re.findall(r'problem\([^"()]*"([a-z-]+)"', source):
        assert name in documented


def test_every_field_of_the_manifest_is_documented() -> None:
    page = (ROOT / "docs/bundle-format.md").read_text()
    for name, field in Manifest.model_fields.items():
        assert f"| `{field.alias or name}` |" in page, name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_links_and_paths_in_documents_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), target
    for target in re.findall(
        r"`((?:student|edge_agent|federation|teacher|benchmarks|docs|tests|demo)/[\w./-]*)`", text
    ):
        assert (ROOT / target).exists(), target


def test_the_version_is_the_newest_of_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    newest = re.search(r"^## (\S+) — ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == project["version"]


def test_every_public_data_set_that_is_read_is_described() -> None:
    described = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    readers = [ROOT / "Makefile", *(ROOT / "benchmarks").glob("*.*"), *(ROOT / "teacher").rglob("*.toml")]
    readers += [*(ROOT / "teacher" / "corpora").glob("*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in readers)
    read = set(re.findall(r"(?<!\.)\b([a-z_0-9]+)/[a-z_]+\.jsonl", text)) | set(
        re.findall(r"\bhelp_[a-z0-9_]+\b", text)
    )
    ours = {"data", "demo", "help_centers", "help_adobe", "questions"}
    assert {name for name in read - ours if f"`{name}" not in described} == set()
    assert {"help_bc", "banking77", "clinc150", "tau2_banking_documents"} <= read


def test_make_lists_every_target_with_what_it_does() -> None:
    shown = subprocess.run(["make"], capture_output=True, text=True, cwd=ROOT, timeout=30, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony is not None
    assert set(re.findall(r"^  make (\w+) +\S", shown, re.MULTILINE)) == set(phony[1].split())
