"""Training a student encoder on its teacher's targets, by the loop of `student.distill.training.loop`.

What is drawn at a step depends only on the seed and the step, so a run that was killed and continued from its last
checkpoint sees the same texts as one that was not.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from student.artifacts.digests import digest_json
from student.bundle.linear_head import LinearHead
from student.distill.encoder.losses import alignment_loss, intent_loss, matryoshka_loss, similarity_structure_loss
from student.distill.encoder.model import StudentModel, pad
from student.distill.encoder.recipe import EncoderTraining, StudentRecipe
from student.distill.targets import IntentTargets, Targets
from student.distill.training.loop import Schedule, TrainingProgress, TrainingRun, run_training
from student.distill.training.precision import autocast, choose_device

_PROGRESS_STEPS = 20


def train_encoder(
    student: StudentModel,
    tokenizer: Tokenizer,
    targets: Targets,
    recipe: StudentRecipe,
    folder: Path,
    *,
    start: str | None = None,
    intent_head: LinearHead | None = None,
    validate: Callable[[StudentModel], dict[str, float]],
    on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
) -> None:
    """Trains a student in place.

    Args:
        student: as cut from the teacher; a checkpoint in `folder` overrides its weights.
        tokenizer: the student's.
        targets: texts and the embeddings to reach.
        recipe: see `EncoderTraining`.
        folder: of checkpoints and the log; a killed run is continued from there.
        start: digest of the weights it starts from, where they are not cut from the teacher.
        intent_head: the teacher's, for the intent loss: it is applied to the student's embeddings as to the teacher's
            (the reused classifier of Chen et al. 2022, arXiv 2203.14001).
        validate: figures of the student, for the log.
        on_progress: progress callback, every few steps.

    Raises:
        AnotherRun: the folder holds a run of another recipe or other targets.
    """
    training, device = recipe.training, choose_device()
    torch.manual_seed(training.seed)
    student.to(device)
    optimizer = torch.optim.AdamW(student.parameters(), lr=training.learning_rate, weight_decay=0.01)
    run_training(
        TrainingRun(
            digest=digest_json([recipe.model_dump(), targets.digest, *([start] if start else [])]),
            folder=folder,
            model=student,
            optimizer=optimizer,
            schedule=Schedule(
                steps=training.steps,
                warmup_steps=training.warmup_steps,
                checkpoint_steps=training.checkpoint_steps,
                validation_steps=training.validation_steps,
                progress_steps=_PROGRESS_STEPS,
            ),
            compute_gradients=_Gradients(student, tokenizer, targets, training, intent_head),
            validate=lambda step: {name: round(value, 4) for name, value in validate(student.eval()).items()},
            on_progress=on_progress,
        )
    )
    student.eval()


class _Gradients:
    """Adds the gradients of one step's batch to the student's; called with the step, returns the loss."""

    def __init__(
        self,
        student: StudentModel,
        tokenizer: Tokenizer,
        targets: Targets,
        training: EncoderTraining,
        intent_head: LinearHead | None,
    ) -> None:
        self._student, self._targets, self._training = student, targets, training
        self._device = next(student.parameters()).device
        self._intent_loss = (
            _IntentLoss(intent_head, training, self._device) if training.intent_weight and intent_head else None
        )
        self._tokens = _tokenize(tokenizer, targets.texts, training.max_tokens)
        self._batches = _Batches(targets, [len(ids) for ids in self._tokens], training)

    def __call__(self, step: int) -> Tensor:
        rows = self._batches.rows(step)
        input_ids, attention_mask = pad([self._tokens[row] for row in rows], self._device)
        teacher = torch.from_numpy(self._targets.embeddings[rows].astype(np.float32)).to(self._device)
        teacher = torch.nn.functional.normalize(teacher, dim=1)
        with autocast(self._device, self._training.precision):
            embeddings = self._student(input_ids, attention_mask)
        loss = _embedding_loss(embeddings, teacher, self._training)
        if self._intent_loss and self._targets.intents:
            intents = self._targets.intents.rows(rows)
            loss = loss + self._training.intent_weight * self._intent_loss(embeddings, intents)
        loss.backward()
        return loss


def _embedding_loss(embeddings: Tensor, teacher: Tensor, training: EncoderTraining) -> Tensor:
    loss = alignment_loss(embeddings, teacher)
    loss = loss + training.similarity_weight * similarity_structure_loss(embeddings, teacher)
    if training.matryoshka_weight:
        loss = loss + training.matryoshka_weight * matryoshka_loss(embeddings, teacher, training.matryoshka_dimensions)
    return loss


class _IntentLoss:
    """The intent loss of embeddings (B, D), read by the teacher's head, which stays as it is."""

    def __init__(self, head: LinearHead, training: EncoderTraining, device: torch.device) -> None:
        self._weight, self._bias = (torch.from_numpy(part).to(device) for part in (head.weight, head.bias))
        self._temperature = training.intent_temperature

    def __call__(self, embeddings: Tensor, intents: IntentTargets) -> Tensor:
        teacher = torch.from_numpy(intents.logits.astype(np.float32)).to(embeddings.device)
        known = torch.from_numpy(intents.known.astype(np.int64)).to(embeddings.device)
        return intent_loss(embeddings @ self._weight.T + self._bias, teacher, known, self._temperature)


class _Batches:
    """The rows of each step: every epoch is a weighted draw, in batches of like length, in random order."""

    def __init__(self, targets: Targets, lengths: list[int], training: EncoderTraining) -> None:
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
