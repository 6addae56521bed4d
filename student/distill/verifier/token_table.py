"""Token embeddings of a run's texts, made once by the bundle's own encoder and kept in a file of the run."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from student.embeddings import TokenEmbeddings
from student.runtime.encoder import Encoder


class TokenTable:
    """The token embeddings of many texts, float16 in a file of the run, and each token's id and offsets.

    Args:
        texts: encoded once.
        encoder: the bundle's.
        folder: of the run.
        on_texts: called with the number of texts done and of all.
    """

    def __init__(
        self,
        texts: Sequence[str],
        encoder: Encoder,
        folder: Path,
        on_texts: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
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
                on_texts(first + len(batch), len(texts))
        self._embeddings = np.memmap(path, dtype=np.float16, mode="r", shape=(count, encoder.dimension))
        self._offsets = np.concatenate([offsets for offsets, _ in facts])
        self._ids = np.concatenate([ids for _, ids in facts])

    def __getitem__(self, text: str) -> TokenEmbeddings:
        first, count = self._rows[text]
        rows = slice(first, first + count)
        embeddings = np.asarray(self._embeddings[rows], dtype=np.float32)
        return TokenEmbeddings(embeddings, self._offsets[rows], self._ids[rows])
