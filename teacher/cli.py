"""`orilla teacher …`. Torch and its kin are imported when a command runs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from student.distill.cli import ModelLicenseOption, ModelNameOption, ModelOption
from student.errors import ExtraMissing

app = typer.Typer(no_args_is_help=True, help="Label texts for distillation with a large encoder.")

RECIPES = Path(__file__).parent / "recipes"


@app.callback()
def _group() -> None:
    """Keeps `label` a command of its own while it is the only one."""


@app.command()
def label(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder that the recipe's files are in.")],
    out: Annotated[Path, typer.Option(help="Folder of the targets; a killed run is continued there.")],
    recipe: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A corpus recipe.")] = RECIPES
    / "public.toml",
    model: ModelOption = None,
    model_name: ModelNameOption = "local model",
    model_license: ModelLicenseOption = "LicenseRef-unknown",
    precision: Annotated[str, typer.Option(help="auto, bfloat16 or float32.")] = "auto",
) -> None:
    """Embed a corpus with the teacher once, and write what the student must reach.

    A translation gets the embedding of its English side. Run it again after a kill: it goes on where it was.
    """
    try:
        from student.distill.pretrained import open_model
        from teacher.corpus import read_corpus_recipe
        from teacher.encoding import open_teacher
        from teacher.label import label as label_corpus
    except ImportError as error:
        raise ExtraMissing(
            f'labelling needs {error.name}, which is not installed; run: pip install "orilla[teacher]"'
        ) from error
    pretrained = open_model(model, name=model_name, license_=model_license)
    corpus = read_corpus_recipe(recipe)
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("labelling", total=None)
        labelled = label_corpus(
            pretrained,
            corpus,
            data,
            out,
            encode=open_teacher(pretrained, precision=precision),
            on_rows=lambda done, total: progress.update(task, completed=done, total=total),
        )
    console.print(f"{labelled.rows} targets in {out}, {labelled.rows_written} of them written now")
