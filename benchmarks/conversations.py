"""Follow-up questions on the demo: is the right article found with the question before it, and without?

Rules were chosen on the development half; figures are of the test half. New topics must be found as if asked alone.
"""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.demo import LANGUAGES, ingest_demo, read
from benchmarks.measure import rank_of, summarize_ranks
from edge_agent.agent import Agent
from edge_agent.answering.conversation import Conversations
from edge_agent.settings import AgentSettings


def run() -> dict[str, Any]:
    """Figures by language."""
    with tempfile.TemporaryDirectory() as folder, Agent(AgentSettings(store=Path(folder))) as agent:
        ingest_demo(agent)
        rows = read("conversations.jsonl", split="test")
        return {language: _figures(agent, [r for r in rows if r["language"] == language]) for language in LANGUAGES}


def _figures(agent: Agent, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        kind: {
            "alone": _ranking(agent, [(r["gold"], r["text"]) for r in rows if r["kind"] == kind]),
            "in_session": _ranking(agent, [(r["gold"], _resolved(r)) for r in rows if r["kind"] == kind]),
        }
        for kind in ("follow-up", "new topic")
    }


def _resolved(row: dict[str, Any]) -> str:
    sessions = Conversations()
    sessions.resolve("a", row["before"])
    return sessions.resolve("a", row["text"])


def _ranking(agent: Agent, asked: list[tuple[str, str]]) -> dict[str, Any]:
    ranks = [rank_of(gold, [found.source for found in agent.lookup.search(text, count=50)]) for gold, text in asked]
    return asdict(summarize_ranks(ranks))
