"""Queries for passages: pairs that a teacher learns retrieval from, where nobody has written questions.

The baseline needs no language model: a guide's title asks for its beginning, title and heading for a section, a first
sentence for the rest (the inverse cloze of Lee et al. 2019, arXiv 1906.00300). A writer, such as a language model, can
be added (`writers.py`; GPL, arXiv 2112.07577); what it writes is kept only if the passage is found again by it
(round trip; Alberti et al. 2019, arXiv 1906.05416).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from student.artifacts.durable import write_durably
from student.artifacts.json_lines import DataRefused, column, read_rows
from student.embeddings import Embeddings
from teacher.corpora.recipe import CorpusRecipe
from teacher.corpora.sources import passages_of, read_guides

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
MIN_WORDS = 12
"""Words of a passage that queries are made for."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and the passage that answers it.

    Attributes:
        guide: what both are of; passages of one guide are no wrong answers to each other's queries.
        maker: how the query was made: `title`, `heading`, `first sentence`, or a writer's name.
        language, segment: to measure by.
    """

    query: str
    passage: str
    guide: str
    maker: str
    language: str
    segment: str


def make_pairs(recipe: CorpusRecipe, data: Path) -> Iterator[Pair]:
    """Pairs from the guides of a corpus that are not held out, by the baseline maker.

    Raises:
        DataRefused: a file of the corpus cannot be used.
    """
    for source in recipe.source:
        if source.kind != "guides":
            continue
        for guide in read_guides(source, data):
            passages = passages_of(guide["body_markdown"], max_words=110)
            name, language = str(guide["id"]), str(guide.get("lang") or source.language or "")
            for position, (heading, text) in enumerate(passages):
                for query, passage, maker in _ask(guide["title"], heading, text, is_first=position == 0):
                    if len(passage.split()) >= MIN_WORDS:
                        yield Pair(query, passage, name, maker, language, source.file.split("/")[0])


def _ask(title: str, heading: str, text: str, *, is_first: bool) -> Iterator[tuple[str, str, str]]:
    if is_first:
        yield title, text.replace(title, " ").strip(), "title"
    if heading and heading != title:
        yield f"{title}: {heading}", text, "heading"
    sentences = [sentence for sentence in _SENTENCE_END.split(text) if sentence.strip()]
    if len(sentences) > 2 and 4 <= len(sentences[0].split()) <= 30:
        yield sentences[0].strip(), " ".join(sentences[1:]), "first sentence"


def add_written(
    pairs: Sequence[Pair],
    write: Callable[[str, str], list[str]],
    encode: Callable[[list[str]], Embeddings],
    *,
    maker: str,
    found_among: int = 3,
    on_passage: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Pair]:
    """Pairs with queries that a writer makes for the passages of others, those that pass the round trip.

    Args:
        pairs: whose passages are asked for.
        write: passage and language → queries.
        encode: texts → embeddings (N, D), by the teacher that searches the passages.
        maker: the writer's name.
        found_among: a query is kept if its passage is among so many nearest ones.
        on_passage: called with the numbers of passages done and of all.
    """
    of_passage = {pair.passage: pair for pair in pairs}
    passages = list(of_passage)
    documents = encode(passages)  # (N, D)
    for row, passage in enumerate(passages):
        pair = of_passage[passage]
        queries = [query for query in dict.fromkeys(write(passage, pair.language)) if query.strip()]
        if queries:
            similarities = encode(queries) @ documents.T  # (Q, N)
            ranks = (similarities > similarities[:, [row]]).sum(axis=1) + 1
            for query, rank in zip(queries, ranks, strict=True):
                if rank <= found_among:
                    yield Pair(query, passage, pair.guide, maker, pair.language, pair.segment)
        on_passage(row + 1, len(passages))


def write_pairs(path: Path, pairs: Iterable[Pair]) -> int:
    """Writes pairs as JSON lines durably; returns their number."""
    lines = [json.dumps(asdict(pair), ensure_ascii=False) for pair in pairs]
    write_durably(path, ("\n".join(lines) + "\n").encode())
    return len(lines)


def read_query_pairs(path: Path) -> list[Pair]:
    """Reads JSON lines of `query` and `passage`; repeated pairs are read once.

    `guide` is the passage itself where it is missing, the other columns "".

    Raises:
        DataRefused: a row lacks a column or has an empty text, or there are fewer than 20 pairs.
    """
    pairs: dict[tuple[str, str], Pair] = {}
    for row in read_rows(path):
        query, passage = (column(row, name, path).strip() for name in ("query", "passage"))
        if not query or not passage:
            raise DataRefused(f"{path} has a pair with an empty query or passage; remove it")
        others = (str(row.get(name) or "") for name in ("maker", "language", "segment"))
        pairs.setdefault((query, passage), Pair(query, passage, str(row.get("guide") or passage), *others))
    if len(pairs) < 20:
        raise DataRefused(f"{path} has {len(pairs)} pairs; expected at least 20")
    return list(pairs.values())


def mine_negatives(
    pairs: Sequence[Pair], queries: Embeddings, passages: Embeddings, *, count: int, share: float
) -> list[list[int]]:
    """For each of P pairs the rows of the passages nearest to its query that do not answer it.

    Passages of the same guide are left out, and those nearer than `share` of the answer's similarity, which are likely
    to answer it too (Moreira et al. 2024, arXiv 2407.15831).

    Args:
        pairs: P.
        queries: (P, D), unit norm.
        passages: (P, D), unit norm.
        count: at most so many for each.
        share: in (0, 1].
    """
    guides = {guide: number for number, guide in enumerate(dict.fromkeys(pair.guide for pair in pairs))}
    guide_of = np.array([guides[pair.guide] for pair in pairs])
    mined = []
    for first in range(0, len(pairs), 1024):
        similarities = queries[first : first + 1024] @ passages.T  # (b, P)
        for row, line in enumerate(similarities, start=first):
            usable = (guide_of != guide_of[row]) & (line < share * line[row])
            line[~usable] = -np.inf
            nearest = np.argpartition(-line, min(count, len(line) - 1))[:count]
            mined.append([int(i) for i in nearest[np.argsort(-line[nearest])] if np.isfinite(line[i])])
    return mined
