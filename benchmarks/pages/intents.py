"""The page on intents: own labels from a few messages, and the default head on messages it has never seen."""

from typing import Any

_LANGUAGES = {"en": "English", "es": "Spanish"}


def render_intents(result: dict[str, Any]) -> str:
    """Macro-F1 by examples a label, way and language; the default head; times."""
    lines = [
        "## Own intents",
        "",
        f"Of {result['messages']['learned']} tickets some are learned, {result['messages']['asked']} others are asked.",
        "",
        "| examples a label | way | "
        + " | ".join(f"{name}: macro-F1 (95 %) | refused | calibration error" for name in _LANGUAGES.values())
        + " |",
        "|---|---|" + "---|---|---|" * len(_LANGUAGES),
    ]
    for size, ways in result["own"].items():
        for way, figures in ways.items():
            cells = [
                f"{each['macro_f1']:.3f} ({each['macro_f1_interval'][0]:.3f}–{each['macro_f1_interval'][1]:.3f}) "
                f"| {each['refused']:.1%} | {each['expected_calibration_error']:.3f}"
                for each in (figures[language] for language in _LANGUAGES)
            ]
            lines.append(f"| {size} | {way} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_default_head(result["default_head"]), "", *_speed(result["speed"])])


def _default_head(figures: dict[str, Any]) -> list[str]:
    lines = ["## The default head", ""]
    if not figures["covered"]:
        return [*lines, "It covers none of the tickets' intents."]
    lines += [
        f"{figures['labels']} labels; {figures['covered']} tickets have an intent that one of them means.",
        "",
        "| | tickets | named right (95 %) | right if none is refused | refused |",
        "|---|---|---|---|---|",
    ]
    for language, name in _LANGUAGES.items():
        each = figures[language]
        low, high = each["interval"]
        lines.append(
            f"| {name} | {each['tickets']} | {each['named_right']:.3f} ({low:.3f}–{high:.3f}) "
            f"| {each['right_if_none_is_refused']:.3f} | {each['refused']:.1%} |"
        )
    return lines


def _speed(figures: dict[str, Any]) -> list[str]:
    return [
        f"To learn from {figures['messages']} messages of 30 labels took {figures['learn_s']} s, embedding included; "
        f"to classify one message {figures['classify_ms']} ms (median)."
    ]
