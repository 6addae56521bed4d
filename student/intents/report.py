"""The report of a head: `report.json` for programs, and the same as a table for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from student.intents.examples import Examples
from student.intents.figures import outside_figures
from student.intents.learning import LearnedHead

_FEW, _LOW = 10, 0.5


def report_of(
    learned: LearnedHead, figures: Mapping[str, Any], examples: Examples, *, false_refusals: float
) -> dict[str, Any]:
    """The report, as JSON has it."""
    settings = learned.settings
    return {
        "how": "5-fold cross-validation, near copies together; the settings were chosen on the same folds",
        "settings": {
            "lexical": settings.lexical,
            "basis": settings.basis,
            "names": settings.names,
            "penalty": settings.penalty,
        },
        "temperature": learned.head.temperature,
        "threshold": learned.head.threshold,
        "false_refusals": false_refusals,
        "repeated_rows": examples.repeated,
        "kept_labels": list(learned.kept),
        **figures,
        "out_of_scope": outside_figures(learned.outside_refused, examples.outside_languages),
        "advice": advice(figures),
    }


def advice(figures: Mapping[str, Any]) -> list[str]:
    """Which examples to add, the most useful ones first."""
    said = []
    for pair in figures["confused"]:
        first, second = pair["labels"]
        lines = ", ".join(map(str, pair["lines"]))
        said.append(
            f"{first} and {second} are taken for each other {pair['times']} times (such as line {lines}). Check these "
            f"labels; then add five messages that are plainly {first}, five that are plainly {second}, or merge them."
        )
    for label, parts in figures["labels"].items():
        for language, of_label in parts.items():
            if language != "all" and of_label["examples"] < _FEW and (of_label["recall"] or 0) < _LOW:
                said.append(f"{label} has {of_label['examples']} examples in {language}; give it {_FEW}.")
    return said


def report_lines(report: Mapping[str, Any]) -> Sequence[str]:
    """The report as Markdown."""
    lines = ["# Intent head", "", f"By {report['how']}.", ""]
    lines += [
        "| messages | examples | macro-F1 | right | calibration error (by chance) | refused |",
        "|---|---|---|---|---|---|",
    ]
    for name, part in report["overall"].items():
        lines.append(
            f"| {name} | {part['examples']} | {_with_interval(part, 'macro_f1')} | {_with_interval(part, 'accuracy')} "
            f"| {part['expected_calibration_error']:.3f} "
            f"({part['calibration_error_by_chance']:.3f}) | {part['refused']:.1%} |"
        )
    lines += ["", *(_of_outside(name, part) for name, part in report["out_of_scope"].items())]
    languages = list(report["overall"])
    lines += ["", "Each label: precision / recall / F1 (examples).", ""]
    lines += ["| label | " + " | ".join(languages) + " |", "|---" * (len(languages) + 1) + "|"]
    for label, parts in report["labels"].items():
        lines.append(f"| {label} | " + " | ".join(_of_label(parts[name]) for name in languages) + " |")
    if report["kept_labels"]:
        lines += ["", f"Kept from the head before, not measured: {', '.join(report['kept_labels'])}."]
    if report["advice"]:
        lines += ["", "What to do next:", "", *(f"- {each}" for each in report["advice"])]
    return lines


def _of_outside(name: str, part: Mapping[str, Any]) -> str:
    low, high = part["refused_interval"]
    return (
        f"- Out of scope, {name}: {part['refused']:.1%} ({low:.1%}–{high:.1%}) of {part['examples']} messages refused."
    )


def _with_interval(part: Mapping[str, Any], name: str) -> str:
    low, high = part[f"{name}_interval"]
    return f"{part[name]:.2f} ({low:.2f}–{high:.2f})"


def _of_label(part: Mapping[str, Any]) -> str:
    if not part["examples"]:
        return "–"
    shown = ["–" if part[name] is None else f"{part[name]:.2f}" for name in ("precision", "recall", "f1")]
    return f"{' / '.join(shown)} ({part['examples']})"
