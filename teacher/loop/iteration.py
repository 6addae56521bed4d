"""One iteration of the loop, step by step: each arrow is one function, which can be run again after a kill.

    teacher ──targets──▶ student ──bundle──▶ branches ──feedback──▶ federation ──release──▶ teacher

A step is done when its artefact is in place, and artefacts are renamed into place whole, so an iteration that was
killed goes on where it was.

Guarantees:
    An iteration that is killed at any step and started again completes, and never costs more than its recipe says.
"""

from collections.abc import Callable
from pathlib import Path

from federation.release.signing import SIGNING_PUBLIC_KEY
from teacher.absorbing.absorb import absorb
from teacher.absorbing.part import Sources
from teacher.loop.branch_steps import serve_branch, update_branch
from teacher.loop.center_steps import (
    distill_first_student,
    export_first_bundle,
    export_next_bundle,
    label_public_texts,
    teacher_that_labelled,
)
from teacher.loop.federation_step import run_federation
from teacher.loop.inputs import IterationInputs, IterationRecipe
from teacher.loop.paths import IterationPaths
from teacher.loop.scenario import Scenario, make_scenario


def run_iteration(
    recipe: IterationRecipe, inputs: IterationInputs, home: Path, *, on_step: Callable[[str], None] = lambda step: None
) -> Scenario:
    """Runs one iteration; started again it goes on, and once finished it does nothing.

    Args:
        recipe: see `IterationRecipe`.
        inputs: see `IterationInputs`.
        home: folder of everything that is made.
        on_step: called with the name of each step before it is done.

    Raises:
        OrillaError: a step is refused; what is in place stays.
    """
    paths = IterationPaths(home)
    on_step("messages are split")
    scenario = make_scenario(recipe, inputs.data, inputs.knowledge_base, paths.scenario)
    on_step("teacher labels public texts")
    label_public_texts(inputs, scenario, paths.targets)
    teacher, learner = teacher_that_labelled(inputs, paths.targets)
    on_step("student is distilled")
    student = distill_first_student(recipe, inputs, paths)
    on_step("bundle is made")
    export_first_bundle(student, scenario, paths.first_bundle)
    for number, messages in enumerate(scenario.branches, start=1):
        on_step(f"branch {number} serves, and staff give feedback")
        serve_branch(inputs, recipe, messages, paths, number)
    on_step("federation runs, with secure aggregation")
    release = run_federation(recipe, scenario, paths)
    key = paths.center / SIGNING_PUBLIC_KEY
    for number in range(1, recipe.branches + 1):
        on_step(f"branch {number} is updated")
        update_branch(paths, number, release, key)
    on_step("teacher absorbs the release")
    sources = Sources(release, key, paths.first_bundle, paths.targets, scenario.intents)
    absorb(learner, sources, recipe.absorption, paths.absorbed_teacher, encode=teacher.encode)
    on_step("next bundle is made")
    export_next_bundle(student, learner, scenario, paths)
    return scenario
