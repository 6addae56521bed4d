"""Figures of a run in MLflow, where it is installed; a clear word where it is not."""

import importlib.util
from pathlib import Path

import pytest

from federation.branch.client_app import app
from federation.center.prepared_run import prepare_run
from federation.center.rounds import RoundRecord, run_rounds
from federation.center.tracking import EXPERIMENT, track_run
from federation.transport.local_grid import LocalGrid
from student.errors import ExtraMissing
from tests.federation.lab import build_lab

HAS_MLFLOW = importlib.util.find_spec("mlflow") is not None


class Killed(BaseException):
    """Ends the center where it stands."""


@pytest.mark.skipif(HAS_MLFLOW, reason="MLflow is installed")
def test_without_mlflow_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ExtraMissing, match=r"orilla\[tracking\]"):
        track_run(tmp_path, str(tmp_path / "mlruns"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not HAS_MLFLOW, reason="MLflow is an extra that is not installed")
@pytest.mark.filterwarnings("ignore")
def test_each_round_is_tracked_once_however_often_it_is_asked_for(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    def kill(record: RoundRecord) -> None:
        if record.round_number == 2:
            raise Killed

    lab, uri = build_lab(tmp_path), f"file://{tmp_path}/mlruns"
    folder = lab.home / "runs" / "run-1"
    run = prepare_run(lab.recipe(), folder)
    with pytest.raises(Killed):
        run_rounds(LocalGrid(app, lab.node_configs, {}), run, folder, kill)
    first = track_run(folder, uri)
    run_rounds(LocalGrid(app, lab.node_configs, {}), run, folder)
    assert track_run(folder, uri) == track_run(folder, uri) == first
    client = MlflowClient(tracking_uri=uri)
    assert len(client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])) == 1
    history = client.get_metric_history(first, "accuracy")
    assert sorted(entry.step for entry in history) == [0, 1, 2, 3]
    assert client.get_run(first).data.metrics["epsilon"] == pytest.approx(8.0)
    assert {item.path for item in client.list_artifacts(first)} == {"report.html", "report.png"}
