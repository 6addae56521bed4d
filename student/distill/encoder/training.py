"""Training a student encoder on its teacher's targets, by the loop of `student.distill.training.loop`.

What is drawn at a step depends only on the seed and the step, so a run that was killed and continued from its last
checkpoint sees the same texts as one that was not.

Several processes share each batch. Each embeds its part; the embeddings are gathered, and every process computes the
loss of the whole batch with a gradient for its own part alone. The sum of these gradients is that of one process with
the whole batch: similarity and contrastive losses are of pairs of texts, and losses of parts would leave out the pairs
across them. So a recipe means the same on any number of GPUs (docs/adr/0058).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import normalize

from student.artifacts.digests import digest_json
from student.bundle.linear_head import LinearHead
from student.distill.encoder.batches import Batches, split_by_length, tokenize, typed_carelessly
from student.distill.encoder.losses import (
    alignment_loss,
    answer_loss,
    answers_as_well,
    intent_loss,
    matryoshka_loss,
    neighbor_loss,
    similarity_structure_loss,
)
from student.distill.encoder.model import StudentModel, pad
from student.distill.encoder.recipe import EncoderTraining, RecipeRefused, StudentRecipe
from student.distill.encoder.rounding import train_rounded
from student.distill.targets import IntentTargets, Targets
from student.distill.training.loop import Schedule, TrainingRun, run_training
from student.distill.training.precision import autocast, choose_device, compiled, move
from student.distill.training.processes import Processes
from student.distill.training.supervision import Supervision

_PROGRESS_STEPS = 20
_TOKENS_A_PASS = {"cpu": 2048, "cuda": 65_536}
"""Of a forward pass: what stays in a core's cache, and what fills a GPU."""

_STRANGERS, _MOST_NEIGHBORS = 256, 300_000
"""Texts drawn beside the nearest ones, and of how many targets the nearest are looked for."""


def train_encoder(
    student: StudentModel,
    tokenizer: Tokenizer,
    targets: Targets,
    recipe: StudentRecipe,
    folder: Path,
    *,
    start: str,
    intent_head: LinearHead | None = None,
    validate: Callable[[StudentModel], dict[str, float]],
    supervision: Supervision = Supervision(),
    processes: Processes = Processes(),
) -> None:
    """Trains a student in place.

    Args:
        student: as it starts; a checkpoint in `folder` overrides its weights.
        tokenizer: the student's.
        targets: texts and the embeddings to reach.
        recipe: see `EncoderTraining`.
        folder: of checkpoints and the log; a killed run is continued from there.
        start: digest of the weights it starts from.
        intent_head: the teacher's, for the intent loss: it is applied to the student's embeddings as to the teacher's
            (the reused classifier of Chen et al. 2022, arXiv 2203.14001).
        validate: figures of the student, for the log.
        supervision: see `Supervision`.
        processes: that take part; the main one validates and writes.

    Raises:
        AnotherRun: the folder holds a run of another recipe or other targets. RecipeRefused: a batch has fewer texts
            than there are processes.
    """
    training, device = recipe.training, choose_device()
    if training.batch_size < processes.count:
        raise RecipeRefused(f"{processes.count} processes cannot share a batch of {training.batch_size}; launch fewer")
    torch.manual_seed(training.seed)
    student.to(device)
    processes.share_weights(student)

    def validated(step: int) -> dict[str, float]:
        is_mine = processes.is_main
        return {name: round(value, 4) for name, value in validate(student.eval()).items()} if is_mine else {}

    optimizer = torch.optim.AdamW(student.parameters(), lr=training.learning_rate, weight_decay=0.01, fused=True)
    run_training(
        TrainingRun(
            digest=digest_json([recipe.architecture.model_dump(), training.identity(), targets.digest, start]),
            folder=folder,
            model=student,
            optimizer=optimizer,
            schedule=Schedule(
                steps=training.steps,
                warmup_steps=training.warmup_steps,
                decay_steps=training.decay_steps,
                checkpoint_steps=training.checkpoint_steps,
                validation_steps=training.validation_steps,
                progress_steps=_PROGRESS_STEPS,
            ),
            compute_gradients=Gradients(student, tokenizer, targets, training, intent_head, processes=processes),
            validate=validated,
            supervision=supervision,
            is_writer=processes.is_main,
            agree_to_stop=processes.any_of,
        )
    )
    student.eval()


