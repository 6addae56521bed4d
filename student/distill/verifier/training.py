"""The training loop of the reader, over token embeddings that the bundle's own encoder made once; resumable.

What is drawn at a step depends only on the seed and the step, as in `student.distill.encoder.training`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from student.artifacts.digests import digest_json
from student.distill.encoder.training import warm_up_and_decay
from student.distill.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from student.distill.training.precision import autocast
from student.distill.verifier.examples import ReadingExample
from student.distill.verifier.model import ReaderModel, Tokens
from student.embeddings import TokenEmbeddings
from student.runtime.encoder import Encoder

CHECKPOINT = "checkpoint.safetensors"


class ReaderRecipe(BaseModel):
    """How a reader is trained.

    Attributes:
        steps, batch_size: batches, and examples in each.
        learning_rate: after `warmup_steps`, then linearly to 0. AdamW.
        positive_weight: of the passages that answer, which are fewer.
        place_weight: of the loss that asks where the answer stands.
        favored, first_share, last_share: examples whose kind starts so make up that share of a batch, rising from the
            first to the last over the first half of the run.
        kind_weights: how often an example of another kind is drawn, relative to their number; 1 by default.
        hold_out: share of the favored groups that is kept apart to measure.
        checkpoint_steps: how often.
        seed: of everything drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=2)] = 56
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    warmup_steps: Annotated[int, Field(ge=0)] = 100
    positive_weight: Annotated[float, Field(gt=0)] = 2.0
    place_weight: Annotated[float, Field(ge=0)] = 0.3
    favored: str = "written"
    first_share: Annotated[float, Field(ge=0, le=1)] = 0.15
    last_share: Annotated[float, Field(ge=0, le=1)] = 0.65
    kind_weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    hold_out: Annotated[float, Field(ge=0, lt=1)] = 0.15
    checkpoint_steps: Annotated[int, Field(ge=1)] = 100
    seed: int = 0


