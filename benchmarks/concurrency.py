"""Fifty readers over HTTP while documents are added, replaced and deleted: no error, and no stale citation.

A citation is not stale if the version of the document that it names (`content_sha256`) was stored at some moment
between the question and its answer, and its quote is what stands at its offsets in that version's text.
"""

import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import httpx

from benchmarks.server import served
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.settings import ParsingLimits
from edge_agent.storage.records import document_id_of

READERS, WRITERS, SECONDS = 50, 4, 60.0
OWN = 6
"""Documents of each writer; the even ones are replaced and never deleted, so a question for them must find them."""
WORDS = "pago factura copia correo servidor dominio clave web línea cuenta plan precio aviso soporte".split()


@dataclass(slots=True)
class Version:
    """A text of a document: asked to be stored at `sent_at`, certainly gone at `ended_at` (both monotonic seconds)."""

    text: str
    sent_at: float
    ended_at: float = inf


@dataclass(slots=True)
class Seen:
    """What a reader was given: a quote with its place, or a whole text, between two moments."""

    document_id: str
    digest: str
    start: int
    end: int
    quote: str
    asked_at: float
    answered_at: float


@dataclass(slots=True)
class Load:
    """What writers did and readers saw; nobody reads before every document is there."""

    are_there: threading.Barrier
    versions: dict[tuple[str, str], list[Version]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


def run() -> dict[str, Any]:
    """A minute of it on a server of its own; ends with an error if anything went wrong."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        return put_under_load(server.url, readers=READERS, writers=WRITERS, seconds=SECONDS)


def put_under_load(url: str, *, readers: int, writers: int, seconds: float) -> dict[str, Any]:
    """Reads and changes the documents of a server for a while.

    Raises:
        AssertionError: a request failed, a document that was there was not found, or a citation was stale.
    """
    load = Load(threading.Barrier(readers + writers))
    threads = [threading.Thread(target=_guarded, args=[load, _write, url, number]) for number in range(writers)]
    threads += [
        threading.Thread(target=_guarded, args=[load, _read, url, number, writers]) for number in range(readers)
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    load.stop.set()
    for thread in threads:
        thread.join(timeout=120)
    stale = [problem for seen in load.seen if (problem := fault_of(seen, load))]
    assert not load.problems, load.problems[:5]
    assert not stale, stale[:5]
    assert load.counts["replaced"] > 0
    return {
        "readers": readers,
        "writers": writers,
        "seconds": seconds,
        **dict(sorted(load.counts.items())),
        "citations_compared": len(load.seen),
        "errors": 0,
        "stale_citations": 0,
    }


def fault_of(seen: Seen, load: Load) -> str | None:
    """What is wrong with a citation; None if it is true and was so while it was asked for."""
    versions = load.versions.get((seen.document_id, seen.digest))
    if versions is None:
        return f"{seen.document_id}: a version that nobody acknowledged"
    if versions[0].text[seen.start : seen.end] != seen.quote:
        return f"{seen.document_id}: the quote does not stand at {seen.start}–{seen.end}"
    if not any(v.sent_at <= seen.answered_at and v.ended_at >= seen.asked_at for v in versions):
        return f"{seen.document_id}: the version was not stored between question and answer"
    return None


def _guarded(load: Load, work: Callable[..., None], url: str, *arguments: int) -> None:
    try:
        with httpx.Client(base_url=url, timeout=100, trust_env=False) as http:
            work(load, http, *arguments)
    except Exception as error:
        load.problems.append(f"{work.__name__}: {type(error).__name__}: {error}")


def _write(load: Load, http: httpx.Client, number: int) -> None:
    """Changes documents that no other writer touches, so that it knows which version is stored."""
    generator = random.Random(f"writer {number}")  # noqa: S311
    current: dict[str, Version] = {}
    step = 0
    while not load.stop.is_set():
        step += 1
        own = step - 1 if step <= OWN else generator.randrange(OWN)
        source = f"{number}-{own}.txt"
        if own % 2 and source in current and generator.random() < 0.4:
            http.delete(f"/v1/documents/{document_id_of(source)}").raise_for_status()
            current.pop(source).ended_at = time.monotonic()
            load.counts["deleted"] += 1
            continue
        text = _text(number, own, generator)
        sent_at = time.monotonic()
        response = http.post("/v1/documents", json={"source": source, "text": text, "format": "text"})
        digest = response.raise_for_status().json()["document"]["content_sha256"]
        stored = extract(text.encode(), DocumentFormat.TEXT, ParsingLimits()).text
        if source in current:
            current[source].ended_at = time.monotonic()
        current[source] = Version(stored, sent_at)
        load.versions.setdefault((document_id_of(source), digest), []).append(current[source])
        load.counts[response.json()["outcome"]] += 1
        if step == OWN:
            load.are_there.wait(timeout=60)


def _read(load: Load, http: httpx.Client, number: int, writers: int) -> None:
    generator = random.Random(f"reader {number}")  # noqa: S311
    load.are_there.wait(timeout=60)
    while not load.stop.is_set():
        own = generator.randrange(OWN)
        source = f"{generator.randrange(writers)}-{own}.txt"
        asked_at = time.monotonic()
        kind = generator.choice(("search", "query", "document", "readyz"))
        if kind == "readyz":
            http.get("/readyz").raise_for_status()
        elif kind == "document":
            response = http.get(f"/v1/documents/{document_id_of(source)}")
            assert response.is_success or (response.status_code == 404 and own % 2), response.status_code
            if response.is_success:
                document, text = response.json()["document"], response.json()["text"]
                whole = {"start": 0, "end": len(text), "quote": text}
                _remember(load, [document | whole], asked_at)
        else:
            where = {"source_prefix": source} if kind == "search" and generator.random() < 0.3 else {}
            text = _topic(*source.removesuffix(".txt").split("-"))
            response = http.post(f"/v1/{kind}", json={"text": text, **where}).raise_for_status()
            citations = response.json()["results" if kind == "search" else "citations"]
            _remember(load, citations, asked_at)
            found = {citation["source"] for citation in citations}
            assert own % 2 or kind == "query" or source in found, f"{source} was there and not found"
        load.counts[kind] += 1


def _remember(load: Load, citations: list[dict[str, Any]], asked_at: float) -> None:
    answered_at = time.monotonic()
    for c in citations:
        load.seen.append(
            Seen(c["document_id"], c["content_sha256"], c["start"], c["end"], c["quote"], asked_at, answered_at)
        )


def _topic(writer: object, own: object) -> str:
    return f"tema{writer}x{own}"


def _text(writer: int, own: int, generator: random.Random) -> str:
    lines = [" ".join(generator.choices(WORDS, k=12)) for _ in range(generator.randrange(1, 30))]
    return "\n\n".join(f"{_topic(writer, own)} {line} {generator.randrange(10**6)}." for line in lines)
