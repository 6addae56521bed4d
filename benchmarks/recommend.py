"""What to offer next to a ticket, on the demo: relevance and variety, beside popularity and BM25.

Relevant are the articles that `demo/related.json` names for the ticket's intent, in the ticket's language. Popularity
offers the articles that most tickets of the development half need; figures are of the test half.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.demo import DEMO, LANGUAGES, ingest_demo, read
from edge_agent.agent import Agent
from edge_agent.answering.pipeline import open_current
from edge_agent.settings import AgentSettings
from edge_agent.text import content_terms

Offer = Callable[[dict[str, Any], int], list[str]]
DIVERSITIES = (0.0, 0.2, 0.4)


def run() -> dict[str, Any]:
    """Figures by language and system."""
    related = json.loads((DEMO / "related.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, Agent(AgentSettings(store=Path(folder))) as agent:
        ingest_demo(agent)
        vectors = _document_vectors(agent)
        systems: dict[str, Offer] = {
            "popularity": _popularity(related),
            "BM25": lambda ticket, count: _by_words(agent, ticket["text"], count),
            **{f"recommend, diversity {diversity}": _by_recommendation(agent, diversity) for diversity in DIVERSITIES},
        }
        tickets = read("tickets.jsonl", split="test")
        return {
            language: {
                name: _figures([t for t in tickets if t["language"] == language], offer, related, vectors)
                for name, offer in systems.items()
            }
            for language in LANGUAGES
        }


def _figures(
    tickets: list[dict[str, Any]], offer: Offer, related: dict[str, list[str]], vectors: dict[str, np.ndarray]
) -> dict[str, float]:
    precisions, recalls, variety = [], [], []
    for ticket in tickets:
        relevant = {f"{ticket['language']}/{name}.md" for name in related[ticket["intent"]]}
        ten = offer(ticket, 10)
        precisions.append(len(relevant & set(ten[:5])) / 5)
        recalls.append(len(relevant & set(ten)) / len(relevant))
        rows = np.stack([vectors[source] for source in ten[:5]]) if len(ten) > 1 else np.eye(2)
        pairs = np.triu_indices(len(rows), k=1)
        variety.append(float((1 - rows @ rows.T)[pairs].mean()))
    return {
        "tickets": len(tickets),
        "precision@5": round(float(np.mean(precisions)), 4),
        "recall@10": round(float(np.mean(recalls)), 4),
        "intra-list diversity": round(float(np.mean(variety)), 4),
    }


def _popularity(related: dict[str, list[str]]) -> Offer:
    counts = Counter(name for ticket in read("tickets.jsonl", split="dev") for name in related[ticket["intent"]])
    ranked = [name for name, _ in counts.most_common()]
    return lambda ticket, count: [f"{ticket['language']}/{name}.md" for name in ranked[:count]]


def _by_recommendation(agent: Agent, diversity: float) -> Offer:
    def offer(ticket: dict[str, Any], count: int) -> list[str]:
        offered = agent.lookup.recommend([ticket["text"]], count=count, diversity=diversity)
        return [document.source for document in offered]

    return offer


def _by_words(agent: Agent, text: str, count: int) -> list[str]:
    found = agent.store.snapshots.read(lambda s: s.bm25(content_terms(text), limit=100))
    ranked = sorted(found, key=found.__getitem__, reverse=True)
    return list(dict.fromkeys(p.source for p in agent.store.snapshots.read(lambda s: s.passages(ranked))))[:count]


def _document_vectors(agent: Agent) -> dict[str, np.ndarray]:
    """The mean embedding of each document, unit norm."""
    vectors = {}
    for document in agent.store.snapshots.read(lambda s: s.documents(limit=1000)):
        with open_current(agent.models, agent.store) as (_, snapshot):
            rows = snapshot.index.embeddings(snapshot.store.passages_of(document.document_id))[1]
        mean = rows.mean(axis=0)
        vectors[document.source] = mean / np.linalg.norm(mean)
    return vectors
