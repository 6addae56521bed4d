"""Answers of each encoder of a teacher about a corpus, kept in chunks on disk: said once, whatever becomes of it.

A chunk's file is named by a digest of its texts and roles, so a killed labelling goes on after its last whole chunk, a
larger share of the corpus goes on after a smaller one, and other weights or dimensions encode nothing again.
"""

import io
from collections.abc import Callable, Sequence
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


def what_is_said(
    voice: Voice, examples: Sequence[Example], folder: Path, *, on_rows: Callable[[int], None] = lambda rows: None
) -> tuple[NDArray[np.float16], int]:
    """The encoder's embeddings (N, d) of all examples, each in its role, and how many were encoded now.

    Args:
        voice: the encoder.
        examples: the corpus, in its order.
        folder: of the chunks of all encoders.
        on_rows: called with the number of rows that were just done, kept ones included.
    """
    own = folder / voice.digest[:16]
    own.mkdir(parents=True, exist_ok=True)
    parts, encoded = [], 0
    for first in range(0, len(examples), CHUNK_ROWS):
        chunk = examples[first : first + CHUNK_ROWS]
        path = own / f"{digest_json([[example.text, example.role] for example in chunk])[:32]}.npy"
        kept = _read(path, (len(chunk), voice.encoder.facts.dimension))
        if kept is None:
            kept = _encode(voice, chunk, on_rows)
            encoded += len(chunk)
            _write(path, kept)
        else:
            on_rows(len(chunk))
        parts.append(kept)
    return np.concatenate(parts), encoded


def _encode(voice: Voice, chunk: Sequence[Example], on_rows: Callable[[int], None]) -> NDArray[np.float16]:
    """Embeddings (n, d), neighbours of like length in a batch."""
    said = np.empty((len(chunk), voice.encoder.facts.dimension), dtype=np.float16)
    for role in Role:
        rows = [row for row, example in enumerate(chunk) if example.role == role]
        rows.sort(key=lambda row: len(chunk[row].text))
        for first in range(0, len(rows), _BATCH_ROWS):
            batch = rows[first : first + _BATCH_ROWS]
            said[batch] = voice.encoder.encode([chunk[row].text for row in batch], role)
            on_rows(len(batch))
    return said


def _read(path: Path, shape: tuple[int, int]) -> NDArray[np.float16] | None:
    """A chunk that is whole; None where there is none, or one that a crash cut off."""
    try:
        kept: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return kept if kept.shape == shape and kept.dtype == np.float16 else None


def _write(path: Path, rows: NDArray[np.float16]) -> None:
    content = io.BytesIO()
    np.save(content, rows, allow_pickle=False)
    write_durably(path, content.getvalue())
