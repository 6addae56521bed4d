"""`orilla teacher train`: fine-tuning on the center's data."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from student.distill.cli import ModelLicenseOption, ModelNameOption, ModelOption
from student.terminal import progress_bar
from teacher.cli.options import TEACHER_RECIPES, import_teacher_extra


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
    model_name: ModelNameOption = "local model",
    model_license: ModelLicenseOption = "LicenseRef-unknown",
) -> None:
    """Fine-tune a teacher on the center's pairs and labelled messages; on several GPUs under torchrun.

    It stops early when the validation part gains no more. The result is OUT/model, a sentence-transformers folder with
    an intent head; OUT/report.json has its figures on the test part by language, segment and class. Run it again
    after a kill: it goes on from the last checkpoint. Example:

      orilla teacher queries --data data --out queries.jsonl

      orilla teacher train --pairs queries.jsonl --intents tickets.jsonl --out run
    """
    import_teacher_extra("fine-tuning")
    from student.distill.pretrained import open_model
    from teacher.training.fine_tuning import fine_tune
    from teacher.training.recipe import read_fine_tuning_recipe
    from teacher.training.training_data import read_training_data

    data = read_training_data(pairs, intents, hold_out=hold_out)
    fine_tuning = read_fine_tuning_recipe(recipe)
    console = Console(stderr=True)
    with progress_bar("fine-tuning") as show:
        report = fine_tune(
            open_model(model, name=model_name, license_=model_license),
            data,
            fine_tuning,
            out,
            on_progress=lambda p: show(
                p.step, fine_tuning.steps, f"loss {p.loss:.3f}, best validation {p.best_score:.4f}"
            ),
        )
    console.print(f"teacher in {out / 'model'}, best at step {report['best_step']}; on the test part:")
    _print_figures(console, report["before"], report["after"])


def _print_figures(console: Console, before: dict[str, Any], after: dict[str, Any]) -> None:
    for name, key in (("retrieval", "nDCG@10"), ("intents", "accuracy"), ("intents", "macro-F1")):
        if name in after:
            earlier = before.get(name, {}).get(key)
            console.print(f"  {name} {key}: {after[name][key]}" + (f" (was {earlier})" if earlier else ""))
