"""Fairness: what a large document on its way in costs those who ask, and what hostile ones cost everybody else.

A real server on the demo base. Questions go over HTTP, one after another, each new: first alone, then while a document
of 20 MB is ingested, again and again until a thousand are asked. Then hostile texts are sent, and the server's health
is asked for meanwhile.
"""

import random
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from benchmarks.demo import article_lines, ingest_demo, question_texts
from benchmarks.server import served
from edge_agent.agent import Agent
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.isolation import IsolatedParser
from edge_agent.settings import AgentSettings, ParsingLimits

QUESTIONS = 1_000
DOCUMENT_BYTES, DOCUMENT_CHARS = 20_000_000, 500_000
HOSTILE = {
    "192 KB of combining marks": "Hola a" + "\u0301\u0316" * 48_000,
    "1 MB of 'a. '": "a. " * 350_000,
    "500,000 times 'Palabra. '": "Palabra. " * 500_000,
    "200,000 questions": "¿Qué?\n" * 200_000,
    "a line of 4.9 MB": "x" * 4_900_000,
    "200,000 lines": "a\n" * 200_000,
    "a million '!'": "!" * 1_000_000,
}
"""Texts that cost more than time linear in their length once, or more memory than they should."""
INGESTED = ("192 KB of combining marks", "1 MB of 'a. '")
"""Those that the server gets; the others have so many sentences that encoding them takes many minutes."""


def run() -> dict[str, Any]:
    """All figures; ends with an error where a question or a probe fails."""
    costs = {name: _cost_in_child(text) for name, text in HOSTILE.items()}
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        with Agent(AgentSettings(store)) as agent:
            ingest_demo(agent)
        with served(store) as server, httpx.Client(base_url=server.url, timeout=120, trust_env=False) as http:
            _ask(http, QUESTIONS // 10, mark="warm")
            alone = _ask(http, QUESTIONS, mark="alone")
            with _uploading(server.url) as uploads:
                beside = _ask(http, QUESTIONS, mark="beside")
                while not uploads:  # all of a document's way is measured, also its last step
                    beside += _ask(http, QUESTIONS // 10, mark=f"beside {len(beside)}")
            after = _ask(http, QUESTIONS // 2, mark="after")
            health = {name: _health_beside(server.url, HOSTILE[name]) for name in INGESTED}
    figures = {"alone": _figures(alone), "beside_ingest": _figures(beside), "with_the_document": _figures(after)}
    return {
        "document_bytes": DOCUMENT_BYTES,
        "document_chars": DOCUMENT_CHARS,
        "documents_ingested": len(uploads),
        "document_s": [round(seconds, 1) for seconds in uploads],
        "questions": figures,
        "slowest_ratio": round(max(beside) / max(alone), 2),
        "hostile": {name: costs[name] | health.get(name, {}) for name in HOSTILE},
    }


def make_document(chars: int, size: int) -> bytes:
    """An HTML page of so many bytes with so many characters of text: sentences of the demo's articles, shuffled."""
    generator = random.Random(0)  # noqa: S311
    lines = article_lines()
    parts: list[str] = []
    length = 0
    while length < chars:
        some = generator.sample(lines, 4)
        parts.append("".join(f"<p>{line}</p>" for line in some))
        length += sum(len(line) + 2 for line in some)
    padding = (size - sum(len(part.encode()) for part in parts)) // len(parts) - 40
    return "\n".join(f'<section data-x="{"x" * padding}">{part}</section>' for part in parts).encode()


@contextmanager
def _uploading(url: str) -> Iterator[list[float]]:
    """Sends large documents one after another meanwhile; gives the seconds that each has taken."""
    seconds: list[float] = []
    failures: list[Exception] = []
    stop = threading.Event()
    document = make_document(DOCUMENT_CHARS, DOCUMENT_BYTES)

    def upload() -> None:
        try:
            with httpx.Client(base_url=url, timeout=1800, trust_env=False) as http:
                while not stop.is_set():
                    started = time.perf_counter()
                    content = document + b"<p>%d</p>" % len(seconds)
                    files = {"file": ("large.html", content[:DOCUMENT_BYTES])}
                    http.post("/v1/documents/upload", files=files).raise_for_status()
                    seconds.append(time.perf_counter() - started)
        except httpx.HTTPError as error:
            failures.append(error)
            seconds.append(0.0)

    thread = threading.Thread(target=upload)
    thread.start()
    try:
        yield seconds
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


def _ask(http: httpx.Client, count: int, *, mark: str) -> list[float]:
    """Seconds that each of some new questions took."""
    questions = question_texts()
    seconds = []
    for number in range(count):
        text = f"{questions[number % len(questions)]} ({mark} {number // len(questions)})"
        started = time.perf_counter()
        http.post("/v1/query", json={"text": text}).raise_for_status()
        seconds.append(time.perf_counter() - started)
    return seconds


def _health_beside(url: str, text: str) -> dict[str, Any]:
    """How long the health of the server took to answer while a text was ingested."""
    done = threading.Event()
    status: list[int] = []
    started = time.perf_counter()

    def upload() -> None:
        with httpx.Client(base_url=url, timeout=1800, trust_env=False) as http:
            files = {"file": ("hostile.txt", text.encode())}
            status.append(http.post("/v1/documents/upload", files=files).status_code)
        done.set()

    thread = threading.Thread(target=upload)
    thread.start()
    waits = []
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        while not done.is_set():
            asked = time.perf_counter()
            http.get("/healthz").raise_for_status()
            waits.append(time.perf_counter() - asked)
            time.sleep(0.01)
    thread.join()
    return {
        "status": status[0],
        "ingest_s": round(time.perf_counter() - started, 2),
        "health_slowest_ms": _figures(waits)["slowest_ms"],
        "health_p99_ms": _figures(waits)["p99_ms"],
    }


def _cost_in_child(text: str) -> dict[str, float]:
    """Seconds of processor time that a child takes to parse a text, its start not counted."""
    with closing(IsolatedParser(ParsingLimits(), children=1, timeout_s=600)) as parser:
        parser.read(b"Hola.", DocumentFormat.TEXT)
        (child,) = (c for c in psutil.Process().children() if "edge_agent.ingest.parsing.child" in c.cmdline())
        before = sum(child.cpu_times()[:2])
        parser.read(text.encode(), DocumentFormat.TEXT)
        return {"child_s": round(sum(child.cpu_times()[:2]) - before, 2)}


def _figures(seconds: Sequence[float]) -> dict[str, Any]:
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return {
        "count": len(seconds),
        "p50_ms": round(float(p50), 1),
        "p99_ms": round(float(p99), 1),
        "slowest_ms": round(max(seconds) * 1000, 1),
    }
