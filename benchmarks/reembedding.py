"""Re-embedding: a large base gets a bundle of another embedding space while questions go on being asked and answered.

A real server answers from the base with its bundle, is restarted with the next one (docs/branch.md), embeds every
passage again in the background and goes over to the next bundle. Questions come over HTTP at a steady rate all the
while; a request that fails, or an answer of the former bundle after the first of the next, ends with an error. It goes
from the default bundle before, where `make former` has fetched it, to the default bundle; else to a copy of its own.

With its own arguments `python -m benchmarks.reembedding` tries any bundle and any base, and keeps nothing.
"""

import argparse
import itertools
import json
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.progress import track

from benchmarks.demo import article_lines, ingest_demo, question_texts
from benchmarks.measure import FORMER, percentiles
from benchmarks.server import Server, served, wait_until_ready
from edge_agent.agent import Agent
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from student.artifacts.digests import digest_json
from student.artifacts.json_lines import read_rows
from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import Bundle, open_bundle, write_bundle

PASSAGES = 10_000
QUESTIONS_PER_S = 4.0
"""What a busy branch asks; a server that is asked without a pause leaves re-embedding no core."""
BEFORE_AND_AFTER = 200
"""Questions whose latency is the baseline, and questions after the change."""
_PATIENCE_S = 3600
_SECTION_LINES, _SECTIONS = 3, 12


@dataclass(frozen=True, slots=True)
class Asked:
    """One question's way: when it was asked, how long it took, its HTTP status (0: no connection), who answered."""

    at_s: float
    seconds: float
    status: int
    bundle: str
    sources: tuple[str, ...]


