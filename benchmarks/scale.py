"""What a large base costs: a query, a document more, a start and memory, from a thousand passages to a million.

Up to 100,000 passages everything is real: stores of real documents, asked through `Agent.query` in a process of its
own. At a million only the embeddings are there, each a real one moved along the difference of two others, so that they
keep the spectrum of real ones. Three engines are compared on the same embeddings in the same run.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from benchmarks.demo import read
from benchmarks.large_base import DATA, PASSAGES, LargeBase, load_large_base
from edge_agent.ingest.chunking import RULES
from edge_agent.settings import Chunking
from edge_agent.storage.documents import Store
from edge_agent.storage.records import ChunkingRecipe, NewDocument
from edge_agent.text import detect_language
from student.artifacts.json_lines import read_rows
from student.embeddings import Embeddings
from student.runtime.student import load_student

SIZES = (1_000, 10_000, PASSAGES)
MILLION = 1_000_000
ENGINES = ("hnswlib", "usearch-f16", "usearch-i8", "faiss")
KEPT = Path(__file__).parents[1] / ".run" / "scale"
PLOT = Path(__file__).parent / "results" / "scale.png"
_SEED = 20261121


def run() -> dict[str, Any]:
    """Engines beside each other and agents on stores of three sizes, and the plot.

    It takes half an hour, so parts that are in `.run/scale` are not measured again.
    """
    base = load_large_base(max_tokens=Chunking().max_tokens)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        questions = _write_questions(folder)
        result = {
            "questions": len(questions),
            "engines_at_100000": _kept("engines", lambda: _engines(folder, base)),
            "agent": _kept("agent", lambda: _agents(folder, base)),
        }
    million = PLOT.parent / "million.json"
    plot(result, json.loads(million.read_text()) if million.exists() else None, PLOT)
    return result


def run_million() -> dict[str, Any]:
    """The graph alone with a million embeddings made from the real ones; seven minutes."""
    base = load_large_base(max_tokens=Chunking().max_tokens)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_questions(folder)
        np.save(folder / "embeddings.npy", multiply(base.embeddings.astype(np.float32), MILLION))
        return _graph(folder, "hnswlib", MILLION)


def _write_questions(folder: Path) -> list[str]:
    questions = _questions()
    student = load_student()
    np.save(folder / "queries.npy", student.encoder.encode(questions))
    student.close()
    (folder / "questions.json").write_text(json.dumps(questions))
    return questions


def _kept(part: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{part}.json"
    if not path.exists():
        path.write_text(json.dumps(measure()))
    figures: dict[str, Any] = json.loads(path.read_text())
    return figures


def _engines(folder: Path, base: LargeBase) -> dict[str, Any]:
    """Each engine on the same embeddings, one after another."""
    np.save(folder / "embeddings.npy", base.embeddings.astype(np.float32))
    return {engine: _graph(folder, engine, PASSAGES) for engine in ENGINES}


def _agents(folder: Path, base: LargeBase) -> dict[str, Any]:
    figures = {}
    for size in SIZES:
        fill_store(folder / str(size), base, size)
        figures[str(size)] = _worker("agent_worker", folder / str(size), folder / "questions.json")
    return figures


def _graph(folder: Path, engine: str, size: int) -> dict[str, Any]:
    return _worker("graph_worker", engine, folder / "embeddings.npy", folder / "queries.npy", size)


def fill_store(folder: Path, base: LargeBase, size: int) -> None:
    """A store with the base's first documents, about `size` passages, their embeddings taken from the base.

    Made in memory and then copied, since sixty thousand transactions would wait for the disk.
    """
    recipe = ChunkingRecipe(RULES, Chunking().max_tokens)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        store = Store(Path(memory))
        for document in track(base.documents, description=f"a store of {size} passages", transient=True):
            if document.first >= size:
                break
            text = document.made.text
            new = NewDocument(
                document.source, document.title, "markdown", detect_language(text) or "", "00" * 32, text, recipe
            )
            its = range(document.first, document.first + len(document.spans))
            sentences = [base.sentences_of(passage) for passage in its]
            store.put(new, document.spans, base.embeddings[its.start : its.stop], sentences, base.embedding_space)
        store.close()
        shutil.copytree(memory, folder)


def multiply(embeddings: Embeddings, size: int) -> Embeddings:
    """More embeddings (size, D) than the (N, D) there are: each is one of them moved along the difference of two."""
    generator = np.random.default_rng(_SEED)
    made = np.empty((size, embeddings.shape[1]), dtype=np.float32)
    for first in range(0, size, len(embeddings)):
        count = min(len(embeddings), size - first)
        one, other = generator.permutation(len(embeddings))[:count], generator.permutation(len(embeddings))[:count]
        rows = embeddings[:count] + (0.25 * (embeddings[one] - embeddings[other]) if first else 0)
        made[first : first + count] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return made


def _questions() -> list[str]:
    """Titles of guides that are in the base, in both languages, and the demo's questions, which it does not answer."""
    titles = []
    for name in ("help_bc", "help_adobe_commerce", "help_m365_es", "help_hetzner"):
        rows = list(read_rows(DATA / name / "articles.jsonl"))
        chosen = np.random.default_rng(_SEED).choice(len(rows), size=100, replace=False)
        titles += [rows[row]["title"] for row in chosen]
    return titles + [row["text"] for row in read("questions.jsonl", split="dev")]


