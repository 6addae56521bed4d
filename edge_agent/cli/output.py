"""Output of the commands for people at a terminal."""

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer
from rich.console import Console

if TYPE_CHECKING:
    from edge_agent.answering.results import Answer
    from edge_agent.ingest.folder.synced import Synced


_NAMED = 20
"""How many names of each sort are printed; `--verbose` prints all."""


def show_synced(synced: "Synced", *, is_verbose: bool = False) -> None:
    """Prints how many documents a comparison changed, and on stderr what needs a look, each by name with its reason.

    Args:
        synced: the result.
        is_verbose: name every file, not the first of each sort.
    """
    _show_counts(synced)
    _Names(is_verbose)("deleted:", [each.source for each in synced.done if each.effect == "deleted"])
    _show_what_needs_a_look(synced, _Names(is_verbose))


def _show_counts(synced: "Synced") -> None:
    typer.echo(", ".join(f"{count} {name}" for name, count in synced.counts().items()))


def _show_what_needs_a_look(synced: "Synced", show: "_Names") -> None:
    for remark in synced.remarks:
        typer.echo(printable(remark), err=True)
    reasons = sorted({each.reason for each in synced.skipped if each.kind != "hidden or temporary"})
    for reason in reasons:
        show(f"not ingested, {reason}:", [each.source for each in synced.skipped if each.reason == reason])
    hidden = [each.source for each in synced.skipped if each.kind == "hidden or temporary"]
    if hidden and not show.is_verbose:
        typer.echo(f"{len(hidden)} hidden or temporary files left out", err=True)
    elif hidden:
        show("hidden or temporary:", hidden)
    kept = dict.fromkeys(synced.kept_old, " (kept the old version, marked stale)")
    show("refused:", [f"{each.source}: {each.reason}{kept.get(each.source, '')}" for each in synced.refused])
    for each in synced.withheld:
        show(f"{len(each.sources)} documents kept, not deleted: {each.reason}", each.sources)
    kept_gone = (
        f"{len(synced.gone)} documents kept and still answering although their files are gone (--prune deletes):"
    )
    show(kept_gone, synced.gone)
    show("left out of documents:", [f"{each.source}: {each.text}" for each in synced.notices])


def show_changes(synced: "Synced", *, is_verbose: bool = False) -> None:
    """Prints what a comparison changed, a line for each document, then as `show_synced`."""
    lines = [f"{each.effect} {f'{each.origin} → ' if each.origin else ''}{each.source}" for each in synced.done]
    for line in lines if is_verbose else lines[:_NAMED]:
        typer.echo(printable(line))
    _show_counts(synced)
    _show_what_needs_a_look(synced, _Names(is_verbose))


def shortened(name: str, chars: int = 40) -> str:
    """The end of a name, for a line that must not wrap."""
    name = printable(name)
    return name if len(name) <= chars else f"…{name[1 - chars :]}"


class _Names:
    """Prints names below a heading on stderr, as many as are wanted."""

    def __init__(self, is_verbose: bool) -> None:
        self.is_verbose = is_verbose

    def __call__(self, heading: str, names: Sequence[str]) -> None:
        if not names:
            return
        typer.echo(printable(heading), err=True)
        shown = names if self.is_verbose else names[:_NAMED]
        for name in shown:
            typer.echo(f"  {printable(name)}", err=True)
        if len(shown) < len(names):
            typer.echo(f"  and {len(names) - len(shown)} more; --verbose names all", err=True)


def printable(text: str) -> str:
    """A text without what would move the cursor or is no Unicode: file names can hold anything."""
    return "".join("�" if unicodedata.category(c) in ("Cc", "Cs", "Cf") else c for c in text)


_OTHER_LANGUAGE = {
    ("es", "en"): "La fuente está en inglés; no se ha encontrado en español.",
    ("en", "es"): "The source is in Spanish; nothing was found in English.",
}


_DISPUTED = {
    "es": "Las versiones de este documento dicen cosas distintas; la más reciente va primero.",
    "en": "Versions of this document say different things; the newest comes first.",
    "": "Versions of this document say different things; the newest comes first.",
}


def show_answer(answer: "Answer") -> None:
    """Prints an answer with its citations, or the nearest documents."""
    console = Console(highlight=False)
    if answer.answer is None:
        console.print(f"No lo sé / I don't know (confidence {answer.confidence:.2f}). Nearest documents:", markup=False)
        for document in answer.nearest_documents:
            console.print(f"  {document.title} ({document.source})", markup=False)
    else:
        console.print(answer.answer_text, markup=False, style="bold")
        if answer.answer_language and answer.question_language not in (answer.answer_language, ""):
            console.print(_OTHER_LANGUAGE[answer.question_language, answer.answer_language], markup=False)
        if answer.is_disputed:
            console.print(_DISPUTED[answer.question_language], markup=False)
        remembered = f", {len(answer.remembered)} remembered judgements took part" if answer.remembered else ""
        console.print(f"confidence {answer.confidence:.2f}{remembered}", markup=False)
        for number, c in enumerate(answer.citations, start=1):
            parts = [c.source, c.date, f"page {c.page}" if c.page else "", f"characters {c.start}–{c.end}"]
            stale = " STALE: a later version was refused" if c.is_stale else ""
            console.print(f"  [{number}] {c.title} ({', '.join(filter(None, parts))}){stale}", markup=False)
    if answer.intent:
        best = ", ".join(f"{a.label} {a.probability:.2f}" for a in answer.intent.alternatives)
        console.print(f"intent: {answer.intent.label or 'out of scope'} ({best})", markup=False)
    timings = answer.timings
    console.print(f"bundle {answer.bundle.name} {answer.bundle.serial}, {timings.total_ms:.0f} ms", markup=False)
