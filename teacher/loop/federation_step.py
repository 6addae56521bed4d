"""The federation's step of an iteration: rounds with secure aggregation, and the release.

The rounds are those of the product, over a grid in this process; in a deployment `orilla federation` runs them over
Flower.
"""

from datetime import UTC, datetime
from pathlib import Path

from federation.branch.client_app import SETTINGS, app
from federation.branch.settings import SETTINGS_FILE
from federation.center.home import Center, set_up_center
from federation.center.prepared_run import prepare_run
from federation.center.publishing import publish
from federation.center.rounds import run_rounds
from federation.center.run_recipe import RunRecipe
from federation.transport.local_grid import LocalGrid
from student.artifacts.durable import making_folder
from student.artifacts.json_lines import read_rows
from teacher.loop.inputs import IterationRecipe
from teacher.loop.paths import IterationPaths
from teacher.loop.scenario import Scenario

_FEDERATION, _ADDRESS = "loop", "127.0.0.1:8000"


def run_federation(recipe: IterationRecipe, scenario: Scenario, paths: IterationPaths) -> Path:
    """A run of the federation and its release; rounds that are finished are not run again."""
    if not paths.center.exists():
        with making_folder(paths.center) as folder:  # keys are never written over, so a killed start must leave none
            set_up_center(folder, Center(federation=_FEDERATION, address=_ADDRESS), now=datetime.now(UTC))
    run = RunRecipe(
        run_id="iteration-1",
        branches=recipe.branches,
        minimum_survivors=recipe.branches,
        customers=sum(1 for path in scenario.branches for _ in read_rows(path)),
        new_labels=scenario.new,
        bundle=paths.first_bundle.absolute(),
        public_texts=scenario.public.absolute(),
        validation=scenario.validation.absolute(),
        branches_timeout_s=1.0,
        step_timeout_s=0.01,
        **recipe.federation.model_dump(),
    )
    folder = paths.center / "runs" / run.run_id
    prepared = prepare_run(run, folder)
    if not (folder / "release").exists():
        configs = [{SETTINGS: str(paths.branch(n) / SETTINGS_FILE)} for n in range(1, recipe.branches + 1)]
        run_rounds(LocalGrid(app, configs, {}), prepared, folder)
    return publish(paths.center, folder).release
