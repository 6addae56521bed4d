"""Speed, memory, start and size: the default bundle, MiniLM int8 in the same runtime, and MiniLM in torch, in one run.

The last two have the same weights, so they compare runtimes; the first two share the runtime, so they compare models.
Each system runs in fresh processes, alternating, and the figures are medians over the repeats: the machine is shared.
"""

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from benchmarks.demo import DEMO, ingest_demo, question_texts
from benchmarks.measure import percentiles
from benchmarks.server import served, wait_until_ready
from edge_agent.agent import Agent
from edge_agent.ingest.chunking import passage_input
from edge_agent.settings import AgentSettings
from student.distill.export.onnx_graph import export_graph, quantize_graph
from student.distill.pretrained import find_minilm

REPEATS = 5
_WARM = tuple(f"How do I start, number {number}?" for number in range(10))
"""Asked before a figure of new questions is taken."""
SYSTEMS = ("bundle", "minilm-int8", "sentence-transformers")


def run() -> dict[str, Any]:
    """All serving figures."""
    questions = question_texts()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        with Agent(AgentSettings(store)) as agent:
            started = time.perf_counter()
            ingest_demo(agent)
            ingest_s = time.perf_counter() - started
            ids = sorted(agent.models.active.index.view().ids())
            stored = agent.store.snapshots.read(lambda s: s.passages([int(i) for i in ids]))
            passages = [passage_input(p.title, p.heading, p.text) for p in stored]
            inside = _inside(agent, questions)
        graph = _export_minilm(Path(folder))
        repeats: dict[str, list[dict[str, Any]]] = {system: [] for system in SYSTEMS}
        for _ in range(REPEATS):
            for system in SYSTEMS:
                repeats[system].append(_run_worker(system, graph, {"passages": passages, "questions": questions}))
        systems = {system: _median(results) for system, results in repeats.items()}
        for system in SYSTEMS:
            package = "sentence-transformers" if system == "sentence-transformers" else "orilla"
            systems[system]["install_mb"] = install_megabytes(package)
        return {
            "repetitions": REPEATS,
            "passages": len(passages),
            "questions": len(questions),
            "systems": systems,
            "times_better_than_sentence_transformers": {
                system: _ratios(systems[system], systems["sentence-transformers"]) for system in SYSTEMS[:2]
            },
            "times_better_than_minilm_int8": _ratios(systems["bundle"], systems["minilm-int8"]),
            "agent": {
                "ingest_passages_per_s": round(len(passages) / ingest_s, 1),
                "inside_the_process": inside,
                "over_http": _over_http(store, questions),
            },
        }


def _inside(agent: Agent, questions: list[str]) -> dict[str, Any]:
    return {
        "search": _timed(agent.lookup.search, questions),
        "query": _timed(agent.questions.query, questions, warm=_WARM),
        "query_repeated": _timed(agent.questions.query, questions),
        "classify": _timed(agent.lookup.classify, questions),
    }


def _over_http(store: Path, questions: list[str]) -> dict[str, Any]:
    started = time.perf_counter()
    with served(store) as server:
        wait_until_ready(server.url)
        cold_start_s = time.perf_counter() - started
        with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as http:

            def ask(path: str, text: str) -> None:
                http.post(path, json={"text": text}).raise_for_status()

            figures: dict[str, Any] = {
                "cold_start_s": round(cold_start_s, 3),
                "search": _timed(lambda text: ask("/v1/search", text), questions),
                "query": _timed(lambda text: ask("/v1/query", text), questions, warm=_WARM),
                "query_repeated": _timed(lambda text: ask("/v1/query", text), questions),
                "classify": _timed(lambda text: ask("/v1/classify", text), questions),
                "queries_per_s_with_4_clients": _throughput(server.url, questions),
            }
        figures["resident_after_mb"] = round(psutil.Process(server.pid).memory_info().rss / 1e6, 1)
        return figures


def _timed(call: Any, texts: list[str], *, warm: Sequence[str] = ()) -> dict[str, float]:
    for text in warm or texts[:10]:
        call(text)
    seconds = []
    for text in texts:
        started = time.perf_counter()
        call(text)
        seconds.append(time.perf_counter() - started)
    return percentiles(seconds)


def _throughput(url: str, questions: list[str]) -> float:
    """Each client asks all questions, with a mark of its own: none is answered from the cache of repeated ones."""

    def ask_all(client: int) -> None:
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
            for text in questions:
                http.post("/v1/query", json={"text": f"{text} ({client})"}).raise_for_status()

    threads = [threading.Thread(target=ask_all, args=[client]) for client in range(4)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return round(4 * len(questions) / (time.perf_counter() - started), 1)


def _export_minilm(folder: Path) -> Path:
    """MiniLM as a bundle would hold it; the tokenizer lies beside the graph."""
    minilm = find_minilm()
    graph = folder / "int8.onnx"
    graph.write_bytes(quantize_graph(export_graph(minilm, folder / "float")))
    graph.with_name("tokenizer.json").write_bytes((minilm.path / "tokenizer.json").read_bytes())
    return graph


def _run_worker(system: str, graph: Path, work: dict[str, list[str]]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.encoder_worker", system, str(time.time()), str(graph)]
    done = subprocess.run(
        command,
        input=json.dumps(work),
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
        cwd=DEMO.parent,
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _median(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure, groups of figures included."""
    return {
        key: _median([result[key] for result in results])
        if isinstance(value, dict)
        else round(float(np.median([result[key] for result in results])), 3)
        for key, value in results[0].items()
    }


def _ratios(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, float]:
    """Ratio of one system's figures to another's; below 1 it is worse."""
    lower_is_better = {
        "cold_start": ("cold_start_s",),
        "resident_loaded": ("resident_loaded_mb",),
        "resident_after": ("resident_after_mb",),
        "install": ("install_mb",),
        "encode_and_search_p50": ("encode_and_search", "p50_ms"),
        "encode_and_search_p95": ("encode_and_search", "p95_ms"),
    }
    ratios = {name: _at(theirs, path) / _at(ours, path) for name, path in lower_is_better.items()}
    ratios["passages_per_s"] = ours["passages_per_s"] / theirs["passages_per_s"]
    return {name: round(ratio, 2) for name, ratio in ratios.items()}


def _at(figures: Any, path: tuple[str, ...]) -> float:
    for key in path:
        figures = figures[key]
    return float(figures)


def install_megabytes(package: str) -> float:
    """Bytes on disk of a distribution and of all it requires without extras, itself included."""
    total, waiting, seen = 0, [package], set()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop().lower())
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:  # required only on another platform
            continue
        total += _size(found) if name != "orilla" else _own_size()
        for requirement in found.requires or []:
            if "extra ==" not in requirement and (match := re.match(r"[A-Za-z0-9._-]+", requirement)):
                waiting.append(match[0])
    return round(total / 1e6, 1)


def _size(found: Distribution) -> int:
    paths = [Path(str(found.locate_file(file))) for file in found.files or []]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _own_size() -> int:
    """The project's packages, which an editable install does not list as files."""
    packages = [DEMO.parent / name for name in ("student", "edge_agent", "federation", "teacher")]
    return sum(path.stat().st_size for package in packages for path in package.rglob("*") if path.is_file())
