"""The active model: a bundle at work, an intent head and the index of its embedding space, replaced as a whole."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edge_agent.models.identity import BundleIdentity
from edge_agent.models.intent_head import HeadAtWork
from edge_agent.retrieval.index import PassageIndex
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import Store
from edge_agent.storage.embeddings import load_embeddings
from edge_agent.text import split_sentences
from student.embeddings import Embeddings
from student.runtime.student import Student
from student.runtime.work_queue import Priority


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """One bundle at work. Whoever reads it once has a student, a head and an index of the same embedding space."""

    student: Student
    bundle: BundleIdentity
    index: PassageIndex
    head: HeadAtWork | None

    @classmethod
    def open(cls, settings: AgentSettings, store: Store, student: Student, head: HeadAtWork | None) -> Self:
        """Loads the embeddings that the store has in a student's space into memory. Raises `StoreDamaged`."""
        manifest, encoder = student.bundle.manifest, student.encoder
        space = manifest.embedding_space
        index = PassageIndex(
            encoder.dimension,
            exact_below=settings.exact_below,
            threads=encoder.workers,
            graph_folder=(graph_folder(settings.store, space), space),
            sample_queries=_first_sentences(store, student),
        )
        with store.snapshots.open() as snapshot:
            index.load(snapshot.changes, *load_embeddings(snapshot, space, encoder.dimension))
        return cls(student, BundleIdentity(manifest.name, manifest.serial, student.bundle.digest), index, head)

    @property
    def space(self) -> str:
        """The embedding space."""
        return self.student.bundle.manifest.embedding_space

    def close(self) -> None:
        """Ends threads; saves the index's graph."""
        self.index.close()
        self.student.close()


def graph_folder(store: Path, space: str) -> Path:
    """The folder of a space's saved graph."""
    return store / "index" / space[:16]


def delete_other_graphs(store: Path, *, space: str) -> None:
    """Deletes the saved graphs of all spaces but one."""
    kept = graph_folder(store, space)
    for folder in kept.parent.glob("*"):
        if folder != kept:
            shutil.rmtree(folder, ignore_errors=True)


def _first_sentences(store: Store, student: Student) -> Callable[[Sequence[int]], Embeddings]:
    """Stand-ins for questions, which may not be kept: first sentences of passages are as short, and as near to them."""

    def encode(passage_ids: Sequence[int]) -> Embeddings:
        texts = []
        for passage in store.snapshots.read(lambda snapshot: snapshot.passages(passage_ids)):
            start, end = next(iter(split_sentences(passage.text)), (0, len(passage.text)))
            texts.append(passage.text[start:end])
        return student.encoder.encode(texts, priority=Priority.INGEST)

    return encode
