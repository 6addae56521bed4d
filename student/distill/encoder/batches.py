"""The rows of each step: texts by weight, questions beside what answers them, and how long a text counts."""

import unicodedata
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from student.distill.encoder.recipe import EncoderTraining
from student.distill.targets import Links, Targets

_CARELESS_CHARS = 80


class Batches:
    """The rows of each step, drawn by seed and step alone.

    A batch holds P questions, P texts that answer them, and single texts. Half of its questions are of one area or of
    neighbouring ones, so that the answers of one are near misses of the others.
    """

    def __init__(self, targets: Targets, training: EncoderTraining) -> None:
        weights = {mix: training.mix_weights.get(mix, 1.0) for mix in set(targets.mixes)}
        self._weights = np.array([weights[mix] for mix in targets.mixes])
        self._links, self._seed = targets.links, training.seed
        self.answers = int(training.batch_size * training.answer_share / 2) if len(targets.links.answers) else 0
        self._singles = training.batch_size - 2 * self.answers
        self._answering: dict[int, set[int]] = {}
        for asked, answering in targets.links.answers.tolist():
            self._answering.setdefault(asked, set()).add(answering)
        self._texts = _Epochs(self._draw_texts)
        self._pairs = _Epochs(self._draw_pairs)

    def rows(self, step: int) -> NDArray[np.int64]:
        """The rows (B,) of a step: P of questions, P of what answers them, then the rest."""
        singles = self._texts.part(step, self._singles)
        if not self.answers:
            return singles
        chosen = self._links.answers[self._pairs.part(step, self.answers)]
        return np.concatenate([chosen[:, 0], chosen[:, 1], singles])

    def are_linked(self, asked: NDArray[np.int64], answering: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(P, P), true where the text of a row answers what another row asks."""
        linked = [[int(row) in self._answering.get(int(one), ()) for row in answering] for one in asked]
        return np.array(linked, dtype=bool)

    def _draw_texts(self, epoch: int) -> NDArray[np.int64]:
        generator = np.random.default_rng([self._seed, epoch])
        whole = np.floor(self._weights).astype(np.int64)
        counts = whole + (generator.random(len(whole)) < self._weights - whole)
        return generator.permutation(np.repeat(np.arange(len(counts)), counts))

    def _draw_pairs(self, epoch: int) -> NDArray[np.int64]:
        return _near_misses_together(self._links, self.answers, np.random.default_rng([self._seed, epoch, 1]))


class _Epochs:
    """One endless sequence of rows, drawn epoch by epoch, of which a step takes a part."""

    def __init__(self, draw: Callable[[int], NDArray[np.int64]]) -> None:
        self._draw = draw
        self._ends: list[int] = []
        self._kept: dict[int, NDArray[np.int64]] = {}

    def part(self, step: int, size: int) -> NDArray[np.int64]:
        """The rows from `step * size` on."""
        taken, position, missing = [], step * size, size
        while missing:
            epoch = self._epoch_of(position)
            start = self._ends[epoch - 1] if epoch else 0
            rows = self._kept[epoch][position - start : position - start + missing]
            taken.append(rows)
            position, missing = position + len(rows), missing - len(rows)
        return np.concatenate(taken) if taken else np.empty(0, dtype=np.int64)

    def _epoch_of(self, position: int) -> int:
        while not self._ends or self._ends[-1] <= position:
            epoch = len(self._ends)
            self._kept = {key: rows for key, rows in self._kept.items() if key == epoch - 1} | {
                epoch: self._draw(epoch)
            }
            self._ends.append((self._ends[-1] if self._ends else 0) + len(self._kept[epoch]))
        return next(epoch for epoch, end in enumerate(self._ends) if position < end)


def _near_misses_together(links: Links, size: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """The links in random order, every other run of half a batch of one area or of neighbours."""
    order = generator.permutation(len(links.answers))
    half = max(1, size // 2)
    together, apart = order[: len(order) // 2], order[len(order) // 2 :]
    areas = np.array(links.areas, dtype=object)[together].astype(str)
    together = together[np.argsort(areas, kind="stable")]
    runs = [together[first : first + half] for first in range(0, len(together) - half + 1, half)]
    runs = [runs[i] for i in generator.permutation(len(runs))]
    others = [apart[first : first + size - half] for first in range(0, len(apart) - (size - half) + 1, size - half)]
    mixed = [part for pair in zip(runs, others, strict=False) for part in pair]
    return np.concatenate(mixed) if mixed else order


def split_by_length(lengths: NDArray[np.int64], tokens: int) -> list[NDArray[np.int64]]:
    """Numbers of texts in parts of like length, each of about so many tokens with its padding."""
    parts: list[NDArray[np.int64]] = []
    part: list[np.int64] = []
    for number in np.argsort(lengths, kind="stable"):
        if part and lengths[number] * (len(part) + 1) > tokens:
            parts.append(np.array(part))
            part = []
        part.append(number)
    return [*parts, np.array(part)]


def tokenize(tokenizer: Tokenizer, texts: list[str], max_tokens: int) -> list[NDArray[np.int32]]:
    """The token ids of texts, cut to a window."""
    cutting = Tokenizer.from_str(tokenizer.to_str())
    cutting.enable_truncation(max_tokens)
    cutting.no_padding()
    tokens = []
    for first in range(0, len(texts), 10_000):
        encodings = cutting.encode_batch(texts[first : first + 10_000])
        tokens += [np.array(encoding.ids, dtype=np.int32) for encoding in encodings]
    return tokens


def typed_carelessly(text: str) -> str | None:
    """A short text as people type it in a hurry, in lower case and without accents; None where nothing changes."""
    if len(text) > _CARELESS_CHARS:
        return None
    letters = unicodedata.normalize("NFD", text.lower())
    careless = (
        "".join(letter for letter in letters if not unicodedata.combining(letter)).replace("¿", "").replace("¡", "")
    )
    return careless if careless != text and careless.strip() else None
