"""Preparation of a document for the store: parsed, named, chunked into passages, encoded."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from edge_agent.ingest.chunking import RULES, chunk
from edge_agent.ingest.jobs import OnPassages
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.isolation import IsolatedParser
from edge_agent.ingest.passage_encoding import encode_passages
from edge_agent.ingest.tags import MAX_TAGS, checked_tags
from edge_agent.settings import AgentSettings
from edge_agent.storage.records import ChunkingRecipe, NewDocument, PassageSpan
from edge_agent.text import checked, checked_source, detect_language
from student.artifacts.digests import Digest, digest_bytes, digest_json
from student.embeddings import Embeddings
from student.runtime.encoder import Encoder

_BATCH = 64


@dataclass(frozen=True, slots=True)
class RawDocument:
    """A document as it was handed in, checked but not parsed.

    Attributes:
        source, title, tags: see `Agent.add_document`.
        content: its bytes, untrusted.
        format: of them, as promised.
        digest: of all this and of the chunking recipe: the same digest again changes nothing.
    """

    source: str
    title: str | None
    tags: tuple[str, ...]
    content: bytes
    format: DocumentFormat
    digest: Digest


@dataclass(frozen=True, slots=True)
class Encoded:
    """N passages of a document: where they are in its text, their embeddings (N, D), their sentences' (K, D each)."""

    spans: list[PassageSpan]
    embeddings: NDArray[np.float16]
    sentences: list[Embeddings]


class Preparation:
    """Prepares documents for a store. Safe to use from several threads."""

    def __init__(self, settings: AgentSettings) -> None:
        self._parser = IsolatedParser(settings.limits.parsing)
        self.recipe = ChunkingRecipe(RULES, settings.chunking.max_tokens)

    def close(self) -> None:
        """Ends the child processes that parse."""
        self._parser.close()

    def check(
        self, source: str, content: bytes, document_format: DocumentFormat, title: str | None, tags: Sequence[str]
    ) -> RawDocument:
        """Checks what can be checked without parsing. Raises `InputInvalid`, `ContentTooLarge`."""
        source = checked_source(source)
        title = checked(title, "title", max_chars=300) if title is not None else None
        tags = checked_tags(tags)
        digest = digest_json([asdict(self.recipe), document_format, title, tags, digest_bytes(content)])
        return RawDocument(source, title, tags, content, document_format, digest)

    def read(self, raw: RawDocument) -> tuple[NewDocument, Extract]:
        """Parses it, in a process of its own. Raises: see `Agent.add_document`."""
        extracted = self._parser.read(raw.content, raw.format)
        document = NewDocument(
            source=raw.source,
            title=(raw.title or extracted.title or PurePosixPath(raw.source).stem)[:300],
            format=raw.format,
            language=detect_language(extracted.text) or "",
            content_sha256=raw.digest,
            text=extracted.text,
            chunking=self.recipe,
            tags=checked_tags([*raw.tags, *extracted.tags[: MAX_TAGS - len(raw.tags)]]),
        )
        return document, extracted

    def encode(self, document: NewDocument, extracted: Extract, encoder: Encoder, on_passages: OnPassages) -> Encoded:
        """Chunks a document into passages and encodes them, with a progress callback."""
        text = extracted.text
        spans = chunk(extracted, encoder.token_starts(text), max_tokens=self.recipe.max_tokens)
        parts, sentences = [np.empty((0, encoder.dimension), dtype=np.float16)], list[Embeddings]()
        for first in range(0, len(spans), _BATCH):
            on_passages(first, len(spans))
            some = [(document.title, s.heading, text[s.start : s.end]) for s in spans[first : first + _BATCH]]
            rows, of_sentences = encode_passages(encoder, some)
            parts.append(rows)
            sentences += of_sentences
        return Encoded(spans, np.concatenate(parts), sentences)
