"""The training loop of distillation: one readable loop, resumable to the step.

What is drawn at a step depends only on the seed and the step, so a run that was killed and continued from its last
checkpoint sees the same texts as one that was not.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from student.artifacts.digests import digest_json
from student.bundle.linear_head import LinearHead
from student.distill.encoder.losses import alignment_loss, intent_loss, matryoshka_loss, similarity_structure_loss
from student.distill.encoder.model import StudentModel, pad
from student.distill.encoder.recipe import Recipe, Training
from student.distill.targets import IntentTargets, Targets
from student.distill.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from student.distill.training.precision import autocast, choose_device

CHECKPOINT, LOG = "checkpoint.safetensors", "log.jsonl"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is: the step of how many, the loss, and texts seen a second since the last report."""

    step: int
    steps: int
    loss: float
    texts_per_s: float


def train(
    student: StudentModel,
    tokenizer: Tokenizer,
    targets: Targets,
    recipe: Recipe,
    folder: Path,
    *,
    start: str | None = None,
    intent_head: LinearHead | None = None,
    validate: Callable[[StudentModel], dict[str, float]],
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Trains a student in place.

    Args:
        student: as cut from the teacher; a checkpoint in `folder` overrides its weights.
        tokenizer: the student's.
        targets: texts and the embeddings to reach.
        recipe: see `Training`.
        folder: of checkpoints and the log; a killed run is continued from there.
        start: digest of the weights it starts from, where they are not cut from the teacher.
        intent_head: the teacher's, for the intent loss: it reads the student's embeddings as it reads the teacher's
            (the reused classifier of Chen et al. 2022, arXiv 2203.14001).
        validate: figures of the student, for the log.
        on_progress: told every few steps.

    Raises:
        AnotherRun: the folder holds a run of another recipe or other targets.
    """
    training, device = recipe.training, choose_device()
    torch.manual_seed(training.seed)
    student.to(device).train()
    optimizer = torch.optim.AdamW(student.parameters(), lr=training.learning_rate, weight_decay=0.01)
    run = digest_json([recipe.model_dump(), targets.digest, *([start] if start else [])])
    head = _IntentLoss(intent_head, training, device) if training.intent_weight and intent_head else None
    first = load_checkpoint(folder / CHECKPOINT, run, student, optimizer, device).step
    tokens = _tokenize(tokenizer, targets.texts, training.max_tokens)
    batches = _Batches(targets, [len(ids) for ids in tokens], training)
    reported, since = first, time.perf_counter()
    for step in range(first, training.steps):
        rows = batches.rows(step)
        input_ids, attention_mask = pad([tokens[row] for row in rows], device)
        teacher = torch.from_numpy(targets.embeddings[rows].astype(np.float32)).to(device)
        teacher = torch.nn.functional.normalize(teacher, dim=1)
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * warm_up_and_decay(step, training.warmup_steps, training.steps)
        with autocast(device, training.precision):
            embeddings = student(input_ids, attention_mask)
        loss = _embedding_loss(embeddings, teacher, training)
        if head and targets.intents:
            loss = loss + training.intent_weight * head(embeddings, targets.intents.rows(rows))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        loss = loss.detach()
        done = step + 1
        if done % 20 == 0 or done == training.steps:
            rate = (done - reported) * training.batch_size / (time.perf_counter() - since)
            on_progress(Progress(done, training.steps, float(loss), rate))
            reported, since = done, time.perf_counter()
        if done % training.validation_steps == 0 or done == training.steps:
            _log(folder, {"step": done, "loss": round(float(loss), 5), **_validated(student, validate)})
        if done % training.checkpoint_steps == 0 or done == training.steps:
            save_checkpoint(folder / CHECKPOINT, run, Checkpoint(done, {}), student, optimizer)
    student.eval()


def _embedding_loss(embeddings: Tensor, teacher: Tensor, training: Training) -> Tensor:
    loss = alignment_loss(embeddings, teacher)
    loss = loss + training.similarity_weight * similarity_structure_loss(embeddings, teacher)
    if training.matryoshka_weight:
        loss = loss + training.matryoshka_weight * matryoshka_loss(embeddings, teacher, training.matryoshka_dimensions)
    return loss


class _IntentLoss:
    """The intent loss of embeddings (B, D), read by the teacher's head, which stays as it is."""

    def __init__(self, head: LinearHead, training: Training, device: torch.device) -> None:
        self._weight, self._bias = (torch.from_numpy(part).to(device) for part in (head.weight, head.bias))
        self._temperature = training.intent_temperature

    def __call__(self, embeddings: Tensor, intents: IntentTargets) -> Tensor:
        teacher = torch.from_numpy(intents.logits.astype(np.float32)).to(embeddings.device)
        known = torch.from_numpy(intents.known.astype(np.int64)).to(embeddings.device)
        return intent_loss(embeddings @ self._weight.T + self._bias, teacher, known, self._temperature)


def warm_up_and_decay(step: int, warmup_steps: int, steps: int) -> float:
    """The share of the learning rate: rises linearly while warming up, then falls linearly to 0."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return (steps - step) / max(1, steps - warmup_steps)


class _Batches:
    """Which rows are drawn at which step: every epoch a weighted draw, in runs of like length, runs in random order."""

    def __init__(self, targets: Targets, lengths: list[int], training: Training) -> None:
        weights = {mix: training.mix_weights.get(mix, 1.0) for mix in set(targets.mixes)}
        self._weights = np.array([weights[mix] for mix in targets.mixes])
        self._lengths = np.array(lengths)
        self._training = training
        self._per_epoch = max(1, int(self._weights.sum()) // training.batch_size)
        self._epoch = -1
        self._order: list[NDArray[np.int64]] = []

    def rows(self, step: int) -> NDArray[np.int64]:
        """The rows (B,) of a step."""
        epoch, index = divmod(step, self._per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._draw(epoch)
        return self._order[index]

    def _draw(self, epoch: int) -> list[NDArray[np.int64]]:
        generator = np.random.default_rng([self._training.seed, epoch])
        whole = np.floor(self._weights).astype(np.int64)
        counts = whole + (generator.random(len(whole)) < self._weights - whole)
        rows = generator.permutation(np.repeat(np.arange(len(counts)), counts))
        size = self._training.batch_size
        while len(rows) < self._per_epoch * size:
            rows = np.concatenate([rows, generator.choice(rows, size)])
        batches = []
        for first in range(0, self._per_epoch * size, 50 * size):  # like lengths together saves padding
            pool = rows[first : first + 50 * size]
            pool = pool[np.argsort(self._lengths[pool], kind="stable")]
            batches += [pool[i : i + size] for i in range(0, len(pool) - size + 1, size)]
        batches = batches[: self._per_epoch]
        return [batches[i] for i in generator.permutation(len(batches))]


def _tokenize(tokenizer: Tokenizer, texts: list[str], max_tokens: int) -> list[NDArray[np.int32]]:
    cutting = Tokenizer.from_str(tokenizer.to_str())
    cutting.enable_truncation(max_tokens)
    cutting.no_padding()
    tokens = []
    for first in range(0, len(texts), 10_000):
        encodings = cutting.encode_batch(texts[first : first + 10_000])
        tokens += [np.array(encoding.ids, dtype=np.int32) for encoding in encodings]
    return tokens


def _validated(student: StudentModel, validate: Callable[[StudentModel], dict[str, float]]) -> dict[str, float]:
    student.eval()
    figures = {name: round(value, 4) for name, value in validate(student).items()}
    student.train()
    return figures


def _log(folder: Path, entry: dict[str, Any]) -> None:
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
