"""The page on the default bundle beside its teachers and the bundle before: what was aimed at, and all figures."""

from dataclasses import dataclass
from typing import Any

from benchmarks.measure import machine_in_words
from student.evaluation.report import render_table

_BUNDLE, _BEFORE, _TEACHER = "bundle", "bundle before", "teacher"
_SAME, _DIRECTIONS = ("en-en", "es-es"), ("en-en", "es-es", "en-es", "es-en")
_MAY_LOSE, _INT8_MAY_LOSE = 0.04, 0.005
_MOST_MB, _MOST_MS = 30.0, 1.5
_NDCG, _FIRST = "nDCG@10", "accuracy@1"
_CUSTOMERS_GAIN = {"en-en": 0.05, "es-es": 0.10}


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that was aimed at: what it is, its bound, what was reached, and whether that is enough."""

    what: str
    asked: str
    found: str
    is_reached: bool

    def as_row(self) -> str:
        """A row of the table."""
        return f"| {self.what} | {self.asked} | {self.found} | {'reached' if self.is_reached else 'missed'} |"


def render_distillation(result: dict[str, Any]) -> str:
    """Goals, and every figure with its share of the teachers'."""
    tasks, serials, processor = result["tasks"], result["bundles"], result["one_query_processor_ms"]
    rows = [goal.as_row() for goal in goals_of(result)]
    return "\n".join(
        [
            "## Aimed at and reached",
            "",
            "| figure | goal | of the bundle | |",
            "|---|---|---|---|",
            *rows,
            "",
            "## All figures",
            "",
            f"On {machine_in_words(result['machine'])}, other work beside it. `bundle` is serial {serials[_BUNDLE]}, "
            f"`bundle before` serial {serials[_BEFORE]}; `teacher` is the encoders that labelled, means and reduction "
            f"fitted on {result['teacher_fitted_on_texts']:,} texts of the corpus. In brackets, the share of the "
            f"teacher's figure. {tasks['guides en-en']['documents']} guides by title, "
            f"{tasks['paragraphs en-es']['documents']:,} paragraphs by translation; intents by logistic regression on "
            "the embeddings. The time of a short query is of a machine whose cores other work kept busy; of processor "
            f"time it takes {processor[_BUNDLE]} ms with the bundle and {processor[_BEFORE]} ms with the one before.",
            "",
            render_table(result),
        ]
    )


def goals_of(result: dict[str, Any]) -> list[Goal]:
    """What was aimed at when the bundle was planned, in the order of the plan."""
    systems = result["systems"]
    bundle, teacher = systems[_BUNDLE]["figures"], systems[_TEACHER]["figures"]
    goals = [
        _at_least(f"held-out guides, {direction}", bundle[f"guides {direction}"][_NDCG], bound)
        for direction, bound in zip(_DIRECTIONS, (0.93, 0.92, 0.90, 0.90), strict=True)
    ]
    asked = [f"textbooks {direction}" for direction in _DIRECTIONS] + [f"encyclopedia {each}" for each in _SAME]
    goals += [_at_most_behind(task, bundle[task][_NDCG], teacher[task][_NDCG]) for task in asked]
    goals += [
        _at_least("demo questions → article, en-en", bundle["demo articles en-en"][_NDCG], 0.85),
        _at_least("demo questions → article, es-es", bundle["demo articles es-es"][_NDCG], 0.80),
        _at_least("BANKING77, accuracy", bundle["banking77"]["accuracy"], 0.93),
        _at_least("CLINC150, accuracy", bundle["clinc150"]["accuracy"], 0.955),
        _at_least("CLINC150, out-of-scope AUROC", bundle["clinc150"]["out-of-scope AUROC"], 0.96),
    ]
    halves = {"development half": "customers' questions", "test half": "customers' questions, test half"}
    goals += [
        _gain(f"customers' questions {direction}, right guide first, {half}", systems, f"{group} {direction}", least)
        for half, group in halves.items()
        for direction, least in _CUSTOMERS_GAIN.items()
    ]
    lost = result["int8_against_float_at_finding_passages"]["loss"]
    size, latency = systems[_BUNDLE]["size_mb"], result["one_query_processor_ms"][_BUNDLE]
    return [
        *goals,
        Goal("int8 loses at finding passages", f"≤ {_INT8_MAY_LOSE}", f"{lost:.4f}", lost <= _INT8_MAY_LOSE),
        Goal("size, MB", f"≤ {_MOST_MB:g}", f"{size}", size <= _MOST_MB),
        Goal("a short query, ms of processor time", f"≤ {_MOST_MS}", f"{latency}", latency <= _MOST_MS),
    ]


def _at_least(what: str, found: float, bound: float) -> Goal:
    return Goal(what, f"≥ {bound}", f"{found:.4f}", found >= bound)


def _at_most_behind(task: str, found: float, teacher: float) -> Goal:
    shown = f"{found:.4f} ({found - teacher:+.4f})"
    return Goal(f"{task}, behind the teacher", f"≤ {_MAY_LOSE}", shown, teacher - found <= _MAY_LOSE)


def _gain(what: str, systems: dict[str, Any], task: str, least: float) -> Goal:
    now, before = (systems[name]["figures"][task][_FIRST] for name in (_BUNDLE, _BEFORE))
    shown = f"{now:.4f}, before {before:.4f} ({now - before:+.4f})"
    return Goal(what, f"{least:+.2f} on the bundle before", shown, now - before >= least)
