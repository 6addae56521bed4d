"""Options that several commands of the teacher share, and the check that its extra is installed."""

from pathlib import Path
from typing import Annotated

import typer

from student.extras import import_extra

TEACHER_RECIPES = Path(__file__).parents[1] / "recipes"

DataOption = Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder that the recipe's files are in.")]
CorpusOption = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A corpus recipe.")]

TeacherOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        exists=True,
        file_okay=False,
        help="A teacher's folder: of sentence-transformers; of a mixture that has absorbed; targets, for the mixture "
        "that labelled them.",
        show_default="all-MiniLM-L6-v2",
    ),
]


def import_teacher_extra(what: str) -> None:
    """Imports what the extra `teacher` installs, before any work is done. Raises `ExtraMissing`."""
    import_extra(what, "teacher", ("torch", "sentence_transformers", "accelerate", "pyarrow", "sklearn"))
