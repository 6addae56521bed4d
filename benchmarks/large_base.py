"""A base of 100,000 real passages for `benchmarks scale`: guides of five help centers, a bank's documents, paragraphs.

Encoding it takes about ten minutes on two cores, so the embeddings are kept under `.run/`, named by what they were
made from.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from edge_agent.errors import InputInvalid
from edge_agent.ingest.chunking import chunk
from edge_agent.ingest.parsing.blocks import Extract
from edge_agent.ingest.parsing.document_format import DocumentFormat
from edge_agent.ingest.parsing.extraction import extract
from edge_agent.ingest.passage_encoding import PassageText, encode_passages
from edge_agent.settings import ParsingLimits
from edge_agent.storage.records import PassageSpan
from student.artifacts.digests import digest_bytes
from student.artifacts.json_lines import read_rows
from student.bundle import DEFAULT_BUNDLE
from student.embeddings import Embeddings
from student.runtime.student import Student, load_student

DATA = Path(__file__).parents[2] / "shared" / "data"
CACHE = Path(".run") / "large_base"
PASSAGES = 100_000
_SEED = 20261121


@dataclass(frozen=True, slots=True)
class LargeDocument:
    """A document read and cut: its passages' embeddings are rows `first : first + len(spans)` of the base's."""

    source: str
    title: str
    made: Extract
    spans: list[PassageSpan]
    first: int


@dataclass(frozen=True, slots=True)
class LargeBase:
    """Documents in a random order, and the embeddings (N, D) of all their passages, N = `PASSAGES`.

    Those of the sentences of passage n are rows `sentence_ends[n - 1] : sentence_ends[n]` of `sentences` (M, D).
    """

    documents: list[LargeDocument]
    embeddings: NDArray[np.float16]
    sentences: NDArray[np.float16]
    sentence_ends: NDArray[np.int64]
    embedding_space: str

    def sentences_of(self, passage: int) -> Embeddings:
        """The embeddings (K, D) of a passage's sentences."""
        first = self.sentence_ends[passage - 1] if passage else 0
        return self.sentences[first : self.sentence_ends[passage]].astype(np.float32)


def load_large_base(*, max_tokens: int) -> LargeBase:
    """Reads, cuts and encodes the base; the second time the embeddings come from `.run/`."""
    with contextlib.closing(load_student(DEFAULT_BUNDLE)) as student:
        space = student.bundle.manifest.embedding_space
        documents = _cut(student, max_tokens)
        path = CACHE / f"{space[:12]}-{max_tokens}-{len(documents)}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, allow_pickle=False, **_encode(student, documents))
        with np.load(path) as kept:
            return LargeBase(documents, kept["embeddings"], kept["sentences"], kept["sentence_ends"], space)


def _encode(student: Student, documents: list[LargeDocument]) -> dict[str, NDArray[Any]]:
    passages = [(d.title, span.heading, d.made.text[span.start : span.end]) for d in documents for span in d.spans]
    rows, sentences = [], []
    for first in track(range(0, len(passages), 512), description="encoding 100,000 passages"):
        some, groups = encode_passages(
            student.encoder, [PassageText(*parts) for parts in passages[first : first + 512]]
        )
        rows.append(some)
        sentences += [group.astype(np.float16) for group in groups]
    return {
        "embeddings": np.concatenate(rows),
        "sentences": np.concatenate(sentences),
        "sentence_ends": np.cumsum([len(group) for group in sentences]),
    }


def _cut(student: Student, max_tokens: int) -> list[LargeDocument]:
    sources = list(_sources())
    np.random.default_rng(_SEED).shuffle(sources)
    documents: list[LargeDocument] = []
    passages = 0
    for source, title, body in sources:
        try:
            made = extract(body.encode(), DocumentFormat.MARKDOWN, ParsingLimits())
        except InputInvalid:  # a guide without text
            continue
        spans = chunk(made, student.encoder.token_starts(made.text), max_tokens=max_tokens)[: PASSAGES - passages]
        documents.append(LargeDocument(source, title, made, spans, passages))
        passages += len(spans)
        if passages == PASSAGES:
            return documents
    raise ValueError(f"the public data holds only {passages} passages; expected {PASSAGES}")


def _sources() -> Iterator[tuple[str, str, str]]:
    """Source, title and Markdown of what there is."""
    guides = [*sorted(DATA.glob("help_*/articles.jsonl")), DATA / "tau2_banking_documents" / "documents.jsonl"]
    for path in guides:
        for row in read_rows(path):
            yield row["id"], row["title"], row["body_markdown"]
    for row in read_rows(DATA / "parallel_en_es" / "python_docs.jsonl"):
        for language in ("en", "es"):
            text = row[language]
            yield f"paragraph/{digest_bytes(text.encode())[:16]}", " ".join(text.split()[:6]), text
