"""An agent on a large store, in a process of its own: `python -m benchmarks.agent_worker STORE QUESTIONS`.

Started fresh by `benchmarks.scale`, so that start and memory are its own. Prints figures as JSON.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import percentiles, resident_bytes
from edge_agent.agent import Agent
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings

WARM = 30
INSERTED = 50


def main() -> None:
    """Starts, asks, adds, deletes, and starts again."""
    settings = AgentSettings(store=Path(sys.argv[1]))
    questions = json.loads(Path(sys.argv[2]).read_text())
    np.random.default_rng(0).shuffle(questions)
    started = time.perf_counter()
    with Agent(settings) as agent:
        first_start_s = time.perf_counter() - started
        agent.models.active.index.wait_until_built(timeout_s=3600)
        built_s = time.perf_counter() - started
        answers = _ask(agent, questions)
        inserted = _insert(agent)
        passages = agent.readiness().passages
        ef = agent.models.active.index.ef
        recall = _recall(agent, questions)
    started = time.perf_counter()
    with Agent(settings) as agent:
        again_s = time.perf_counter() - started
        memory = resident_bytes()
        is_exact = agent.models.active.index.is_exact
    print(
        json.dumps(
            {
                "passages": passages,
                "first_start_s": round(first_start_s, 2),
                "graph_ready_s": round(built_s, 1),
                "start_s": round(again_s, 2),
                "is_search_exact": is_exact,
                "ef": ef,
                "recall_at_10": recall,
                "memory_mb": round(memory / 1e6),
                "database_mb": round((settings.store / "orilla.db").stat().st_size / 1e6),
                **answers,
                "document_added": inserted,
            }
        )
    )


def _ask(agent: Agent, questions: list[str]) -> dict[str, Any]:
    """Percentiles of whole queries and of their parts; each question once, so that no answer is repeated."""
    for question in questions[:WARM]:
        agent.questions.query(question)
    timings = [agent.questions.query(question).timings for question in questions[WARM:]]
    parts = ("encode_ms", "search_ms", "answer_ms", "total_ms")
    return {part.removesuffix("_ms"): percentiles([getattr(t, part) / 1000 for t in timings]) for part in parts}


def _insert(agent: Agent) -> dict[str, float]:
    """The time to ingest a document of one paragraph, durably and searchable."""
    seconds = []
    for number in range(INSERTED):
        text = f"# Notice {number}\n\nThe office in street {number} closes at {number % 12} on Fridays, all year."
        started = time.perf_counter()
        agent.add_document(f"notice/{number}.md", text.encode(), DocumentFormat.MARKDOWN)
        seconds.append(time.perf_counter() - started)
    return percentiles(seconds)


def _recall(agent: Agent, questions: list[str]) -> float:
    """Of the ten passages really nearest to each question, the share that the index finds."""
    view = agent.models.active.index.view()
    ids = [int(i) for i in view.ids()]
    found = []
    rows = view.embeddings(ids)[1]
    for query in agent.models.active.student.encoder.encode(questions):
        nearest = {ids[row] for row in np.argpartition(-(rows @ query), 10)[:10]}
        found.append(len(nearest & {n.passage_id for n in view.search(query, 10)}) / 10)
    return round(float(np.mean(found)), 4)


if __name__ == "__main__":
    main()
