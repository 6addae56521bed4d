"""The outcome of ingesting a document: the same classes in the agent, in jobs, over HTTP and in the client."""

from dataclasses import dataclass
from enum import StrEnum

from edge_agent.storage.records import Document


class Outcome(StrEnum):
    """The effect of ingesting a document."""

    ADDED = "added"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Ingested:
    """A document that was ingested, durably."""

    outcome: Outcome
    document: Document
