"""Settings of the branch server, filled where a command starts and passed down."""

from dataclasses import dataclass, field
from pathlib import Path

from student.bundle import DEFAULT_BUNDLE

REQUESTS_PER_MINUTE = 1200
"""Of a key, unless something else is asked for."""


KEEP_DAYS = 365
"""That a server keeps feedback, reviews and records of jobs, unless something else is asked for."""


@dataclass(frozen=True, slots=True)
class ParsingLimits:
    """Bounds on a document that is parsed.

    Attributes:
        bytes: of a document as it comes in.
        unpacked_bytes: of the parts of a packed one.
        pages: of a PDF.
        chars: of the text that comes out.
    """

    bytes: int = 20_000_000
    unpacked_bytes: int = 200_000_000
    pages: int = 2_000
    chars: int = 5_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on input.

    Attributes:
        max_query_chars: of a question or a message.
        parsing: of a document, as it comes in and as it comes out.
        max_request_bytes: of an HTTP body.
        max_document_request_bytes: of one that holds a document; a little more than that, for its envelope.
        max_examples_request_bytes: of one that holds examples of intents.
        requests_at_once: that are served, but for those that hold documents or examples.
        document_bytes_at_once: of all requests that hold documents or examples.
    """

    max_query_chars: int = 4_000
    parsing: ParsingLimits = field(default_factory=ParsingLimits)
    max_request_bytes: int = 256_000
    max_document_request_bytes: int = 21_000_000
    max_examples_request_bytes: int = 10_000_000
    requests_at_once: int = 64
    document_bytes_at_once: int = 100_000_000


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
class HttpSettings:
    """How the server is reached.

    Attributes:
        hosts: names that it is asked by, beside those of this machine's loopback and the address that is connected to.
        origins: of web pages of other servers that may ask it, such as `https://intranet.example`.
        root_path: under which a proxy shows it, such as `/orilla`; "" where it stands at the top.
        trusts_machine: whether whoever reaches it without a key may do everything; for loopback alone.
        certificate, certificate_key: PEM files by which it speaks TLS; None where it does not.
        proxies: addresses that pass requests on and say for whom (`X-Forwarded-For`, `X-Forwarded-Proto`).
        requests_per_minute: of a key; 0 for any number.
    """

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    root_path: str = ""
    trusts_machine: bool = False
    certificate: Path | None = None
    certificate_key: Path | None = None
    proxies: tuple[str, ...] = ()
    requests_per_minute: int = REQUESTS_PER_MINUTE


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """One branch server.

    Attributes:
        store: folder of the store, made if it is missing.
        bundle: folder of the student's bundle.
        workers: texts encoded side by side; None for one a core.
        exact_below: passages under which search scans all of them; above, hnswlib answers when it is installed.
        is_reviewing: queue what the agent is unsure of, masked, for someone to label.
        is_remembering: let feedback move documents in the ranking at once.
        masks_documents: store documents without the personal data that are found in them.
        keep_days: that a server keeps feedback, reviews and records of jobs; 0 for ever.
        limits, chunking: see their classes.
    """

    store: Path
    bundle: Path = DEFAULT_BUNDLE
    workers: int | None = None
    exact_below: int = 20_000
    is_reviewing: bool = False
    is_remembering: bool = True
    masks_documents: bool = False
    keep_days: int = KEEP_DAYS
    limits: Limits = field(default_factory=Limits)
    chunking: Chunking = field(default_factory=Chunking)
