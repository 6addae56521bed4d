"""The default bundle beside the teachers that labelled for it and the bundle before, on texts held out of training.

What is measured stands in `benchmarks/evaluation.toml`, and in `evaluation-test.toml` the half of customers' questions
that nobody tunes on. The teacher is that of the targets in `.run/bilingual-targets`: several encoders, opened as they
labelled. Targets of a hundredth of the corpus do (`orilla teacher label --share 0.01`, as in `make bilingual`): means
and reduction are fitted on them, and nothing else is read. The bundle before is in `.run/former-bundle` (`make
former`). What encoders say is kept in `.run/teachers`, so a killed run goes on.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import FORMER
from benchmarks.teachers import KeptEncoder
from student.bundle import DEFAULT_BUNDLE
from student.bundle.folder import open_bundle
from student.distill.targets import read_targets_manifest
from student.evaluation.evaluate import SHORT_QUERY, System, evaluate_systems, open_system
from student.evaluation.recipe import read_evaluation_recipe
from student.evaluation.report import CUT_MARK
from student.evaluation.task_files import read_tasks
from student.evaluation.tasks import EvaluationTask, RetrievalTask
from teacher.mixture.folder import open_teacher_folder
from teacher.mixture.system import as_system
from teacher.mixture.teacher import Voice

RECIPE = Path(__file__).parent / "evaluation.toml"
TEST_RECIPE = RECIPE.with_name("evaluation-test.toml")
TARGETS = FORMER.with_name("bilingual-targets")
TEST_HALF = "customers' questions, test half"
NOT_OF_TEACHER = (
    *("paragraphs", "biomedical papers", "banking77", "clinc150", "Microsoft 365"),
    *("customers' questions", TEST_HALF),
)
"""What its encoders would take more than an hour of a core for; of some `python -m benchmarks teachers` has figures."""
BUNDLE, BEFORE = "bundle", "bundle before"


def run() -> dict[str, Any]:
    """All figures of the teachers, of the default bundle and of the one before."""
    recipe = read_evaluation_recipe(RECIPE)
    bundles = [open_system(BUNDLE, DEFAULT_BUNDLE), open_system(BEFORE, FORMER)]
    result = evaluate_systems(
        _teacher(),
        bundles,
        [*_tasks(RECIPE), *_test_half()],
        teacher_language=recipe.teacher_language,
        dimensions=[256, 128],
        not_of_teacher=NOT_OF_TEACHER,
        on_step=lambda step: print(step, flush=True),
    )
    for part in ("systems", "share_of_teacher", "share_of_teacher_language"):
        result[part] = {name: all_ for name, all_ in result[part].items() if not name.startswith(BEFORE + CUT_MARK)}
    manifest = open_bundle(DEFAULT_BUNDLE).manifest
    return result | {
        "one_query_processor_ms": {system.name: processor_ms(system) for system in bundles},
        "teacher_fitted_on_texts": sum(shard.rows for shard in read_targets_manifest(TARGETS)[0].shards),
        "bundles": {BUNDLE: manifest.serial, BEFORE: open_bundle(FORMER).manifest.serial},
        "int8_against_float_at_finding_passages": manifest.metrics["int8_against_float_at_finding_passages"],
    }


def processor_ms(system: System, queries: int = 200) -> float:
    """Median milliseconds of processor time for one short query, which other work on the machine hardly changes."""
    times = []
    for _ in range(queries):
        started = time.process_time()
        system.encode([SHORT_QUERY])
        times.append((time.process_time() - started) * 1000)
    return round(float(np.median(times)), 2)


def missing_folder() -> Path | None:
    """The first folder that is not where it is looked for; None where both are."""
    return next((path for path in (TARGETS, FORMER) if not path.is_dir()), None)


def _teacher() -> System:
    """The encoders that labelled, what they said before read from disk."""
    teacher = open_teacher_folder(TARGETS)
    voices = [Voice(KeptEncoder(voice), voice.settings) for voice in teacher.voices]
    return as_system("teacher", replace(teacher, voices=voices))


def _test_half() -> list[EvaluationTask]:
    tasks = _tasks(TEST_RECIPE)
    return [replace(task, group=TEST_HALF) for task in tasks if isinstance(task, RetrievalTask)]


def _tasks(recipe: Path) -> list[EvaluationTask]:
    """Tasks of a recipe."""
    return read_tasks(read_evaluation_recipe(recipe), recipe.parent)
