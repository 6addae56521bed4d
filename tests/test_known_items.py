"""Real guides are found by their titles and excerpts (a part of `benchmarks.known_items`, as a floor)."""

import json
from pathlib import Path

from benchmarks.known_items import masked
from benchmarks.measure import rank_of, summarize_ranks
from edge_agent.agent import Agent
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from tests.conftest import require_data


def test_english_guides_are_among_the_first_five(tmp_path: Path) -> None:
    lines = require_data("help_bc/articles.jsonl").read_text(encoding="utf-8").splitlines()
    guides = [guide for guide in map(json.loads, lines) if guide["lang"] == "en"][:200]
    with Agent(AgentSettings(store=tmp_path)) as agent:
        for guide in guides:
            agent.add_document(guide["id"], masked(guide).encode(), DocumentFormat.MARKDOWN, title="Guide")
        ranks = [
            rank_of(guide["id"], [result.source for result in agent.lookup.search(guide[field], count=50)])
            for guide in guides
            for field in ("title", "excerpt")
        ]
    assert summarize_ranks(ranks).hit_at_5 >= 0.85


def test_masking_leaves_no_title() -> None:
    guide = {"title": "Close a Year [ES]", "body_markdown": "# Close a Year\n\nTo close a year, press Close a Year."}
    assert masked(guide).lower().count("close a year") == 0
