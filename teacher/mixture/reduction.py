"""Several embeddings of a text as one: centered by role, weighted, side by side, reduced by a PCA.

The similarity of two texts is then the weighted mean of the similarities that the encoders see. The PCA (Pearson 1901)
is fitted on the texts themselves without a mean of its own, since what is kept are inner products. Where an encoder
says nothing of a text, ridge regression on the others' embeddings stands in for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from student.embeddings import Embeddings
from teacher.roles import Role

REDUCTION_FILE = "reduction.safetensors"
"""Where it stands, beside targets or in a teacher's folder."""
_RIDGE = 1e-2
_ROWS = 16_384

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Block:
    """The embeddings of one encoder for N texts.

    Attributes:
        embeddings: (N, d) of unit norm; rows of which it says nothing are not used.
        roles: int64 (N,), the number of the role in which each was encoded.
        is_said: bool (N,).
        weight: of its similarities.
        is_centered: the mean of each role is removed.
    """

    embeddings: NDArray[Any]
    roles: NDArray[np.int64]
    is_said: NDArray[np.bool_]
    weight: float
    is_centered: bool


@dataclass(frozen=True, slots=True)
class Reduction:
    """A fitted reduction.

    Attributes:
        means: of each block, (roles, d); zeros where it is not centered.
        maps: of each block, (sum of the others' d, d): what the others let expect of it; (0, d) where it spoke for
            every text that the reduction was fitted on.
        weights: of each block, their sum 1.
        matrix: (sum of d, D), orthonormal columns by falling energy.
    """

    means: list[Floats]
    maps: list[Floats]
    weights: list[float]
    matrix: Floats

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.matrix.shape[1])

    def apply(self, blocks: Sequence[Block], rows: slice) -> Embeddings:
        """Targets (n, D) of unit norm of some rows."""
        return _unit(self._beside(blocks, rows) @ self.matrix)

    def _beside(self, blocks: Sequence[Block], rows: slice) -> Floats:
        """(n, sum of d)."""
        parts = [_centered(block, mean, rows) for block, mean in zip(blocks, self.means, strict=True)]
        said = [block.is_said[rows] for block in blocks]
        filled = [np.where(is_said[:, None], part, 0) for part, is_said in zip(parts, said, strict=True)]
        for number, is_said in enumerate(said):
            if not is_said.all() and len(self.maps[number]):
                others = np.concatenate([part for other, part in enumerate(filled) if other != number], axis=1)
                filled[number][~is_said] = _unit(others[~is_said] @ self.maps[number])
        scaled = [part * np.sqrt(weight) for part, weight in zip(filled, self.weights, strict=True)]
        return np.concatenate(scaled, axis=1)

    def packed(self) -> bytes:
        """As safetensors."""
        tensors = {"matrix": self.matrix}
        tensors |= {f"mean.{number}": mean for number, mean in enumerate(self.means)}
        tensors |= {f"map.{number}": each for number, each in enumerate(self.maps)}
        return bytes(save({name: np.ascontiguousarray(value) for name, value in tensors.items()}))


def unpack_reduction(content: bytes, weights: Sequence[float]) -> Reduction:
    """A reduction as it was packed.

    Args:
        content: safetensors.
        weights: of each block; scaled to a sum of 1.

    Raises:
        ValueError: the content is no reduction of so many blocks.
    """
    try:
        tensors = load(content)
        numbers = range(len(weights))
        means, maps = ([tensors[f"{kind}.{number}"] for number in numbers] for kind in ("mean", "map"))
        matrix = tensors["matrix"]
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"no reduction of {len(weights)} encoders") from error
    widths = [mean.shape[-1] for mean in means]
    whole = sum(widths)
    expected = [(*((len(Role), width),), (whole - width, width)) for width in widths]
    fits = [
        mean.shape == of_mean and each.shape in (of_map, (0, of_map[1]))
        for mean, each, (of_mean, of_map) in zip(means, maps, expected, strict=True)
    ]
    if len(tensors) != 2 * len(weights) + 1 or not all(fits) or matrix.ndim != 2 or matrix.shape[0] != whole:
        raise ValueError(f"no reduction of {len(weights)} encoders: its tensors do not fit each other")
    total = sum(weights)
    return Reduction(means, maps, [weight / total for weight in weights], matrix)


def fit_reduction(blocks: Sequence[Block], dimension: int) -> Reduction:
    """Fits means, maps and the PCA on all rows.

    Raises:
        ValueError: there are fewer numbers than the dimension asked for.
    """
    width = sum(block.embeddings.shape[1] for block in blocks)
    if dimension > width:
        raise ValueError(f"{width} numbers cannot be reduced to {dimension}")
    means = [_means(block) for block in blocks]
    weights = [block.weight / sum(block.weight for block in blocks) for block in blocks]
    maps = [_fit_map(number, blocks, means) for number in range(len(blocks))]
    whole = Reduction(means, maps, weights, np.eye(width, dtype=np.float32))
    moment = np.zeros((width, width), dtype=np.float64)
    for rows in _slices(len(blocks[0].embeddings)):
        part = whole.apply(blocks, rows)
        moment += part.T @ part
    energy, directions = np.linalg.eigh(moment)
    order = np.argsort(energy)[::-1][:dimension]
    columns = directions[:, order]
    columns *= np.where(columns[np.abs(columns).argmax(axis=0), np.arange(dimension)] < 0, -1, 1)  # signs are arbitrary
    return Reduction(means, maps, weights, columns.astype(np.float32))


def _means(block: Block) -> Floats:
    """By role; a role that no text stands in has the mean of all, for texts to come."""
    means = np.zeros((len(Role), block.embeddings.shape[1]), dtype=np.float32)
    if block.is_centered:
        for role in range(len(means)):
            chosen = block.is_said & (block.roles == role)
            rows = chosen if chosen.any() else block.is_said
            means[role] = block.embeddings[rows].mean(axis=0, dtype=np.float64)
    return means


def _fit_map(number: int, blocks: Sequence[Block], means: Sequence[Floats]) -> Floats:
    """Ridge regression of one block on the others, on rows of which all speak; empty where it always speaks."""
    mine = blocks[number]
    if mine.is_said.all() or len(blocks) == 1:
        return np.zeros((0, mine.embeddings.shape[1]), dtype=np.float32)
    others = [other for other in range(len(blocks)) if other != number]
    width = sum(blocks[other].embeddings.shape[1] for other in others)
    moment = np.zeros((width, width))
    cross = np.zeros((width, mine.embeddings.shape[1]))
    all_said = np.logical_and.reduce([block.is_said for block in blocks])
    for rows in _slices(len(all_said)):
        said = all_said[rows]
        inputs = np.concatenate([_centered(blocks[other], means[other], rows)[said] for other in others], axis=1)
        moment += inputs.T @ inputs
        cross += inputs.T @ _centered(mine, means[number], rows)[said]
    solved: Floats = np.linalg.solve(moment + _RIDGE * np.trace(moment) / width * np.eye(width), cross).astype(
        np.float32
    )
    return solved


def _centered(block: Block, means: Floats, rows: slice) -> Floats:
    embeddings = block.embeddings[rows].astype(np.float32)
    return _unit(embeddings - means[block.roles[rows]]) if block.is_centered else embeddings


def _unit(rows: Floats) -> Floats:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = (rows / np.maximum(norms, 1e-9)).astype(np.float32)
    return unit


def _slices(count: int) -> list[slice]:
    return [slice(first, min(first + _ROWS, count)) for first in range(0, count, _ROWS)]
