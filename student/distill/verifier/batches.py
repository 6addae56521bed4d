"""Batches of examples for a verifier: which are drawn at a step, and how they are padded.

What is drawn depends only on seed and step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from student.distill.verifier.examples import VerifierExample
from student.distill.verifier.model import Tokens
from student.distill.verifier.recipe import VerifierRecipe
from student.distill.verifier.token_table import TokenTable
from student.embeddings import TokenEmbeddings


@dataclass(frozen=True, slots=True)
class Batch:
    """B examples as tensors: the three parts, whether each is answered (B,), and where (B, T)."""

    question: Tokens
    heading: Tokens
    text: Tokens
    is_answered: Tensor
    is_answer: Tensor


def make_batch(examples: Sequence[VerifierExample], table: TokenTable) -> Batch:
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


class ExampleDraws:
    """The examples that are drawn at each step."""

    def __init__(self, examples: Sequence[VerifierExample], recipe: VerifierRecipe) -> None:
        is_favored = np.array([example.kind.startswith(recipe.favored) for example in examples])
        weights = np.array([recipe.kind_weights.get(example.kind, 1.0) for example in examples])
        self._recipe = recipe
        self._parts = [(np.flatnonzero(part), _shares(weights[part])) for part in (is_favored, ~is_favored)]

    def rows(self, step: int) -> list[int]:
        """The examples of a step, by number."""
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


def _texts(example: VerifierExample) -> tuple[str, str, str]:
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
