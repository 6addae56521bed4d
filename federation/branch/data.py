"""A branch's own data for training: feedback and passages from its agent's store, tickets from files, all encoded once.

The store is read through `edge_agent.storage.training_data`, read-only and while the agent runs. Its failures come out
as `ExamplesInvalid`, without text of what is stored.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_agent.errors import AgentError
from edge_agent.storage.training_data import (
    EmbeddingCache,
    StaffFeedback,
    read_passage_embeddings,
    read_staff_feedback,
)
from federation.branch.settings import BranchSettings
from federation.errors import ExamplesInvalid, NothingToTrain
from federation.learning.examples import NO_CUSTOMER, FoundDocument, LabelledText, Passages, read_tickets
from student.bundle.folder import Bundle, open_bundle
from student.embeddings import Embeddings


@dataclass(frozen=True, slots=True)
class OwnData:
    """The data of a branch, as parts ask for it (`federation.learning.part.BranchData`).

    Attributes:
        bundle: that the branch serves.
        store: the edge agent's folder; None where only files of tickets are used.
        ticket_files: `.csv` or `.jsonl`.
        cache: encodes texts.
    """

    bundle: Bundle
    store: Path | None
    ticket_files: tuple[Path, ...]
    cache: EmbeddingCache

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embeddings (N, D) of N texts; each text is encoded once in the life of a bundle."""
        with _translated():
            return self.cache(texts)

    def confirmed_intents(self) -> list[LabelledText]:
        """Messages whose right intent staff named, oldest first."""
        return read_confirmed_intents(self.store) if self.store else []

    def found_documents(self) -> list[FoundDocument]:
        """Questions whose right document staff named, oldest first."""
        return read_found_documents(self.store) if self.store else []

    def tickets(self, *, label: str) -> list[LabelledText]:
        """Labelled tickets from the branch's files; `label` names the column that is the label."""
        return [row for path in self.ticket_files for row in read_tickets(path, label=label)]

    def passages(self) -> Passages:
        """The passages of the branch's own documents.

        Raises:
            NothingToTrain: the branch names no store.
        """
        if self.store is None:
            raise NothingToTrain("this branch names no store, so it has no documents to train with; it takes no part")
        manifest = self.bundle.manifest
        with _translated(self.store):
            read = read_passage_embeddings(self.store, manifest.embedding_space, dimension=manifest.encoder.dimension)
        return Passages(read.document_ids, read.embeddings)


@contextmanager
def open_data(settings: BranchSettings) -> Iterator[OwnData]:
    """The branch's own data, with its cache open until the block ends; only what is new is encoded.

    Raises:
        ExamplesInvalid: the cache cannot be used. BundleError: the bundle cannot.
    """
    bundle = open_bundle(settings.bundle)

    def encode(texts: Sequence[str]) -> Embeddings:
        # Imported and loaded only where a text is new: the encoder takes most of a round, and of the memory.
        from student.runtime.encoder import Encoder  # noqa: PLC0415

        encoder = Encoder.from_bundle(bundle, workers=1)
        try:
            return encoder.encode(texts)
        finally:
            encoder.close()

    with _translated():
        cache = EmbeddingCache(settings.cache, encode, bundle.digest, dimension=bundle.manifest.encoder.dimension)
    try:
        yield OwnData(bundle, settings.store, settings.tickets, cache)
    finally:
        cache.close()


def encode_all(settings: BranchSettings) -> int:
    """Encodes every text that a branch may train with, so that its first round finds them in the cache, and no other.

    Returns:
        How many of them are labelled with an intent.

    Raises:
        ExamplesInvalid: the store or a file of tickets cannot be read. BundleError: the bundle cannot.
    """
    with open_data(settings) as data:
        labelled = [*data.confirmed_intents(), *data.tickets(label="intent")]
        texts = [*(row.text for row in labelled), *(row.text for row in data.found_documents())]
        data.encode(texts)
        with _translated():
            data.cache.keep_only(texts)
    return len(labelled)


def read_confirmed_intents(store: Path) -> list[LabelledText]:
    """Messages whose right intent staff named, oldest first.

    Raises:
        ExamplesInvalid: there is no store of this version.
    """
    rows = _read_feedback(store)
    return [LabelledText(row.text, row.intent, row.customer or NO_CUSTOMER) for row in rows if row.intent]


def read_found_documents(store: Path) -> list[FoundDocument]:
    """Questions whose right document staff named, oldest first.

    Raises:
        ExamplesInvalid: there is no store of this version.
    """
    rows = _read_feedback(store)
    return [FoundDocument(row.text, row.document_id, row.customer or NO_CUSTOMER) for row in rows if row.document_id]


def _read_feedback(store: Path) -> list[StaffFeedback]:
    with _translated(store):
        return read_staff_feedback(store)


@contextmanager
def _translated(store: Path | None = None) -> Iterator[None]:
    """Translates the storage's refusals into ours; of a store, with the option that names its folder."""
    try:
        yield
    except AgentError as error:
        if store is None:
            raise ExamplesInvalid(str(error)) from error
        raise ExamplesInvalid(
            f"{store} cannot be read as an edge agent's store: {error}; name its folder with --store"
        ) from error
