"""Lookups beside answers: passages that fit a text, documents to offer next to a ticket, the intent of a message."""

from collections.abc import Sequence

import numpy as np

from edge_agent.answering.composition import cite
from edge_agent.answering.pipeline import classify, nearest_document, open_current
from edge_agent.answering.recalling import recall
from edge_agent.answering.results import Citation, NearestDocument
from edge_agent.errors import InputInvalid
from edge_agent.feedback.memory import Memory
from edge_agent.models.active_model import ActiveModel
from edge_agent.models.lifecycle import Models
from edge_agent.retrieval.search import (
    FUSED_CANDIDATES,
    Snapshot,
    best_of_documents,
    diversify,
    retrieve,
)
from edge_agent.settings import AgentSettings
from edge_agent.storage.documents import Store
from edge_agent.storage.records import NO_FILTER, Document, Filter
from edge_agent.text import checked, checked_source, detect_language
from student.bundle.linear_head import Classification
from student.embeddings import Embeddings


class Lookup:
    """Finds passages, documents and intents with the active model. Safe to use from several threads."""

    def __init__(self, settings: AgentSettings, store: Store, models: Models, memory: Memory | None = None) -> None:
        self._settings, self._store, self._models, self._memory = settings, store, models, memory

    def search(
        self, text: str, *, count: int = 10, where: Filter = NO_FILTER, diversity: float = 0.0
    ) -> list[Citation]:
        """See `search_remembering`; the passages alone."""
        return self.search_remembering(text, count=count, where=where, diversity=diversity)[0]

    def search_remembering(
        self, text: str, *, count: int = 10, where: Filter = NO_FILTER, diversity: float = 0.0
    ) -> tuple[list[Citation], list[int]]:
        """The passages that fit a text best, each cited whole, best first.

        Args:
            text: a question or a few words.
            count: at most so many.
            where: which documents to look in.
            diversity: in [0, 1]; above 0, unlike passages are preferred to the next best (see `diversify`).

        Returns:
            The passages, and the ids of what was remembered for the text (`Answer.remembered`).

        Raises:
            InputInvalid, ContentTooLarge: the text breaks its rules.
        """
        text = self._checked(text)
        with open_current(self._models, self._store) as (model, snapshot):
            encoding = model.student.encoder.encode([text])
            recalled = recall(self._memory, model.space, snapshot, text, encoding[0], where=where)
            embedding = model.student.adapt(encoding)[0]
            found = retrieve(snapshot, text, embedding, count, where=where, diversity=diversity, moves=recalled.moves)
        return [cite(f.passage, f.passage.start, f.passage.end, f.similarity) for f in found], recalled.ids

    def recommend(
        self,
        texts: Sequence[str],
        *,
        source: str | None = None,
        root: str | None = None,
        count: int = 5,
        diversity: float = 0.2,
    ) -> list[NearestDocument]:
        """The documents to offer next to a ticket, a customer's history, or a document.

        Args:
            texts: messages, the latest last; each earlier one counts half as much as the one after it.
            source: of a document to start from, which is not offered itself.
            root: label of the folder that it came from, where its source alone does not say which it is.
            count: at most so many.
            diversity: in [0, 1]; see `diversify`.

        Raises:
            InputInvalid, ContentTooLarge: a text breaks its rules, there is nothing to start from, or several documents
                have that source.
            DocumentUnknown: no document has that source.
        """
        texts = [self._checked(text) for text in texts]
        if not texts and source is None:
            raise InputInvalid("nothing to start from; expected texts, a source, or both")
        latest = " ".join(texts[-1:])
        language: str = detect_language(latest) or ""
        with open_current(self._models, self._store) as (model, snapshot):
            rows: list[Embeddings] = list(_encode_queries(model, texts))
            document = None
            if source is not None:
                document = snapshot.store.document_named(checked_source(source), root)
                embedding = _embed_document(snapshot, document)
                language = language or document.language
                rows.insert(0, embedding)
            found = retrieve(snapshot, latest, _profile(rows), FUSED_CANDIDATES, language=language or None)
            offered = best_of_documents(
                [f for f in found if document is None or f.passage.document_id != document.document_id]
            )
            _, embeddings = snapshot.index.embeddings([f.passage.passage_id for f in offered])
        chosen = diversify([f.score for f in offered], embeddings, count, diversity=diversity)
        return [nearest_document(offered[row]) for row in chosen]

    def classify(self, text: str, *, alternatives: int = 3) -> tuple[Classification | None, ActiveModel]:
        """The intent of a message, None where there is no intent head; and the model whose head said so.

        Raises:
            InputInvalid, ContentTooLarge: the text breaks its rules.
        """
        model = self._models.active
        message = self._checked(text)
        embedding = model.student.encoder.encode([message])[0]
        return classify(model, embedding, message, alternatives=alternatives), model

    def _checked(self, text: str) -> str:
        return checked(text, "text", max_chars=self._settings.limits.max_query_chars)


def _encode_queries(model: ActiveModel, texts: Sequence[str]) -> Embeddings:
    """The embeddings (N, D) of texts that documents are looked for with."""
    embeddings = model.student.encoder.encode(texts)
    return model.student.adapter.adapt(embeddings) if model.student.adapter else embeddings


def _embed_document(snapshot: Snapshot, document: Document) -> Embeddings:
    """The mean (D,) of the embeddings of a document's passages, and of its attachments' where it has none itself."""
    ids = snapshot.store.passages_of(document.document_id)
    if not ids:
        attached = snapshot.store.attachments(document.document_id)
        ids = [passage_id for each in attached for passage_id in snapshot.store.passages_of(each.document_id)]
    _, rows = snapshot.index.embeddings(ids)
    return np.asarray(np.asarray(rows, dtype=np.float32).mean(axis=0), dtype=np.float32)


def _profile(rows: Sequence[Embeddings]) -> Embeddings:
    """One embedding (D,) for several, the latest last; each earlier one counts half as much as the one after it."""
    weights = 0.5 ** np.arange(len(rows))[::-1]
    profile = (np.stack(rows) * weights[:, None]).sum(axis=0)
    return np.asarray(profile / np.linalg.norm(profile), dtype=np.float32)
