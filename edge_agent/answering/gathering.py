"""Gathering of evidence: a question as the model reads it, the sentences of what was retrieved, and what they say."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from edge_agent.answering.evidence import Candidate, Evidence, candidate_units, weigh_evidence
from edge_agent.ingest.units import WHOLE, unit_inputs
from edge_agent.models.active_model import ActiveModel
from edge_agent.retrieval.search import Found, Snapshot
from edge_agent.storage.records import Filter, Passage
from student.embeddings import Embeddings, TokenEmbeddings

_NEAR = range(-6, 7)
"""Passages before and behind one, of which what belongs to a unit is read."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question as the model reads it.

    Attributes:
        text: with the question before it where it is a follow-up.
        language: `es`, `en`, or "" where it is neither.
        where: which documents to look in.
        encoding: its embedding (D,), which heads read.
        embedding: the same, adapted to find documents (D,).
        tokens: its own.
    """

    text: str
    language: str
    where: Filter
    encoding: Embeddings
    embedding: Embeddings
    tokens: TokenEmbeddings


def understand(model: ActiveModel, text: str, language: str, where: Filter) -> Question:
    """Encodes a question; a query adapter, where the bundle has one, brings it nearer to the documents that answer."""
    encoding, tokens = model.student.encoder.encode_with_tokens(text)
    adapter = model.student.adapter
    embedding = adapter.adapt(encoding[None])[0] if adapter else encoding
    return Question(text, language, where, encoding, embedding, tokens)


def to_read(retrieved: list[Found], passages: int) -> list[Found]:
    """The nearest passages, as many as are read for an answer; a row, code or heading counts as a quarter of one."""
    read, left = list[Found](), float(passages)
    for found in retrieved:
        if left <= 0:
            break
        left -= 0.25 if found.passage.kind in WHOLE else 1
        read.append(found)
    return read


def gather(model: ActiveModel, snapshot: Snapshot, question: Question, retrieved: list[Found]) -> Evidence | None:
    """The sentences of the passages that were retrieved, and what they say for an answer; None without any.

    Where people moved another document to the top, an answer is no surer than that one's own sentences make it.
    """
    moved = {f.passage.passage_id: f.moved for f in retrieved}
    candidates = [
        replace(candidate, moved=moved[candidate.passage.passage_id])
        for candidate in candidate_units([(f.passage, f.similarity) for f in retrieved])
    ]
    if not candidates:
        return None
    embeddings = embed_sentences(model, snapshot, candidates)
    around = passages_around(snapshot, candidates)
    weigh = partial(
        weigh_evidence, question=question.embedding, text=question.text, tokens=question.tokens, around=around
    )
    evidence = weigh(candidates, embeddings)
    first = retrieved[0].passage.document_id
    if first == max(retrieved, key=lambda f: f.score - f.moved).passage.document_id:
        return evidence
    rows = [i for i, candidate in enumerate(candidates) if candidate.passage.document_id == first]
    return evidence.no_surer_than(weigh([candidates[i] for i in rows], embeddings[rows]))


def headings(passage: Passage) -> str:
    """The lines that are read above a passage's text: its title and headings; "" where it has none."""
    return "\n".join(part for part in (passage.title, passage.heading) if part)


def passages_around(snapshot: Snapshot, candidates: list[Candidate]) -> list[Passage]:
    """The passages that stand near those of candidates in their documents: their ids follow one another."""
    documents = {candidate.passage.document_id for candidate in candidates}
    ids = {c.passage.passage_id + n for c in candidates if c.passage.kind not in WHOLE for n in _NEAR}
    return [p for p in snapshot.store.passages(sorted(ids)) if p.document_id in documents]


def embed_sentences(model: ActiveModel, snapshot: Snapshot, candidates: list[Candidate]) -> Embeddings:
    """The embeddings (K, D) of all sentences of some passages, stored at ingest; else, encoded now."""
    passages = {candidate.passage.passage_id: candidate.passage for candidate in candidates}
    texts = {i: unit_inputs(p.heading, p.text, p.kind) for i, p in passages.items()}
    encoder = model.student.encoder
    rows = snapshot.store.sentence_embeddings(
        list(texts), model.student.bundle.manifest.embedding_space, encoder.dimension
    )
    for passage_id, sentences in texts.items():
        if len(rows.get(passage_id, ())) != len(sentences):  # chunked by other rules than now
            rows[passage_id] = encoder.encode(sentences)
    return np.concatenate([rows[passage_id] for passage_id in texts])
