"""Search: one moment of the base (`Snapshot`), candidates by meaning and by words, and one ranking of both.

A question is answered from one snapshot: a read transaction of the store and the version of the index that belongs to
it. Nothing that is committed meanwhile reaches into its ranking (docs/adr/0045).
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.errors import StoreUnavailable
from edge_agent.retrieval.index import PassageIndex
from edge_agent.retrieval.vectors import VectorView
from edge_agent.storage.documents import Store
from edge_agent.storage.memory import documents_of_passages, passages_of_documents
from edge_agent.storage.records import NO_FILTER, Filter, Passage
from edge_agent.storage.snapshot import StoreSnapshot
from edge_agent.text import OTHER_LANGUAGE_PENALTY, codes, content_terms, detect_language, longest_run
from student.embeddings import Embeddings

FUSED_CANDIDATES = 60
"""Passages that meaning and words each propose."""
WORDS, QUOTED, QUOTE_LENGTH = 0.15, 2.4, 16
"""Weight of words beside meaning; how much more when so many in a row are quoted. Chosen by `benchmarks hybrid`."""
CODE = 0.5
"""What a passage that holds a code of the question gains: more than any that is about another code."""
RAISED_CANDIDATES = 200
"""Passages of a document that moves up which are candidates in any case; of a longer one, meaning and words choose."""
NO_MOVES: Mapping[str, float] = {}
NEAR_DUPLICATE = 0.98
"""Cosine of two passages of one language that may say the same; their words decide."""
_PUBLICATION_POLL_S, _PUBLICATION_LIMIT_S = 0.0002, 10.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the base.

    Attributes:
        store: what the store held.
        index: the embeddings that belong to it.
    """

    store: StoreSnapshot
    index: VectorView

    @property
    def version(self) -> int:
        """Grows with every change of a document; the same version gives the same answers."""
        return self.index.version


@dataclass(frozen=True, slots=True)
class Found:
    """A passage, its similarity to the text, and the score that it is ranked by: words and language count too.

    `moved` is what the score holds of what people said of the document for this question or similar ones; `logit` is
    the cross-encoder's, None where the passage was not read.
    """

    passage: Passage
    similarity: float
    score: float
    moved: float = 0.0
    logit: float | None = None


@contextlib.contextmanager
def open_snapshot(store: Store, index: PassageIndex) -> Iterator[Snapshot]:
    """The base as it is now, for as long as the block lasts.

    The store's moment comes first. The index follows each commit at once, so between the two at most the microseconds
    of one change are waited for.

    Raises:
        StoreDamaged, StoreFull, StoreUnavailable: the store cannot be read, or the index does not follow it.
    """
    view = None
    while view is None:
        with store.snapshots.open() as opened:
            limit = time.monotonic() + _PUBLICATION_LIMIT_S
            while store.database.published < opened.changes:
                if time.monotonic() > limit:
                    raise StoreUnavailable("the index has not followed the last change of the store; ask again")
                time.sleep(_PUBLICATION_POLL_S)
            view = index.vectors.view(opened.changes)
            if view is not None:  # else so many changes came meanwhile that this moment is too long ago
                yield Snapshot(opened, view)


def retrieve(
    snapshot: Snapshot,
    text: str,
    embedding: Embeddings,
    count: int,
    *,
    where: Filter = NO_FILTER,
    diversity: float = 0.0,
    language: str | None = None,
    moves: Mapping[str, float] = NO_MOVES,
) -> list[Found]:
    """The `count` passages that fit a text best, the best first.

    By meaning and by words together, near-duplicates once. A passage in the text's language goes before one in another
    that fits better by less than `OTHER_LANGUAGE_PENALTY`: the same article in two languages has nearly the same
    embedding.

    Args:
        snapshot: of the base.
        text: whose words are looked for.
        embedding: of the text, (D,).
        count: at most so many.
        where: which documents to look in.
        diversity: in [0, 1]; above 0, unlike passages are preferred to the next best.
        language: of the text; None to detect it.
        moves: amounts that documents, by id, move by; each lies in `where`.
    """
    named = snapshot.store.holding(codes(text), limit=FUSED_CANDIDATES, where=where)
    raised = [document_id for document_id, move in moves.items() if move > 0]
    remembered = passages_of_documents(snapshot.store, raised, limit=RAISED_CANDIDATES) if raised else []
    similarities, bm25 = candidates(
        snapshot, text, embedding, max(FUSED_CANDIDATES, 3 * count), where=where, also=[*named, *remembered]
    )
    scores = fuse(similarities, bm25, weigh_words(snapshot, text, bm25))
    scores |= {passage_id: scores[passage_id] + CODE for passage_id in named}
    documents = documents_of_passages(snapshot.store, list(scores)) if moves else {}
    moved = {passage_id: moves[document] for passage_id, document in documents.items() if document in moves}
    scores |= {passage_id: scores[passage_id] + move for passage_id, move in moved.items()}
    language, languages = language or detect_language(text), snapshot.store.languages(list(scores))
    for passage_id, its_language in languages.items():
        if language and its_language not in (language, ""):
            scores[passage_id] -= OTHER_LANGUAGE_PENALTY
    ranked, rows = snapshot.index.embeddings(sorted(languages, key=scores.__getitem__, reverse=True))
    if diversity:
        chosen = diversify([scores[i] for i in ranked], rows, count, diversity=diversity)
    else:
        chosen = without_duplicates(rows, count, says_same=lambda a, b: _says_same(snapshot, ranked[a], ranked[b]))
    passages = snapshot.store.passages([ranked[row] for row in chosen])
    return [Found(p, similarities[p.passage_id], scores[p.passage_id], moved.get(p.passage_id, 0.0)) for p in passages]


