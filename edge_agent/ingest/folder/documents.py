"""The agent that a folder is compared with: the part of it that this package uses, here or served elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edge_agent.ingest.outcome import Ingested
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.storage.records import Root, StoredFile


class Documents(Protocol):
    """The part of an agent, here or served elsewhere, that ingests, moves and deletes the documents of roots."""

    def add_document(
        self,
        source: str,
        content: bytes,
        document_format: DocumentFormat,
        *,
        tags: Sequence[str] = (),
        root: str = "",
        file_date: str = "",
    ) -> Ingested:
        """See `Agent.add_document`."""

    def add_root(self, path: Path) -> str:
        """See `Agent.add_root`."""

    def roots(self) -> list[Root]:
        """See `Agent.roots`."""

    def files(self, root: str) -> dict[str, StoredFile]:
        """See `Agent.files`."""

    def move_document(self, document_id: str, source: str) -> None:
        """See `Agent.move_document`."""

    def mark_stale(self, root: str, source: str, reason: str) -> None:
        """See `Agent.mark_stale`."""

    def delete_document(self, document_id: str) -> None:
        """See `Agent.delete_document`."""
