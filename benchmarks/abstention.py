"""Knowing when not to answer: questions of other fields declined, and what is risked at which coverage."""

import json
import random
from pathlib import Path

import numpy as np

from benchmarks.known_items import GUIDES
from edge_agent.agent import Agent
from student.distill.rows import is_held_out

DATA = GUIDES.parents[1]
WRITTEN = Path(__file__).parents[1] / "teacher" / "data" / "answerability.jsonl"
NOT_HOSTING = ("tau2_banking", "help_bc", "help_adobe", "help_m365")
"""Guides about what nobody asks a hosting company; the reader's held-out questions on them are asked."""
HELD_OUT, EACH = 0.15, 200


def out_of_domain(agent: Agent) -> dict[str, dict[str, float]]:
    """Share declined, and number, of questions from other fields."""
    groups: dict[str, list[str]] = {}
    for name, file in {"clinc150_out_of_scope": "clinc150/oos_val.jsonl", "banking77": "banking77/train.jsonl"}.items():
        if (DATA / file).exists():
            texts = [row["text"] for row in _rows(DATA / file)]
            groups[f"{name}_en"] = random.Random(5).sample(texts, min(EACH, len(texts)))  # noqa: S311
    for row in _rows(WRITTEN):
        if row["data"].startswith(NOT_HOSTING) and is_held_out(row["sha256"][:12], HELD_OUT):
            groups.setdefault(f"software_and_banking_{row['language']}", []).append(row["text"])
    return {
        name: {"declined": round(float(np.mean([agent.query(t).abstained for t in texts])), 4), "questions": len(texts)}
        for name, texts in groups.items()
    }


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


def _rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
