"""The training loop: its learning rate, its log and checkpoints, early stopping, and going on after a kill."""

import json
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
    TrainingProgress,
    TrainingRun,
    run_training,
)

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
        run_training(make_run(tmp_path / "killed", on_progress=kill))
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
    run_training(make_run(tmp_path, validate=lambda step: {"half": step / 2}, on_progress=seen.append))
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

        return make_run(tmp_path, schedule=schedule, validate=validate, stopping=stopping, on_progress=kill), stopping

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
            tmp_path / "longer", schedule=long, validate=lambda step: {"half": step / 2}, on_progress=kill
        )
        with pytest.raises(Killed):
            run_training(longer)
    longer = make_run(tmp_path / "longer", schedule=long, validate=lambda step: {"half": step / 2})
    run_training(longer)
    assert torch.equal(weights(whole), weights(longer))
    assert (tmp_path / "longer" / LOG).read_text() == (tmp_path / "whole" / LOG).read_text()
