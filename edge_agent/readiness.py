"""Readiness: whether an agent can serve, and on what."""

from dataclasses import dataclass

from edge_agent.answering.pipeline import open_current
from edge_agent.models.identity import BundleIdentity
from edge_agent.models.lifecycle import Models
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import Store


@dataclass(frozen=True, slots=True)
class Readiness:
    """The agent's ability to serve, and on what it serves.

    Attributes:
        is_ready: index and store agree.
        documents, passages: in the store.
        indexed_passages: in the index.
        is_search_exact: whether search scans all passages; a graph answers for large bases.
        passages_to_reembed: that a bundle of another embedding space is being prepared for, while the former answers.
        probe_min_similarity: of the bundle's probes on this CPU.
        masks_documents: whether documents are stored without the personal data that are found in them.
        bundle: that answers.
    """

    is_ready: bool
    documents: int
    passages: int
    indexed_passages: int
    is_search_exact: bool
    passages_to_reembed: int
    probe_min_similarity: float
    masks_documents: bool
    bundle: BundleIdentity


def readiness_of(settings: AgentSettings, store: Store, models: Models) -> Readiness:
    """The agreement of index and store, and the result of the probes.

    Raises:
        StoreUnavailable: the store's file was replaced or deleted. StoreDamaged: it was overwritten.
    """
    store.database.require_current()
    with open_current(models, store) as (model, snapshot):
        counts, indexed = snapshot.store.counts(), len(snapshot.index)
    return Readiness(
        is_ready=counts.passages == indexed,
        documents=counts.documents,
        passages=counts.passages,
        indexed_passages=indexed,
        is_search_exact=model.index.is_exact,
        passages_to_reembed=models.remaining(),
        probe_min_similarity=round(model.student.probes.min_similarity, 6),
        masks_documents=settings.masks_documents,
        bundle=model.bundle,
    )
