"""Embeddings as values, which an encoder gives and everything else computes with. Types alone: loads no onnxruntime."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.float32]
"""Unit-norm float32: (D,) for one text, (N, D) for several."""

Encode = Callable[[list[str]], Embeddings]
"""Texts → embeddings (N, D): an encoder at work, whichever it is."""


@dataclass(frozen=True, slots=True)
class TokenEmbeddings:
    """One text, token by token, special tokens left out.

    Attributes:
        embeddings: float32 (T, D), as the last layer gives them (not unit norm).
        offsets: int (T, 2), where each token starts and ends in the text, in code points.
        ids: int (T,), which pieces of the vocabulary they are.
    """

    embeddings: NDArray[np.float32]
    offsets: NDArray[np.int64]
    ids: NDArray[np.int64]
