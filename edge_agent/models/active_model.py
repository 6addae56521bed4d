"""What answers: a bundle, the index of its embedding space, and the questions asked of both; replaced as a whole."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from edge_agent.answering.caches import Revision
from edge_agent.answering.pipeline import Questions
from edge_agent.answering.results import BundleIdentity
from edge_agent.ingest.passage_encoding import encode_passages
from edge_agent.retrieval.index import GrowingIndex
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import Store
from edge_agent.text import split_sentences
from student.embeddings import Embeddings
from student.runtime.student import Student


@dataclass(frozen=True, slots=True)
class Serving:
    """One bundle at work. Whoever reads it once has a student, an index and questions of the same embedding space."""

    student: Student
    bundle: BundleIdentity
    index: GrowingIndex
    questions: Questions

    @classmethod
    def open(cls, settings: AgentSettings, store: Store, student: Student, revision: Revision) -> Self:
        """Brings the embeddings that the store has in a student's space into memory. Raises `StoreDamaged`."""
        manifest, encoder = student.bundle.manifest, student.encoder
        index = GrowingIndex(
            encoder.dimension,
            exact_below=settings.exact_below,
            threads=encoder.workers,
            snapshots=(snapshots_of(settings.store, manifest.embedding_space), manifest.embedding_space),
            questions_about=_questions_about(store, student),
        )
        index.fill(*store.embeddings.all(manifest.embedding_space, encoder.dimension))
        bundle = BundleIdentity(manifest.name, manifest.serial, student.bundle.digest)
        return cls(student, bundle, index, Questions(settings, store, student, index, bundle=bundle, revision=revision))

    @property
    def space(self) -> str:
        """The embedding space."""
        return self.student.bundle.manifest.embedding_space

    def close(self) -> None:
        """Ends threads; keeps the index's graph."""
        self.index.close()
        self.student.close()


def snapshots_of(store: Path, space: str) -> Path:
    """The folder of the index's snapshots in a space."""
    return store / "index" / space[:16]


def forget_snapshots(store: Path, *, but: str) -> None:
    """Removes the snapshots of all spaces but one."""
    kept = snapshots_of(store, but)
    for folder in kept.parent.glob("*"):
        if folder != kept:
            shutil.rmtree(folder, ignore_errors=True)


def embed_missing(
    store: Store, student: Student, *, on_done: Callable[[int], None], should_stop: Callable[[], bool], batch: int = 64
) -> None:
    """Gives every passage that has none an embedding in a student's space, a few at a time; a kill loses only those.

    Args:
        store: read and written while others read and write it.
        student: that encodes.
        on_done: told how many passages have been done.
        should_stop: asked after every batch.
        batch: passages in a transaction.
    """
    space = student.bundle.manifest.embedding_space
    done = after = 0
    while not should_stop() and (missing := store.embeddings.missing(space, after=after, limit=batch)):
        passages = store.passages(missing)  # without those deleted just now
        embeddings, sentences = encode_passages(student.encoder, [(p.title, p.heading, p.text) for p in passages])
        store.embeddings.put([p.passage_id for p in passages], embeddings, sentences, space)
        after = missing[-1]
        done += len(passages)
        on_done(done)


def _questions_about(store: Store, student: Student) -> Callable[[Sequence[int]], Embeddings]:
    """Stands for questions, which may not be kept: first sentences of passages are as short, and as near to them."""

    def encode(passage_ids: Sequence[int]) -> Embeddings:
        texts = []
        for passage in store.passages(passage_ids):
            start, end = next(iter(split_sentences(passage.text)), (0, len(passage.text)))
            texts.append(passage.text[start:end])
        return student.encoder.encode(texts) if texts else np.empty((0, student.encoder.dimension), dtype=np.float32)

    return encode
