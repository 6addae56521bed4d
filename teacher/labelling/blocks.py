"""Which text each encoder is asked about for each row of a corpus, and what it says: the blocks of a reduction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from student.distill.training.processes import Processes
from teacher.corpora.corpus import Corpus, Example
from teacher.errors import LabelsDiffer
from teacher.labelling.said import Said
from teacher.mixture.reduction import Block
from teacher.mixture.teacher import Voice, merge_stand_ins
from teacher.roles import Role


def keep_spoken_for(corpus: Corpus, voices: list[Voice]) -> Corpus:
    """The corpus without texts of which no encoder may say anything."""
    spoken_for = np.logical_or.reduce([_asked_about(voice, corpus) >= 0 for voice in voices])
    if spoken_for.all():
        return corpus
    rows = np.flatnonzero(spoken_for)
    return Corpus([corpus.examples[row] for row in rows], corpus.links.among(rows, len(corpus.examples)))


@dataclass(frozen=True, slots=True)
class LabellingProgress:
    """A running labelling, in texts summed over the encoders: done, of how many, and kept from earlier runs."""

    done: int
    total: int
    kept: int


OnRows = Callable[[LabellingProgress], None]


def encode_blocks(
    voices: list[Voice], corpus: Corpus, folder: Path, on_rows: OnRows, processes: Processes
) -> tuple[list[Block], int]:
    """The blocks of a reduction, and how many texts were encoded now; a text is encoded in its own role.

    Args:
        voices: the encoders.
        corpus: of which each text is spoken for by at least one.
        folder: of what was said (`said.py`).
        on_rows: called after every batch of this process, once before the first; texts that others encode at the same
            time are counted as if they were as far.
        processes: take the missing chunks in turn. All but the main one get no blocks.
    """
    asked = _asked_about_by_all(voices, corpus)
    needed = [np.unique(rows[rows >= 0]) for rows in asked]
    examples = [[corpus.examples[row] for row in rows] for rows in needed]
    encoded = _encode_missing(voices, examples, folder, on_rows, processes)
    if not processes.is_main:
        return [], encoded
    roles = np.array([list(Role).index(example.role) for example in corpus.examples], dtype=np.int64)
    blocks = []
    for voice, rows, by, own in zip(voices, needed, asked, examples, strict=True):
        is_said = by >= 0
        embeddings = np.zeros((len(by), voice.encoder.facts.dimension), dtype=np.float16)
        embeddings[is_said] = _read(voice, own, folder)[np.searchsorted(rows, by[is_said])]
        in_roles = np.where(is_said, roles[by], 0)
        blocks.append(Block(embeddings, in_roles, is_said, voice.settings.weight, voice.settings.is_centered))
    return merge_stand_ins(voices, blocks), encoded


def _encode_missing(
    voices: Sequence[Voice],
    examples: Sequence[Sequence[Example]],
    folder: Path,
    on_rows: OnRows,
    processes: Processes,
) -> int:
    """Encodes what each encoder said nothing about yet, this process its part; returns how many texts in all."""
    said = [Said(voice, folder) for voice in voices]
    missing = processes.from_main([own.missing(some) for own, some in zip(said, examples, strict=True)])
    chunks = [
        chunk
        for own, some, rows in zip(said, examples, missing, strict=True)
        for chunk in own.chunks([some[row] for row in rows])
    ]
    total, now = sum(map(len, examples)), sum(map(len, missing))
    mine, encoded = [chunks[i] for i in processes.own(len(chunks))], 0
    of_mine = sum(len(chunk.examples) for chunk in mine)

    def report(rows: int) -> None:
        nonlocal encoded
        encoded += rows
        done = now * encoded // of_mine if of_mine else now
        on_rows(LabellingProgress(total - now + done, total, total - now))

    report(0)
    for chunk in mine:
        chunk.encode(report)
    processes.wait()
    return now


def _read(voice: Voice, examples: Sequence[Example], folder: Path) -> NDArray[np.float16]:
    try:
        return Said(voice, folder).embeddings(examples)
    except KeyError as error:
        raise LabelsDiffer(
            f"a part of {folder} was lost while labelling; do all processes see one folder? Run label again"
        ) from error


def _asked_about_by_all(voices: Sequence[Voice], corpus: Corpus) -> list[NDArray[np.int64]]:
    """See `_asked_about`, of each encoder; a stand-in is asked only where the encoder that it stands in for is not."""
    asked = {voice.settings.name: _asked_about(voice, corpus) for voice in voices}
    return [
        asked[own.name] if own.stands_in_for is None else np.where(asked[own.stands_in_for] < 0, asked[own.name], -1)
        for own in (voice.settings for voice in voices)
    ]


def _asked_about(voice: Voice, corpus: Corpus) -> NDArray[np.int64]:
    """(N,): the row whose text the encoder is asked about: its own, its translation where it cannot read it, or -1."""
    reads = np.array([voice.settings.reads(example.language) for example in corpus.examples], dtype=bool)
    by = np.where(reads, np.arange(len(reads)), -1)
    for one, other in ((0, 1), (1, 0)):
        mine, theirs = corpus.links.translations[:, one], corpus.links.translations[:, other]
        chosen = ~reads[mine] & reads[theirs]
        by[mine[chosen]] = theirs[chosen]
    return by.astype(np.int64)
