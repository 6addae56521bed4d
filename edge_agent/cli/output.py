"""Output of the commands for people at a terminal."""

import dataclasses
from typing import TYPE_CHECKING

import typer
from rich.console import Console

if TYPE_CHECKING:
    from edge_agent.answering.results import Answer
    from edge_agent.ingest.folder import Synced


def show_synced(synced: "Synced") -> None:
    """Prints what a synchronization did, and on stderr the refused files."""
    counts = {name: count for name, count in dataclasses.asdict(synced).items() if name != "refused"}
    typer.echo(", ".join(f"{count} {name}" for name, count in counts.items()) + f", {len(synced.refused)} refused")
    for item in synced.refused:
        typer.echo(f"  {item['source']}: {item['reason']}", err=True)


_OTHER_LANGUAGE = {
    ("es", "en"): "La fuente está en inglés; no se ha encontrado en español.",
    ("en", "es"): "The source is in Spanish; nothing was found in English.",
}


def show_answer(answer: "Answer") -> None:
    """Prints an answer with its citations, or the nearest documents."""
    console = Console(highlight=False)
    if answer.answer is None:
        console.print(f"No lo sé / I don't know (confidence {answer.confidence:.2f}). Nearest documents:", markup=False)
        for document in answer.nearest_documents:
            console.print(f"  {document.title} ({document.source})", markup=False)
    else:
        console.print(answer.answer, markup=False, style="bold")
        if answer.answer_language and answer.question_language not in (answer.answer_language, ""):
            console.print(_OTHER_LANGUAGE[answer.question_language, answer.answer_language], markup=False)
        console.print(f"confidence {answer.confidence:.2f}", markup=False)
        for number, c in enumerate(answer.citations, start=1):
            page = f"page {c.page}, " if c.page else ""
            console.print(f"  [{number}] {c.title} ({c.source}, {page}characters {c.start}–{c.end})", markup=False)
    if answer.intent:
        best = ", ".join(f"{a.label} {a.probability:.2f}" for a in answer.intent.alternatives)
        console.print(f"intent: {answer.intent.label or 'out of scope'} ({best})", markup=False)
    timings = answer.timings
    console.print(f"bundle {answer.bundle.name} {answer.bundle.serial}, {timings.total_ms:.0f} ms", markup=False)
