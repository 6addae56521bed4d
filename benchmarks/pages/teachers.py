"""The page on teachers compared: encoders and mixtures of them on two sets."""

from typing import Any

from benchmarks.measure import machine_in_words

_TITLES = {"development": "Development: compared before", "second": "A second set, which nobody tuned on"}
_DIRECTIONS = {"en": "English → English", "es": "Spanish → Spanish", "across": "across languages"}


def render_teachers(result: dict[str, Any]) -> str:
    """Means by set and direction, then every task."""
    names = list(result["figures"])
    heads = [f"**{name}**" if name == result["chosen"] else name for name in names]
    return "\n".join(
        [
            "## Means",
            "",
            "nDCG@10, the mean over the tasks of a set and direction; empty where an encoder was not asked in a "
            "language that it does not read. `bundle` is the student that ships.",
            "",
            *_table(["set", "direction", *heads], _mean_rows(result, names)),
            "",
            f"Passages of English a second, on {machine_in_words(result['machine'])}, other work beside it: "
            + ", ".join(f"{name.removesuffix(' en')} {speed:g}" for name, speed in result["texts_a_second"].items())
            + ".",
            *(line for set_, title in _TITLES.items() for line in _set(result, set_, title, names, heads)),
        ]
    )


def _mean_rows(result: dict[str, Any], names: list[str]) -> list[list[str]]:
    return [
        [set_, shown, *(_figure(result["means"][name][set_].get(direction)) for name in names)]
        for set_ in result["sets"]
        for direction, shown in _DIRECTIONS.items()
    ]


def _set(result: dict[str, Any], set_: str, title: str, names: list[str], heads: list[str]) -> list[str]:
    rows = [
        [task, str(result["tasks"][task]["queries"]), str(result["tasks"][task]["documents"])]
        + [_figure(result["figures"][name].get(task, {}).get("nDCG@10")) for name in names]
        for task in result["sets"][set_]
    ]
    first = [
        [task, "", "", *(_figure(result["figures"][name].get(task, {}).get("accuracy@1")) for name in names)]
        for task in result["sets"][set_]
        if task.startswith("customers")
    ]
    for row in first:
        row[0] += ", right guide first"
    return ["", f"## {title}", "", "nDCG@10.", "", *_table(["task", "queries", "documents", *heads], rows + first)]


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
