"""`orilla student cross-encoder`. Torch is imported when it runs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from student.artifacts.digests import digest_file
from student.bundle import DEFAULT_BUNDLE
from student.distill.bundle_output import end_with_bundle, print_bundle
from student.distill.command_options import STUDENT_RECIPES, CheckpointOption, JsonOption, TrackOption
from student.distill.training.supervision import CHECKPOINT_MINUTES, supervise
from student.extras import import_extra
from student.terminal import progress_bar
from student.tracking.choosing import TRACKING, tracked

app = typer.Typer()


@app.command("cross-encoder")
def cross_encoder_command(
    examples: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Examples by `orilla teacher rankings`, or your own.")
    ],
    run: Annotated[Path, typer.Option(help="Folder of the run; a killed run is continued there.")],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
    serial: Annotated[int, typer.Option(min=1, help="The new bundle's; higher than that of the one it replaces.")],
    bundle: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="The bundle to add a cross-encoder to.")
    ] = DEFAULT_BUNDLE,
    recipe: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The cross-encoder's recipe.")
    ] = STUDENT_RECIPES / "cross-encoder.toml",
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle that is already there.")] = False,
    checkpoint_minutes: CheckpointOption = CHECKPOINT_MINUTES,
    track: TrackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a cross-encoder for a bundle: it reads question and passage together and says how well the one answers.

    An hour or two on two cores. Run it again after a kill: it goes on from the last checkpoint; Ctrl-C writes one
    first.
    """
    console = Console(stderr=True)
    with console.status("loading torch"):
        import_extra("training a cross-encoder")
        from student.distill.cross_encoder.making import make_cross_encoder
        from student.distill.cross_encoder.recipe import read_cross_encoder_recipe

        chosen = read_cross_encoder_recipe(recipe)
    tracking = tracked(
        track,
        folder=run / TRACKING,
        command="student cross-encoder",
        name=recipe.stem,
        parameters=chosen.model_dump() | {"examples": digest_file(examples)},
    )
    with tracking as tracked_run, progress_bar("training", is_plain=as_json) as show:
        made = make_cross_encoder(
            bundle,
            examples,
            chosen,
            run,
            out,
            serial=serial,
            now=datetime.now(UTC),
            replace=force,
            supervision=supervise(
                show, tracked_run, lambda p: f"training, loss {p.loss:.4f}", checkpoint_minutes=checkpoint_minutes
            ),
        )
        end_with_bundle(tracked_run, chosen.steps, made)
    print_bundle(console, made, as_json=as_json)
