"""A process that changes a store at random and says what it has promised, until it is killed; see `benchmarks.kills`.

`python -m benchmarks.kill_worker STORE BUNDLE SEED`: one line of JSON on standard output before each change, and one
after it. What the agent does by itself (embedding again, a snapshot of the index) comes with opening it.
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

from benchmarks.kills import EXACT_BELOW
from edge_agent.agent import Agent
from edge_agent.feedback.log import NewFeedback
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.retrieval import index
from edge_agent.settings import AgentSettings

SOURCES = [f"{number}.md" for number in range(30)]
ARTICLES = Path(__file__).parents[1] / "demo" / "knowledge_base"


def main() -> None:
    """Changes the store until it is killed."""
    store, bundle, seed = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    generator = random.Random(seed)  # noqa: S311
    texts = [path.read_text() for path in sorted(ARTICLES.rglob("*.md"))]
    index.SAVE_AFTER = 5  # changes, instead of a thousand: snapshots are to be killed too
    _report({"opening": bundle.name})
    with Agent(AgentSettings(store, bundle, workers=1, exact_below=EXACT_BELOW)) as agent:
        _report({"opened": bundle.name})
        number = 0
        while True:
            number += 1
            _change(agent, generator, texts, f"{seed}-{number}")


def _change(agent: Agent, generator: random.Random, texts: list[str], mark: str) -> None:
    source = generator.choice(SOURCES)
    present = agent.store.snapshots.read(lambda s: s.document_of(source))
    kind = generator.choice(("put", "put", "delete", "feedback"))
    if kind == "delete" and present is not None:
        _report({"will": "delete", "source": source})
        agent.delete_document(present.document_id)
        _report({"did": "delete", "source": source})
    elif kind == "feedback":
        _report({"will": "feedback", "text": mark})
        agent.add_feedback(NewFeedback(mark, is_helpful=True))
        _report({"did": "feedback", "text": mark})
    else:
        kind = "add" if present is None else "replace"
        text = f"{generator.choice(texts)}\n\nMark {mark}.\n"
        _report({"will": kind, "source": source})
        added = agent.add_document(source, text.encode(), DocumentFormat.MARKDOWN)
        _report({"did": kind, "source": source, "digest": added.document.content_sha256})


def _report(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
