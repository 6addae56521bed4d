"""Tracked runs: each step once in every store, whatever was killed; no text in any of them."""

import csv
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from student.errors import ExtraMissing, Interrupted, TrackingFailed
from student.tracking.choosing import tracked
from student.tracking.csv_store import METRICS_FILE
from student.tracking.tensorboard_store import EVENTS, read_events
from student.tracking.tracked_run import RUN_FILE, RunFacts, TrackedRun, digests_of, flat_parameters

HAS_TENSORBOARD = importlib.util.find_spec("tensorboardX") is not None
HAS_MLFLOW = importlib.util.find_spec("mlflow") is not None
RECIPE = {"name": "tiny", "training": {"steps": 30, "mix_weights": {"a": 2.0}}, "languages": ["en", "es"]}
STORES = [
    "csv",
    pytest.param("tensorboard", marks=pytest.mark.skipif(not HAS_TENSORBOARD, reason="tensorboardX is an extra")),
    pytest.param(
        "mlflow",
        marks=[
            pytest.mark.skipif(not HAS_MLFLOW, reason="MLflow is an extra that is not installed"),
            pytest.mark.filterwarnings("ignore"),
        ],
    ),
]


class Killed(BaseException):
    """As good as a kill for who trains."""


def points(store: str, folder: Path) -> list[tuple[int, str, float]]:
    """What a reader of the store sees, in its order."""
    if store == "csv":
        with (folder / "run" / METRICS_FILE).open(newline="") as file:
            return [(int(row["step"]), row["name"], float(row["value"])) for row in csv.DictReader(file)]
    if store == "tensorboard":
        events = [event for path in (folder / "run").glob(EVENTS) for event, _ in read_events(path.read_bytes())]
        values = [(event.step, value) for event in events for value in event.summary.value]
        return sorted((step, v.tag, v.simple_value) for step, v in values if v.HasField("simple_value"))
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=str(folder / "store"))
    (experiment,) = [e for e in client.search_experiments() if e.name == "orilla student distill"]
    runs = client.search_runs([experiment.experiment_id])
    return sorted(
        (point.step, name, point.value)
        for run in runs
        for name in run.data.metrics
        for point in client.get_metric_history(run.info.run_id, name)
    )


def train(folder: Path, store: str, *, first: int, kill_at: int | None, recipe: Mapping[str, object] = RECIPE) -> None:
    """Steps from `first` to 30, a figure for every tenth of them, as the training loop says them."""
    chosen = f"mlflow:{folder / 'store'}" if store == "mlflow" else store
    run = tracked([chosen], folder=folder / "run", command="student distill", name="tiny", parameters=recipe)
    with run as tracked_run:
        tracked_run.resume(first)
        for step in range(first + 1, 31):
            if step % 5 == 0:
                tracked_run.log(step, {"loss": step / 10, "validation/nDCG@10": 0.5})
            if step == kill_at:
                raise Killed
        tracked_run.end("finished", {"model/model.safetensors": "ab" * 32})


@pytest.mark.parametrize("store", STORES)
def test_a_continued_run_goes_on_without_doubled_steps(tmp_path: Path, store: str) -> None:
    with pytest.raises(Killed):
        train(tmp_path, store, first=0, kill_at=22)
    facts = RunFacts.model_validate_json((tmp_path / "run" / RUN_FILE).read_bytes())
    train(tmp_path, store, first=10, kill_at=None)  # its last checkpoint is of step 10
    seen = points(store, tmp_path)
    assert [step for step, name, _ in seen if name == "loss"] == [5, 10, 15, 20, 25, 30]
    assert all(value == pytest.approx(step / 10) for step, name, value in seen if name == "loss")
    assert [step for step, name, _ in seen if name == "validation/nDCG_10"] == [5, 10, 15, 20, 25, 30]
    after = RunFacts.model_validate_json((tmp_path / "run" / RUN_FILE).read_bytes())
    assert (facts.status, after.status, after.id) == ("failed", "finished", facts.id)
    assert after.artifacts == {"model/model.safetensors": "ab" * 32}


@pytest.mark.parametrize("store", STORES)
def test_no_text_is_in_any_file_of_a_store(tmp_path: Path, store: str) -> None:
    text = "Dear Ms Quixote, your card was lost. " * 10
    train(tmp_path, store, first=0, kill_at=None, recipe=RECIPE | {"endpoint": f"http://key@host/{text}"})
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"tiny" in content for content in written)
    assert not any(b"Quixote" in content for content in written)


