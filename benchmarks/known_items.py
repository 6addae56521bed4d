"""Real guides: asked by its title or excerpt, is a guide found? Its title is masked out of what is indexed."""

import re
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.progress import track

from benchmarks.measure import rank_of, summarize_ranks
from edge_agent.agent import Agent
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from student.artifacts.json_lines import read_rows

GUIDES = Path(__file__).parents[2] / "shared" / "data" / "help_bc" / "articles.jsonl"


def run() -> dict[str, Any]:
    """Ingests the English and the Spanish guides together, then asks each in its own language.

    Search is over all guides of both languages; a guide counts once, however many of its passages are found.
    """
    guides = list(read_rows(GUIDES))
    with tempfile.TemporaryDirectory() as folder, Agent(AgentSettings(store=Path(folder))) as agent:
        started = time.perf_counter()
        for guide in track(guides, description="ingesting guides", transient=True):
            agent.add_document(guide["id"], masked(guide).encode(), DocumentFormat.MARKDOWN, title=neutral_title(guide))
        seconds = time.perf_counter() - started
        agent.models.active.index.wait_until_built(timeout_s=300)
        readiness = agent.readiness()
        return {
            "guides": len(guides),
            "passages": readiness.passages,
            "is_search_exact": readiness.is_search_exact,
            "ingest_passages_per_s": round(readiness.passages / seconds, 1),
            "store_problems": agent.store.check(agent.models.active.student.encoder.dimension),
            **{language: _figures(agent, guides, language) for language in ("en", "es")},
        }


def masked(guide: dict[str, str]) -> str:
    """A guide's Markdown without its title, wherever it stands, and without its top heading."""
    body = re.sub(r"^# .*$", "", guide["body_markdown"], flags=re.MULTILINE)
    return re.sub(re.escape(question_of(guide["title"])), " ", body, flags=re.IGNORECASE)


def question_of(title: str) -> str:
    """A title as one would ask for it: without the mark of its country."""
    return re.sub(r"\s*\[[A-Z]{2}\]$", "", title)


def neutral_title(guide: dict[str, str]) -> str:
    """A title that says nothing, in the guide's language."""
    return "Guide" if guide["lang"] == "en" else "Guía"


def _figures(agent: Agent, guides: list[dict[str, str]], language: str) -> dict[str, Any]:
    mine = [guide for guide in guides if guide["lang"] == language]
    figures, every = {}, []
    for field in ("title", "excerpt"):
        asked = [guide for guide in mine if guide.get(field)]
        ranks = []
        for guide in track(asked, description=f"asking by {field}", transient=True):
            found = agent.lookup.search(question_of(guide[field]), count=100)
            ranks.append(rank_of(guide["id"], [result.source for result in found]))
        figures[f"by_{field}"] = asdict(summarize_ranks(ranks))
        every += ranks
    return figures | {"by_title_or_excerpt": asdict(summarize_ranks(every))}
