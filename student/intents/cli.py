"""`orilla student intents` and `agreement`: a head of one's own labels, and whether two people label alike."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from student.bundle import DEFAULT_BUNDLE

app = typer.Typer()


@app.command("intents")
def intents_command(
    examples: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="CSV or .jsonl with text, label and, where known, language."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle; the report goes beside it.")],
    bundle: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="The bundle whose encoder and head to begin with.")
    ] = DEFAULT_BUNDLE,
    replace: Annotated[
        bool, typer.Option("--replace", help="Only the labels of the examples; without it they are added.")
    ] = False,
    from_scratch: Annotated[
        bool,
        typer.Option(
            "--from-scratch",
            help="With --replace: learn nothing from the head before, for a head that others build on.",
        ),
    ] = False,
    false_refusals: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Share of messages with a known label that may be refused.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="Of the folds of cross-validation.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle that is already there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Teach a bundle your own intents from a few messages of each: seconds, no torch, no GPU.

    The file has a message a row: a header `text,label,language` and, say, `"my invoice is wrong",billing,en`. A
    spreadsheet saved as CSV will do, with commas, semicolons or tabs. Three different messages a label are the least,
    ten a language are good, twenty better; write them as customers do. The language may be left out. Rows with the
    label out_of_scope are messages of none: the threshold is chosen by them, and the report counts how many it refuses.

    Settings, calibration and the threshold below which a message is out of scope come from 5-fold cross-validation;
    the head is then fitted on all. OUT.report.md tells by label and language how well it does, which labels are
    confused and what to add. The messages themselves are not kept, but a head gives away the words of its examples:
    keep the bundle at the branch.

    Answers of the bundle's head before help to tell the new labels apart, the more the nearer its labels are to yours.

    Examples:
      orilla student intents --examples own.csv --replace --out bundles/2
      orilla edge serve --store STORE --bundle bundles/2
      orilla student intents --bundle bundles/2 --examples more.csv --out bundles/3     two labels more
    """
    from student.intents.bundling import report_paths
    from student.intents.making import make_intents
    from student.intents.report import report_lines
    from student.terminal import progress_bar

    if from_scratch and not replace:
        raise typer.BadParameter("--from-scratch needs --replace: labels that are kept need what the head before reads")
    with progress_bar("reading", is_plain=as_json) as show:
        made, report = make_intents(
            bundle,
            examples,
            out,
            is_replacing=replace,
            is_from_scratch=from_scratch,
            false_refusals=false_refusals,
            seed=seed,
            now=datetime.now(UTC),
            replace=force,
            on_progress=show,
        )
    paths = [str(path) for path in report_paths(out)]
    if as_json:
        facts = {"bundle": str(made.path), "serial": made.manifest.serial, "digest": made.digest}
        typer.echo(json.dumps(facts | {"report": paths[0], "overall": report["overall"], "advice": report["advice"]}))
        return
    typer.echo("\n".join(report_lines(report)))
    typer.echo(f"\nbundle {made.path}: serial {made.manifest.serial}, digest {made.digest}")
    typer.echo(f"report {paths[1]} and {paths[0]}")


@app.command("agreement")
def agreement_command(
    first: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The messages as one person labelled them.")
    ],
    second: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The same ones, by another person.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Measure how far two people agree on labels: Cohen's kappa, and where they differ.

    Both files have the columns text and label; messages are matched by their text. Kappa is 1 where they always agree
    and 0 where they agree as often as chance would. Above 0.8 the labels are clear, below 0.6 describe them better
    before you label more. Example:

      orilla student agreement ana.csv ben.csv
    """
    from student.intents.agreement import measure_agreement

    agreement = measure_agreement(first, second)
    if as_json:
        typer.echo(json.dumps(agreement.as_json(), ensure_ascii=False))
        return
    low, high = agreement.interval
    typer.echo(f"kappa {agreement.kappa:.2f} (95 % {low:.2f} to {high:.2f}), {agreement.verdict}")
    typer.echo(f"{agreement.same} of {agreement.messages} messages have the same label from both")
    for label, kappa in agreement.by_label.items():
        typer.echo(f"  {label:<30} {kappa:.2f}")
    for difference in agreement.differences[:5]:
        lines = ", ".join(f"{a}/{b}" for a, b in difference.lines[:5])
        typer.echo(f"{difference.first} against {difference.second}: {len(difference.lines)} times, lines {lines}")
