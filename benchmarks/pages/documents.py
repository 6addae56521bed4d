"""The page on documents: the list of cases, real public files beside other tools, speed and memory."""

from typing import Any


def render_cases(result: dict[str, Any]) -> str:
    """Rows of the list that hold, before and now."""
    before, now = result["before"], result["now"]
    lines = [
        "## The list of cases",
        "",
        f"Of {now['rows']} rows, {now['hold']} hold; with the former parsers (commit {before['commit']}) "
        f"{before['hold']} did.",
    ]
    lines += ["", "Not yet:", ""] if now["failing"] else []
    lines += [f"- {note}" for note in now["failing"].values()]
    return "\n".join(lines)


def render_files(result: dict[str, Any]) -> str:
    """Shares of words kept and let in, beside the other tools, and speed and memory."""
    parts = []
    for half, name in (("test", "Test half"), ("dev", "Development half")):
        formats = result["halves"].get(half, {})
        if not formats:
            continue
        files = sum(figures["files"] for figures in formats.values())
        crashed = sum(figures["crashed"] for figures in formats.values())
        rows = [_format_row(name, figures) for name, figures in formats.items()]
        parts.append(
            "\n".join(
                [
                    f"## {name}: {files} public files",
                    "",
                    f"{crashed} crashes. Words that a reader sees and that arrive (kept), words that arrive and that "
                    "no reader sees (let in), as means over files:",
                    "",
                    "| format | files | read | kept | let in | best other tool | its kept | its let in |",
                    "|---|---|---|---|---|---|---|---|",
                    *rows,
                ]
            )
        )
    parts.append(_refusals(result["halves"]))
    parts += [_speed(result["speed"])] if result.get("speed") else []
    parts += [_ingest(result["ingest"])] if result.get("ingest") else []
    tools = ", ".join(f"{name} {version}" for name, version in result["tools"].items() if version)
    parts.append(f"Tools: {tools}.")
    return "\n\n".join(parts)


def _format_row(name: str, figures: dict[str, Any]) -> str:
    read = f"| {name} | {figures['files']} | {figures['read']} |"
    if figures.get("kept") is None:
        return f"{read} – | – | – | – | – |"
    others = {tool: other for tool, other in figures.get("others", {}).items() if other["kept"] is not None}
    if not others:
        return f"{read} {_share(figures['kept'])} | {_share(figures['let_in'])} | – | – | – |"
    best = max(others, key=lambda tool: others[tool]["kept"])
    other = others[best]
    return (
        f"{read} {_share(figures['kept'])} | {_share(figures['let_in'])} | {best} | {_share(other['kept'])} | "
        f"{_share(other['let_in'])} |"
    )


def _refusals(halves: dict[str, Any]) -> str:
    lines = ["## Refused, with these reasons", ""]
    for half in halves.values():
        for name, figures in half.items():
            lines += [f"- {name}, {count}: {reason}" for reason, count in figures["refused"].items()]
    return "\n".join(dict.fromkeys(lines))


def _speed(formats: dict[str, Any]) -> str:
    rows = []
    for name, figures in formats.items():
        if not figures["files"]:
            continue
        former, library = figures["former"], figures["library"]
        rows.append(
            f"| {name} | {figures['files']} | {figures['ms_per_file']} | {figures['mb_per_s']} | "
            f"{figures['peak_mb']} | {_ratios(former)} | {_ratios(library)} |"
        )
    return "\n".join(
        [
            "## Speed and memory",
            "",
            "All files of a format of at most 300 KB in one fresh process, the median of three times; ratios of ours "
            "to the other on the files that both read:",
            "",
            "| format | files | ms a file | MB/s | peak MB | time, memory to the former | to the library alone |",
            "|---|---|---|---|---|---|---|",
            *rows,
        ]
    )


def _ingest(formats: dict[str, Any]) -> str:
    lines = [
        f"- {name}, {figures['files']} files, {figures['kb']} KB: {figures['seconds']} s, with the former parser "
        f"{figures['former_s']} s: ×{figures['ratio']:.2f}"
        for name, figures in formats.items()
    ]
    return "\n".join(["The whole ingest, parsed, cut, encoded and stored:", "", *lines])


def _ratios(other: dict[str, Any] | None) -> str:
    return f"×{other['seconds_ratio']:.2f}, ×{other['peak_ratio']:.2f}" if other else "–"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
