"""The training loop: its learning rate, its log and checkpoints, early stopping, and going on after a kill."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from student.distill.training.checkpoint import AnotherRun
from student.distill.training.early_stopping import EarlyStopping
from student.distill.training.loop import (
    CHECKPOINT,
    LOG,
    Schedule,
    TrainingRun,
    run_training,
)
from student.distill.training.supervision import StopRequest, Supervision, TrainingProgress, supervise
from student.errors import Interrupted
from student.tracking.choosing import tracked
from student.tracking.csv_store import METRICS_FILE
from tests.conftest import ROOT

SCHEDULE = Schedule(steps=25, warmup_steps=4, checkpoint_steps=10, progress_steps=5, validation_steps=10)


class Killed(Exception):
    """As good as a kill: nothing after it is run."""


def make_run(folder: Path, **changes: object) -> TrainingRun:
    """A line with dropout, fitted to numbers that depend on the step."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
    groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[2].parameters(), "lr": 0.01}]

    def compute_gradients(step: int) -> Tensor:
        x = torch.arange(12.0).reshape(4, 3) / 10 + step / 25
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        loss.backward()
        return loss

    fields: dict[str, object] = {
        "digest": "a run",
        "folder": folder,
        "model": model,
        "optimizer": torch.optim.AdamW(groups),
        "schedule": SCHEDULE,
        "compute_gradients": compute_gradients,
        "seed_step": lambda step: torch.manual_seed(1000 + step),
    }
    return TrainingRun(**(fields | changes))  # type: ignore[arg-type]


def weights(run: TrainingRun) -> Tensor:
    return torch.cat([value.flatten() for value in run.model.state_dict().values()])


@pytest.mark.parametrize("killed_at", [5, 10, 15, 20])
def test_a_killed_run_takes_the_same_steps_from_its_last_checkpoint(tmp_path: Path, killed_at: int) -> None:
    whole = make_run(tmp_path / "whole")
    run_training(whole)

    def kill(progress: TrainingProgress) -> None:
        if progress.step == killed_at:
            raise Killed

    with pytest.raises(Killed):
        run_training(make_run(tmp_path / "killed", supervision=Supervision(kill)))
    continued = make_run(tmp_path / "killed")
    run_training(continued)
    assert torch.equal(weights(whole), weights(continued))


def test_each_group_warms_up_to_its_own_rate_and_falls_to_zero(tmp_path: Path) -> None:
    rates: list[list[float]] = []
    run = make_run(tmp_path)

    def compute_gradients(step: int) -> Tensor:
        rates.append([group["lr"] for group in run.optimizer.param_groups])
        return run.compute_gradients(step)

    run_training(replace(run, compute_gradients=compute_gradients))
    rising = [0.25, 0.5, 0.75, 1.0]
    falling = [(25 - step) / 21 for step in range(4, 25)]
    assert [first for first, _ in rates] == pytest.approx([0.1 * share for share in rising + falling])
    assert [second for _, second in rates] == pytest.approx([0.01 * share for share in rising + falling])
    assert max(first for first, _ in rates) == 0.1
    assert rates[-1][0] == pytest.approx(0.1 / 21)


def test_log_progress_and_checkpoint_come_at_their_steps_and_at_the_last(tmp_path: Path) -> None:
    seen: list[TrainingProgress] = []
    run_training(make_run(tmp_path, validate=lambda step: {"half": step / 2}, supervision=Supervision(seen.append)))
    entries = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [(entry["step"], entry["half"]) for entry in entries] == [(10, 5.0), (20, 10.0), (25, 12.5)]
    assert [progress.step for progress in seen] == [5, 10, 15, 20, 25]
    assert all(progress.steps == 25 and progress.steps_per_s > 0 for progress in seen)
    finished = make_run(tmp_path, compute_gradients=lambda step: pytest.fail("a finished run takes no step"))
    run_training(finished)