def candidates(
    snapshot: Snapshot,
    text: str,
    embedding: Embeddings,
    count: int,
    *,
    where: Filter = NO_FILTER,
    also: Sequence[int] = (),
) -> tuple[dict[int, float], dict[int, float]]:
    """The passages that meaning and words each propose for a text with embedding (D,): cosines of all, BM25 of some.

    `also` names passages that are candidates in any case.
    """
    if where == NO_FILTER:
        similarities = {n.passage_id: n.similarity for n in snapshot.index.search(embedding, count)}
    else:  # a graph would search long for the few that are let through
        inside = snapshot.index.similarities(embedding, snapshot.store.passage_ids(where))
        similarities = dict(sorted(inside.items(), key=lambda item: -item[1])[:count])
    bm25 = snapshot.store.bm25(content_terms(text), limit=count, where=where)
    others = [passage_id for passage_id in (*bm25, *also) if passage_id not in similarities]
    return similarities | snapshot.index.similarities(embedding, others), bm25


def weigh_words(snapshot: Snapshot, text: str, bm25: Mapping[int, float]) -> float:
    """The weight of a question's words beside its meaning, for `fuse`.

    A question in one's own words is found by its meaning. One that a passage holds word for word is a quotation (a
    title, an error message, a sentence seen somewhere), and then no meaning tells better where it stands. It is judged
    by the passage that the words fit best.
    """
    best = snapshot.store.passages([max(bm25, key=bm25.__getitem__)]) if bm25 else []
    quoted = max((longest_run(text, part) for p in best for part in (p.title, p.heading, p.text)), default=0)
    return weight_of_words(quoted)


def weight_of_words(quoted: int) -> float:
    """The weight of words of which so many stand in a row in one passage."""
    return WORDS + QUOTED * min(1.0, quoted / QUOTE_LENGTH) ** 2


def fuse(similarities: Mapping[int, float], bm25: Mapping[int, float], weight: float) -> dict[int, float]:
    """Scores of passages by meaning and by words.

    A weighted sum of scores rather than of ranks: Bruch et al. 2023 (arXiv 2210.11934) find it better than reciprocal
    rank fusion once its one weight is tuned on a few questions.

    Args:
        similarities: cosine to the question of every candidate.
        bm25: of those that hold words of the question, higher is better.
        weight: of the words: the best BM25 of the question counts as much as a cosine of so much.
    """
    best = max(bm25.values(), default=0.0)
    scale = weight / best if best > 0 else 0.0
    return {passage: similarity + scale * bm25.get(passage, 0.0) for passage, similarity in similarities.items()}


def without_duplicates(
    embeddings: Embeddings,
    count: int,
    *,
    above: float = NEAR_DUPLICATE,
    says_same: Callable[[int, int], bool] = lambda one, other: True,
) -> list[int]:
    """The first `count` rows of embeddings (N, D) that do not say the same as an earlier one.

    Args:
        embeddings: best first.
        count: at most so many.
        above: cosine from which two may say the same.
        says_same: whether two rows do, asked for those above it.
    """
    kept: list[int] = []
    for row in range(len(embeddings)):
        if len(kept) == count:
            break
        near = np.flatnonzero(embeddings[kept] @ embeddings[row] >= above).tolist() if kept else list[int]()
        if not any(says_same(kept[n], row) for n in near):
            kept.append(row)
    return kept


def _says_same(snapshot: Snapshot, one: int, other: int) -> bool:
    """Whether two passages have the same content words: a figure or a name that differs makes another statement."""
    passages = snapshot.store.passages([one, other])
    words = [sorted(content_terms(passage.text, limit=None)) for passage in passages]
    return len(passages) < 2 or words[0] == words[1]


def diversify(scores: Sequence[float], embeddings: Embeddings, count: int, *, diversity: float) -> list[int]:
    """Rows chosen one by one for their score and for being unlike those chosen before.

    Maximal marginal relevance (Carbonell & Goldstein 1998): the next row has the highest
    `(1 - diversity) · score - diversity · highest cosine with a chosen one`.

    Args:
        scores: N, best first.
        embeddings: theirs, (N, D).
        count: at most so many.
        diversity: in [0, 1]; 0 keeps the order.
    """
    left, chosen = list(range(len(scores))), list[int]()
    nearest = np.zeros(len(scores))
    while left and len(chosen) < count:
        row = max(left, key=lambda i: (1 - diversity) * scores[i] - diversity * nearest[i])
        chosen.append(row)
        left.remove(row)
        nearest = np.maximum(nearest, embeddings @ embeddings[row]) if len(chosen) > 1 else embeddings @ embeddings[row]
    return chosen


def best_of_documents(found: Sequence[Found]) -> list[Found]:
    """The best passage of each document, in the same order."""
    best: dict[str, Found] = {}
    for item in found:
        best.setdefault(item.passage.document_id, item)
    return list(best.values())
