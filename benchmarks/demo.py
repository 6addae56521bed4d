"""The demo base: are the right articles found, the right sentences cited, and the unanswerable declined?

The development half chooses thresholds (`python -m benchmarks demo --fit` prints them); only the test half is
reported.
"""

import re
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.abstention import draw_risk_coverage, fit_confidence, look, out_of_domain
from benchmarks.measure import rank_of, summarize_ranks
from edge_agent.agent import Agent
from edge_agent.answering.results import Answer
from edge_agent.ingest.parsing.document_format import format_of
from edge_agent.settings import AgentSettings
from student.artifacts.json_lines import read_rows

DEMO = Path(__file__).parents[1] / "demo"
LANGUAGES = ("en", "es")
CURVE = Path(__file__).parents[1] / "docs" / "evaluation" / "risk-coverage.png"


def run() -> dict[str, Any]:
    """Figures by language, on the test half."""
    with tempfile.TemporaryDirectory() as folder, Agent(AgentSettings(store=Path(folder))) as agent:
        ingest_demo(agent)
        figures: dict[str, Any] = {language: _figures(agent, language) for language in LANGUAGES}
        figures["out_of_domain_declined"] = out_of_domain(agent)
        figures["declined_together"] = _declined_together(figures)
        figures["mean_risk"] = draw_risk_coverage({name: _judged(agent, name) for name in LANGUAGES}, CURVE)
    return figures


def _declined_together(figures: dict[str, Any]) -> float:
    """Share declined of the demo's unanswerable questions and those out of CLINC150's scope."""
    groups = [(figures[name]["unanswerable_declined"], figures[name]["unanswerable"]) for name in LANGUAGES]
    if clinc := figures["out_of_domain_declined"].get("clinc150_out_of_scope_en"):
        groups.append((clinc["declined"], clinc["questions"]))
    shares, counts = zip(*groups, strict=True)
    return round(float(np.average(shares, weights=counts)), 4)


def fit() -> dict[str, dict[str, float]]:
    """The confidences of `edge_agent.answering.evidence`, fitted on the development half in the bundle's languages."""
    with tempfile.TemporaryDirectory() as folder, Agent(AgentSettings(store=Path(folder))) as agent:
        ingest_demo(agent)
        rows = read("questions.jsonl", split="dev") + read("unanswerable.jsonl", split="dev")
        languages = agent.models.active.student.bundle.manifest.languages
        return fit_confidence(agent, [row for row in rows if row["language"] in languages])


def ingest_demo(agent: Agent) -> None:
    """Ingests the demo's articles."""
    root = DEMO / "knowledge_base"
    for path in sorted(root.rglob("*.md")):
        agent.add_document(path.relative_to(root).as_posix(), path.read_bytes(), format_of(path.name))


def question_texts() -> list[str]:
    """The demo's questions of both halves, to ask for the time that it takes."""
    return [row["text"] for split in ("dev", "test") for row in read("questions.jsonl", split=split)]


def article_lines() -> list[str]:
    """Lines of the demo's articles, those of a few words left out, to make documents of."""
    paths = sorted((DEMO / "knowledge_base").rglob("*.md"))
    return [line for path in paths for line in path.read_text(encoding="utf-8").split("\n") if len(line) > 40]


def read(name: str, *, split: str) -> list[dict[str, Any]]:
    """The rows of a demo file in one split."""
    return [row for row in read_rows(DEMO / name) if row["split"] == split]


def _judged(agent: Agent, language: str) -> list[tuple[float, bool]]:
    """Confidence, and whether the right article is cited, of every test question of a language."""
    rows = read("questions.jsonl", split="test") + read("unanswerable.jsonl", split="test")
    rows = [row for row in rows if row["language"] == language]
    ask = agent.questions.query
    return [(ask(row["text"]).confidence, look(agent, row["text"])[1] == row.get("gold")) for row in rows]


def _figures(agent: Agent, language: str) -> dict[str, Any]:
    questions = [row for row in read("questions.jsonl", split="test") if row["language"] == language]
    unanswerable = [row for row in read("unanswerable.jsonl", split="test") if row["language"] == language]
    found = [(row["gold"], agent.lookup.search(row["text"], count=50)) for row in questions]
    ranks = [rank_of(gold, [result.source for result in results]) for gold, results in found]
    answers = [agent.questions.query(row["text"]) for row in questions]
    given = [(row, answer) for row, answer in zip(questions, answers, strict=True) if not answer.abstained]
    refusals = {
        why: [agent.questions.query(row["text"]).abstained for row in unanswerable if row["why"] == why]
        for why in ("elsewhere", "domain", "neighbour")
    }
    everything = [refused for group in refusals.values() for refused in group]
    return {
        "retrieval": asdict(summarize_ranks(ranks)),
        "answered": _share([not answer.abstained for answer in answers]),
        "answers_from_the_right_article": _share([a.citations[0].source == row["gold"] for row, a in given]),
        "answers_with_the_right_sentence": _share([_cites(answer, row["quote"]) for row, answer in given]),
        "unanswerable_declined": _share(everything),
        "unanswerable_declined_by_kind": {why: _share(group) for why, group in refusals.items()},
        "unanswerable": len(everything),
    }


def _cites(answer: Answer, quote: str) -> bool:
    """Whether a cited unit is the quote, or one is part of the other: marks, and the names of columns, aside."""
    wanted = _words(quote)
    cited = [_words(citation.quote) for citation in answer.citations]
    return any(_holds(words, wanted) or _holds(wanted, words) for words in cited)


def _holds(words: list[str], others: list[str]) -> bool:
    """Whether all the other words stand among the words, in order."""
    left = iter(words)
    return all(other in left for other in others)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _share(flags: list[bool]) -> float | None:
    return round(float(np.mean(flags)), 4) if flags else None
