"""Answers of each encoder of a teacher about a corpus, kept in chunks on disk: said once, whatever becomes of it.

A chunk's file is named by a digest of its texts and roles, so a killed labelling goes on after its last whole chunk, a
larger share of the corpus goes on after a smaller one, other weights or dimensions encode nothing again, and several
processes that take chunks in turn leave the same files as one.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from student.artifacts.digests import digest_json
from student.artifacts.durable import write_durably
from teacher.corpora.corpus import Example
from teacher.mixture.teacher import Voice
from teacher.roles import Role

CHUNK_ROWS = 2048
_BATCH_ROWS = 128


@dataclass(frozen=True, slots=True)
class Chunk:
    """Examples that an encoder is asked about together, and the file that its embeddings (n, d) are kept in."""

    voice: Voice
    examples: Sequence[Example]
    path: Path

    def kept(self) -> NDArray[np.float16] | None:
        """The embeddings where they are whole, not read until they are used; None where there are none.

        A file that a crash cut off counts as none.
        """
        try:
            kept: NDArray[Any] = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        shape = (len(self.examples), self.voice.encoder.facts.dimension)
        return kept if kept.shape == shape and kept.dtype == np.float16 else None

    def encode(self, on_rows: Callable[[int], None]) -> None:
        """Asks the encoder, texts of like length in a batch, and keeps what it says.

        Args:
            on_rows: called with the number of rows of each batch.
        """
        examples = self.examples
        said = np.empty((len(examples), self.voice.encoder.facts.dimension), dtype=np.float16)
        for role in Role:
            rows = [row for row, example in enumerate(examples) if example.role == role]
            rows.sort(key=lambda row: len(examples[row].text))
            for first in range(0, len(rows), _BATCH_ROWS):
                batch = rows[first : first + _BATCH_ROWS]
                said[batch] = self.voice.encoder.encode([examples[row].text for row in batch], role)
                on_rows(len(batch))
        content = io.BytesIO()
        np.save(content, said, allow_pickle=False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(self.path, content.getvalue())


def chunks_of(voice: Voice, examples: Sequence[Example], folder: Path) -> list[Chunk]:
    """The chunks of an encoder for a corpus, in its order.

    Args:
        voice: the encoder.
        examples: the corpus.
        folder: of the chunks of all encoders.
    """
    own, chunks = folder / voice.digest[:16], []
    for first in range(0, len(examples), CHUNK_ROWS):
        part = examples[first : first + CHUNK_ROWS]
        name = digest_json([[example.text, example.role] for example in part])[:32]
        chunks.append(Chunk(voice, part, own / f"{name}.npy"))
    return chunks
