"""The student beside its teacher, on public texts that neither training nor tuning has seen, and on the demo.

What is measured stands in `benchmarks/evaluation.toml`. The teacher reads English only; its Spanish figures are given
as they are.
"""

from pathlib import Path
from typing import Any

from student.bundle import DEFAULT_BUNDLE
from student.distill.pretrained import find_minilm
from student.evaluation.evaluate import evaluate_systems, open_system
from student.evaluation.recipe import read_evaluation_recipe
from student.evaluation.task_files import read_tasks

RECIPE = Path(__file__).parent / "evaluation.toml"


def run() -> dict[str, Any]:
    """All figures of the default bundle and of its teacher, and what share of the teacher's the bundle keeps."""
    recipe = read_evaluation_recipe(RECIPE)
    return evaluate_systems(
        open_system("teacher", find_minilm().path),
        [open_system("bundle", DEFAULT_BUNDLE)],
        read_tasks(recipe, RECIPE.parent),
        teacher_language=recipe.teacher_language,
        dimensions=[256, 128],
    )
