"""Batches of examples for a cross-encoder: which lists are drawn at a step, and how pairs of like length are padded.

What is drawn depends only on seed and step.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from student.distill.cross_encoder.examples import RankingExample, Told
from student.distill.cross_encoder.recipe import CrossEncoderRecipe
from student.runtime.cross_encoder import PairTokens

_SIDE_BY_SIDE = 24
"""Pairs of like length that are run together."""
_STEP_TOKENS = 16
"""Lengths are multiples of it: for each other shape, kernels are made again."""
_LATER = 0.25
"""Share of a run after which the second number of the recipe's lists counts."""


@dataclass(frozen=True, slots=True)
class DrawnList:
    """A question and texts, the first of which answers if `is_answered`; the others do not."""

    question: str
    texts: tuple[Told, ...]
    is_answered: bool


class ListDraws:
    """The lists that are drawn at each step."""

    def __init__(self, examples: Sequence[RankingExample], recipe: CrossEncoderRecipe) -> None:
        self._recipe = recipe
        self._by_kind = {
            kind: [example for example in examples if example.kind.startswith(kind)] for kind in recipe.lists
        }

    def lists(self, step: int) -> list[DrawnList]:
        """The lists of a step; a kind without examples has none."""
        recipe = self._recipe
        chance = random.Random(f"{recipe.seed} {step}")  # noqa: S311  (no secret)
        is_later = step >= _LATER * recipe.steps
        return [
            self._draw(chance.choice(self._by_kind[kind]), chance)
            for kind, counts in recipe.lists.items()
            if self._by_kind[kind]
            for _ in range(counts[is_later])
        ]

    def _draw(self, example: RankingExample, chance: random.Random) -> DrawnList:
        if not example.answers:
            return DrawnList(example.question, (chance.choice(example.others),), is_answered=False)
        others = chance.sample(example.others, min(self._recipe.texts - 1, len(example.others)))
        return DrawnList(example.question, (chance.choice(example.answers), *others), is_answered=True)


@dataclass(frozen=True, slots=True)
class PairBatch:
    """B pairs of like length: `places` are their numbers among all; ids, segments and mask are (B, T)."""

    places: list[int]
    input_ids: Tensor
    segment_ids: Tensor
    attention_mask: Tensor


def pair_batches(pairs: Sequence[tuple[str, Told]], tokens: PairTokens) -> Iterator[PairBatch]:
    """Questions with texts, padded to the longest of those that are run together."""
    encoded = [tokens.encode(question, *told) for question, told in pairs]
    order = sorted(range(len(encoded)), key=lambda n: len(encoded[n][0]))
    for first in range(0, len(order), _SIDE_BY_SIDE):
        places = order[first : first + _SIDE_BY_SIDE]
        longest = _round_up(max(len(encoded[place][0]) for place in places))
        input_ids, segment_ids, mask = (torch.zeros(len(places), longest, dtype=torch.long) for _ in range(3))
        for row, place in enumerate(places):
            ids, segments = encoded[place]
            input_ids[row, : len(ids)] = torch.tensor(ids)
            segment_ids[row, : len(ids)] = torch.tensor(segments)
            mask[row, : len(ids)] = 1
        yield PairBatch(places, input_ids, segment_ids, mask)


def _round_up(tokens: int) -> int:
    return -(-tokens // _STEP_TOKENS) * _STEP_TOKENS
