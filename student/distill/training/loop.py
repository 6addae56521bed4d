"""The training loop: steps of an optimizer from the last checkpoint to the end, for every model that is trained here.

Student encoder, answerability verifier and teacher differ in what a step computes, in how its random state is set and
in what is validated; they give these as functions. The rest is the same and stands here: learning rate, clipping,
progress, log, checkpoints, and going on after a kill (docs/adr/0050).

Guarantees:
    A run that was killed and is started again takes the same steps from its last checkpoint as one that was not,
    if what `compute_gradients` does depends only on weights, step and `seed_step`.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from student.distill.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from student.distill.training.early_stopping import EarlyStopping

CHECKPOINT, LOG = "checkpoint.safetensors", "log.jsonl"
_MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Length of a run and intervals, in steps; everything happens at the last step too.

    Attributes:
        steps: at most.
        warmup_steps: in which the learning rate rises.
        checkpoint_steps, progress_steps: between two checkpoints, and two calls of `on_progress`.
        validation_steps: between two validations; None where nothing is validated.
    """

    steps: int
    warmup_steps: int
    checkpoint_steps: int
    progress_steps: int = 1
    validation_steps: int | None = None

    def is_due(self, done: int, every: int | None) -> bool:
        """True if something with this interval happens after this many steps."""
        return every is not None and (done % every == 0 or done == self.steps)


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """A running training: the step of at most how many, the loss, the speed since the last report, the best score.

    `best_score` is None where no run ends early.
    """

    step: int
    steps: int
    loss: float
    steps_per_s: float
    best_score: float | None


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A run of the loop.

    Attributes:
        digest: of all that makes the run what it is; a checkpoint of another digest is refused.
        folder: of checkpoint and log, made where it is missing.
        model: trained in place.
        optimizer: of its parameters; each group's learning rate is its highest.
        schedule: see `Schedule`.
        compute_gradients: step → loss; adds the gradients of that step's batch, in as many parts as it likes.
        seed_step: sets the random state of a step, where something random (dropout) happens in it.
        validate: number of steps done → figures for the log; may leave the model in evaluation mode.
        stopping: ends the run early; `validate` keeps it up to date.
        on_progress: progress callback.
        is_writer: True if this process writes log and checkpoints; one of several does.
    """

    digest: str
    folder: Path
    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    compute_gradients: Callable[[int], Tensor]
    seed_step: Callable[[int], object] = lambda step: None
    validate: Callable[[int], dict[str, float]] = lambda step: {}
    stopping: EarlyStopping | None = None
    on_progress: Callable[[TrainingProgress], None] = lambda progress: None
    is_writer: bool = True


def run_training(run: TrainingRun) -> None:
    """Takes the steps that are left. The model is in training mode afterwards unless there were none.

    Raises:
        AnotherRun: the folder holds the checkpoint of another run.
    """
    schedule, optimizer, stopping = run.schedule, run.optimizer, run.stopping
    run.folder.mkdir(parents=True, exist_ok=True)
    peaks = [group["lr"] for group in optimizer.param_groups]
    done = reported = _resume(run)
    since = time.perf_counter()
    while done < schedule.steps and not (stopping and stopping.is_over):
        loss = _take_step(run, done, peaks)
        done += 1
        if schedule.is_due(done, schedule.validation_steps):
            figures = run.validate(done)
            if run.is_writer:
                _log(run.folder / LOG, {"step": done, "loss": round(float(loss), 5), **figures})
        if schedule.is_due(done, schedule.checkpoint_steps) and run.is_writer:
            facts = stopping.as_facts() if stopping else {}
            save_checkpoint(run.folder / CHECKPOINT, run.digest, Checkpoint(done, facts), run.model, optimizer)
        if schedule.is_due(done, schedule.progress_steps):
            speed = (done - reported) / (time.perf_counter() - since)
            best = stopping.best_score if stopping else None
            run.on_progress(TrainingProgress(done, schedule.steps, float(loss), speed, best))
            reported, since = done, time.perf_counter()


def _resume(run: TrainingRun) -> int:
    """Brings model, optimizer and early stopping to the last checkpoint; returns the steps done until then."""
    device = next(run.model.parameters()).device
    checkpoint = load_checkpoint(run.folder / CHECKPOINT, run.digest, run.model, run.optimizer, device)
    if run.stopping and checkpoint.facts:
        run.stopping.restore(checkpoint.facts)
    return checkpoint.step


def _take_step(run: TrainingRun, step: int, peaks: list[float]) -> Tensor:
    run.seed_step(step)
    share = warm_up_and_decay(step, run.schedule.warmup_steps, run.schedule.steps)
    for group, peak in zip(run.optimizer.param_groups, peaks, strict=True):
        group["lr"] = peak * share
    run.model.train()
    run.optimizer.zero_grad(set_to_none=True)
    loss = run.compute_gradients(step).detach()
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), _MAX_GRADIENT_NORM)
    run.optimizer.step()
    return loss


def warm_up_and_decay(step: int, warmup_steps: int, steps: int) -> float:
    """The share of the learning rate: rises linearly while warming up, then falls linearly to 0."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return (steps - step) / max(1, steps - warmup_steps)


def _log(path: Path, entry: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
