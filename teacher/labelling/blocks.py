"""Which text each encoder is asked about for each row of a corpus, and what it says: the blocks of a reduction."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from teacher.corpora.corpus import Corpus
from teacher.labelling.said import what_is_said
from teacher.mixture.reduction import Block
from teacher.mixture.teacher import Voice
from teacher.roles import Role


def keep_spoken_for(corpus: Corpus, voices: list[Voice]) -> Corpus:
    """The corpus without texts of which no encoder may say anything."""
    spoken_for = np.logical_or.reduce([_asked_about(voice, corpus) >= 0 for voice in voices])
    if spoken_for.all():
        return corpus
    rows = np.flatnonzero(spoken_for)
    return Corpus([corpus.examples[row] for row in rows], corpus.links.among(rows, len(corpus.examples)))


def encode_blocks(
    voices: list[Voice], corpus: Corpus, folder: Path, on_rows: Callable[[int, int], None]
) -> tuple[list[Block], int]:
    """The block of each encoder, and how many texts were encoded now; a text is encoded in its own role.

    Args:
        voices: the encoders.
        corpus: of which each text is spoken for by at least one.
        folder: of what is said (`said.py`).
        on_rows: called with the numbers of texts done and of all, summed over the encoders.
    """
    asked = [_asked_about(voice, corpus) for voice in voices]
    needed = [np.unique(rows[rows >= 0]) for rows in asked]
    total, done, encoded = sum(len(rows) for rows in needed), 0, 0

    def report(rows: int) -> None:
        nonlocal done
        done += rows
        on_rows(done, total)

    roles = np.array([list(Role).index(example.role) for example in corpus.examples], dtype=np.int64)
    blocks = []
    for voice, rows, by in zip(voices, needed, asked, strict=True):
        said, now = what_is_said(voice, [corpus.examples[row] for row in rows], folder, on_rows=report)
        encoded += now
        place = np.searchsorted(rows, np.maximum(by, rows[0]))
        is_said = by >= 0
        blocks.append(
            Block(said[place], roles[rows[place]], is_said, voice.settings.weight, voice.settings.is_centered)
        )
    return blocks, encoded


def _asked_about(voice: Voice, corpus: Corpus) -> NDArray[np.int64]:
    """(N,): the row whose text the encoder is asked about: its own, its translation where it cannot read it, or -1."""
    reads = np.array([voice.settings.reads(example.language) for example in corpus.examples], dtype=bool)
    by = np.where(reads, np.arange(len(reads)), -1)
    for one, other in ((0, 1), (1, 0)):
        mine, theirs = corpus.links.translations[:, one], corpus.links.translations[:, other]
        chosen = ~reads[mine] & reads[theirs]
        by[mine[chosen]] = theirs[chosen]
    return by.astype(np.int64)