def run(
    former_bundle: Path | None = None,
    next_bundle: Path | None = None,
    documents: Path | None = None,
    passages: int = PASSAGES,
    base: Path | None = None,
) -> dict[str, Any]:
    """All figures.

    Args:
        former_bundle: that answers first; None for the default bundle before, or the default one where that is absent.
        next_bundle: of another embedding space; None for the default bundle, or for a copy of it that names another
            space where it is the former one.
        documents: JSON lines with `title` and `body_markdown`; None for guides made of the demo's sentences.
        passages: that the base holds at least, the demo's among them.
        base: a store to begin with, which is copied; what it lacks of the passages is ingested.
    """
    with tempfile.TemporaryDirectory() as folder:
        former = open_bundle(former_bundle or (FORMER if FORMER.is_dir() else DEFAULT_BUNDLE))
        is_copy = former.path == DEFAULT_BUNDLE and next_bundle is None
        following = _renamed(former, Path(folder) / "next") if is_copy else open_bundle(next_bundle or DEFAULT_BUNDLE)
        if following.manifest.embedding_space == former.manifest.embedding_space:
            raise SystemExit(f"{following.path} has the embedding space of {former.path}; name one of another")
        store = Path(folder) / "store"
        if base:
            shutil.copytree(base, store)
        held = _fill(store, former.path, documents, passages)
        questions = _questions()
        with served(store, bundle=former.path) as server, _client_of(server) as http:
            before = [_ask(http, next(questions)) for _ in range(BEFORE_AND_AFTER // 10 + BEFORE_AND_AFTER)]
            before = before[BEFORE_AND_AFTER // 10 :]
        restarted = time.monotonic()
        with served(store, bundle=following.path) as server, _client_of(server) as http:
            wait_until_ready(server.url)
            restart_s = time.monotonic() - restarted
            during, remaining = _ask_until_promoted(http, questions, following.digest)
            after = [_ask(http, next(questions)) for _ in range(BEFORE_AND_AFTER)]
    return {
        "passages": held,
        "former_dimension": former.manifest.encoder.dimension,
        "former": f"{former.manifest.name} serial {former.manifest.serial}",
        "next": f"{following.manifest.name} serial {following.manifest.serial}",
        "next_is_a_renamed_copy": is_copy,
        "questions_per_s": QUESTIONS_PER_S,
        "restart_s": round(restart_s, 2),
        **figures_of(before, during, after, former.digest, following.digest),
        "passages_remaining": remaining,
    }


def figures_of(
    before: list[Asked], during: list[Asked], after: list[Asked], former: str, following: str
) -> dict[str, Any]:
    """The figures of what was asked; ends with an error where a promise was broken."""
    everything = [*before, *during, *after]
    failed = [asked.status for asked in everything if asked.status != httpx.codes.OK]
    changed = next(number for number, asked in enumerate(during) if asked.bundle == following)
    late = [asked for asked in [*during[changed:], *after] if asked.bundle != following]
    strange = [asked for asked in during[:changed] if asked.bundle != former]
    if failed or late or strange:
        raise SystemExit(
            f"{len(failed)} requests failed ({sorted(set(failed))}), {len(late)} were answered by the former bundle "
            f"after the next one had answered, {len(strange)} by another one"
        )
    beside = during[:changed]
    own, theirs = (percentiles([asked.seconds for asked in some]) for some in (before, beside))
    return {
        "requests": len(everything),
        "failed": len(failed),
        "answered_by_former": len(beside),
        "answered_by_next": len(everything) - len(before) - len(beside),
        "former_after_next": len(late),
        "seconds": round(during[changed].at_s - during[0].at_s, 1),
        "latency": {
            "before": own,
            "while_embedding": theirs,
            "after": percentiles([asked.seconds for asked in after]),
            "slowest_while_embedding_ms": round(max(asked.seconds for asked in during) * 1000, 1),
            "p50_ratio": round(theirs["p50_ms"] / own["p50_ms"], 2),
            "p95_ratio": round(theirs["p95_ms"] / own["p95_ms"], 2),
        },
        "found_something": {
            name: round(sum(bool(asked.sources) for asked in some) / len(some), 3)
            for name, some in (("before", before), ("while_embedding", beside), ("after", after))
        },
    }


def _renamed(bundle: Bundle, path: Path) -> Bundle:
    """The same bundle under the name of another embedding space: embedding again costs what it always costs."""
    fields = bundle.manifest.model_dump(exclude={"files"})
    fields |= {"serial": bundle.manifest.serial + 1, "embedding_space": digest_json("another space")}
    return write_bundle(path, fields, {name: bundle.read(name) for name in bundle.manifest.files})


def _fill(store: Path, bundle: Path, documents: Path | None, passages: int) -> int:
    """A store with the demo's articles and so many passages of others; returns how many it holds."""
    with Agent(AgentSettings(store, bundle=bundle)) as agent:
        ingest_demo(agent)  # what is there already is not ingested again
        if agent.readiness().passages >= passages:
            return agent.readiness().passages
        guides = _public(documents) if documents else _made()
        for number, (title, body) in enumerate(track(guides, description="ingesting", total=None)):
            agent.add_document(f"guides/{number}.md", f"# {title}\n\n{body}\n".encode(), DocumentFormat.MARKDOWN)
            if agent.readiness().passages >= passages:
                return agent.readiness().passages
        raise SystemExit(
            f"{documents} makes {agent.readiness().passages} passages, expected {passages}; name more text"
        )


def _public(path: Path) -> Iterator[tuple[str, str]]:
    for row in read_rows(path):
        if row["body_markdown"].strip():
            yield row["title"], row["body_markdown"]


def _made() -> Iterator[tuple[str, str]]:
    """Guides without end: sections of sentences of the demo's articles, drawn at random, each with a number."""
    generator = random.Random(0)  # noqa: S311
    lines = article_lines()
    for number in itertools.count():
        sections = [
            f"## Case {number}.{section}\n\n" + "\n\n".join(generator.sample(lines, _SECTION_LINES))
            for section in range(_SECTIONS)
        ]
        yield f"Collected cases {number}", "\n\n".join(sections)


def _questions() -> Iterator[str]:
    """The demo's questions over and over, each time new, so that none is answered from the cache."""
    texts = question_texts()
    for number in itertools.count():
        yield f"{texts[number % len(texts)]} ({number // len(texts)})"


def _client_of(server: Server) -> httpx.Client:
    """A client for all questions to a server: making one takes some forty milliseconds of the core."""
    return httpx.Client(base_url=server.url, timeout=60, trust_env=False)


def _ask(http: httpx.Client, text: str) -> Asked:
    """Asks one question, not before its turn."""
    started = time.monotonic()
    try:
        response = http.post("/v1/query", json={"text": text})
        answer = response.json() if response.is_success else {}
        status = response.status_code
    except httpx.TransportError:
        status, answer = 0, {}
    seconds = time.monotonic() - started
    time.sleep(max(0.0, 1 / QUESTIONS_PER_S - seconds))
    sources = tuple(citation["source"] for citation in answer.get("citations", []))
    return Asked(started, seconds, status, answer.get("bundle", {}).get("digest", ""), sources)


def _ask_until_promoted(http: httpx.Client, questions: Iterator[str], following: str) -> tuple[list[Asked], list[int]]:
    """What was asked until the next bundle answered, and how many passages remained, looked at now and then."""
    asked: list[Asked] = []
    remaining: list[int] = []
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if len(asked) % 40 == 0:
            ready = http.get("/readyz").raise_for_status().json()
            remaining.append(ready["passages_to_reembed"])
        asked.append(_ask(http, next(questions)))
        if asked[-1].bundle == following:
            return asked, remaining
    raise SystemExit(f"the next bundle did not answer within {_PATIENCE_S} s; {remaining[-1]} passages remained")


def main() -> None:
    """Runs it with the arguments given and prints the figures; `python -m benchmarks reembedding` writes its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--former-bundle", type=Path, help="the bundle that answers first")
    parser.add_argument("--next-bundle", type=Path, help="a bundle of another embedding space")
    parser.add_argument("--documents", type=Path, help="JSON lines with title and body_markdown")
    parser.add_argument("--base", type=Path, help="a store to begin with; it is copied")
    parser.add_argument("--passages", type=int, default=PASSAGES, help=f"{PASSAGES} by default")
    arguments = parser.parse_args()
    print(json.dumps(run(**vars(arguments)), indent=2))


if __name__ == "__main__":
    main()
