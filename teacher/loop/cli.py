"""`orilla loop`: one whole iteration on this machine. Torch is imported when the command runs."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from student.extras import import_extra

ITERATION_RECIPES = Path(__file__).parents[1] / "recipes"


def loop_command(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder that the recipe's files are in.")],
    out: Annotated[Path, typer.Option(help="Folder of everything; a killed iteration is continued there.")],
    knowledge_base: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Documents that every branch ingests.")
    ],
    questions: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="Questions on them: JSON lines of text, language and gold."),
    ],
    recipe: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Settings of the iteration.")
    ] = ITERATION_RECIPES / "iteration.toml",
    teacher: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A teacher recipe, as of `orilla teacher label`; the student starts from all-MiniLM-L6-v2.",
            show_default="all-MiniLM-L6-v2",
        ),
    ] = None,
) -> None:
    """Run one iteration of the loop, from a teacher and its student to branches, federation, and the next student.

    Minutes on a CPU, with real weights at reduced size. Run it again after a kill: it goes on where it was,
    within the same budget of privacy. At the end a table and OUT/report.html show what improved. Example, with several
    encoders as one teacher:

      orilla loop --data data --out loop --knowledge-base documents --questions questions.jsonl --teacher teacher.toml
    """
    import_extra("the loop", "teacher", ("torch", "sentence_transformers", "pyarrow", "sklearn", "flwr"))
    from transformers import logging

    from student.distill.encoder.torch_encoder import open_torch_encoder
    from student.distill.pretrained import find_minilm
    from teacher.loop.figures import measure_iteration
    from teacher.loop.inputs import IterationInputs, read_iteration_recipe
    from teacher.loop.iteration import run_iteration
    from teacher.loop.report import make_table, write_page
    from teacher.mixture.recipe import read_teacher_recipe
    from teacher.mixture.teacher import open_teacher, teacher_of

    logging.set_verbosity_error()  # which weights a pooler lacks is no news
    console, settings = Console(stderr=True, highlight=False), read_iteration_recipe(recipe)
    start, started = find_minilm(), time.monotonic()
    opened = (
        open_teacher(read_teacher_recipe(teacher))
        if teacher
        else teacher_of(start, open_torch_encoder(start, precision="auto"))
    )
    inputs = IterationInputs(opened, start, data, knowledge_base)

    def on_step(step: str) -> None:
        console.print(f"{time.monotonic() - started:6.0f} s, {time.process_time():6.0f} s of CPU: {step}")

    scenario = run_iteration(settings, inputs, out, on_step=on_step)
    on_step("measure")
    figures = measure_iteration(settings, inputs, scenario, out, questions)
    page = write_page(figures, out)
    on_step("done")
    Console().print(make_table(figures))
    typer.echo(f"report: {page}")
