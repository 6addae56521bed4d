"""Meaning, words, and both: the demo's questions and real guides asked by title and excerpt.

What words weigh, and how much more in a quotation, is chosen on one half of the questions (the demo's development half,
and guides by a digest of their id); figures are of the other half. nDCG@10 of the document that is asked for; one
document counts once.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from benchmarks.demo import ingest_demo, read
from benchmarks.known_items import masked, neutral_title, question_of
from edge_agent.agent import Agent
from edge_agent.answering.pipeline import open_current
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.retrieval.search import QUOTED, WORDS, candidates, fuse, weigh_words
from edge_agent.settings import AgentSettings
from edge_agent.text import OTHER_LANGUAGE_PENALTY, detect_language
from student.artifacts.digests import digest_bytes
from student.artifacts.json_lines import read_rows

DATA = Path(__file__).parents[2] / "shared" / "data"
GUIDES = ("help_bc", "help_adobe_commerce", "help_m365_es")
SETTINGS = [(words, quoted) for words in (0.1, 0.15, 0.2, 0.25) for quoted in (0.0, 1.2, 1.6, 2.0, 2.4, 3.0)]
"""What words weigh, and how much more in a whole quotation."""
DEPTH = 60


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the source of the document that answers it, and whether it may choose weights."""

    text: str
    source: str
    language: str
    is_development: bool


@dataclass(frozen=True, slots=True)
class Proposed:
    """What both arms propose for a question: cosines, BM25, and each passage's source and language.

    `quotation` says how far the question is one, from 0 to 1.
    """

    question: Question
    similarities: dict[int, float]
    bm25: dict[int, float]
    about: dict[int, tuple[str, str]]
    quotation: float

    def gain(self, scores: dict[int, float]) -> float:
        """nDCG@10 of the right document when passages are ranked by scores."""
        language = detect_language(self.question.text)

        def value(passage: int) -> float:
            is_other = language and self.about[passage][1] not in (language, "")
            return scores[passage] - (OTHER_LANGUAGE_PENALTY if is_other else 0)

        ranked = list(dict.fromkeys(self.about[passage][0] for passage in sorted(scores, key=value, reverse=True)))
        rank = ranked.index(self.question.source) + 1 if self.question.source in ranked else 11
        return float(1 / np.log2(rank + 1)) if rank <= 10 else 0.0


def run() -> dict[str, Any]:
    """Figures by base and language, and how the weights were chosen."""
    proposed = {name: list(_propose(name)) for name in ("demo", *GUIDES)}
    development = _by_group(proposed, is_development=True)
    single = {key: (_meaning(group), _words(group)) for key, group in development.items()}
    tried = []
    for words, quoted in SETTINGS:
        both = {key: _both(group, words, quoted) for key, group in development.items()}
        mean = float(np.mean(list(both.values())))
        ahead = min(both[key] - max(arms) for key, arms in single.items())
        tried.append({"words": words, "quoted": quoted, "ndcg_at_10": round(mean, 4), "least_ahead": round(ahead, 4)})
    return {
        "words": WORDS,
        "quoted": QUOTED,
        "on_development": tried,
        "bases": {
            name: {
                language: {
                    "questions": len(group),
                    "meaning": round(_meaning(group), 4),
                    "words": round(_words(group), 4),
                    "both": round(_both(group, WORDS, QUOTED), 4),
                }
                for (base, language), group in sorted(_by_group(proposed, is_development=False).items())
                if base == name
            }
            for name in proposed
        },
    }


def _by_group(proposed: dict[str, list[Proposed]], *, is_development: bool) -> dict[tuple[str, str], list[Proposed]]:
    """By base and language, so that the largest base does not decide alone."""
    groups: dict[tuple[str, str], list[Proposed]] = {}
    for name, group in proposed.items():
        for p in group:
            if p.question.is_development == is_development:
                groups.setdefault((name, p.question.language), []).append(p)
    return groups


def _meaning(group: list[Proposed]) -> float:
    """Without what only the words proposed."""

    def nearest(p: Proposed) -> dict[int, float]:
        return dict(sorted(p.similarities.items(), key=lambda item: -item[1])[:DEPTH])

    return float(np.mean([p.gain(nearest(p)) for p in group]))


def _words(group: list[Proposed]) -> float:
    return float(np.mean([p.gain({i: 100 * value for i, value in p.bm25.items()}) for p in group]))


def _both(group: list[Proposed], words: float, quoted: float) -> float:
    return float(np.mean([p.gain(fuse(p.similarities, p.bm25, words + quoted * p.quotation)) for p in group]))


def _propose(name: str) -> Iterator[Proposed]:
    """Ingests a base and asks both arms every question."""
    with tempfile.TemporaryDirectory() as folder, Agent(AgentSettings(store=Path(folder))) as agent:
        questions = _ingest_demo(agent) if name == "demo" else _ingest_guides(agent, name)
        agent.models.active.index.wait_until_built(timeout_s=600)
        for question in track(questions, description=f"asking {name}", transient=True):
            embedding = agent.models.active.student.encoder.encode([question.text])[0]
            with open_current(agent.models, agent.store) as (_, snapshot):
                similarities, bm25 = candidates(snapshot, question.text, embedding, DEPTH)
                passages = snapshot.store.passages(list(similarities))
                weight = weigh_words(snapshot, question.text, bm25)
            about = {p.passage_id: (p.source, p.language) for p in passages}
            yield Proposed(question, similarities, bm25, about, quotation=(weight - WORDS) / QUOTED)


def _ingest_demo(agent: Agent) -> list[Question]:
    ingest_demo(agent)
    return [
        Question(row["text"], row["gold"], row["language"], split == "dev")
        for split in ("dev", "test")
        for row in read("questions.jsonl", split=split)
    ]


def _ingest_guides(agent: Agent, name: str) -> list[Question]:
    guides = list(read_rows(DATA / name / "articles.jsonl"))
    for guide in track(guides, description=f"ingesting {name}", transient=True):
        agent.add_document(guide["id"], masked(guide).encode(), DocumentFormat.MARKDOWN, title=neutral_title(guide))
    return [
        Question(
            question_of(guide[field]), guide["id"], guide["lang"], int(digest_bytes(guide["id"].encode())[0], 16) < 8
        )
        for guide in guides
        for field in ("title", "excerpt")
        if guide.get(field)
    ]
