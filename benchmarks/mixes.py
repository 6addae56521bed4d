"""Effect of the data mix: the default recipe, briefly, with parts of the mix left out.

    python -m benchmarks.mixes --targets .run/targets [--steps 250]

Takes several minutes a mix, so it is not part of `make bench`. Writes `benchmarks/results/mixes.json` and `mixes.md`.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.distillation import RECIPE as EVALUATION
from benchmarks.measure import describe_machine
from student.bundle import DEFAULT_BUNDLE
from student.distill.command_options import STUDENT_RECIPES
from student.distill.encoder.distillation import distill_student
from student.distill.encoder.recipe import read_student_recipe
from student.distill.pretrained import find_minilm
from student.distill.targets import read_targets
from student.evaluation.evaluate import evaluate_systems, open_system
from student.evaluation.recipe import read_evaluation_recipe
from student.evaluation.report import render_table
from student.evaluation.task_files import read_tasks
from student.evaluation.tasks import EvaluationTask, IntentTask

RESULTS = Path(__file__).parent / "results"
GENERAL = ("general sentences", "general passages", "general pages")
HELP = ("help sentences", "help passages", "help pages", "help titles", "help guides", "guide pages")
LONG = ("help passages", "help pages", "general passages", "general pages", "help guides", "guide pages")
LEFT_OUT = {
    "everything": (),
    "without general": GENERAL,
    "without help centres": HELP,
    "without messages": ("messages",),
    "sentences only": LONG,
}


LARGE = ("clinc150", "banking77")


def main() -> None:
    """Trains and measures a student for each mix, from the same start and for the same number of steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--mixes", nargs="*", default=list(LEFT_OUT))
    arguments = parser.parse_args()
    recipe, targets, teacher = (
        read_student_recipe(STUDENT_RECIPES / "default.toml"),
        read_targets(arguments.targets),
        find_minilm(),
    )
    evaluation = read_evaluation_recipe(EVALUATION)
    tasks = [_smaller(task) for task in read_tasks(evaluation, EVALUATION.parent) if task.name not in LARGE]
    with tempfile.TemporaryDirectory() as folder:
        systems = [open_system("teacher", teacher.path)]
        for name in arguments.mixes:
            weights = recipe.training.mix_weights | dict.fromkeys(LEFT_OUT[name], 0.0)
            training = recipe.training.model_copy(
                update={"steps": arguments.steps, "warmup_steps": arguments.steps // 10, "mix_weights": weights}
            )
            path = distill_student(
                targets,
                recipe.model_copy(update={"training": training}),
                Path(folder) / name.replace(" ", "-"),
                start=teacher,
                tokenizer=(DEFAULT_BUNDLE / "tokenizer.json").read_text(encoding="utf-8"),
            )
            systems.append(open_system(name, path))
            print(f"{name}: trained", flush=True)
        result = evaluate_systems(systems[0], systems[1:], tasks, teacher_language="en")
    written = {"machine": describe_machine(), "steps": arguments.steps, "left_out": LEFT_OUT, **result}
    (RESULTS / "mixes.json").write_text(json.dumps(written, indent=2) + "\n")
    (RESULTS / "mixes.md").write_text(render_table(result) + "\n")


def _smaller(task: EvaluationTask, at_most: int = 1000) -> EvaluationTask:
    """The first queries of a task and their documents, where document i answers query i."""
    if isinstance(task, IntentTask) or len(task.queries) <= at_most:
        return task
    return replace(
        task, queries=task.queries[:at_most], documents=task.documents[:at_most], answers=task.answers[:at_most]
    )


if __name__ == "__main__":
    main()
