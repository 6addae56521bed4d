"""Questions in people's own words on whole bases: is what answers in the answer, and is the rest declined?

The gold units of `questions/answers.jsonl` (development) and `test_answers.jsonl` (test alone) are compared word by
word, in order, with what the answerer says and, beside it, with the best passage of the same search given whole.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from edge_agent.agent import Agent
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.settings import AgentSettings
from student.artifacts.json_lines import area_of, read_rows
from student.intents.calibration import calibration_error

DATA = Path(__file__).parents[2] / "shared" / "data"
QUESTIONS = Path(__file__).parent / "questions"
# Half, base and language → the file of its guides.
BASES = {
    ("dev", "m365", "es"): "help_m365_es/articles.jsonl",
    ("dev", "bc", "es"): "help_bc/articles.jsonl",
    ("dev", "bank", "en"): "tau2_banking_documents/documents.jsonl",
    ("dev", "hetzner", "en"): "help_hetzner/articles.jsonl",
    ("dev", "adobe", "en"): "help_adobe_commerce/articles.jsonl",
    ("test", "le", "en"): "help_letsencrypt/articles.jsonl",
    ("test", "sendgrid", "en"): "help_guides/en.jsonl",
    ("test", "le", "es"): "help_letsencrypt/articles.jsonl",
    ("test", "logingov", "es"): "help_guides/es.jsonl",
}
FILES = {"dev": "answers.jsonl", "test": "test_answers.jsonl"}
OUTCOMES = ("useful", "partial", "fragment", "wrong", "declined")
_MIXED_FILES = ("help_guides", "help_letsencrypt")
_LEAST_ROOM = 40
"""Words that an answer may have beside a short unit: it is still read at a glance."""
_LEAST_RUN = 3
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|<[^>]+>")


@dataclass(frozen=True, slots=True)
class Said:
    """What a system says to a question: a text, the guides that it comes from, and how sure it is; "" for nothing."""

    text: str
    sources: Sequence[str]
    confidence: float


def run() -> dict[str, Any]:
    """Figures by base of both halves; nobody tunes on the test half."""
    return {half: measure(half) for half in FILES}


def measure(half: str, show: Callable[[dict[str, Any], Said, str], None] = lambda row, said, outcome: None) -> Any:
    """Figures by base and system.

    Args:
        half: `dev` or `test`.
        show: called with each question, what the answerer said, and its outcome.
    """
    rows = list(read_rows(QUESTIONS / FILES[half]))
    figures: dict[str, Any] = {}
    for (of, base, language), file in BASES.items():
        if of == half:
            asked = [row for row in rows if (row["base"], row["language"]) == (base, language)]
            figures[f"{base} {language}"] = _of_base(read_guides(file, base, language), asked, show)
    return figures


def read_guides(file: str, base: str, language: str) -> dict[str, dict[str, Any]]:
    """The guides of a base by their id."""
    rows = read_rows(DATA / file)
    is_mixed = file.startswith(_MIXED_FILES)
    return {row["id"]: row for row in rows if not is_mixed or (area_of(row), row["lang"]) == (base, language)}


def outcome_of(said: Said, gold: Sequence[str], *, needs_all: bool) -> str:
    """One of `OUTCOMES`, for a question that gold units answer: any of them, or all together.

    Useful: nine tenths of a unit's words stand in the answer, in order, and at most as many others beside them, or 40.
    Partial: three tenths of them, or all with too much beside them. Fragment: less, but three words in a row.
    """
    if not said.text:
        return "declined"
    answer, best = words_of(said.text), "wrong"
    for unit in ["\n".join(gold)] if needs_all else gold:
        wanted = words_of(unit)
        blocks = SequenceMatcher(None, wanted, answer, autojunk=False).get_matching_blocks()
        found = sum(block.size for block in blocks)
        share = found / max(1, len(wanted))
        if share >= 0.9 and len(answer) - found <= max(len(wanted), _LEAST_ROOM):
            return "useful"
        if share >= 0.3:
            best = "partial"
        elif best == "wrong" and max(block.size for block in blocks) >= _LEAST_RUN:
            best = "fragment"
    return best


def words_of(text: str) -> list[str]:
    """The words of a text, without marks and addresses of links."""
    return re.findall(r"\w+", _LINK.sub(r" \1 ", text).lower())


def _of_base(
    guides: dict[str, dict[str, Any]], asked: list[dict[str, Any]], show: Callable[[dict[str, Any], Said, str], None]
) -> dict[str, Any]:
    names = {f"{number:05}.md": guide for number, guide in enumerate(guides)}
    with tempfile.TemporaryDirectory() as folder, Agent(AgentSettings(store=Path(folder))) as agent:
        for name, guide in names.items():
            title, body = guides[guide]["title"], guides[guide]["body_markdown"]
            agent.add_document(name, f"# {title}\n\n{body}".encode(), DocumentFormat.MARKDOWN)
        systems = {"orilla": _answerer(agent, names), "best passage": _best_passage(agent, names)}
        figures = {}
        for name, ask in systems.items():
            pairs = [(row, ask(row["question"])) for row in asked]
            outcomes = [_outcome(row, said, guides) for row, said in pairs]
            figures[name] = _figures(pairs, outcomes)
            if name == "orilla":
                for (row, said), outcome in zip(pairs, outcomes, strict=True):
                    show(row, said, outcome)
    return {"guides": len(guides), **figures}


def _answerer(agent: Agent, names: dict[str, str]) -> Callable[[str], Said]:
    def ask(text: str) -> Said:
        answer = agent.questions.query(text)
        return Said(answer.answer or "", [names[c.source] for c in answer.citations], answer.confidence)

    return ask


def _best_passage(agent: Agent, names: dict[str, str]) -> Callable[[str], Said]:
    def ask(text: str) -> Said:
        found = agent.lookup.search(text, count=1)
        return Said(found[0].quote, [names[found[0].source]], found[0].similarity) if found else Said("", [], 0.0)

    return ask


def _outcome(row: dict[str, Any], said: Said, guides: dict[str, dict[str, Any]]) -> str:
    if row["kind"] != "answerable":
        return "answered" if said.text else "declined"
    units = {
        answer["source"]: [guides[answer["source"]]["body_markdown"][start:end] for start, end in answer["units"]]
        for answer in row["answers"]
    }
    needs_all = row["needs"] == "all"
    outcomes = {outcome_of(said, gold, needs_all=needs_all) for gold in units.values()}
    return next(each for each in OUTCOMES if each in outcomes)


def _figures(pairs: list[tuple[dict[str, Any], Said]], outcomes: list[str]) -> dict[str, Any]:
    by_kind: dict[str, list[tuple[dict[str, Any], Said, str]]] = {"answerable": [], "near_miss": [], "foreign": []}
    for (row, said), outcome in zip(pairs, outcomes, strict=True):
        by_kind[row["kind"]].append((row, said, outcome))
    answerable = by_kind["answerable"]
    counts = Counter(outcome for _, _, outcome in answerable)
    given = [(row, said, outcome) for row, said, outcome in answerable if said.text]
    cited = [any(answer["source"] in said.sources for answer in row["answers"]) for row, said, _ in given]
    is_right = np.array([outcome in {"useful", "partial"} for *_, outcome in given])
    confidence = np.array([said.confidence for _, said, _ in given])
    return {
        **{outcome: round(counts[outcome] / len(answerable), 4) for outcome in OUTCOMES},
        "right_guide_of_answered": round(float(np.mean(cited)), 4) if cited else None,
        "near_misses_declined": _declined(by_kind["near_miss"]),
        "foreign_declined": _declined(by_kind["foreign"]),
        "confidence_auroc": round(float(roc_auc_score(is_right, confidence)), 4)
        if 0 < is_right.sum() < len(given)
        else None,
        "calibration_error": round(calibration_error(np.clip(confidence, 0, 1), is_right), 4) if given else None,
        "questions": len(answerable),
    }


def _declined(asked: list[tuple[dict[str, Any], Said, str]]) -> float:
    return round(float(np.mean([outcome == "declined" for *_, outcome in asked])), 4)
