"""A run's figures in MLflow, beside a team's other experiments: only what its report shows, and only where asked for.

MLflow is an extra (`orilla[tracking]`); nothing is sent but to the tracking URI that was named.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from federation.center.evaluation_round import read_evaluation
from federation.center.prepared_run import PreparedRun, read_run
from federation.center.report import PAGE, PICTURE, write_report
from federation.center.rounds import read_progress
from federation.errors import RunFailed

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

EXPERIMENT, TAG = "orilla federation", "orilla.recipe"


def track_run(folder: Path, uri: str) -> str:
    """Writes what a run's report shows to an MLflow store; again, it adds the rounds finished since.

    Args:
        folder: of the run.
        uri: of the store: `http://…` of a tracking server, `sqlite:///…`, or a folder.

    Returns:
        MLflow's id of the run.

    Raises:
        RunFailed: MLflow is not installed, or the store cannot be written.
        CheckpointInvalid: the folder holds no run.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # a folder is what works without any server
    try:
        from mlflow import MlflowClient, MlflowException  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise RunFailed('MLflow is not installed; pip install "orilla[tracking]", or leave --mlflow out') from error
    run = read_run(folder)
    try:
        client = MlflowClient(tracking_uri=uri)
        return _track(client, run, folder)
    except MlflowException as error:
        raise RunFailed(f"the MLflow store {uri} cannot be written: {error}; name another with --mlflow") from error


def _track(client: "MlflowClient", run: PreparedRun, folder: Path) -> str:
    experiment: Experiment | None = client.get_experiment_by_name(EXPERIMENT)
    experiment_id = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
    there = client.search_runs([experiment_id], f"tags.\"{TAG}\" = '{run.recipe.digest}'")
    if there:
        mlflow_run = str(there[0].info.run_id)
    else:
        mlflow_run = str(client.create_run(experiment_id, run_name=run.recipe.run_id).info.run_id)
        client.set_tag(mlflow_run, TAG, run.recipe.digest)
        for name, value in run.recipe.model_dump(mode="json", exclude={"new_labels"}).items():
            client.log_param(mlflow_run, name, value)
        client.log_metric(mlflow_run, "accuracy", run.accuracy(run.prepared.start), step=0)
    done = max(entry.step for entry in client.get_metric_history(mlflow_run, "accuracy"))
    for record in read_progress(folder, run)[1][done:]:
        for name in ("accuracy", "epsilon", "survivors", "asked", "attempts", "up_bytes", "down_bytes", "seconds"):
            client.log_metric(mlflow_run, name, float(getattr(record, name)), step=record.round_number)
    evaluation = read_evaluation(folder)
    if evaluation and evaluation.whole and evaluation.whole.before and evaluation.whole.after:
        for name, estimate in (("before", evaluation.whole.before), ("after", evaluation.whole.after)):
            client.log_metric(mlflow_run, f"accuracy_at_branches_{name}", estimate.value)
            client.log_metric(mlflow_run, f"accuracy_at_branches_{name}_error", estimate.error)
    write_report(folder)
    for name in (PAGE, PICTURE):
        client.log_artifact(mlflow_run, str(folder / name))
    client.set_terminated(mlflow_run)
    return mlflow_run
