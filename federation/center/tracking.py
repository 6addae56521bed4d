"""Figures of a run in MLflow, beside a team's other experiments: what its report shows, and only where asked for."""

from pathlib import Path

from federation.center.evaluation_round import read_evaluation
from federation.center.prepared_run import read_run
from federation.center.report import PAGE, PICTURE, write_report
from federation.center.rounds import read_progress
from student.tracking.mlflow_store import MlflowRun, open_client

EXPERIMENT, TAG = "orilla federation", "orilla.recipe"
_FIGURES = ("accuracy", "epsilon", "survivors", "asked", "attempts", "up_bytes", "down_bytes", "seconds")


def track_run(folder: Path, uri: str) -> str:
    """Writes what a run's report shows to an MLflow store; again, it adds the rounds finished since.

    Args:
        folder: of the run.
        uri: of the store: `http://…` of a tracking server, `sqlite:///…`, or a folder.

    Returns:
        MLflow's id of the run.

    Raises:
        ExtraMissing: MLflow is not installed. TrackingFailed: the store cannot be written.
        CheckpointInvalid: the folder holds no run.
    """
    open_client(uri)  # refused before anything is read
    run = read_run(folder)
    tracked = MlflowRun(uri, EXPERIMENT, (TAG, run.recipe.digest), run.recipe.run_id)
    if tracked.is_new:
        tracked.log_parameters(run.recipe.model_dump(mode="json", exclude={"new_labels"}))
    tracked.log(0, {"accuracy": run.accuracy(run.prepared.start)})
    for record in read_progress(folder, run)[1]:
        tracked.log(record.round_number, {name: float(getattr(record, name)) for name in _FIGURES})
    evaluation = read_evaluation(folder)
    if evaluation and evaluation.whole and evaluation.whole.before and evaluation.whole.after:
        for name, estimate in (("before", evaluation.whole.before), ("after", evaluation.whole.after)):
            figures = {f"accuracy_at_branches_{name}": estimate.value}
            tracked.log(0, figures | {f"accuracy_at_branches_{name}_error": estimate.error})
    write_report(folder)
    for name in (PAGE, PICTURE):
        tracked.add_file(folder / name)
    tracked.set_status("FINISHED")
    return tracked.run_id
