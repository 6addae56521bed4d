"""The report of a turn: a table for the terminal, and one page that stands by itself, with a picture."""

import base64
import html
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from student.durable import write_durably
from teacher.loop.figures import Figures, Row

PAGE, PICTURE, VALUES = "report.html", "report.png", "figures.json"
_BEFORE, _AFTER = "#b8c1cb", "#1f6f8b"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2733; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0 } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } img { width: 100%; height: auto; margin-top: 1rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #dde3ea }
td.number { text-align: right; font-variant-numeric: tabular-nums }
"""


def make_table(figures: Figures) -> Table:
    """What improved where, for the terminal."""
    table = Table("model", "new intents", "", "intents known before", "", title="Accuracy before and after one turn")
    for row in figures.rows:
        table.add_row(
            row.who, f"{row.new_before:.3f}", f"{row.new_after:.3f}", f"{row.old_before:.3f}", f"{row.old_after:.3f}"
        )
    return table


def write_page(figures: Figures, home: Path) -> Path:
    """Writes page, picture and values into a turn's folder; returns the page."""
    picture = _draw(figures)
    write_durably(home / VALUES, (json.dumps(asdict(figures), indent=2) + "\n").encode())
    write_durably(home / PICTURE, picture)
    write_durably(home / PAGE, _page(figures, base64.b64encode(picture).decode()).encode())
    return home / PAGE


def _draw(figures: Figures) -> bytes:
    import matplotlib as mpl  # noqa: PLC0415  (a second to import)
    from matplotlib.figure import Figure  # noqa: PLC0415

    rows = figures.rows
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}):
        figure = Figure(figsize=(10, 3.6), layout="constrained")
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
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=120)
    return content.getvalue()


def _wrapped(text: str) -> str:
    return text.replace(" of a branch ", "\nof a branch\n").replace(" at the ", "\nat the ")


def _page(figures: Figures, picture: str) -> str:
    facts = [
        (
            f"Knowledge base, nDCG@10 on {figures.questions} questions",
            f"{figures.found_before:.4f} with the first bundle, {figures.found_after:.4f} with the next",
        ),
        ("Passages embedded anew for the next bundle", str(figures.reembedded)),
        ("Lineage of the next bundle", f"{figures.verified} of {figures.named} things found here and verified"),
    ]
    spent = [(each.branch, str(each.rounds), f"{each.epsilon:.4f}", f"{each.delta:g}") for each in figures.spent]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>One turn of the loop</title>
<style>{_STYLE}</style></head><body>
<h1>One turn of the loop</h1>
<p>What branches learned reached the teacher, the next student and every branch. No message left a branch.</p>
<img alt="Accuracy before and after" src="data:image/png;base64,{picture}">
<h2>Accuracy</h2>
{_table(("model", "new, before", "new, after", "known, before", "known, after"), [_cells(row) for row in figures.rows])}
<h2>Everything else</h2>
{_table(("what", "value"), facts)}
<h2>Privacy spent, by the branches' own ledgers</h2>
{_table(("branch", "rounds", "epsilon", "delta"), spent)}
<p>Per customer, add-or-remove neighbors, exact Gaussian composition. Absorbing a release and distilling from it spends
nothing more, on the condition that public texts and the centre's texts hold nothing that came from a branch.</p>
</body></html>
"""


def _cells(row: Row) -> tuple[str, ...]:
    values = (row.new_before, row.new_after, row.old_before, row.old_after)
    return (row.who, *(f"{value:.4f}" for value in values))


def _table(names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: str) -> str:
    kind = ' class="number"' if value.replace(".", "", 1).isdigit() else ""
    return f"<td{kind}>{html.escape(value)}</td>"
