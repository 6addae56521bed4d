"""What runs at a branch works where torch and its kin do not exist."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

BLOCKED = ("torch", "transformers", "sentence_transformers", "onnx", "optimum", "sklearn", "flwr", "opacus", "scipy")

PRELUDE = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED!r}:
            raise ImportError(f"{{name}} is not here")

sys.meta_path.insert(0, Absent())
"""


def run_without_torch(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PRELUDE + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=ROOT, check=False)


def test_importing_torch_fails_there() -> None:
    done = run_without_torch("import torch")
    assert "torch is not here" in done.stderr


def test_a_question_is_answered_without_torch(tmp_path: Path) -> None:
    code = "import orilla; sys.argv[0] = 'orilla'; orilla.main()"
    store = str(tmp_path / "store")
    ingested = run_without_torch(code, "edge", "ingest", "demo/knowledge_base", "--store", store)
    assert ingested.returncode == 0, ingested.stderr
    answered = run_without_torch(code, "edge", "query", "How long does a refund take?", "--store", store)
    assert answered.returncode == 0, answered.stderr
    assert "working days" in answered.stdout
    assert "en/refunds.md" in answered.stdout


def test_every_module_that_a_branch_has_imports_without_torch() -> None:
    names = [
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        for package in ("student", "edge_agent")
        for path in (ROOT / package).rglob("*.py")
        if not {"distill", "evaluation"} & set(path.parts)
    ]
    assert "edge_agent.http.app" in names
    done = run_without_torch(f"import importlib\nfor name in {names!r}: importlib.import_module(name)")
    assert done.returncode == 0, done.stderr


def test_exporting_without_torch_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("")
    code = "import orilla; sys.argv[0] = 'orilla'; orilla.main()"
    done = run_without_torch(
        code,
        *("student", "export", "--model", str(tmp_path), "--intents", str(tmp_path / "x.jsonl")),
        *("--intents-name", "x", "--intents-license", "y", "--out", str(tmp_path / "b")),
    )
    assert done.returncode == 2
    assert 'pip install "orilla[distill]"' in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("simulate", "demo/federation.toml", "--tickets", "demo/tickets.jsonl", "--out"),
        ("run", "demo/federation.toml", "--home"),
        ("join",),
        ("status", "--home"),
        ("audit", "a-run", "--home"),
        ("report", "a-run", "--home"),
    ],
    ids=lambda words: words[0],
)
def test_the_federation_without_its_extra_says_what_to_install(words: tuple[str, ...], tmp_path: Path) -> None:
    code = "import orilla; sys.argv[0] = 'orilla'; orilla.main()"
    done = run_without_torch(code, "federation", *words, str(tmp_path))
    assert done.returncode == 2
    assert 'pip install "orilla[federation]"' in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import orilla\ntry:\n    orilla.app(['edge', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'onnxruntime', 'numpy', 'fastapi', 'tokenizers'} & set(sys.modules)))"
    )
    assert run_without_torch(code).stdout.strip().endswith("[]")
