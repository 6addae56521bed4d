"""Figures of a run in MLflow, an extra: beside a team's other experiments, in a folder, a database or on a server.

Nothing is sent but to the store that was named.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from student.errors import TrackingFailed
from student.extras import import_extra
from student.tracking.tracked_run import RunFacts

if TYPE_CHECKING:
    from mlflow import MlflowClient

RUN_TAG = "orilla.run"
_STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


class MlflowRun:
    """A run of an MLflow store, found by a tag or made.

    Points cannot be taken back there: a step that is logged again is left out.

    Args:
        uri: of the store: `http://…` of a tracking server, `sqlite:///…`, or a folder.
        experiment: its name; made where there is none.
        tag: name and value, by which the run is found again.
        name: of the run, where it is made.

    Raises:
        ExtraMissing: MLflow is not installed. TrackingFailed: the store cannot be reached or written.
    """

    def __init__(self, uri: str, experiment: str, tag: tuple[str, str], name: str) -> None:
        self._uri = uri
        self._client = open_client(uri)
        self._last: dict[str, int] = {}
        found = self._try(self._client.get_experiment_by_name, experiment)
        experiment_id = found.experiment_id if found else self._try(self._client.create_experiment, experiment)
        there = self._try(self._client.search_runs, [experiment_id], f"tags.\"{tag[0]}\" = '{tag[1]}'")
        self.is_new = not there
        made = there[0] if there else self._try(self._client.create_run, experiment_id, run_name=name)
        self.run_id = str(made.info.run_id)
        if self.is_new:
            self.set_tag(*tag)

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Adds parameters, which cannot change any more."""
        for name, value in parameters.items():
            self._try(self._client.log_param, self.run_id, name, value)

    def set_tag(self, name: str, value: str) -> None:
        """Sets a tag."""
        self._try(self._client.set_tag, self.run_id, name, value)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Adds the figures of a step that the run has none of yet."""
        from mlflow.entities import Metric  # noqa: PLC0415  (an extra)

        now = int(time.time() * 1000)
        new = [Metric(name, value, now, step) for name, value in figures.items() if step > self._last_step(name)]
        if new:
            self._try(self._client.log_batch, self.run_id, metrics=new)
            self._last |= {metric.key: step for metric in new}

    def add_file(self, path: Path) -> None:
        """Adds a copy of a file."""
        self._try(self._client.log_artifact, self.run_id, str(path))

    def set_status(self, status: str) -> None:
        """Sets MLflow's status: RUNNING, FINISHED, KILLED or FAILED."""
        if status == "RUNNING":
            self._try(self._client.update_run, self.run_id, status=status)
        else:
            self._try(self._client.set_terminated, self.run_id, status=status)

    def _last_step(self, name: str) -> int:
        if name not in self._last:
            history = [] if self.is_new else self._try(self._client.get_metric_history, self.run_id, name)
            self._last[name] = max((point.step for point in history), default=-1)
        return self._last[name]

    def _try(self, call: Any, *arguments: Any, **named: Any) -> Any:
        from mlflow import MlflowException  # noqa: PLC0415  (an extra)

        try:
            return call(*arguments, **named)
        except (MlflowException, OSError) as error:
            what = type(error).__name__
            raise TrackingFailed(f"the MLflow store {self._uri} cannot be used ({what}): name another") from error


class MlflowStore:
    """A `Store` that is a run of MLflow, in the experiment `orilla COMMAND`."""

    def __init__(self, uri: str) -> None:
        open_client(uri)  # refused before hours of work
        self._uri = uri
        self._run: MlflowRun | None = None

    def begin(self, facts: RunFacts, step: int) -> None:
        """Opens the run of these facts, or goes on with it; steps that it has are left out."""
        self._run = MlflowRun(self._uri, f"orilla {facts.command}", (RUN_TAG, facts.id), facts.name)
        if self._run.is_new:
            self._run.log_parameters(facts.parameters)
        else:
            self._run.set_status("RUNNING")

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Adds points."""
        if self._run:
            self._run.log(step, figures)

    def end(self, facts: RunFacts) -> None:
        """Sets the status, and a tag for each file that was made."""
        if self._run:
            for name, sha256 in facts.artifacts.items():
                self._run.set_tag(f"sha256.{name}", sha256)
            self._run.set_status(_STATUS[facts.status])


def open_client(uri: str) -> "MlflowClient":
    """MLflow's client of a store, without telemetry. Raises `ExtraMissing` and `TrackingFailed`."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # a folder is what works without any server
    import_extra("MLflow", "tracking", ("mlflow",))
    from mlflow import MlflowClient, MlflowException  # noqa: PLC0415  (an extra)

    try:
        return MlflowClient(tracking_uri=uri)
    except (MlflowException, OSError) as error:
        raise TrackingFailed(f"the MLflow store {uri} cannot be opened: {error}; name another") from error