def test_a_run_ends_early_and_remembers_its_best_over_a_kill(tmp_path: Path) -> None:
    scores = {step: 1.0 if step == 6 else 0.5 for step in range(25)}
    schedule = Schedule(steps=25, warmup_steps=4, checkpoint_steps=2, validation_steps=2)

    def make(killed_at: int | None) -> tuple[TrainingRun, EarlyStopping]:
        stopping = EarlyStopping(patience=3)

        def validate(step: int) -> dict[str, float]:
            stopping.is_best(step, scores[step])
            return {"score": scores[step]}

        def kill(progress: TrainingProgress) -> None:
            if progress.step == killed_at:
                raise Killed

        return make_run(
            tmp_path, schedule=schedule, validate=validate, stopping=stopping, supervision=Supervision(kill)
        ), stopping

    with pytest.raises(Killed):
        run_training(make(killed_at=9)[0])
    run, stopping = make(killed_at=None)
    run_training(run)
    assert (stopping.best_step, stopping.best_score, stopping.stale) == (6, 1.0, 3)
    entries = [json.loads(line)["step"] for line in (tmp_path / LOG).read_text().splitlines()]
    assert entries == [2, 4, 6, 8, 10, 12]


def test_a_process_that_is_not_the_writer_writes_nothing(tmp_path: Path) -> None:
    run_training(make_run(tmp_path, validate=lambda step: {}, is_writer=False))
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_of_another_run_is_refused_and_stays(tmp_path: Path) -> None:
    run_training(make_run(tmp_path))
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(AnotherRun, match="another recipe or other data"):
        run_training(make_run(tmp_path, digest="another run"))
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_a_rate_that_falls_last_stays_until_then() -> None:
    schedule = replace(SCHEDULE, decay_steps=5)
    assert [schedule.rate(step) for step in range(4, 21)] == [1.0] * 17
    assert [schedule.rate(step) for step in range(20, 25)] == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2])
    assert replace(SCHEDULE, decay_steps=100).rate(4) == 1.0


@pytest.mark.parametrize("killed_at", [None, 20])
def test_a_finished_run_made_longer_takes_the_steps_of_one_that_was_long_at_once(
    tmp_path: Path, killed_at: int | None
) -> None:
    short, long = replace(SCHEDULE, steps=15, decay_steps=3), replace(SCHEDULE, steps=25, decay_steps=3)
    whole = make_run(tmp_path / "whole", schedule=long, validate=lambda step: {"half": step / 2})
    run_training(whole)
    run_training(make_run(tmp_path / "longer", schedule=short, validate=lambda step: {"half": step / 2}))

    def kill(progress: TrainingProgress) -> None:
        if progress.step == killed_at:
            raise Killed

    if killed_at:
        longer = make_run(
            tmp_path / "longer", schedule=long, validate=lambda step: {"half": step / 2}, supervision=Supervision(kill)
        )
        with pytest.raises(Killed):
            run_training(longer)
    resumed: list[int] = []
    longer = make_run(
        tmp_path / "longer",
        schedule=long,
        validate=lambda step: {"half": step / 2},
        supervision=Supervision(on_resume=resumed.append),
    )
    run_training(longer)
    assert resumed == [20 if killed_at else 12]  # no step of its own is taken twice
    assert torch.equal(weights(whole), weights(longer))
    assert (tmp_path / "longer" / LOG).read_text() == (tmp_path / "whole" / LOG).read_text()


@pytest.mark.parametrize("killed_at", [5, 13, 19])
def test_a_checkpoint_by_time_is_gone_on_from_as_one_by_steps(tmp_path: Path, killed_at: int) -> None:
    whole = make_run(tmp_path / "whole")
    run_training(whole)
    schedule = replace(SCHEDULE, checkpoint_steps=1000, progress_steps=1)

    def kill(progress: TrainingProgress) -> None:
        if progress.step == killed_at:
            raise Killed

    always = Supervision(kill, checkpoint_s=0)
    with pytest.raises(Killed):
        run_training(make_run(tmp_path / "killed", schedule=schedule, supervision=always))
    resumed: list[int] = []
    continued = make_run(tmp_path / "killed", supervision=Supervision(on_resume=resumed.append))
    run_training(continued)
    assert resumed == [killed_at]
    assert torch.equal(weights(whole), weights(continued))


def test_without_time_passed_a_checkpoint_waits_for_its_step(tmp_path: Path) -> None:
    def look(progress: TrainingProgress) -> None:
        assert (tmp_path / CHECKPOINT).exists() == (progress.step >= 10)

    run_training(make_run(tmp_path, supervision=Supervision(look, checkpoint_s=3600)))


