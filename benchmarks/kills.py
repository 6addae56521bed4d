"""Power cuts: a process that changes a store is killed at random moments, and the store held to what it had promised.

A kill (SIGKILL) ends the process between any two instructions; what the operating system was given stays, as it would
not in a power cut: against that stands SQLite's `synchronous=FULL`, which is not tested here.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_agent.agent import Agent
from edge_agent.settings import AgentSettings
from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle, write_bundle

KILLS = 200
MOST_LINES, LONGEST_S = 50, 0.1
"""A process is killed after it has said so many lines at most, and so many seconds more."""
EXACT_BELOW = 20
"""So small a base has a graph here, that its building and its snapshots are killed too."""
WHILE_OPENING = 0.25
"""The share of kills that come while the store is opened, and perhaps embedded again; the others among the changes."""


@dataclass(slots=True)
class Promised:
    """What the killed processes had said.

    Attributes:
        documents: source → digest of the content that was acknowledged.
        feedback: texts that were acknowledged, in order.
        unsure: the change that was under way when the last process died; it may have been made or not.
        died_while: how often which change was under way.
        snapshots_cut_off: how often a snapshot of the index was left half written.
        graphs_checked: how often a graph, not the scan, was checked after a kill.
    """

    documents: dict[str, str] = field(default_factory=dict)
    feedback: list[str] = field(default_factory=list)
    unsure: dict[str, Any] = field(default_factory=dict)
    died_while: Counter[str] = field(default_factory=Counter)
    snapshots_cut_off: int = 0
    graphs_checked: int = 0

    def hear(self, line: dict[str, Any]) -> None:
        """Records a line of the process."""
        match line.get("did"):
            case None:
                self.unsure = line
                return
            case "delete":
                del self.documents[line["source"]]
            case "feedback":
                self.feedback.append(line["text"])
            case _:
                self.documents[line["source"]] = line["digest"]
        self.unsure = {}


def run() -> dict[str, Any]:
    """Kills a process 200 times and counts what was lost: nothing, or the run ends with an error."""
    with tempfile.TemporaryDirectory() as folder:
        return kill_and_check(Path(folder), KILLS, random.Random(2026))  # noqa: S311


def kill_and_check(folder: Path, kills: int, generator: random.Random) -> dict[str, Any]:
    """Kills a process that changes a store at random, again and again, and checks the store after each time.

    Raises:
        AssertionError: something acknowledged is not there, or something is half there.
    """
    bundles = [DEFAULT_BUNDLE, another_space(folder / "bundle")]
    promised, changes = Promised(), 0
    for number in range(kills):
        bundle = generator.choice(bundles)  # the other one than before: all is embedded again
        lines = _run_and_kill(folder / "store", bundle, f"{number}", generator)
        promised.unsure = {}
        for line in lines:
            promised.hear(line)
            changes += "did" in line
        under_way = promised.unsure
        promised.died_while[under_way.get("will") or next(iter(under_way), "between changes")] += 1
        promised.snapshots_cut_off += any((folder / "store" / "index").glob("*/graph.new"))
        check_promises(folder / "store", generator.choice(bundles), promised)
    return {
        "kills": kills,
        "acknowledged_changes": changes,
        "documents": len(promised.documents),
        "feedback": len(promised.feedback),
        "killed_during": dict(sorted(promised.died_while.items())),
        "snapshots_cut_off": promised.snapshots_cut_off,
        "graphs_checked": promised.graphs_checked,
        "acknowledged_changes_lost": 0,
        "stores_damaged": 0,
    }


def check_promises(store: Path, bundle: Path, promised: Promised) -> None:
    """Opens the store and compares all of it; what was under way is now known, and promised from here on."""
    with Agent(AgentSettings(store, bundle, workers=1, exact_below=EXACT_BELOW)) as agent:
        agent.models.wait_until_promoted(timeout_s=100)
        agent.models.active.index.wait_until_built(timeout_s=100)
        assert agent.store.check(agent.models.active.student.encoder.dimension) == []
        assert agent.readiness().is_ready
        stored = {d.source: d.content_sha256 for d in agent.store.snapshots.read(lambda s: s.documents(limit=1000))}
        said = [row.text for row in agent.feedback.read_since(0, limit=1_000_000)]
        citations = agent.lookup.search("copias de seguridad", count=100)
        with agent.store.snapshots.open() as snapshot:
            for citation in citations:
                _, text = snapshot.document_with_text(citation.document_id)
                assert text[citation.start : citation.end] == citation.quote
        promised.graphs_checked += not agent.models.active.index.is_exact
        view = agent.models.active.index.view()
        ids, embeddings = view.embeddings(view.ids().tolist())
        for passage_id, embedding in zip(ids, embeddings, strict=True):  # the same text may be there twice
            assert view.search(embedding, 1)[0].similarity > 0.999, passage_id
    unsure = promised.unsure
    for source in promised.documents.keys() | stored.keys():
        assert stored.get(source) == promised.documents.get(source) or source == unsure.get("source"), source
    assert said == promised.feedback or said == [*promised.feedback, unsure.get("text")]
    promised.documents, promised.feedback = stored, said


def another_space(folder: Path) -> Path:
    """The default bundle under another embedding space."""
    bundle = open_bundle(DEFAULT_BUNDLE)
    fields = bundle.manifest.model_dump(exclude={"files"}) | {"embedding_space": "ab" * 32}
    return write_bundle(folder, fields, {name: bundle.read(name) for name in bundle.manifest.files}).path


def _run_and_kill(store: Path, bundle: Path, seed: str, generator: random.Random) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.kill_worker", str(store), str(bundle), seed]
    lines: list[dict[str, Any]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as process:
        assert process.stdout is not None
        first = [process.stdout.readline()]  # it has begun to open the store
        if generator.random() < WHILE_OPENING:
            time.sleep(generator.uniform(0, 10 * LONGEST_S))
        else:
            first += [process.stdout.readline() for _ in range(generator.randrange(MOST_LINES))]
            time.sleep(generator.uniform(0, LONGEST_S))
        assert process.poll() is None, "the process ended by itself"
        process.kill()
        for line in (*first, *process.stdout):
            if line.endswith("\n"):  # the last may be cut off, and says nothing then
                lines.append(json.loads(line))
    return lines
