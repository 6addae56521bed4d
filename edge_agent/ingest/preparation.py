"""Preparation of a document for the store: parsed, named, chunked into passages, encoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import InputInvalid
from edge_agent.ingest.attachments import IsTaken, RawDocument, ReadDocument, read_with_attachments
from edge_agent.ingest.chunking import RULES, chunk
from edge_agent.ingest.dating import date_of, is_date
from edge_agent.ingest.given_tags import content_digest
from edge_agent.ingest.jobs import OnPassages
from edge_agent.ingest.masked import masked_extract, require_impersonal_source
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat, format_of
from edge_agent.ingest.parsing.isolation import IsolatedParser
from edge_agent.ingest.parsing.titles import title_from_name
from edge_agent.ingest.passage_encoding import PassageText, encode_passages
from edge_agent.ingest.tags import MAX_TAGS, checked_tags
from edge_agent.settings import AgentSettings
from edge_agent.storage.records import ChunkingRecipe, NewDocument, PassageSpan
from edge_agent.text import checked, checked_source, detect_language
from student.artifacts.digests import digest_bytes
from student.embeddings import Embeddings
from student.masking.pseudonyms import mask_text
from student.runtime.encoder import Encoder

_MAIL = (DocumentFormat.EML, DocumentFormat.MSG)
_BATCH = 64
_SAMPLES, _SAMPLE_CHARS = 20, 2_000


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
        self._is_masking = settings.masks_documents
        self.recipe = ChunkingRecipe(RULES, settings.chunking.max_tokens)

    def close(self) -> None:
        """Ends the child processes that parse."""
        self._parser.close()

    def check(
        self,
        source: str,
        content: bytes,
        document_format: DocumentFormat,
        title: str | None,
        tags: Sequence[str],
        *,
        root: str = "",
        file_date: str = "",
    ) -> RawDocument:
        """Checks what can be checked without parsing. Raises `InputInvalid`, `ContentTooLarge`."""
        source = checked_source(source)
        if self._is_masking:
            require_impersonal_source(source)
        title = checked(title, "title", max_chars=300) if title is not None else None
        if file_date and not is_date(file_date):
            raise InputInvalid("file_date is no date; expected YYYY-MM-DD, such as 2026-11-30")
        tags, sha256 = checked_tags(tags), digest_bytes(content)
        return RawDocument(
            source,
            title,
            tags,
            content,
            document_format,
            content_digest(self.recipe, document_format, title, tags, sha256, is_masked=self._is_masking),
            sha256,
            root,
            file_date,
            "file" if file_date else "",
        )

    def read(self, raw: RawDocument, is_taken: IsTaken = lambda source: False) -> list[ReadDocument]:
        """Parses a document and its attachments, which follow it, each after its container.

        Args:
            raw: as `check` made it.
            is_taken: whether a document that is no attachment of this one has a source.

        Raises:
            See `Agent.add_document`.
        """
        return read_with_attachments(raw, self._read, self._attached, is_taken)

    def _read(self, raw: RawDocument) -> ReadDocument:
        """Parses one document, in a process of its own."""
        extracted = self._parser.read(raw.content, raw.format)
        given_title = raw.title
        if self._is_masking:
            extracted = masked_extract(extracted)
            given_title = mask_text(raw.title) if raw.title else None
        title = (given_title or extracted.title or title_from_name(raw.source))[:300]
        own = extracted.date if is_date(extracted.date) else ""
        dated = date_of(f"{title} {PurePosixPath(raw.source).name}", extracted.text, own)
        if raw.format in _MAIL:
            dated = own or dated  # its head is surer than what its subject names
        document = NewDocument(
            source=raw.source,
            title=title,
            format=raw.format,
            language=detect_language(_sample(extracted.text)) or "",
            content_sha256=raw.digest,
            text=extracted.text,
            chunking=self.recipe,
            tags=checked_tags([*raw.tags, *extracted.tags[: MAX_TAGS - len(raw.tags)]]),
            root=raw.root,
            container=raw.container,
            bytes_sha256=raw.bytes_sha256,
            encoding=extracted.encoding,
            invisible_chars=extracted.invisible_chars,
            notices=extracted.notices,
            date=dated or raw.date,
            date_origin="document" if dated else raw.date_origin,
        )
        return ReadDocument(document, extracted)

    def _attached(self, container: RawDocument, holder: NewDocument, source: str, content: bytes) -> RawDocument:
        """An attachment as if it was handed in. Raises `FormatUnsupported`."""
        document_format, sha256 = format_of(source), digest_bytes(content)
        return RawDocument(
            source,
            None,
            container.tags,
            content,
            document_format,
            content_digest(self.recipe, document_format, None, container.tags, sha256, is_masked=self._is_masking),
            sha256,
            container.root,
            holder.date,
            holder.date_origin,
            container.source,
        )

    def encode(self, document: NewDocument, extracted: Extract, encoder: Encoder, on_passages: OnPassages) -> Encoded:
        """Chunks a document into passages and encodes them, with a progress callback."""
        text = extracted.text
        spans = chunk(extracted, encoder.token_starts(text), max_tokens=self.recipe.max_tokens)
        parts, sentences = [np.empty((0, encoder.dimension), dtype=np.float16)], list[Embeddings]()
        for first in range(0, len(spans), _BATCH):
            on_passages(first, len(spans))
            some = [
                PassageText(document.title, s.heading, text[s.start : s.end], s.kind)
                for s in spans[first : first + _BATCH]
            ]
            rows, of_sentences = encode_passages(encoder, some)
            parts.append(rows)
            sentences += of_sentences
        return Encoded(spans, np.concatenate(parts), sentences)


def _sample(text: str) -> str:
    """Parts of a long text, which say its language as well as all of it and do not take a second in one go."""
    if len(text) <= _SAMPLES * _SAMPLE_CHARS:
        return text
    step = len(text) // _SAMPLES
    return "\n".join(text[first : first + _SAMPLE_CHARS] for first in range(0, len(text), step))