def _worker(name: str, *arguments: object) -> dict[str, Any]:
    """A worker module's figures, from a fresh process."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=7200)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def plot(result: dict[str, Any], million: dict[str, Any] | None, path: Path) -> None:
    """Cost of a query, a document more, a start and memory by the size of the base; the engines beside each other."""
    from matplotlib import pyplot  # noqa: PLC0415

    figure, ((times, starts), (memory, engines)) = pyplot.subplots(2, 2, figsize=(11, 8), layout="constrained")
    agent = sorted(result["agent"].values(), key=lambda figures: figures["passages"])
    sizes = [figures["passages"] for figures in agent]
    for name, value in {
        "whole query, p50": [f["total"]["p50_ms"] for f in agent],
        "whole query, p95": [f["total"]["p95_ms"] for f in agent],
        "its search, p50": [f["search"]["p50_ms"] for f in agent],
        "a document more, p50": [f["document_added"]["p50_ms"] for f in agent],
    }.items():
        times.plot(sizes, value, marker="o", label=name)
    times.axhline(15, color="0.7", linestyle=":")
    starts.plot(sizes, [f["start_s"] for f in agent], marker="o", label="start with what is on disk")
    starts.plot(sizes, [f["graph_ready_s"] for f in agent], marker="o", label="first start, graph built")
    memory.plot(sizes, [f["memory_mb"] for f in agent], marker="o", label="agent, in RAM")
    memory.plot(sizes, [f["database_mb"] for f in agent], marker="o", label="SQLite file")
    if million:
        for axes, at_million, label in (
            (times, fast_enough(million)["p50_ms"], "graph alone, p50"),
            (times, million["insert"]["p50_ms"], "insert into it, p50"),
            (starts, million["load_s"], "graph alone, loaded"),
            (starts, million["build_s"], "graph alone, built"),
            (memory, million["memory_mb"], "graph alone, in RAM"),
        ):
            axes.plot([MILLION], [at_million], marker="*", linestyle="", markersize=10, label=label)
    for name, figures in result["engines_at_100000"].items():
        points = figures["by_candidates_searched"].values()
        engines.plot([p["recall_at_10"] for p in points], [p["p50_ms"] for p in points], marker=".", label=name)
    for axes, what, unit in ((times, "one question", "ms"), (starts, "start", "s"), (memory, "memory and disk", "MB")):
        axes.set(xscale="log", yscale="log", xlabel="passages", ylabel=f"{what}, {unit}")
    engines.set(yscale="log", xlim=(0.96, 1.001), xlabel="recall@10 at 100,000", ylabel="graph query p50, ms")
    for axes in (times, starts, memory, engines):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def fast_enough(figures: dict[str, Any], wanted: float = 0.98) -> dict[str, float]:
    """The fastest setting of an engine with a recall@10, or its best."""
    points: list[dict[str, float]] = list(figures["by_candidates_searched"].values())
    return next((point for point in points if point["recall_at_10"] >= wanted), points[-1])
