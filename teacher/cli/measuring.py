"""`orilla teacher evaluate`: students beside the teacher that labelled for them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from student.evaluation.cli import DimensionsOption, OutOption, RecipeOption, SystemsArgument, compare_and_write
from teacher.cli.options import import_teacher_extra

if TYPE_CHECKING:
    from student.evaluation.evaluate import System


def evaluate_command(
    systems: SystemsArgument,
    targets: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="What the teacher labelled, or its own folder.")
    ],
    recipe: RecipeOption,
    out: OutOption,
    dimensions: DimensionsOption = None,
) -> None:
    r"""Compare bundles and students with the teacher that labelled TARGETS, be it several encoders.

    As `orilla student evaluate`, with another baseline: queries and documents get the prompts of their roles, the
    stored means are removed and the stored reduction is applied. The encoders are where they were at labelling.

    Example:
      orilla teacher evaluate .run/bilingual/model --targets .run/bilingual-targets \
        --recipe benchmarks/evaluation.toml --out report
    """
    import_teacher_extra("evaluation")

    def open_baseline() -> "System":
        from teacher.mixture.folder import open_teacher_folder
        from teacher.mixture.system import as_system

        return as_system("teacher", open_teacher_folder(targets))

    compare_and_write(systems, open_baseline, recipe, out, dimensions or [])
