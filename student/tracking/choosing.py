"""The stores that `--track` names, and a run that ends with the command, however it ends."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from student.errors import Interrupted, TrackingFailed
from student.tracking.csv_store import CsvStore
from student.tracking.mlflow_store import MlflowStore
from student.tracking.tensorboard_store import TensorBoardStore
from student.tracking.tracked_run import Store, TrackedRun

TRACKING = "tracking"
"""Folder of a run's `run.json`, CSV file and event files."""
MLFLOW_FOLDER = "mlruns"
"""The store of `--track mlflow`, in the folder that the command is given in."""


@contextmanager
def tracked(
    choices: Sequence[str] | None,
    *,
    folder: Path,
    command: str,
    name: str,
    parameters: Mapping[str, Any],
    is_continued: bool = True,
) -> Iterator[TrackedRun]:
    """A run in the stores that were chosen, ended as stopped or failed where the block does not end it.

    Args:
        choices: `csv`, `tensorboard`, `mlflow` or `mlflow:URI`; none, and nothing is written.
        folder: of the files of the run.
        command: see `RunFacts`.
        name: see `RunFacts`.
        parameters: see `RunFacts`.
        is_continued: see `TrackedRun`.

    Raises:
        TrackingFailed: there is no such store, or it cannot be written. ExtraMissing: it is not installed.
    """
    stores = [_store(choice, folder) for choice in dict.fromkeys(choices or ())]
    run = TrackedRun(folder, command, name, parameters, stores, is_continued)
    try:
        yield run
    except (KeyboardInterrupt, Interrupted):
        run.end("stopped")
        raise
    except BaseException:
        run.end("failed")
        raise


def _store(choice: str, folder: Path) -> Store:
    kind, _, uri = choice.partition(":")
    if kind == "mlflow":
        return MlflowStore(uri or MLFLOW_FOLDER)
    if choice == "csv":
        return CsvStore(folder)
    if choice == "tensorboard":
        return TensorBoardStore(folder)
    raise TrackingFailed(f"--track {choice} is no store; expected csv, tensorboard, mlflow or mlflow:URI")
