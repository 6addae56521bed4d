"""From a file's bytes to what the store takes in: read, named, cut into passages, encoded."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from edge_agent.ingest.chunking import RULES, ChunkingRecipe, PassageSpan, chunk
from edge_agent.ingest.jobs import OnPassages
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.parsing.formats import DocumentFormat
from edge_agent.ingest.parsing.isolation import IsolatedReader
from edge_agent.ingest.passage_encoding import encode_passages
from edge_agent.ingest.tags import MAX_TAGS, checked_tags
from edge_agent.settings import AgentSettings
from edge_agent.storage.records import NewDocument
from edge_agent.text import checked, checked_source, detect_language
from student.artifacts.digests import Digest, digest_bytes, digest_json
from student.embeddings import Embeddings
from student.runtime.encoder import Encoder

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Given:
    """A document as it was handed in, checked but not read.

    Attributes:
        source, title, tags: see `Agent.add_document`.
        content: its bytes, untrusted.
        format: what they are said to be.
        digest: of all this and of how it will be cut: the same digest again changes nothing.
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
    """Makes documents ready for a store. Safe to use from several threads."""

    def __init__(self, settings: AgentSettings) -> None:
        self._limits = settings.limits.reading
        self._reader = IsolatedReader(self._limits)
        self.recipe = ChunkingRecipe(RULES, settings.chunking.max_tokens)

    def close(self) -> None:
        """Ends the child process that reads."""
        self._reader.close()

    def check(
        self, source: str, content: bytes, document_format: DocumentFormat, title: str | None, tags: Sequence[str]
    ) -> Given:
        """Checks what can be checked without reading. Raises `InputInvalid`, `ContentTooLarge`."""
        source = checked_source(source)
        title = checked(title, "title", max_chars=300) if title is not None else None
        given = checked_tags(tags)
        digest = digest_json([asdict(self.recipe), document_format, title, given, digest_bytes(content)])
        return Given(source, title, given, content, document_format, digest)

    def read(self, given: Given) -> tuple[NewDocument, Extract]:
        """Reads it: plain text here, what needs a parser in a process of its own. Raises: see `Agent.add_document`."""
        if given.format is DocumentFormat.TEXT:
            made = extract(given.content, given.format, self._limits)
        else:
            made = self._reader.read(given.content, given.format)
        title = (given.title or made.title or PurePosixPath(given.source).stem)[:300]
        tags = checked_tags([*given.tags, *made.tags[: MAX_TAGS - len(given.tags)]])
        language = detect_language(made.text) or ""
        document = NewDocument(given.source, title, given.format, language, given.digest, made.text, self.recipe, tags)
        return document, made

    def encode(self, document: NewDocument, made: Extract, encoder: Encoder, on_passages: OnPassages) -> Encoded:
        """Cuts a document into passages and encodes them, telling `on_passages` how many of how many are done."""
        spans = chunk(made, encoder.token_starts(made.text), max_tokens=self.recipe.max_tokens)
        parts, sentences = [np.empty((0, encoder.dimension), dtype=np.float16)], list[Embeddings]()
        for first in range(0, len(spans), _BATCH):
            on_passages(first, len(spans))
            some = [(document.title, s.heading, made.text[s.start : s.end]) for s in spans[first : first + _BATCH]]
            rows, of_sentences = encode_passages(encoder, some)
            parts.append(rows)
            sentences += of_sentences
        return Encoded(spans, np.concatenate(parts), sentences)
