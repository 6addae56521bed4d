"""An evaluation as a table and as plots."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

CUT_MARK = ", first "
"""Between a system's name and how many of its dimensions were measured."""

COLUMNS = ("nDCG@10", "recall@10", "accuracy@1", "accuracy", "macro-F1", "calibration error", "out-of-scope AUROC")


def render_table(result: dict[str, Any], columns: Sequence[str] = COLUMNS) -> str:
    """Markdown: a row for each task and figure, a column for each system, with its share of the teacher's."""
    names = list(result["systems"])
    lines = ["| task | figure | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for task in _tasks(result["systems"]):
        for column in columns:
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
    """PNG files of what was measured: retrieval and intents beside the teacher, and what fewer dimensions keep."""
    import matplotlib  # noqa: PLC0415  (a second to import)

    matplotlib.use("Agg")
    paths = [folder / "retrieval.png", folder / "intents.png", folder / "dimensions.png"]
    whole = {name: system for name, system in result["systems"].items() if CUT_MARK not in name}
    _draw_bars(whole, result["teacher"], "nDCG@10", paths[0])
    _draw_bars(whole, result["teacher"], "accuracy", paths[1])
    _draw_dimensions(result["systems"], paths[2])
    return [path for path in paths if path.exists()]


def _draw_bars(systems: dict[str, Any], teacher: str, column: str, path: Path) -> None:
    """One group of bars for each task that has the figure, one bar for each system."""
    from matplotlib import pyplot  # noqa: PLC0415

    tasks = [task for task in _tasks(systems) if any(column in s["figures"].get(task, {}) for s in systems.values())]
    if not tasks:
        return
    height = 0.8 / len(systems)
    figure, axes = pyplot.subplots(figsize=(9, 1 + len(tasks) * (0.17 * len(systems) + 0.2)), layout="constrained")
    for index, (name, system) in enumerate(systems.items()):
        rows = [row for row, task in enumerate(tasks) if column in system["figures"].get(task, {})]
        values = [system["figures"][tasks[row]][column] for row in rows]
        positions = [row + index * height for row in rows]
        bars = axes.barh(positions, values, height, label=name, color="0.55" if name == teacher else None)
        axes.bar_label(bars, fmt="%.3f", fontsize=7, padding=2)
    axes.set_yticks([row + 0.4 - height / 2 for row in range(len(tasks))], tasks)
    axes.set_ylim(len(tasks) - 0.1, -0.3)
    axes.set_xlim(0, 1.08)
    axes.set_xlabel(column)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper left", ncols=3, frameon=False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _draw_dimensions(systems: dict[str, Any], path: Path) -> None:
    """nDCG@10 of each retrieval task over the number of dimensions, of the first system that was cut."""
    from matplotlib import pyplot  # noqa: PLC0415

    cut = [name for name in systems if CUT_MARK in name]
    if not cut:
        return
    system = cut[0].split(CUT_MARK)[0]
    sizes = {int(name.split(CUT_MARK)[1]): name for name in cut if name.startswith(system + CUT_MARK)}
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for task, figures in systems[system]["figures"].items():
        if "nDCG@10" in figures and task in systems[sizes[max(sizes)]]["figures"]:
            points = sorted((size, systems[name]["figures"][task]["nDCG@10"]) for size, name in sizes.items())
            points.append((2 * points[-1][0], figures["nDCG@10"]))
            axes.plot([x for x, _ in points], [y for _, y in points], marker="o", label=task)
    labels = [*map(str, sorted(sizes)), "all"]
    axes.set_xticks([*sorted(sizes), 2 * max(sizes)], labels)
    axes.set_xlabel(f"dimensions of {system}")
    axes.set_ylabel("nDCG@10")
    axes.set_ylim(0, 1.02)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _tasks(systems: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(task for system in systems.values() for task in system["figures"]))
