"""`orilla loop`: one whole turn on this machine. Torch and its kin are imported when the command runs."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from student.distill.cli import import_extra

RECIPES = Path(__file__).parents[1] / "recipes"


def loop(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder that the recipe's files are in.")],
    out: Annotated[Path, typer.Option(help="Folder of everything; a killed turn is continued there.")],
    knowledge_base: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Documents that every branch takes in.")
    ],
    questions: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="Questions on them: JSON lines of text, language and gold."),
    ],
    recipe: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="How the turn is taken.")] = RECIPES
    / "turn.toml",
) -> None:
    """Take one turn: teacher, targets, student, bundle, branches, federation, release, update, absorb, next bundle.

    Minutes on a CPU, with real weights at reduced size. Run it again after a kill: it goes on where it stood, and no
    privacy is spent twice. At the end it says what improved where, in a table and in OUT/report.html.
    """
    import_extra("the loop", "teacher", ("torch", "sentence_transformers", "pyarrow", "sklearn", "flwr"))
    from transformers import logging

    from student.distill.encoder.torch_encoder import open_torch_encoder
    from student.distill.pretrained import find_minilm
    from teacher.loop.figures import measure
    from teacher.loop.iteration import Ground, take_turn
    from teacher.loop.report import make_table, write_page
    from teacher.loop.scenario import read_turn

    logging.set_verbosity_error()  # which weights a pooler lacks is no news
    console, asked = Console(stderr=True, highlight=False), read_turn(recipe)
    teacher, started = find_minilm(), time.monotonic()
    ground = Ground(teacher, open_torch_encoder(teacher, precision="auto"), data, knowledge_base)

    def say(step: str) -> None:
        console.print(f"{time.monotonic() - started:6.0f} s, {time.process_time():6.0f} s of CPU: {step}")

    world = take_turn(asked, ground, out, say=say)
    say("measure")
    figures = measure(asked, ground, world, out, questions)
    page = write_page(figures, out)
    say("done")
    Console().print(make_table(figures))
    typer.echo(f"report: {page}")
