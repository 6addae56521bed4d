"""The page on one iteration of the loop: figures before and after it, and their plot."""

import io
import json
from pathlib import Path
from textwrap import fill
from typing import Any

from student.artifacts.durable import write_durably

PLOT = Path(__file__).parents[2] / "docs" / "evaluation" / "closed-loop.png"
_RUNS = ("without privacy", "epsilon 8", "epsilon 3")
_WHO = {
    "student of a branch that met them": ("branch's student, intents it met,", "released student, old intents"),
    "student of a branch that never did": ("branch's student, intents it never met,", "released student, old intents"),
    "teacher at the center": ("teacher, new intents", "teacher, old intents"),
    "next student": ("next student, new intents", "next student, old intents"),
}
_WORDS = {"branch's student": "branches' students", "teacher": "teacher", "next student": "next student"}


def render_loop(result: dict[str, Any]) -> str:
    """Intents: before and after one iteration."""
    rows = []
    for run in _RUNS:
        for who, (new, old) in _WHO.items():
            cells = [_percent(result[run][f"{key} {when}"]) for key in (new, old) for when in ("before", "after")]
            rows.append(f"| {run} | {who} | " + " | ".join(cells) + " |")
    share = "teacher's share of the gain"
    reached = ", ".join(f"{_percent(result[run][share])} % ({run})" for run in _RUNS)
    return "\n".join(
        [
            "## Intents\n\nAccuracy in percent on BANKING77's held-out fifth, "
            f"{result['intents only at branches']} of 77 intents known only at three of {result['branches']} branches "
            "each; mean ± standard deviation over three seeds, epsilon at delta 1e-5 per message, add-or-remove "
            "neighbors, exact Gaussian "
            "composition ([plot](../evaluation/closed-loop.png)):",
            "",
            "| | | new, before | new, after | known, before | known, after |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            f"Of what the aggregated student gained on new intents the teacher reaches {reached}.",
        ]
    )


def render_words(result: dict[str, Any]) -> str:
    """Words of branches: before and after one iteration."""
    rows = []
    for run in _RUNS:
        for who, shown in _WORDS.items():
            keys = [f"{who}, {kind} words {when}" for kind in ("branch", "usual") for when in ("before", "after")]
            rows.append(f"| {run} | {shown} | " + " | ".join(_percent(result[run][key]) for key in keys) + " |")
    return "\n".join(
        [
            "## Words that only branches use\n\nnDCG@10 in percent of finding a guide of Business "
            "Central by meaning alone, three seeds, epsilon at delta 1e-5 per customer:",
            "",
            "| | | branch words, before | after | usual words, before | after |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )


def draw(results: Path, path: Path = PLOT) -> None:
    """New and known intents and branch words, before and after, by who and by epsilon."""
    from matplotlib.figure import Figure  # noqa: PLC0415  (a second to import)

    loop, words = (json.loads((results / f"{name}.json").read_bytes()) for name in ("closed_loop", "closed_loop_words"))
    panels: list[tuple[str, dict[str, str], dict[str, Any], tuple[float, float]]] = [
        ("new intents, accuracy", {who: new for who, (new, _) in _WHO.items()}, loop, (0, 1.05)),
        ("intents known before, accuracy", {who: old for who, (_, old) in _WHO.items()}, loop, (0.8, 0.95)),
        ("branch words, nDCG@10", {shown: f"{who}, branch words" for who, shown in _WORDS.items()}, words, (0.6, 0.8)),
    ]
    figure = Figure(figsize=(13, 4), layout="constrained")
    for axes, (title, series, result, limits) in zip(figure.subplots(1, 3), panels, strict=True):
        columns = [("before", "#b8c1cb", "without privacy", "before")]
        columns += [
            (run, color, run, "after") for run, color in zip(_RUNS, ("#12455a", "#1f6f8b", "#7fb7cc"), strict=True)
        ]
        for position, (label, color, run, when) in enumerate(columns):
            found = [result[run][f"{key} {when}"] for key in series.values()]
            axes.bar(
                [n + (position - 1.5) * 0.2 for n in range(len(found))],
                [each["mean"] for each in found],
                0.19,
                yerr=[each["sd"] for each in found],
                color=color,
                label=label,
            )
        axes.set_xticks(range(len(series)), [fill(name, 12) for name in series], fontsize=8)
        axes.set(title=title, ylim=limits)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    write_durably(path, content.getvalue())


def _percent(figure: dict[str, float]) -> str:
    return f"{100 * figure['mean']:.1f} ± {100 * figure['sd']:.1f}"