@pytest.mark.skipif(not HAS_MLFLOW, reason="MLflow is an extra that is not installed")
@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_recipe_digests_and_status(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    train(tmp_path, "mlflow", first=0, kill_at=None)
    train(tmp_path, "mlflow", first=20, kill_at=None, recipe=RECIPE | {"training": {"steps": 40}})  # made longer
    client = MlflowClient(tracking_uri=str(tmp_path / "store"))
    experiment = client.get_experiment_by_name("orilla student distill")
    longer, first = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"])
    assert (first.data.params["training.steps"], longer.data.params["training.steps"]) == ("30", "40")
    assert first.data.tags["sha256.model/model.safetensors"] == "ab" * 32
    assert (first.info.status, longer.info.status) == ("FINISHED", "FINISHED")


def test_other_parameters_are_another_run_and_drop_steps_that_come_again(tmp_path: Path) -> None:
    train(tmp_path, "csv", first=0, kill_at=None)
    before = json.loads((tmp_path / "run" / RUN_FILE).read_bytes())
    train(tmp_path, "csv", first=20, kill_at=None, recipe=RECIPE | {"seed": 1})
    after = json.loads((tmp_path / "run" / RUN_FILE).read_bytes())
    assert before["id"] != after["id"]
    assert [step for step, name, _ in points("csv", tmp_path) if name == "loss"] == [5, 10, 15, 20, 25, 30]


def test_a_run_that_is_not_continued_is_another_and_its_figures_replace_those_of_before(tmp_path: Path) -> None:
    ids = []
    for size in (1.0, 2.0):
        run = tracked(["csv"], folder=tmp_path / "run", command="c", name="n", parameters={}, is_continued=False)
        with run as tracked_run:
            tracked_run.log(0, {"size": size})
            tracked_run.end("finished")
        ids.append(json.loads((tmp_path / "run" / RUN_FILE).read_bytes())["id"])
    assert len(set(ids)) == 2
    assert points("csv", tmp_path) == [(0, "size", 2.0)]


def test_a_run_that_is_refused_before_it_begins_leaves_nothing(tmp_path: Path) -> None:
    run = tracked(["csv"], folder=tmp_path / "run", command="c", name="n", parameters={})
    with pytest.raises(ValueError, match="refused"), run:
        raise ValueError("refused")
    assert list(tmp_path.iterdir()) == []


def test_a_stopped_run_is_marked_so(tmp_path: Path) -> None:
    run = tracked(["csv"], folder=tmp_path, command="c", name="n", parameters={})
    with pytest.raises(Interrupted), run as tracked_run:
        tracked_run.log(1, {"loss": 1.0})
        raise Interrupted("stopped", 2)
    assert json.loads((tmp_path / RUN_FILE).read_bytes())["status"] == "stopped"


def test_a_line_that_a_crash_cut_off_is_dropped(tmp_path: Path) -> None:
    train(tmp_path, "csv", first=0, kill_at=None)
    path = tmp_path / "run" / METRICS_FILE
    path.write_text(path.read_text() + "10,lo")
    train(tmp_path, "csv", first=30, kill_at=None)
    assert len(points("csv", tmp_path)) == 12


@pytest.mark.skipif(not HAS_TENSORBOARD, reason="tensorboardX is an extra")
def test_an_event_that_a_crash_cut_off_is_dropped(tmp_path: Path) -> None:
    train(tmp_path, "tensorboard", first=0, kill_at=None)
    (path,) = (tmp_path / "run").glob(EVENTS)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[-40:-7])
    train(tmp_path, "tensorboard", first=30, kill_at=None)
    assert path.read_bytes() == whole
    assert len(points("tensorboard", tmp_path)) == 12


class Full:
    """A store whose disk fills up while the run goes on, or at its end."""

    def __init__(self, *, is_full_at_end: bool) -> None:
        self.is_full_at_end = is_full_at_end

    def begin(self, facts: RunFacts, step: int) -> None:
        """Works."""

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Does not where it is full now."""
        if not self.is_full_at_end:
            raise TrackingFailed("the disk is full")

    def end(self, facts: RunFacts) -> None:
        """Is not reached by one that is full before."""
        assert self.is_full_at_end
        raise TrackingFailed("the disk is full")


@pytest.mark.parametrize("is_full_at_end", [False, True])
def test_a_store_that_fails_does_not_end_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, is_full_at_end: bool
) -> None:
    run = TrackedRun(tmp_path, "c", "n", {}, [Full(is_full_at_end=is_full_at_end)])
    run.log(1, {"loss": 1.0})
    run.log(2, {"loss": 1.0})
    run.end()
    assert [record.message for record in caplog.records] == ["the disk is full; the run goes on without it"]
    assert json.loads((tmp_path / RUN_FILE).read_bytes())["status"] == "finished"


def test_nothing_is_written_where_nothing_is_asked_for(tmp_path: Path) -> None:
    with tracked(None, folder=tmp_path / "run", command="c", name="n", parameters={}) as run:
        run.resume(0)
        run.log(1, {"loss": 1.0})
        run.end("finished", {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("choice", ["wandb", "csv:somewhere", ""])
def test_a_store_that_does_not_exist_is_refused(tmp_path: Path, choice: str) -> None:
    run = tracked([choice], folder=tmp_path, command="c", name="n", parameters={})
    with pytest.raises(TrackingFailed, match="expected csv, tensorboard, mlflow or mlflow:URI"), run:
        pass


@pytest.mark.parametrize(
    ("choice", "extra", "has_it"), [("tensorboard", "tensorboard", HAS_TENSORBOARD), ("mlflow", "tracking", HAS_MLFLOW)]
)
def test_without_its_extra_a_store_says_what_to_install(tmp_path: Path, choice: str, extra: str, has_it: bool) -> None:
    if has_it:
        pytest.skip("it is installed")
    with pytest.raises(ExtraMissing, match=rf'pip install "orilla\[{extra}\]"'):
        tracked([choice], folder=tmp_path, command="c", name="n", parameters={}).__enter__()
    assert list(tmp_path.iterdir()) == []


def test_parameters_are_flat_short_and_without_credentials() -> None:
    flat = flat_parameters(
        RECIPE
        | {"source": [{"mix": "a"}, {"mix": "b"}]}
        | {"url": "http://user:secret@host/v1", "long": "x" * 300, "none": None}
    )
    assert flat["training.mix_weights.a"] == "2.0"
    assert (flat["source.0.mix"], flat["source.1.mix"]) == ("a", "b")
    assert flat["languages"] == '["en", "es"]'
    assert flat["url"] == "http://host/v1"
    assert flat["long"].startswith("sha256 ")
    assert flat["none"] == "null"


def test_digests_are_of_the_files_that_match(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(b"")
    (tmp_path / "b.parquet").write_bytes(b"x")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digests_of(tmp_path)["in/a.txt"] == empty
    assert list(digests_of(tmp_path, ("*.parquet",))) == ["b.parquet"]
