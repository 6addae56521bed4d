"""Finds the passages that fit a text: meaning and words propose, one ranking decides.

Functions of a store and an index, so that an index that was built anew takes over from one call to the next.
"""

from dataclasses import dataclass

from edge_agent.answering.caches import Revision
from edge_agent.retrieval.index import GrowingIndex
from edge_agent.retrieval.ranking import diversify, fuse, weight_of_words, without_duplicates
from edge_agent.storage.documents import NO_FILTER, Store
from edge_agent.storage.records import Filter, Passage
from edge_agent.text import OTHER_LANGUAGE_PENALTY, content_terms, detect_language, longest_run
from student.embeddings import Embeddings

CANDIDATES = 60
"""Passages that meaning and words each propose."""


@dataclass(frozen=True, slots=True)
class Found:
    """A passage, its similarity to the text, and the score that it is ranked by: words and language count too."""

    passage: Passage
    similarity: float
    score: float


def find(
    store: Store,
    index: GrowingIndex,
    text: str,
    embedding: Embeddings,
    count: int,
    *,
    where: Filter = NO_FILTER,
    diversity: float = 0.0,
    language: str | None = None,
    revision: Revision | None = None,
) -> list[Found]:
    """The `count` passages that fit a text best, the best first.

    By meaning and by words together, near-duplicates once (`ranking.py`). A passage in the text's language
    goes before one in another that fits better by less than `OTHER_LANGUAGE_PENALTY`: the same article in two
    languages has nearly the same embedding.

    Args:
        store: where the passages stand.
        index: of their embeddings.
        text: whose words are looked for.
        embedding: what is meant, (D,).
        count: at most so many.
        where: which documents to look in.
        diversity: in [0, 1]; above 0, unlike passages are preferred to the next best.
        language: of the text; None to tell it from the text.
        revision: of a base that others change. Nothing waits for them, but where index and store do not hold the same
            passages, because a change is half made, it is looked up once more while nothing changes: no document is
            missed because it is being replaced.
    """

    def look() -> tuple[list[Found], bool]:
        return _find(store, index, text, embedding, count, where=where, diversity=diversity, language=language)

    found, is_whole = look()
    if revision is not None and not is_whole:
        with revision.steady():
            found, _ = look()
    return found


def _find(
    store: Store,
    index: GrowingIndex,
    text: str,
    embedding: Embeddings,
    count: int,
    *,
    where: Filter,
    diversity: float,
    language: str | None,
) -> tuple[list[Found], bool]:
    """What is found, and whether index and store held the same passages all along."""
    similarities, bm25 = candidates(store, index, text, embedding, max(CANDIDATES, 3 * count), where=where)
    scores = fuse(similarities, bm25, weigh_words(store, text, bm25))
    language, languages = language or detect_language(text), store.languages(list(scores))
    for passage_id, its_language in languages.items():
        if language and its_language not in (language, ""):
            scores[passage_id] -= OTHER_LANGUAGE_PENALTY
    ranked = sorted(languages, key=scores.__getitem__, reverse=True)
    ranked, rows = index.embeddings(ranked)
    if diversity:
        chosen = diversify([scores[i] for i in ranked], rows, count, diversity=diversity)
    else:
        chosen = without_duplicates(rows, count)
    best = [ranked[row] for row in chosen]
    passages = store.passages(best)
    is_whole = len(ranked) == len(scores.keys() | bm25.keys()) and len(passages) == len(best)
    return [Found(p, similarities[p.passage_id], scores[p.passage_id]) for p in passages], is_whole


def candidates(
    store: Store, index: GrowingIndex, text: str, embedding: Embeddings, count: int, *, where: Filter = NO_FILTER
) -> tuple[dict[int, float], dict[int, float]]:
    """What meaning and words each propose for a text with embedding (D,): cosines of all, BM25 of some."""
    missing: dict[int, float] = {}
    if where.is_open:
        similarities = {n.passage_id: n.similarity for n in index.search(embedding, count)}
    else:  # a graph would search long for the few that are let through
        let_through = store.passage_ids(where)
        inside = index.similarities(embedding, let_through)
        missing = {i: 0.0 for i in let_through if i not in inside}  # stored, and in a moment in the index
        similarities = dict(sorted(inside.items(), key=lambda item: -item[1])[:count])
    bm25 = missing | store.bm25(content_terms(text), limit=count, where=where)
    return similarities | index.similarities(embedding, [i for i in bm25 if i not in similarities]), bm25


def weigh_words(store: Store, text: str, bm25: dict[int, float]) -> float:
    """`weight_of_words` of a text, by the passage that its words fit best."""
    best = store.passages([max(bm25, key=bm25.__getitem__)]) if bm25 else []
    quoted = max((longest_run(text, part) for p in best for part in (p.title, p.heading, p.text)), default=0)
    return weight_of_words(quoted)


def best_of_documents(found: list[Found]) -> list[Found]:
    """The best passage of each document, in the same order."""
    best: dict[str, Found] = {}
    for item in found:
        best.setdefault(item.passage.document_id, item)
    return list(best.values())
