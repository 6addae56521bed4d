"""Scopes: the parts of the server that a caller may use."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """A part of the server that a key opens."""

    ASK = "ask"
    INGEST = "ingest"
    REVIEW = "review"
    FEDERATION = "federation"
    ADMIN = "admin"


MEANINGS = {
    Scope.ASK: "ask, search and classify, read documents, send feedback",
    Scope.INGEST: "read, add, replace and delete documents and their folders",
    Scope.REVIEW: "read what waits for review, send feedback, read and delete what is remembered of it",
    Scope.FEDERATION: "take part in rounds over HTTP; nothing asks for it yet",
    Scope.ADMIN: "all of these, and keys",
}
"""Each scope in words."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone who was recognized.

    Attributes:
        name: for logs and limits; an id, never a secret.
        scopes: what they may do.
    """

    name: str
    scopes: frozenset[Scope]

    def may(self, scopes: frozenset[Scope]) -> bool:
        """Whether one of some scopes is theirs; `admin` opens all."""
        return Scope.ADMIN in self.scopes or not self.scopes.isdisjoint(scopes)
