"""The report of an iteration: a table for the terminal, and one page that stands by itself, with a picture."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from federation.center.report_page import facts, page, picture, section, table, to_png
from student.artifacts.durable import write_durably
from teacher.loop.figures import IterationFigures, Row

ITERATION_PAGE, _PICTURE, _VALUES = "report.html", "report.png", "figures.json"
_BEFORE, _AFTER = "#b8c1cb", "#1f6f8b"


def make_table(figures: IterationFigures) -> Table:
    """Accuracy of every model before and after, for the terminal."""
    table = Table(
        "model",
        "new intents, before",
        "after",
        "known intents, before",
        "after",
        title="Accuracy before and after one iteration",
    )
    for row in figures.rows:
        table.add_row(
            row.who, f"{row.new_before:.3f}", f"{row.new_after:.3f}", f"{row.old_before:.3f}", f"{row.old_after:.3f}"
        )
    return table


def write_page(figures: IterationFigures, home: Path) -> Path:
    """Writes page, picture and values into an iteration's folder; returns the page."""
    png = to_png(lambda figure: _draw(figures, figure), 10, 3.6)
    write_durably(home / _VALUES, (json.dumps(asdict(figures), indent=2) + "\n").encode())
    write_durably(home / _PICTURE, png)
    write_durably(home / ITERATION_PAGE, _page(figures, png))
    return home / ITERATION_PAGE


def _draw(figures: IterationFigures, figure: Any) -> None:
    rows = figures.rows
    for axes, kind in zip(figure.subplots(1, 2, sharey=True), ("new", "old"), strict=True):
        for shift, when, color in ((-0.2, "before", _BEFORE), (0.2, "after", _AFTER)):
            values = [getattr(row, f"{kind}_{when}") for row in rows]
            bars = axes.bar([n + shift for n in range(len(rows))], values, 0.38, color=color, label=when)
            axes.bar_label(bars, fmt="%.2f", fontsize=8, padding=1)
        axes.set_xticks(range(len(rows)), [_wrapped(row.who) for row in rows])
        axes.set_ylim(0, 1.2)
        count = figures.messages[kind == "old"]
        known = "known only at some branches" if kind == "new" else "known before"
        axes.set_title(f"Intents {known}: accuracy on {count} messages")
    axes.legend(frameon=False, loc="upper right", ncols=2)


def _wrapped(text: str) -> str:
    return text.replace(" of a branch ", "\nof a branch\n").replace(" at the ", "\nat the ")


def _page(figures: IterationFigures, png: bytes) -> bytes:
    everything_else = [
        (
            f"Knowledge base, nDCG@10 on {figures.questions} questions",
            f"{figures.found_before:.4f} with the first bundle, {figures.found_after:.4f} with the next",
        ),
        ("Passages embedded again for the next bundle", str(figures.reembedded)),
        ("Lineage of the next bundle", f"{figures.verified} of {figures.named} things found here and verified"),
    ]
    spent = [(each.branch, str(each.rounds), f"{each.epsilon:.4f}", f"{each.delta:g}") for each in figures.spent]
    names = ("model", "new, before", "new, after", "known, before", "known, after")
    return page(
        "One iteration of the loop",
        "<p>What branches learned reached the teacher, the next student and every branch. "
        "No message left a branch.</p>",
        picture(png, "Accuracy before and after"),
        section("Accuracy", table(names, map(_cells, figures.rows))),
        section("Everything else", facts(everything_else)),
        section("Privacy spent, by the branches' own ledgers", table(("branch", "rounds", "epsilon", "delta"), spent)),
        "<p>Per customer, add-or-remove neighbors, exact Gaussian composition. Absorbing a release and distilling "
        "from it spends nothing more, on the condition that public texts and the center's texts hold nothing that came "
        "from a branch.</p>",
    )


def _cells(row: Row) -> tuple[str, ...]:
    values = (row.new_before, row.new_after, row.old_before, row.old_after)
    return (row.who, *(f"{value:.4f}" for value in values))
