"""Knowing when not to answer: the confidence fitted, questions of other fields asked, risk drawn against coverage."""

import random
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.known_items import GUIDES
from edge_agent.agent import Agent
from edge_agent.answering.composition import choose_units
from edge_agent.answering.gathering import gather, understand
from edge_agent.answering.pipeline import open_current
from edge_agent.answering.scoring import score_units
from edge_agent.retrieval.search import retrieve
from edge_agent.storage.records import NO_FILTER
from edge_agent.text import detect_language
from student.artifacts.json_lines import is_held_out, read_rows

DATA = GUIDES.parents[1]
WRITTEN = Path(__file__).parents[1] / "teacher" / "data" / "answerability.jsonl"
NOT_HOSTING = ("tau2_banking", "help_bc", "help_adobe", "help_m365")
"""Guides about what nobody asks a hosting company; the questions written on them are asked."""
HELD_OUT, EACH = 0.15, 200
EVIDENCE = ("passage", "sentence", "term", "verification")


def out_of_domain_questions(split: str) -> dict[str, list[str]]:
    """Questions of other fields, by where they come from; those of "test" are in no example of a verifier."""
    groups: dict[str, list[str]] = {}
    files = {"clinc150_out_of_scope": f"clinc150/oos_{'train' if split == 'dev' else 'val'}.jsonl"}
    if split == "test":
        files["banking77"] = "banking77/train.jsonl"
    for name, file in files.items():
        if (DATA / file).exists():
            texts = [row["text"] for row in read_rows(DATA / file)]
            kept = [text for text in texts if name != "banking77" or is_held_out(text, HELD_OUT)]
            groups[f"{name}_en"] = _draw(kept)
    for row in read_rows(WRITTEN):
        if row["data"].startswith(NOT_HOSTING) and is_held_out(row["group"], HELD_OUT) == (split == "test"):
            groups.setdefault(f"software_and_banking_{row['language']}", []).append(row["text"])
    return {name: _draw(texts) for name, texts in groups.items()}


def out_of_domain(agent: Agent) -> dict[str, dict[str, float]]:
    """Share declined, and number, of questions from other fields, test half."""
    declined = {
        name: [agent.questions.query(text).abstained for text in texts]
        for name, texts in out_of_domain_questions("test").items()
    }
    return {name: {"declined": round(float(np.mean(a)), 4), "questions": len(a)} for name, a in declined.items()}


def look(agent: Agent, text: str) -> tuple[list[float], str]:
    """The evidence (`EVIDENCE`) for an answer to a question, and the source it would cite."""
    answering, language = agent.questions.answering, detect_language(text) or ""
    with open_current(agent.models, agent.store) as (model, snapshot):
        question = understand(model, text, language, NO_FILTER)
        found = retrieve(snapshot, text, question.embedding, 2 * answering.passages, language=language)
        evidence = gather(model, snapshot, question, found[: answering.passages])
    assert evidence is not None
    verification = agent.questions.verify(model, question, evidence) if model.student.verifier else 0
    scores = score_units(evidence, answering, text, language=language)
    source = choose_units(evidence, answering, text, scores)[0].source
    return [evidence.passage, evidence.sentence, evidence.term, verification], source


def fit_confidence(agent: Agent, rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """The confidences of `edge_agent.answering.evidence.Answering`, by logistic regression (Platt 1999).

    Without and with a verifier.

    Confidence is the probability that the base answers a question, where as many are answerable as are not. The
    threshold is the one that declines a tenth of the answerable questions.

    Args:
        agent: with the demo's base.
        rows: the demo's development questions; the answerable ones have a `gold`.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    others = [text for texts in out_of_domain_questions("dev").values() for text in texts]
    evidence = np.array([look(agent, text)[0] for text in [row["text"] for row in rows] + others])  # (Q, 4)
    is_answerable = np.array(["gold" in row for row in rows] + [False for _ in others])
    is_demo = np.arange(len(evidence)) < len(rows)
    weights = np.where(is_answerable, 1.0, is_answerable.sum() / (~is_answerable).sum())
    fitted, confidences = {}, np.zeros(len(evidence))
    low, high = agent.questions.answering.doubt
    for name, count in {"unverified": 3, "verified": 4}.items():
        model = LogisticRegression(C=100, max_iter=1000).fit(evidence[:, :count], is_answerable, weights)
        is_doubtful = (confidences >= low) & (confidences < high) if name == "verified" else np.full_like(is_demo, 1)
        confidences = np.where(is_doubtful, model.predict_proba(evidence[:, :count])[:, 1], confidences)
        threshold = float(np.quantile(confidences[is_answerable], 0.1))
        values = dict(zip([*EVIDENCE[:count], "intercept"], [*model.coef_[0], model.intercept_[0]], strict=True))
        fitted[name] = {key: round(float(value), 2) for key, value in values.items()} | {
            "threshold": round(threshold, 3),
            "used_on_answerable": _share(is_doubtful[is_answerable]),
            "answerable_declined": _share(confidences[is_answerable] < threshold),
            "unanswerable_declined": _share(confidences[is_demo & ~is_answerable] < threshold),
            "out_of_domain_declined": _share(confidences[~is_demo] < threshold),
        }
    return fitted


def draw_risk_coverage(answers: dict[str, list[tuple[float, bool]]], path: Path) -> dict[str, float]:
    """Plots, for each group, the share of given answers that are wrong against the share of questions answered.

    Args:
        answers: group → confidence and whether the answer would be right, of every question.
        path: of the PNG.

    Returns:
        The area under each curve (lower is better): the mean risk over all coverages.
    """
    import matplotlib  # noqa: PLC0415  (not needed where nothing is drawn)

    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    areas = {}
    for name, rows in answers.items():
        is_wrong = np.array([not right for _, right in sorted(rows, key=lambda row: -row[0])])
        counts = np.arange(1, len(is_wrong) + 1)
        risk = np.cumsum(is_wrong) / counts
        axes.plot(counts / len(is_wrong), risk, label=name)
        areas[name] = round(float(risk.mean()), 4)
    axes.set(xlabel="coverage: share of all questions answered", ylabel="risk: share of answers that are wrong", ylim=0)
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return areas


def _draw(texts: list[str]) -> list[str]:
    return random.Random(5).sample(texts, min(EACH, len(texts)))  # noqa: S311  (draws questions)


def _share(flags: Any) -> float:
    return round(float(np.mean(flags)), 4)
