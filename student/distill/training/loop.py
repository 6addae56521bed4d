"""The training loop: steps of an optimizer from the last checkpoint to the end, for every model that is trained here.

Student encoder, answerability verifier and teacher differ in what a step computes, in how its random state is set and
in what is validated; they give these as functions. The rest is the same and stands here: learning rate, clipping,
progress, log, checkpoints, and going on after a kill (docs/adr/0050).

Guarantees:
    A run that was killed and is started again takes the same steps from its last checkpoint as one that was not,
    if what `compute_gradients` does depends only on weights, step and `seed_step`.
    A finished run whose learning rate fell only in its last steps can be made longer: it goes on from where it fell.
    Ctrl-C and SIGTERM end a run after the step at hand, with a checkpoint of it.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from student.artifacts.durable import write_durably
from student.distill.training.checkpoint import Checkpoint, load_checkpoint, look_at_checkpoint, save_checkpoint
from student.distill.training.early_stopping import EarlyStopping
from student.distill.training.supervision import Supervision, TrainingProgress, listen_for_stop
from student.errors import Interrupted

CHECKPOINT, PLATEAU, LOG = "checkpoint.safetensors", "plateau.safetensors", "log.jsonl"
_MAX_GRADIENT_NORM = 1.0
_DECAY_FROM = "decay_from"


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
        supervision: see `Supervision`; only the writer calls it.
        is_writer: True if this process writes log and checkpoints; one of several does.
        agree_to_stop: whether this process was asked to stop → whether any of them was.
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
    supervision: Supervision = field(default_factory=Supervision)
    is_writer: bool = True
    agree_to_stop: Callable[[bool], bool] = bool


def run_training(run: TrainingRun) -> None:
    """Takes the steps that are left. The model is in training mode afterwards unless there were none.

    Raises:
        AnotherRun: the folder holds the checkpoint of another run.
        Interrupted: by Ctrl-C or SIGTERM, after a step; its checkpoint is written.
    """
    schedule, stopping = run.schedule, run.stopping
    run.folder.mkdir(parents=True, exist_ok=True)
    peaks = [group["lr"] for group in run.optimizer.param_groups]
    done = _resume(run)
    report, saved_at = _Reports(run, done), time.monotonic()
    with listen_for_stop() as stop:
        while done < schedule.steps and not (stopping and stopping.is_over):
            loss = _take_step(run, done, peaks)
            done += 1
            if schedule.is_due(done, schedule.validation_steps):
                report.validation(done, loss, run.validate(done))
            is_stopped = run.agree_to_stop(stop.is_asked)
            is_late = time.monotonic() - saved_at >= run.supervision.checkpoint_s
            if is_stopped or is_late or schedule.is_due(done, schedule.checkpoint_steps):
                _save(run, CHECKPOINT, done)
                saved_at = time.monotonic()
            if schedule.decay_steps is not None and done == schedule.decay_from:
                _save(run, PLATEAU, done)
            if schedule.is_due(done, schedule.progress_steps):
                report.progress(done, loss)
            if is_stopped and done < schedule.steps:
                raise Interrupted(_how_to_go_on(run, done), stop.signal_number)


class _Reports:
    """Reports of a running training to its log and to who supervises it; of the writer alone."""

    def __init__(self, run: TrainingRun, done: int) -> None:
        self._run, self._kept = run, done
        self._reported, self._since = done, time.perf_counter()
        if run.is_writer:
            run.supervision.on_resume(done)

    def validation(self, done: int, loss: Tensor, figures: dict[str, float]) -> None:
        """Notes the figures of a validation."""
        if self._run.is_writer:
            _log(self._run.folder / LOG, {"step": done, "loss": round(float(loss), 5), **figures})
            self._run.supervision.on_figures(done, {f"validation/{name}": value for name, value in figures.items()})

    def progress(self, done: int, loss: Tensor) -> None:
        """Says how far the run is."""
        run = self._run
        if not run.is_writer:
            return
        now, best = time.perf_counter(), run.stopping.best_score if run.stopping else None
        speed = (done - self._reported) / (now - self._since)
        self._reported, self._since = done, now
        rate = run.optimizer.param_groups[0]["lr"]
        run.supervision.on_figures(done, {"loss": float(loss), "learning_rate": rate, "steps_per_s": speed})
        run.supervision.on_progress(TrainingProgress(done, run.schedule.steps, float(loss), speed, best, self._kept))


def _how_to_go_on(run: TrainingRun, done: int) -> str:
    """The word to the person who stopped a run; one process of several says it."""
    said = f"stopped after step {done} of {run.schedule.steps}, kept in {run.folder / CHECKPOINT}; the same command"
    return f"{said} again goes on from there" if run.is_writer else ""


def _save(run: TrainingRun, name: str, done: int) -> None:
    if run.is_writer:
        facts = {_DECAY_FROM: str(run.schedule.decay_from)} | (run.stopping.as_facts() if run.stopping else {})
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
    last = look_at_checkpoint(run.folder / CHECKPOINT)
    decay_from = int(last.facts.get(_DECAY_FROM, last.step))
    return decay_from < min(last.step, run.schedule.decay_from)


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
        if lines and not lines[-1].endswith("\n"):  # cut off by a crash
            lines[-1] = json.dumps({"step": step + 1})
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        if len(kept) < len(lines):
            write_durably(path, "".join(kept).encode())
