"""Meaning, words, and both: the demo's questions and real guides asked by title and excerpt.

The weight of the words is chosen on one half of the questions (the demo's development half, and guides by a digest of
their id); figures are of the other half. nDCG@10 of the document that is asked for; one document counts once.
"""

import json
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
from edge_agent.language import OTHER_LANGUAGE_PENALTY, detect_language
from edge_agent.ranking import fuse
from edge_agent.reading.formats import DocumentFormat
from edge_agent.search import TERMS_WEIGHT, candidates
from edge_agent.settings import AgentSettings
from student.digests import digest_bytes

DATA = Path(__file__).parents[2] / "shared" / "data"
GUIDES = ("help_bc", "help_adobe_commerce", "help_m365_es")
WEIGHTS = [0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 1.0]
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
    """What both arms propose for a question: cosines, BM25, and each passage's source and language."""

    question: Question
    similarities: dict[int, float]
    bm25: dict[int, float]
    about: dict[int, tuple[str, str]]

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
    """Figures by base and language, and how the weight was chosen."""
    proposed = {name: list(_propose(name)) for name in ("demo", *GUIDES)}
    development = {weight: _development_mean(proposed, weight) for weight in WEIGHTS}
    return {
        "weight_in_use": TERMS_WEIGHT,
        "best_weight_on_development": max(development, key=lambda weight: development[weight]),
        "development_ndcg_at_10_by_weight": {str(weight): value for weight, value in development.items()},
        "bases": {
            name: {
                language: _figures(
                    [p for p in group if p.question.language == language and not p.question.is_development]
                )
                for language in sorted({p.question.language for p in group})
            }
            for name, group in proposed.items()
        },
    }


def _figures(group: list[Proposed]) -> dict[str, float]:
    words = [p.gain({i: 100 * value for i, value in p.bm25.items()}) if p.bm25 else 0.0 for p in group]
    return {
        "questions": len(group),
        "meaning": _mean(group, 0.0, only_near=True),
        "words": round(float(np.mean(words)), 4),
        "both": _mean(group, TERMS_WEIGHT),
    }


def _development_mean(proposed: dict[str, list[Proposed]], weight: float) -> float:
    """The mean over bases and languages, so that the largest base does not decide alone."""
    groups: dict[tuple[str, str], list[Proposed]] = {}
    for name, group in proposed.items():
        for p in group:
            if p.question.is_development:
                groups.setdefault((name, p.question.language), []).append(p)
    return round(float(np.mean([_mean(group, weight) for group in groups.values()])), 4)


def _mean(group: list[Proposed], weight: float, *, only_near: bool = False) -> float:
    gains = []
    for p in group:
        similarities = p.similarities
        if only_near:  # without what only the words proposed
            nearest = sorted(similarities, key=lambda i: similarities[i], reverse=True)[:DEPTH]
            similarities = {i: similarities[i] for i in nearest}
        gains.append(p.gain(fuse(similarities, {} if only_near else p.bm25, weight)))
    return round(float(np.mean(gains)), 4)


def _propose(name: str) -> Iterator[Proposed]:
    """Ingests a base and asks both arms every question."""
    with tempfile.TemporaryDirectory() as folder, Agent(AgentSettings(store=Path(folder))) as agent:
        questions = _ingest_demo(agent) if name == "demo" else _ingest_guides(agent, name)
        agent.index.wait_until_built(timeout_s=600)
        for question in track(questions, description=f"asking {name}", transient=True):
            embedding = agent.student.encoder.encode([question.text])[0]
            similarities, bm25 = candidates(agent.store, agent.index, question.text, embedding, DEPTH)
            about = {p.passage_id: (p.source, p.language) for p in agent.store.passages(list(similarities))}
            yield Proposed(question, similarities, bm25, about)


def _ingest_demo(agent: Agent) -> list[Question]:
    ingest_demo(agent)
    return [
        Question(row["text"], row["gold"], row["language"], split == "dev")
        for split in ("dev", "test")
        for row in read("questions.jsonl", split=split)
    ]


def _ingest_guides(agent: Agent, name: str) -> list[Question]:
    guides = [json.loads(line) for line in (DATA / name / "articles.jsonl").read_text(encoding="utf-8").splitlines()]
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
