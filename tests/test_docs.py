"""What the README and the docs show is true: commands are run, figures compared, tables complete."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from benchmarks.readme import BEGIN, END, render
from edge_agent.http.problems import STATUS_OF
from student.bundle.manifest import Manifest
from tests.conftest import ROOT, ServeStore, run_orilla

README = (ROOT / "README.md").read_text(encoding="utf-8")
CURL = re.search(r"    (curl (?:.*\\\n)*.*)", README)


def test_the_curl_of_the_readme_answers_with_a_correct_cited_passage(serve: ServeStore, tmp_path: Path) -> None:
    assert CURL is not None
    run_orilla("edge", "ingest", "demo/knowledge_base", "--store", str(tmp_path))
    address = str(serve(tmp_path).http.base_url).rstrip("/")
    command = shlex.split(CURL[1].replace("\\\n", " ").replace("http://127.0.0.1:8080", address))
    answer = json.loads(subprocess.run(command, capture_output=True, timeout=30, check=True).stdout)
    assert answer["citations"][0]["source"] == "en/backups-and-restore.md"
    assert "14 days" in answer["answer"]


def test_make_run_prints_the_curl_of_the_readme() -> None:
    assert CURL is not None
    dry = subprocess.run(["make", "--dry-run", "run"], capture_output=True, text=True, cwd=ROOT, timeout=30, check=True)
    printed = "\n".join(line for line in dry.stdout.splitlines() if line.startswith("printf"))
    shown = subprocess.run(["sh", "-c", printed], capture_output=True, text=True, timeout=30, check=True).stdout
    assert shlex.split(CURL[1].replace("\\\n", " ")) == shlex.split(shown[shown.index("curl") :].replace("\\\n", " "))


def test_the_figures_of_the_readme_are_those_of_the_benchmarks() -> None:
    figures = README[README.index(BEGIN) + len(BEGIN) : README.index(END)].strip()
    assert figures == render(ROOT / "benchmarks" / "results")


def test_every_problem_type_is_documented_with_its_status() -> None:
    documented = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (\d+) \|", (ROOT / "docs/http-api.md").read_text(), re.M))
    for error, status in STATUS_OF.items():
        name = re.sub(r"(?<!^)([A-Z])", r"-\1", error.__name__).lower().replace("utf8", "utf-8")
        assert documented[name] == str(int(status))
    source = "".join(path.read_text() for path in (ROOT / "edge_agent/http").glob("*.py"))
    for name in re.findall(r'problem\([^"()]*"([a-z-]+)"', source):
        assert name in documented


def test_every_field_of_the_manifest_is_documented() -> None:
    page = (ROOT / "docs/bundle-format.md").read_text()
    for name, field in Manifest.model_fields.items():
        assert f"| `{field.alias or name}` |" in page, name


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))])
def test_links_and_paths_in_documents_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), target
    for target in re.findall(r"`((?:student|edge_agent|benchmarks|docs|tests|demo)/[\w./-]*)`", text):
        assert (ROOT / target).exists(), target
