"""The page on answers: answered and declined questions of the demo base, and follow-up questions."""

from collections.abc import Callable
from typing import Any


def render_demo(result: dict[str, Any]) -> str:
    """Questions answered and declined, by kind."""
    english, spanish = result["en"], result["es"]
    rows: dict[str, Callable[[dict[str, Any]], Any]] = {
        "right article first": lambda f: f["retrieval"]["hit_at_1"],
        "right article among five": lambda f: f["retrieval"]["hit_at_5"],
        "answerable questions answered": lambda f: f["answered"],
        "… from the right article": lambda f: f["answers_from_the_right_article"],
        "… with the very sentence": lambda f: f["answers_with_the_right_sentence"],
        "unanswerable questions declined": lambda f: f["unanswerable_declined"],
        "… about something else": lambda f: f["unanswerable_declined_by_kind"]["elsewhere"],
        "… about hosting, not covered": lambda f: f["unanswerable_declined_by_kind"]["domain"],
        "… close to an article that does not say it": lambda f: f["unanswerable_declined_by_kind"]["neighbour"],
    }
    return "\n".join(
        [
            "## The demo base",
            "",
            f"The test half ({english['retrieval']['questions']} answerable and "
            f"{english['unanswerable']} unanswerable questions in each language):",
            "",
            "| | English | Spanish |",
            "|---|---|---|",
            *(f"| {name} | {read(english)} | {read(spanish)} |" for name, read in rows.items()),
            "",
            "Questions of other fields asked of the same base, and the share declined:",
            "",
            "| questions | asked | declined |",
            "|---|---|---|",
            *(
                f"| {_OTHER_FIELDS[name]} | {figures['questions']} | {figures['declined']} |"
                for name, figures in result["out_of_domain_declined"].items()
            ),
            "",
            f"All unanswerable questions of the demo and those out of CLINC150's scope together: "
            f"{result['declined_together']} declined. What is risked at which coverage "
            f"(mean risk {result['mean_risk']['en']} in English, {result['mean_risk']['es']} in Spanish):",
            "",
            "![Risk against coverage](../evaluation/risk-coverage.png)",
        ]
    )


def render_conversations(result: dict[str, Any]) -> str:
    """Follow-up questions, alone and within a session."""
    rows = [
        f"| {language} | {kind} | {f['alone']['questions']} | {f['alone']['hit_at_1']} | {f['in_session']['hit_at_1']} "
        f"| {f['alone']['hit_at_5']} | {f['in_session']['hit_at_5']} |"
        for language, kinds in (("English", result["en"]), ("Spanish", result["es"]))
        for kind, f in kinds.items()
    ]
    return "\n".join(
        [
            "## Second questions of a conversation",
            "",
            "The demo's test half: the right article first and among five, "
            "asked alone and in a session. A handful of questions, so a difference of one is chance:",
            "",
            "| | second question | questions | first, alone | first, session | five, alone | five, session |",
            "|---|---|---|---|---|---|---|",
            *rows,
        ]
    )


_OTHER_FIELDS = {
    "clinc150_out_of_scope_en": "out of CLINC150's scope, English",
    "banking77_en": "bank customers (BANKING77, much of it on cards and refunds), English",
    "software_and_banking_en": "other companies' software and banking, English",
    "software_and_banking_es": "other companies' software and banking, Spanish",
}
