"""`orilla teacher train`: fine-tuning on the center's data."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from student.distill.command_options import (
    CheckpointOption,
    JsonOption,
    ModelLicenseOption,
    ModelNameOption,
    ModelOption,
    TrackOption,
)
from student.distill.training.supervision import CHECKPOINT_MINUTES, TrainingProgress, supervise
from student.terminal import progress_bar
from student.tracking.choosing import TRACKING, tracked
from student.tracking.tracked_run import digests_of
from teacher.cli.options import TEACHER_RECIPES, import_teacher_extra

_FIGURES = (("retrieval", "nDCG@10"), ("intents", "accuracy"), ("intents", "macro-F1"))


def train_command(
    pairs: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="JSON lines of query and passage (and guide).")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; a killed run is continued there.")],
    intents: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="JSON lines of text and label (and language, segment)."),
    ] = None,
    hold_out: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of the intents' texts to leave out, as `label` does.")
    ] = 0.0,
    recipe: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="How to fine-tune.")] = TEACHER_RECIPES
    / "fine-tuning.toml",
    model: ModelOption = None,
    model_name: ModelNameOption = None,
    model_license: ModelLicenseOption = None,
    checkpoint_minutes: CheckpointOption = CHECKPOINT_MINUTES,
    track: TrackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fine-tune a teacher on the center's pairs and labelled messages; on several GPUs under torchrun.

    It stops early when the validation part gains no more. The result is OUT/model, a sentence-transformers folder with
    an intent head; OUT/report.json has its figures on the test part by language, segment and class. Run it again
    after a kill: it goes on from the last checkpoint; Ctrl-C writes one first. Example:

      orilla teacher queries --data data --out queries.jsonl

      orilla teacher train --pairs queries.jsonl --intents tickets.jsonl --out run
    """
    import_teacher_extra("fine-tuning")
    from student.distill.pretrained import open_model
    from student.distill.training.processes import join_processes
    from teacher.training.fine_tuning import fine_tune
    from teacher.training.recipe import read_fine_tuning_recipe
    from teacher.training.training_data import read_training_data

    data = read_training_data(pairs, intents, hold_out=hold_out)
    fine_tuning = read_fine_tuning_recipe(recipe)
    processes, pretrained = join_processes(), open_model(model, name=model_name, license_=model_license)
    console = Console(stderr=True, quiet=not processes.is_main)
    lineage = {f"data.{origin.role}": origin.sha256 for origin in data.lineage}
    tracking = tracked(
        track if processes.is_main else None,
        folder=out / TRACKING,
        command="teacher train",
        name=fine_tuning.name,
        parameters=fine_tuning.model_dump() | {"model": pretrained.weights_sha256, **lineage},
    )
    bar = progress_bar("fine-tuning", is_plain=as_json, is_silent=not processes.is_main)
    with tracking as run, bar as show:
        report = fine_tune(
            pretrained,
            data,
            fine_tuning,
            out,
            supervision=supervise(show, run, _in_words, checkpoint_minutes=checkpoint_minutes),
            on_encode=show,
        )
        if processes.is_main:
            run.log(fine_tuning.steps, _figures(report))
            run.end("finished", digests_of(out / "model"))
    if as_json and processes.is_main:
        typer.echo(json.dumps({"teacher": str(out / "model")} | report))
        return
    console.print(f"teacher in {out / 'model'}, best at step {report['best_step']}; on the test part:")
    _print_figures(console, report["before"], report["after"])


def _in_words(progress: TrainingProgress) -> str:
    best = f", best validation {progress.best_score:.4f}" if progress.best_score and progress.best_score > 0 else ""
    return f"fine-tuning, loss {progress.loss:.3f}{best}"


def _figures(report: dict[str, Any]) -> dict[str, float]:
    """The figures on the test part, before and after."""
    return {
        f"test {when}/{key}": report[when][name][key]
        for when in ("before", "after")
        for name, key in _FIGURES
        if name in report[when]
    }


def _print_figures(console: Console, before: dict[str, Any], after: dict[str, Any]) -> None:
    for name, key in _FIGURES:
        if name in after:
            earlier = before.get(name, {}).get(key)
            console.print(f"  {name} {key}: {after[name][key]}" + (f" (was {earlier})" if earlier else ""))