_CHILD = """
import dataclasses, sys, time
from pathlib import Path
from student.distill.training.loop import run_training
from student.distill.training.supervision import Supervision
from student.errors import Interrupted
from tests.student.distill.test_training_loop import SCHEDULE, make_run
run = make_run(Path(sys.argv[1]), schedule=dataclasses.replace(SCHEDULE, progress_steps=1, checkpoint_steps=1000))
def slowly(step):
    time.sleep(0.05)
    return run.compute_gradients(step)
say = Supervision(lambda progress: print(progress.step, flush=True))
try:
    run_training(dataclasses.replace(run, compute_gradients=slowly, supervision=say))
except Interrupted as stopped:
    print(stopped, flush=True)
    sys.exit(stopped.exit_status)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_with_a_checkpoint_that_it_goes_on_from(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(signal.SIGINT)  # ignored where the tests run in the background of a shell script
    whole = make_run(tmp_path / "whole")
    run_training(whole)
    command = [sys.executable, "-c", _CHILD, str(tmp_path / "stopped")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.strip() == "7":
                os.kill(child.pid, number)
                break
        said = child.stdout.read()
        assert child.wait(timeout=60) == 128 + number
    assert "again goes on from there" in said
    stopped_after = int(said.split("stopped after step ")[1].split()[0])
    assert 7 <= stopped_after < 25
    resumed: list[int] = []
    continued = make_run(tmp_path / "stopped", supervision=Supervision(on_resume=resumed.append))
    run_training(continued)
    assert resumed == [stopped_after]
    assert torch.equal(weights(whole), weights(continued))
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_signal_ends_the_process_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("student.distill.training.supervision.time.monotonic", lambda: now[0])
    request = StopRequest()
    for _ in range(2):  # a terminal and a launcher pass on the same one
        request.ask(signal.SIGTERM, None)
    assert (request.is_asked, request.signal_number) == (True, signal.SIGTERM)
    now[0] += 3
    with pytest.raises(KeyboardInterrupt):
        request.ask(signal.SIGTERM, None)


def test_a_command_shows_tracks_and_keeps_what_it_trains(tmp_path: Path) -> None:
    shown: list[tuple[int, int | None, str, int]] = []

    def show(done: int, total: int | None, what: str, *, kept: int = 0) -> None:
        shown.append((done, total, what, kept))

    with tracked(["csv"], folder=tmp_path / "tracking", command="c", name="n", parameters={}) as run:
        supervision = supervise(show, run, lambda progress: f"step {progress.step}", checkpoint_minutes=2)
        run_training(make_run(tmp_path, supervision=supervision))
    assert supervision.checkpoint_s == 120
    assert shown == [(step, 25, f"step {step}", 0) for step in (5, 10, 15, 20, 25)]
    lines = (tmp_path / "tracking" / METRICS_FILE).read_text().splitlines()
    assert [line.split(",")[0] for line in lines if ",loss," in line] == ["5", "10", "15", "20", "25"]


def test_a_process_stops_where_another_was_asked_to(tmp_path: Path) -> None:
    run = make_run(tmp_path, is_writer=False, agree_to_stop=lambda is_asked: True)
    with pytest.raises(Interrupted, match=r"^$"):
        run_training(run)
    assert not list(tmp_path.iterdir())


def test_figures_come_at_reports_and_validations(tmp_path: Path) -> None:
    seen: list[tuple[int, list[str]]] = []

    def note(step: int, figures: Mapping[str, float]) -> None:
        seen.append((step, sorted(figures)))

    run_training(make_run(tmp_path, validate=lambda step: {"half": step / 2}, supervision=Supervision(on_figures=note)))
    reported = ["learning_rate", "loss", "steps_per_s"]
    assert [step for step, names in seen if names == reported] == [5, 10, 15, 20, 25]
    assert [step for step, names in seen if names == ["validation/half"]] == [10, 20, 25]


def test_a_line_of_the_log_that_a_crash_cut_off_is_dropped(tmp_path: Path) -> None:
    run_training(make_run(tmp_path))
    before = (tmp_path / LOG).read_text()
    (tmp_path / LOG).write_text(before + '{"step": 2')
    run_training(make_run(tmp_path))
    assert (tmp_path / LOG).read_text() == before
