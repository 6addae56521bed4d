"""`orilla teacher adapt`: a bundle for a folder of one's own documents."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle
from student.distill.command_options import STUDENT_RECIPES
from student.terminal import progress_bar
from teacher.cli.options import import_teacher_extra

if TYPE_CHECKING:
    from teacher.adapting.measuring import Comparison


def adapt_command(
    documents: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A folder of your documents.")],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
    bundle: Annotated[
        Path,
        typer.Option(exists=True, file_okay=False, help="The bundle to begin with.", show_default="the installed one"),
    ] = DEFAULT_BUNDLE,
    start: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="That bundle's float student.", show_default="the bundle's own weights"
        ),
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Questions to measure with: JSON lines of question and source."),
    ] = None,
    hold_out: Annotated[
        float, typer.Option(min=0.1, max=0.5, help="Share of the documents held out to measure with.")
    ] = 0.1,
    recipe: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="How to train.", show_default="own-domain.toml")
    ] = STUDENT_RECIPES / "own-domain.toml",
    run: Annotated[Path | None, typer.Option(help="Folder of what is made between.", show_default="OUT.run")] = None,
    name: Annotated[str, typer.Option(help="The bundle's name.")] = "own",
    serial: Annotated[int, typer.Option(min=1, help="Its serial; a later bundle of the name has a higher one.")] = 1,
    even_if_no_better: Annotated[
        bool, typer.Option("--even-if-no-better", help="Write the bundle though it finds nothing better.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle that is already there.")] = False,
) -> None:
    """Train the student on for your own documents and write a bundle, if it finds them better than before.

    Markdown, HTML, Word, PDF and whatever else a branch reads; mail is left out. Nothing is downloaded and nothing is
    labelled by hand: titles ask for their documents, headings for what stands below them. A tenth of the documents is
    held out, and the table at the end compares both students on them. Minutes on two cores for a few hundred
    documents; run it again after a kill, and it goes on. Example:

      orilla teacher adapt guides --out bundles/own

      orilla edge serve --bundle bundles/own
    """
    import_teacher_extra("adapting a student")
    from transformers import logging

    from student.distill.encoder.recipe import read_student_recipe
    from teacher.adapting.adapt import Adaptation, adapt

    logging.set_verbosity_error()  # which weights a pooler lacks is no news
    console = Console(stderr=True)
    settings = Adaptation(
        documents=documents,
        base=bundle,
        start=start,
        recipe=read_student_recipe(recipe),
        run=run or out.with_name(f"{out.name}.run"),
        hold_out=hold_out,
        questions=questions,
        name=name,
        serial=serial,
        is_forced=even_if_no_better,
    )
    compared: dict[str, Comparison] = {}
    try:
        with progress_bar("reading documents") as show:
            adapted = adapt(settings, out, now=datetime.now(UTC), replace=force, show=show, on_compared=compared.update)
    finally:
        if compared:
            console.print(_table(compared))
    console.print(f"bundle {out}: serial {serial}, digest {adapted.bundle.digest}")
    learned = len(adapted.documents.documents) - adapted.held_out
    console.print(f"  learned from {learned} documents, {adapted.held_out} held out")
    for source, reason in list(adapted.documents.unread.items())[:5]:
        console.print(f"  not read: {source}: {reason}", markup=False)
    if (more := len(adapted.documents.unread) - 5) > 0:
        console.print(f"  and {more} others that could not be read")
    manifest = adapted.bundle.manifest
    for figure, value in manifest.metrics["carried_over"].items():
        console.print(f"  {figure.replace('_', ' ')}: {value}")
    if open_bundle(bundle).manifest.verifier and not manifest.verifier:
        console.print(
            "  the answerability verifier was left out: the new encoder's tokens are too far from the old ones'"
        )


def _table(comparisons: "dict[str, Comparison]") -> Table:
    table = Table(title="which student finds the right document")
    for name in ("questions of", "number", "figure", "before", "own student"):
        table.add_column(name, justify="left" if name in ("questions of", "figure") else "right")
    for asked, compared in comparisons.items():
        first = [f"{(scores == 1).mean():.0%}" for scores in (compared.before, compared.after)]
        whole = [f"{scores.mean():.3f}" for scores in (compared.before, compared.after)]
        table.add_row(asked, str(len(compared.before)), "right one first", *first)
        table.add_row("", "", "nDCG@10", *whole)
        table.add_row("", "", "gain", "", f"{compared.gain:+.3f} ± {compared.uncertainty:.3f}")
    return table
