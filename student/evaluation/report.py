"""An evaluation as a table and as plots."""

from pathlib import Path
from typing import Any

COLUMNS = ("nDCG@10", "recall@10", "accuracy", "macro-F1", "calibration error", "out-of-scope AUROC")


def render_table(result: dict[str, Any]) -> str:
    """Markdown: a row for each task and figure, a column for each system, with its share of the teacher's."""
    names = list(result["systems"])
    lines = ["| task | figure | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for task in dict.fromkeys(task for name in names for task in result["systems"][name]["figures"]):
        for column in COLUMNS:
            cells = [_cell(result, name, task, column) for name in names]
            if any(cells):
                lines.append(f"| {task} | {column} | " + " | ".join(cells) + " |")
    for key, what in (("size_mb", "size, MB"), ("one_query_ms", "one short query, ms")):
        lines.append(f"| | {what} | " + " | ".join(str(result["systems"][n].get(key, "")) for n in names) + " |")
    return "\n".join(lines)


def _cell(result: dict[str, Any], name: str, task: str, column: str) -> str:
    value = result["systems"][name]["figures"].get(task, {}).get(column)
    share = result["share_of_teacher"].get(name, {}).get(task, {}).get(column)
    if value is None:
        return ""
    return f"{value:.4f}" + (f" ({share:.1%})" if share and column != "calibration error" else "")


def draw_plots(result: dict[str, Any], folder: Path) -> list[Path]:
    """Two PNG files: what each system finds beside its teacher, and what it keeps with fewer dimensions."""
    import matplotlib  # noqa: PLC0415  (a second to import)

    matplotlib.use("Agg")
    paths = [folder / "retrieval.png", folder / "intents.png"]
    for path, column in zip(paths, ("nDCG@10", "accuracy"), strict=True):
        _draw_bars(result, column, path)
    return [path for path in paths if path.exists()]


def _draw_bars(result: dict[str, Any], column: str, path: Path) -> None:
    """One group of bars for each task that has the figure, one bar for each system."""
    from matplotlib import pyplot  # noqa: PLC0415

    systems = result["systems"]
    tasks = [
        t
        for t in dict.fromkeys(t for s in systems.values() for t in s["figures"])
        if any(column in s["figures"].get(t, {}) for s in systems.values())
    ]
    if not tasks:
        return
    height = 0.8 / len(systems)
    figure, axes = pyplot.subplots(figsize=(9, 0.8 + len(tasks) * (0.16 * len(systems) + 0.25)), layout="constrained")
    for index, (name, system) in enumerate(systems.items()):
        at = [
            (row, system["figures"][task][column])
            for row, task in enumerate(tasks)
            if column in system["figures"].get(task, {})
        ]
        colour = "0.45" if name == result["teacher"] else None
        bars = axes.barh(
            [row + index * height for row, _ in at], [value for _, value in at], height, label=name, color=colour
        )
        axes.bar_label(bars, fmt="%.3f", fontsize=7, padding=2)
    axes.set_yticks([row + 0.4 - height / 2 for row in range(len(tasks))], tasks)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.08)
    axes.set_xlabel(column)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper left", ncols=2, frameon=False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