class TokenTable:
    """The token embeddings of many texts, float16 in a file of the run, and each token's id and place."""

    def __init__(self, texts: Sequence[str], encoder: Encoder, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "tokens.float16"
        self._rows: dict[str, tuple[int, int]] = {}
        facts, count = [], 0
        with path.open("wb") as file:
            for first in range(0, len(texts), 256):
                batch = texts[first : first + 256]
                for text, made in zip(batch, encoder.encode_each_tokens(batch), strict=True):
                    file.write(made.embeddings.astype(np.float16).tobytes())
                    facts.append((made.offsets, made.ids))
                    self._rows[text] = (count, len(made.ids))
                    count += len(made.ids)
        self._embeddings = np.memmap(path, dtype=np.float16, mode="r", shape=(count, encoder.dimension))
        self._offsets = np.concatenate([offsets for offsets, _ in facts])
        self._ids = np.concatenate([ids for _, ids in facts])

    def __getitem__(self, text: str) -> TokenEmbeddings:
        first, count = self._rows[text]
        rows = slice(first, first + count)
        embeddings = np.asarray(self._embeddings[rows], dtype=np.float32)
        return TokenEmbeddings(embeddings, self._offsets[rows], self._ids[rows])


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples as tensors: the three parts, whether each is answered (B,), and where (B, T)."""

    question: Tokens
    heading: Tokens
    text: Tokens
    is_answered: Tensor
    is_answer: Tensor


def make_batch(examples: Sequence[ReadingExample], table: TokenTable) -> Batch:
    """Pads examples to a batch."""
    parts = [[table[text] for text in column] for column in zip(*(_texts(e) for e in examples), strict=True)]
    question, heading, text = (_pad(part) for part in parts)
    is_answer = torch.zeros(text.ids.shape, dtype=torch.bool)
    for row, (example, tokens) in enumerate(zip(examples, parts[2], strict=True)):
        if example.span:
            inside = (tokens.offsets[:, 0] < example.span[1]) & (tokens.offsets[:, 1] > example.span[0])
            is_answer[row, : len(inside)] = torch.from_numpy(inside)
    answered = torch.tensor([float(example.span is not None) for example in examples])
    return Batch(question, heading, text, answered, is_answer)


def reading_loss(model: ReaderModel, batch: Batch, recipe: ReaderRecipe) -> Tensor:
    """`BCE(logit, is_answered) + place_weight · mean over answered of -log P(a token of the answer)`."""
    with autocast(torch.device("cpu"), "auto"):
        logit, scores = model(batch.question, batch.heading, batch.text)
    loss = F.binary_cross_entropy_with_logits(
        logit.float(), batch.is_answered, pos_weight=torch.tensor(recipe.positive_weight)
    )
    answered = (batch.is_answered > 0) & batch.is_answer.any(1)
    if answered.any():
        scores = scores.float()[answered].log_softmax(1)
        place = scores.masked_fill(~batch.is_answer[answered], -1e4).logsumexp(1)
        loss = loss - recipe.place_weight * place.mean()
    return loss


def train_reader(
    model: ReaderModel,
    examples: Sequence[ReadingExample],
    table: TokenTable,
    recipe: ReaderRecipe,
    folder: Path,
    *,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> None:
    """Trains a reader in place; a killed run is continued from its checkpoint in `folder`.

    Raises:
        AnotherRun: the folder holds a run of another recipe or other examples.
    """
    folder.mkdir(parents=True, exist_ok=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=0.05)
    run = digest_json([recipe.model_dump(), [[e.kind, e.question, e.text, e.span] for e in examples]])
    first = load_checkpoint(folder / CHECKPOINT, run, model, optimizer, torch.device("cpu")).step
    draws = _Draws(examples, recipe)
    for step in range(first, recipe.steps):
        torch.manual_seed(recipe.seed * 1_000_003 + step)  # the same dropout after a kill
        rate = recipe.learning_rate * warm_up_and_decay(step, recipe.warmup_steps, recipe.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        model.train()
        rows = sorted(draws.rows(step), key=lambda row: len(examples[row].text))
        halves = [rows[: len(rows) // 2], rows[len(rows) // 2 :]]  # like lengths together save padding
        loss = torch.zeros(())
        for half in halves:
            part = reading_loss(model, make_batch([examples[row] for row in half], table), recipe) / len(halves)
            part.backward()
            loss = loss + part.detach()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        on_step(step + 1, float(loss))
        if (step + 1) % recipe.checkpoint_steps == 0 or step + 1 == recipe.steps:
            save_checkpoint(folder / CHECKPOINT, run, Checkpoint(step + 1, {}), model, optimizer)
    model.eval()


class _Draws:
    """Which examples are drawn at which step."""

    def __init__(self, examples: Sequence[ReadingExample], recipe: ReaderRecipe) -> None:
        is_favored = np.array([example.kind.startswith(recipe.favored) for example in examples])
        weights = np.array([recipe.kind_weights.get(example.kind, 1.0) for example in examples])
        self._recipe = recipe
        self._parts = [(np.flatnonzero(part), _shares(weights[part])) for part in (is_favored, ~is_favored)]

    def rows(self, step: int) -> list[int]:
        recipe, generator = self._recipe, np.random.default_rng([self._recipe.seed, step])
        rising = min(1.0, 2 * step / recipe.steps)
        favored = round(recipe.batch_size * (recipe.first_share + rising * (recipe.last_share - recipe.first_share)))
        rows: list[int] = []
        for count, (part, shares) in zip((favored, recipe.batch_size - favored), self._parts, strict=True):
            if len(part):
                rows += generator.choice(part, count, p=shares).tolist()
        return rows


def _shares(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(weights / weights.sum(), dtype=np.float64) if len(weights) else weights


def _texts(example: ReadingExample) -> tuple[str, str, str]:
    return example.question, example.heading or "-", example.text


def _pad(parts: Sequence[TokenEmbeddings]) -> Tokens:
    longest = max(1, *(len(part.ids) for part in parts))
    dimension = parts[0].embeddings.shape[1]
    embeddings = np.zeros((len(parts), longest, dimension), dtype=np.float32)
    ids, is_own = np.zeros((len(parts), longest), dtype=np.int64), np.zeros((len(parts), longest), dtype=bool)
    for row, part in enumerate(parts):
        embeddings[row, : len(part.ids)], ids[row, : len(part.ids)] = part.embeddings, part.ids
        is_own[row, : max(1, len(part.ids))] = True
    return Tokens(torch.from_numpy(embeddings), torch.from_numpy(ids), torch.from_numpy(is_own))
