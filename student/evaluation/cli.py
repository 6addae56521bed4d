"""`orilla student evaluate`. What it needs is imported when the command runs."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from student.artifacts.durable import write_durably
from student.extras import import_extra

if TYPE_CHECKING:
    from student.evaluation.evaluate import System

app = typer.Typer()

SystemsArgument = Annotated[
    list[Path], typer.Argument(exists=True, file_okay=False, help="Bundles, or sentence-transformers folders.")
]
RecipeOption = Annotated[
    Path, typer.Option(exists=True, dir_okay=False, help="What to measure; files are found from its folder.")
]
OutOption = Annotated[Path, typer.Option(help="Folder of evaluation.json, evaluation.md and plots.")]
DimensionsOption = Annotated[
    list[int] | None, typer.Option(min=1, help="Measure the first so many dimensions too; may be repeated.")
]


@app.command("evaluate")
def evaluate_command(
    systems: SystemsArgument,
    recipe: RecipeOption,
    out: OutOption,
    teacher: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="The teacher's folder.", show_default="all-MiniLM-L6-v2"),
    ] = None,
    dimensions: DimensionsOption = None,
) -> None:
    """Compare bundles and students with a teacher: finding documents, naming intents, size and latency.

    Both are measured in this run, on texts that the recipe says were held out. Shares are of the teacher's figure.
    A teacher of several encoders is compared by `orilla teacher evaluate`.

    Example:
      orilla student evaluate student/default_bundle --recipe benchmarks/evaluation.toml --out report
    """

    def open_baseline() -> "System":
        from student.distill.pretrained import open_model
        from student.evaluation.evaluate import open_system

        baseline = open_model(teacher, name="teacher", license_="LicenseRef-unknown")
        return open_system("teacher", baseline.path)

    compare_and_write(systems, open_baseline, recipe, out, dimensions or [])


def compare_and_write(
    paths: Sequence[Path], open_baseline: Callable[[], "System"], recipe: Path, out: Path, dimensions: Sequence[int]
) -> None:
    """Measures systems beside a baseline, writes what was measured and prints the table.

    Args:
        paths: of bundles and folders.
        open_baseline: opens the teacher, called `teacher`.
        recipe: what to measure.
        out: folder of the report.
        dimensions: the first so many are measured too.

    Raises:
        DataRefused: the recipe or one of its files cannot be used. BundleRefused, WeightsRefused: a system cannot.
    """
    console = Console(stderr=True)
    with console.status("loading torch") as status:
        import_extra()
        from student.evaluation.evaluate import evaluate_systems as measure
        from student.evaluation.evaluate import open_system
        from student.evaluation.recipe import read_evaluation_recipe
        from student.evaluation.report import draw_plots, render_table
        from student.evaluation.task_files import files_of, read_tasks

        what = read_evaluation_recipe(recipe)
        tasks = read_tasks(what, recipe.parent)
        names = [path.resolve().name for path in paths]
        unique = len({*names, "teacher"}) == len(names) + 1
        opened = [open_system(name if unique else str(path), path) for name, path in zip(names, paths, strict=True)]
        result = measure(
            open_baseline(),
            opened,
            tasks,
            teacher_language=what.teacher_language,
            dimensions=dimensions,
            on_step=status.update,
        )
    origins = [origin.model_dump() for origin in files_of(what, recipe.parent)]
    table = render_table(result)
    out.mkdir(parents=True, exist_ok=True)
    write_durably(out / "evaluation.json", (json.dumps({"lineage": origins, **result}, indent=2) + "\n").encode())
    write_durably(out / "evaluation.md", (table + "\n").encode())
    plots = draw_plots(result, out)
    Console().print(Markdown(table))
    console.print(
        f"written: {', '.join(str(path) for path in (out / 'evaluation.json', out / 'evaluation.md', *plots))}"
    )