class Gradients:
    """Adds the gradients of one step's batch to the student's; called with the step, returns the loss."""

    def __init__(
        self,
        student: StudentModel,
        tokenizer: Tokenizer,
        targets: Targets,
        training: EncoderTraining,
        intent_head: LinearHead | None,
        *,
        processes: Processes = Processes(),
    ) -> None:
        self._student, self._targets, self._training = student, targets, training
        self._device = next(student.parameters()).device
        self._run, self._processes = compiled(student, self._device, training.compile), processes
        self._intent_loss = (
            _IntentLoss(intent_head, training, self._device) if training.intent_weight and intent_head else None
        )
        self._neighbor_loss = (
            _NeighborLoss(targets.embeddings, training, self._device) if training.neighbor_weight else None
        )
        self._tokens = tokenize(tokenizer, targets.texts, training.max_tokens)
        self._careless = _careless_tokens(tokenizer, targets.texts, training)
        self._batches = Batches(targets, training)

    def __call__(self, step: int) -> Tensor:
        """The loss of a step, its gradients added."""
        if step >= self._training.steps - self._training.int8_steps:
            train_rounded(self._student)
        rows = self._batches.rows(step)
        teacher = move(torch.from_numpy(self._targets.embeddings[rows].astype(np.float32)), self._device)
        teacher = normalize(teacher, dim=1)
        embeddings = self._embed_together(self._tokens_of(rows, step))
        loss = _embedding_loss(embeddings, teacher, self._training)
        loss = loss + self._answer_loss(embeddings, teacher, rows)
        if self._neighbor_loss:
            loss = loss + self._training.neighbor_weight * self._neighbor_loss(embeddings, teacher, step)
        if self._intent_loss and self._targets.intents:
            intents = self._targets.intents.rows(rows)
            loss = loss + self._training.intent_weight * self._intent_loss(embeddings, intents)
        loss.backward()
        self._processes.sum_gradients(self._student)
        return loss

    def _tokens_of(self, rows: NDArray[np.int64], step: int) -> list[NDArray[np.int32]]:
        if not self._careless:
            return [self._tokens[row] for row in rows]
        draws = np.random.default_rng([self._training.seed, step, 2]).random(len(rows))
        share = self._training.careless_share
        return [
            self._careless.get(row, self._tokens[row]) if draw < share else self._tokens[row]
            for row, draw in zip(rows.tolist(), draws, strict=True)
        ]

    def _embed_together(self, tokens: list[NDArray[np.int32]]) -> Tensor:
        """Embeddings (B, D), of which each process makes its part: every so many by length."""
        if self._processes.count == 1:
            return self._embed(tokens)
        order = np.argsort([len(ids) for ids in tokens], kind="stable")
        own = self._embed([tokens[order[i]] for i in self._processes.own(len(tokens))])
        back = torch.from_numpy(np.argsort(order)).to(self._device)
        return self._processes.gather(own, len(tokens))[back]

    def _embed(self, tokens: list[NDArray[np.int32]]) -> Tensor:
        """Embeddings (B, D), in passes of texts of like length."""
        lengths = np.array([len(ids) for ids in tokens], dtype=np.int64)
        parts = split_by_length(lengths, _TOKENS_A_PASS[self._device.type])
        with autocast(self._device, self._training.precision):
            embedded = [self._run(*pad([tokens[i] for i in part], self._device)) for part in parts]
        back = np.argsort(np.concatenate(parts))
        return torch.cat(embedded)[torch.from_numpy(back).to(self._device)]

    def _answer_loss(self, embeddings: Tensor, teacher: Tensor, rows: NDArray[np.int64]) -> Tensor | float:
        count, weight = self._batches.answers, self._training.answer_weight
        if not count or not weight:
            return 0.0
        answered, answering = slice(count), slice(count, 2 * count)
        is_no_negative = torch.from_numpy(self._batches.are_linked(rows[answered], rows[answering])).to(self._device)
        if self._training.asks_teacher_of_negatives:
            is_no_negative = is_no_negative | answers_as_well(teacher[answered], teacher[answering])
        temperature = self._training.answer_temperature
        return weight * answer_loss(embeddings[answered], embeddings[answering], is_no_negative, temperature)


def _careless_tokens(tokenizer: Tokenizer, texts: list[str], training: EncoderTraining) -> dict[int, NDArray[np.int32]]:
    """The token ids of texts typed carelessly, by row; empty where the recipe wants none."""
    if not training.careless_share:
        return {}
    careless = {row: typed for row, text in enumerate(texts) if (typed := typed_carelessly(text))}
    return dict(zip(careless, tokenize(tokenizer, list(careless.values()), training.max_tokens), strict=True))


def _embedding_loss(embeddings: Tensor, teacher: Tensor, training: EncoderTraining) -> Tensor:
    loss = alignment_loss(embeddings, teacher)
    loss = loss + training.similarity_weight * similarity_structure_loss(embeddings, teacher)
    if training.matryoshka_weight:
        loss = loss + training.matryoshka_weight * matryoshka_loss(embeddings, teacher, training.matryoshka_dimensions)
    return loss


class _NeighborLoss:
    """The neighbor loss of embeddings (B, D), to each text's nearest targets, its own among them, and some drawn."""

    def __init__(self, targets: NDArray[np.float16], training: EncoderTraining, device: torch.device) -> None:
        draws = np.random.default_rng([training.seed, 3]).permutation(len(targets))[:_MOST_NEIGHBORS]
        bank = torch.from_numpy(targets[np.sort(draws)].astype(np.float32))
        self._bank, self._training = normalize(bank, dim=1).to(device), training

    def __call__(self, embeddings: Tensor, teacher: Tensor, step: int) -> Tensor:
        count = min(self._training.neighbors, len(self._bank))
        nearest = (teacher @ self._bank.T).topk(count, dim=1).indices  # (B, K)
        rng = np.random.default_rng([self._training.seed, step, 4])
        drawn = torch.from_numpy(rng.integers(0, len(self._bank), _STRANGERS)).to(nearest.device)
        rows = torch.cat([nearest, drawn.expand(len(nearest), -1)], dim=1)
        return neighbor_loss(embeddings, teacher, self._bank[rows], self._training.neighbor_temperature)


class _IntentLoss:
    """The intent loss of embeddings (B, D), read by the teacher's head, which stays as it is."""

    def __init__(self, head: LinearHead, training: EncoderTraining, device: torch.device) -> None:
        self._weight, self._bias = (torch.from_numpy(part).to(device) for part in (head.weight, head.bias))
        self._temperature = training.intent_temperature

    def __call__(self, embeddings: Tensor, intents: IntentTargets) -> Tensor:
        teacher = torch.from_numpy(intents.logits.astype(np.float32)).to(embeddings.device)
        known = torch.from_numpy(intents.known.astype(np.int64)).to(embeddings.device)
        return intent_loss(embeddings @ self._weight.T + self._bias, teacher, known, self._temperature)
