"""The page on masking: planted values, ordinary texts, public sets, speed, and another program beside."""

from typing import Any


def render_masking(result: dict[str, Any]) -> str:
    """Recall and precision, of ours and of Presidio, and what else is masked."""
    parts = [_together(result), _public(result["public"]), _alarms(result), _by_kind(result["planted"]["by_kind"])]
    return "\n\n".join(parts)


def _together(result: dict[str, Any]) -> str:
    systems = [("Orilla", {**result["planted"], "ordinary": result["ordinary"]})]
    if result["presidio"]:
        name = f"Presidio {result['presidio']['version']}, rules alone, no download"
        systems.append((name, result["presidio"]))
    lines = [
        f"## {result['planted']['values']:,} planted values",
        "",
        "| | with check digits: recall | precision | others: recall | precision | false alarms in ordinary sentences |",
        "|---|---|---|---|---|---|",
    ]
    for name, figures in systems:
        checked, others, ordinary = figures["checked"], figures["others"], figures["ordinary"]
        lines.append(
            f"| {name} | {_share(checked['recall'])} | {_share(checked['precision'])} | {_share(others['recall'])} "
            f"| {_share(others['precision'])} | {_share(ordinary['masked'] / ordinary['sentences'])} |"
        )
    speed = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in result["speed"].items())
    return "\n".join([*lines, "", f"CPU milliseconds for a kilobyte of text: {speed}."])


def _public(sets: dict[str, Any]) -> str:
    lines = [
        "## Public sets, the labels that rules can find",
        "",
        "| set | label | spans | found whole | touched |",
        "|---|---|---|---|---|",
    ]
    for name, figures in sets.items():
        for label, found in figures["labels"].items():
            lines.append(
                f"| {name.split('/')[0]} | {label} | {found['spans']} | {_share(found['recall'])} "
                f"| {_share(found['touched'])} |"
            )
    lines += ["", "What is found there, and how much of it touches any labelled span:", ""]
    lines += ["| set | kind | found | in a labelled span |", "|---|---|---|---|"]
    for name, figures in sets.items():
        for kind, found in sorted(figures["kinds"].items()):
            lines.append(f"| {name.split('/')[0]} | {kind} | {found['found']} | {_share(found['precision'])} |")
    return "\n".join(lines)


def _alarms(result: dict[str, Any]) -> str:
    lines = [
        "## Masked in help guides",
        "",
        "They are public; addresses of companies and of examples are most of it.",
        "",
        "| guides | characters | masked | of them e-mail | other kinds |",
        "|---|---|---|---|---|",
    ]
    for name, figures in result["guides"].items():
        others = ", ".join(f"{kind} {count}" for kind, count in figures["kinds"].items() if kind != "email")
        email = figures["kinds"].get("email", 0)
        lines.append(f"| {name} | {figures['chars']:,} | {figures['masked']} | {email} | {others or '–'} |")
    return "\n".join(lines)


def _by_kind(kinds: dict[str, Any]) -> str:
    lines = [
        "## By kind and language",
        "",
        "| kind | values | recall | precision | found from start to end | called so |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in kinds.items():
        lines.append(
            f"| {name} | {found['values']} | {_share(found['recall'])} | {_share(found['precision'])} "
            f"| {_share(found['exact'])} | {_share(found['right_kind'])} |"
        )
    return "\n".join(lines)


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
