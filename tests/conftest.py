"""Fixtures that tests share: the default bundle, agents on new stores, real server processes, and the public data."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from edge_agent.agent import Agent
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from student.bundle import DEFAULT_BUNDLE

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """An agent with the default bundle on an empty store."""
    with Agent(AgentSettings(store=tmp_path / "store")) as opened:
        yield opened


def make_store(store: Path, root: Path) -> Path:
    """A closed store with the Markdown below a folder, made with the default bundle."""
    with Agent(AgentSettings(store=store)) as opened:
        for path in sorted(root.rglob("*.md")):
            opened.add_document(path.relative_to(root).as_posix(), path.read_bytes(), DocumentFormat.MARKDOWN)
    return store


@pytest.fixture(scope="session")
def english_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's English articles, ingested once: to be copied, not opened."""
    return make_store(tmp_path_factory.mktemp("english") / "store", ROOT / "demo" / "knowledge_base" / "en")


@pytest.fixture(scope="session")
def demo_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole demo base, ingested once: to be copied, not opened."""
    return make_store(tmp_path_factory.mktemp("demo") / "store", ROOT / "demo" / "knowledge_base")


@pytest.fixture
def demo_agent(demo_store: Path, tmp_path: Path) -> Iterator[Agent]:
    """An agent on a copy of the whole demo base."""
    shutil.copytree(demo_store, tmp_path / "demo-store")
    with Agent(AgentSettings(store=tmp_path / "demo-store")) as opened:
        yield opened


@dataclass(slots=True)
class Server:
    """A server process and a client of it."""

    process: subprocess.Popen[str]
    http: httpx.Client

    def kill(self) -> None:
        """Ends the process as a power cut would."""
        self.process.kill()
        self.process.wait(timeout=30)


class ServeStore(Protocol):
    """Starts a server on a store, with more options where they are given."""

    def __call__(self, store: Path, *options: str) -> Server: ...


@contextlib.contextmanager
def serving() -> Iterator[ServeStore]:
    """Starts servers on stores and ends them."""
    servers: list[Server] = []

    def start(store: Path, *options: str) -> Server:
        command = [sys.executable, "-m", "orilla", "edge", "serve", "--store", str(store), "--port", "0"]
        command += ["--trust-this-machine", *options]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if match := re.search(r"on (https?://\S+)", line):
                break
        else:
            pytest.fail(f"the server ended with {process.wait()}: {''.join(said)}")
        threading.Thread(target=deque, args=(process.stderr, 0), daemon=True).start()
        servers.append(Server(process, httpx.Client(base_url=match[1], timeout=30, trust_env=False)))
        return servers[-1]

    yield start
    for server in servers:
        server.http.close()
        server.process.terminate()
        server.process.wait(timeout=30)
        assert server.process.stderr is not None
        server.process.stderr.close()


@pytest.fixture
def serve() -> Iterator[ServeStore]:
    """Starts servers for one test."""
    with serving() as start:
        yield start


def run_orilla(*arguments: str, timeout_s: float = 100) -> subprocess.CompletedProcess[str]:
    """Runs the command line as a user would."""
    command = [sys.executable, "-m", "orilla", *arguments]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout_s, cwd=ROOT, env=environment, check=False
    )


@pytest.fixture(scope="session")
def default_bundle() -> Path:
    """The bundle that ships with the package."""
    return DEFAULT_BUNDLE


def require_data(name: str) -> Path:
    """A file of the public data, or a skipped test."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the public data is not here: {path}")
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts first what asks for more time than usual, so that no process ends with a long test alone."""
    marks = [item.get_closest_marker("timeout") for item in items]
    seconds = {id(item): mark.args[0] if mark else 0 for item, mark in zip(items, marks, strict=True)}
    items.sort(key=lambda item: -seconds[id(item)])


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Names the modules whose branches the tests cover least. A figure to look at, not a bound."""
    report = ROOT / ".run" / "coverage.json"
    if not config.pluginmanager.hasplugin("_cov") or not report.exists():
        return
    figures = json.loads(report.read_text(encoding="utf-8"))
    shares = {name: file["summary"]["percent_covered"] for name, file in figures["files"].items()}
    terminalreporter.section("coverage")
    terminalreporter.line(
        f"lines and branches covered: {figures['totals']['percent_covered']:.1f} % "
        "(code that runs only in child processes counts as not covered)"
    )
    for name in sorted((name for name in shares if shares[name]), key=lambda name: shares[name])[:10]:
        terminalreporter.line(f"{shares[name]:6.1f} %  {name}")
    never_loaded = ", ".join(sorted(name for name in shares if not shares[name]))
    if never_loaded:
        terminalreporter.line(f"loaded in child processes only, or never: {never_loaded}")
