"""The training loop: steps of an optimizer from the last checkpoint to the end, for every model that is trained here.

Student encoder, answerability verifier and teacher differ in what a step computes, in how its random state is set and
in what is validated; they give these as functions. The rest is the same and stands here: learning rate, clipping,
progress, log, checkpoints, and going on after a kill (docs/adr/0050).

Guarantees:
    A run that was killed and is started again takes the same steps from its last checkpoint as one that was not,
    if what `compute_gradients` does depends only on weights, step and `seed_step`.
    A finished run whose learning rate fell only in its last steps can be made longer: it goes on from where it fell.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from student.artifacts.durable import write_durably
from student.distill.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, steps_done
from student.distill.training.early_stopping import EarlyStopping

CHECKPOINT, PLATEAU, LOG = "checkpoint.safetensors", "plateau.safetensors", "log.jsonl"
_MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Length of a run and intervals, in steps; everything happens at the last step too.

    Attributes:
        steps: at most.
        warmup_steps: in which the learning rate rises.
        checkpoint_steps, progress_steps: between two checkpoints, and two calls of `on_progress`.
        validation_steps: between two validations; None where nothing is validated.
        decay_steps: the last ones, in which the learning rate falls; None for all after the warm-up. Steady until then
            (Hägele et al. 2024, arXiv 2405.18392), a run need not know its length when it begins.
    """

    steps: int
    warmup_steps: int
    checkpoint_steps: int
    progress_steps: int = 1
    validation_steps: int | None = None
    decay_steps: int | None = None

    @property
    def decay_from(self) -> int:
        """The step at which the learning rate begins to fall."""
        first = self.warmup_steps if self.decay_steps is None else self.steps - self.decay_steps
        return max(self.warmup_steps, first)

    def rate(self, step: int) -> float:
        """The share of the highest learning rate: rises linearly, stays, falls linearly to 0."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        return min(1.0, (self.steps - step) / max(1, self.steps - self.decay_from))

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
        if schedule.is_due(done, schedule.checkpoint_steps):
            _save(run, CHECKPOINT, done)
        if schedule.decay_steps is not None and done == schedule.decay_from:
            _save(run, PLATEAU, done)
        if schedule.is_due(done, schedule.progress_steps):
            speed = (done - reported) / (time.perf_counter() - since)
            best = stopping.best_score if stopping else None
            run.on_progress(TrainingProgress(done, schedule.steps, float(loss), speed, best))
            reported, since = done, time.perf_counter()


def _save(run: TrainingRun, name: str, done: int) -> None:
    if run.is_writer:
        facts = run.stopping.as_facts() if run.stopping else {}
        save_checkpoint(run.folder / name, run.digest, Checkpoint(done, facts), run.model, run.optimizer)


def _resume(run: TrainingRun) -> int:
    """Brings model, optimizer and early stopping to the last checkpoint; returns the steps done until then."""
    device = next(run.model.parameters()).device
    path = run.folder / (PLATEAU if _is_made_longer(run) else CHECKPOINT)
    checkpoint = load_checkpoint(path, run.digest, run.model, run.optimizer, device)
    if run.stopping and checkpoint.facts:
        run.stopping.restore(checkpoint.facts)
    if run.is_writer:
        _forget_after(run.folder / LOG, checkpoint.step)
    return checkpoint.step


def _is_made_longer(run: TrainingRun) -> bool:
    """True if the learning rate of the last checkpoint had fallen for an earlier end than the run has now."""
    plateau, last = (steps_done(run.folder / name) for name in (PLATEAU, CHECKPOINT))
    return 0 < plateau < last and plateau < run.schedule.decay_from


def _take_step(run: TrainingRun, step: int, peaks: list[float]) -> Tensor:
    run.seed_step(step)
    share = run.schedule.rate(step)
    for group, peak in zip(run.optimizer.param_groups, peaks, strict=True):
        group["lr"] = peak * share
    run.model.train()
    run.optimizer.zero_grad(set_to_none=True)
    loss = run.compute_gradients(step).detach()
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), _MAX_GRADIENT_NORM)
    run.optimizer.step()
    return loss


def _log(path: Path, entry: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _forget_after(path: Path, step: int) -> None:
    """Drops entries of steps that are taken again."""
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        if len(kept) < len(lines):
            write_durably(path, "".join(kept).encode())
