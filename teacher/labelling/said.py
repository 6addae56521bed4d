"""Answers of each encoder of a teacher about texts, kept on disk: said once, whatever becomes of the corpus.

They are kept in files of some thousand texts, each with a digest of the text and its role. So a killed labelling goes
on after its last whole file, texts that come or go, a larger share, other weights or dimensions encode nothing again,
and several processes that take texts in turn leave the same files as one.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from student.artifacts.digests import digest_bytes
from student.artifacts.durable import write_durably
from teacher.corpora.corpus import Example
from teacher.mixture.teacher import Voice
from teacher.roles import Role

CHUNK_ROWS = 2048
_BATCH_ROWS = 128
_KEY_BYTES = 16


def key_of(example: Example) -> bytes:
    """Names a text in its role."""
    return sha256(f"{example.role}\0{example.text}".encode()).digest()[:_KEY_BYTES]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Texts that an encoder is asked about together, and the folder of what it said."""

    voice: Voice
    examples: Sequence[Example]
    folder: Path

    def encode(self, on_rows: Callable[[int], None]) -> None:
        """Asks the encoder, texts of like length in a batch, and keeps what it says.

        Args:
            on_rows: called with the number of rows of each batch.
        """
        examples = self.examples
        said = np.zeros(len(examples), dtype=_record(self.voice))
        said["key"] = [np.frombuffer(key_of(example), dtype=np.uint8) for example in examples]
        for role in Role:
            rows = [row for row, example in enumerate(examples) if example.role == role]
            rows.sort(key=lambda row: len(examples[row].text))
            for first in range(0, len(rows), _BATCH_ROWS):
                batch = rows[first : first + _BATCH_ROWS]
                said["embedding"][batch] = self.voice.encoder.encode([examples[row].text for row in batch], role)
                on_rows(len(batch))
        content = io.BytesIO()
        np.save(content, said, allow_pickle=False)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_durably(self.folder / f"{digest_bytes(said['key'].tobytes())[:32]}.npy", content.getvalue())


class Said:
    """Everything that an encoder has said so far; embeddings are read when they are asked for.

    A file that a crash cut off counts as none.

    Args:
        voice: the encoder.
        folder: of what all encoders said.
    """

    def __init__(self, voice: Voice, folder: Path) -> None:
        self._voice, self._folder = voice, folder / voice.digest[:16]
        self._files = [file for path in sorted(self._folder.glob("*.npy")) if (file := self._open(path)) is not None]
        self._places = {
            key.tobytes(): (number, row)
            for number, file in enumerate(self._files)
            for row, key in enumerate(file["key"])
        }

    def missing(self, examples: Sequence[Example]) -> list[int]:
        """The numbers of the examples that it said nothing about."""
        return [number for number, example in enumerate(examples) if key_of(example) not in self._places]

    def chunks(self, examples: Sequence[Example]) -> list[Chunk]:
        """Examples to ask it about, in chunks."""
        return [
            Chunk(self._voice, examples[first : first + CHUNK_ROWS], self._folder)
            for first in range(0, len(examples), CHUNK_ROWS)
        ]

    def embeddings(self, examples: Sequence[Example]) -> NDArray[np.float16]:
        """Its embeddings of examples (n, d). Raises `KeyError` where it said nothing of one."""
        places = np.array([self._places[key_of(example)] for example in examples], dtype=np.int64).reshape(-1, 2)
        found = np.empty((len(examples), self._voice.encoder.facts.dimension), dtype=np.float16)
        for number, file in enumerate(self._files):
            rows = np.flatnonzero(places[:, 0] == number)
            found[rows] = file["embedding"][places[rows, 1]]
        return found

    def _open(self, path: Path) -> NDArray[Any] | None:
        try:
            kept: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return kept if kept.ndim == 1 and kept.dtype == _record(self._voice) else None


def _record(voice: Voice) -> np.dtype[Any]:
    return np.dtype([("key", np.uint8, (_KEY_BYTES,)), ("embedding", np.float16, (voice.encoder.facts.dimension,))])
