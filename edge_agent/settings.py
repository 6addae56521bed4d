"""What an administrator can set, filled where a command starts and passed down."""

from dataclasses import dataclass, field
from pathlib import Path

from student.bundle import DEFAULT_BUNDLE


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on input.

    Attributes:
        max_query_chars: of a question or a message.
        max_document_bytes: of a document as it comes in.
        max_request_bytes: of an HTTP body; a little more than a document, for its envelope.
    """

    max_query_chars: int = 4_000
    max_document_bytes: int = 8 << 20
    max_request_bytes: int = 9 << 20


@dataclass(frozen=True, slots=True)
class Chunking:
    """How documents are cut into passages.

    Attributes:
        max_tokens: of a passage's own text; the title and heading before it come on top.
        max_context_tokens: of that title and heading.
    """

    max_tokens: int = 160
    max_context_tokens: int = 48


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """One branch server.

    Attributes:
        store: folder of the store, made if it is missing.
        bundle: folder of the student's bundle.
        workers: texts encoded side by side; None for one a core.
        exact_below: passages under which search scans all of them; above, hnswlib answers when it is installed.
        limits, chunking: see their classes.
    """

    store: Path
    bundle: Path = DEFAULT_BUNDLE
    workers: int | None = None
    exact_below: int = 20_000
    limits: Limits = field(default_factory=Limits)
    chunking: Chunking = field(default_factory=Chunking)
