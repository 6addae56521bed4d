"""`orilla student evaluate`. What it needs is imported when the command runs."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from student.artifacts.durable import write_durably
from student.extras import import_extra

app = typer.Typer()


@app.command("evaluate")
def evaluate_command(
    systems: Annotated[
        list[Path],
        typer.Argument(exists=True, file_okay=False, help="Bundles, or sentence-transformers folders."),
    ],
    recipe: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="What to measure; files are found from its folder.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of evaluation.json, evaluation.md and plots.")],
    teacher: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="The teacher's folder.", show_default="all-MiniLM-L6-v2"),
    ] = None,
    dimensions: Annotated[
        list[int] | None, typer.Option(min=1, help="Measure the first so many dimensions too; may be repeated.")
    ] = None,
) -> None:
    """Compare bundles and students with a teacher: finding documents, naming intents, size and latency.

    Both are measured in this run, on texts that the recipe says were held out. Shares are of the teacher's figure.

    Example:
      orilla student evaluate student/default_bundle --recipe benchmarks/evaluation.toml --out report
    """
    console = Console(stderr=True)
    with console.status("loading torch") as status:
        import_extra()
        from student.distill.pretrained import open_model
        from student.evaluation.evaluate import evaluate_systems as measure
        from student.evaluation.evaluate import open_system
        from student.evaluation.report import draw_plots, render_table
        from student.evaluation.tasks import files_of, read_evaluation_recipe, read_tasks

        what = read_evaluation_recipe(recipe)
        tasks = read_tasks(what, recipe.parent)
        names = [path.resolve().name for path in systems]
        unique = len({*names, "teacher"}) == len(names) + 1
        opened = [open_system(name if unique else str(path), path) for name, path in zip(names, systems, strict=True)]
        baseline = open_model(teacher, name="teacher", license_="LicenseRef-unknown")
        result = measure(
            open_system("teacher", baseline.path),
            opened,
            tasks,
            teacher_language=what.teacher_language,
            dimensions=dimensions or (),
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
