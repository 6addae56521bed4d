"""The memory: feedback moves documents in the ranking of the same and similar questions at once (docs/adr/0072).

A remembered question counts for another where their embeddings are near and they share words. What people said of a
document then adds up, each person's word within bounds, to an amount that its passages move by.
"""

import contextlib
import logging
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from edge_agent.errors import AgentError
from edge_agent.storage.memory import MOST_REMEMBERED, MemoryTable, Remembered
from edge_agent.text import content_terms
from student.embeddings import Embeddings, Encode

log = logging.getLogger(__name__)

NEAR, SAME = 0.72, 0.90
"""Cosine of two questions from which one counts for the other, and from which it counts fully."""
_FIRST_WEIGHT = 0.2
"""Of a question that is just near."""
SHARED_WORDS = 0.25
"""Share of the content words of the shorter question that stand in the other, by their first letters."""
MOST_MOVED = 0.3
"""An amount that no agreement of people reaches: less than an exact code or a quotation counts in the ranking."""
HALVED_AFTER_DAYS = 365
"""After which a judgement counts half as much as a new one."""
_STEM, _DAY_S = 5, 86_400.0


@dataclass(frozen=True, slots=True)
class Recalled:
    """Judgements that are remembered for a question.

    Attributes:
        moves: amounts that documents, by id, move by: above 0 up, below 0 down.
        memory_ids: of the judgements, by document.
    """

    moves: Mapping[str, float] = field(default_factory=dict)
    memory_ids: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def ids(self) -> list[int]:
        """The judgements of all documents, ascending."""
        return sorted(memory_id for memory_ids in self.memory_ids.values() for memory_id in memory_ids)

    def within(self, document_ids: Collection[str]) -> "Recalled":
        """The same of some documents alone."""
        moves = {document_id: move for document_id, move in self.moves.items() if document_id in document_ids}
        return Recalled(moves, {document_id: self.memory_ids[document_id] for document_id in moves})


@dataclass(frozen=True, slots=True)
class _Judgement:
    """A remembered judgement in memory: without its text."""

    memory_id: int
    given_at: float  # seconds since 1970
    document_id: str
    is_right: bool
    customer: str | None
    stems: frozenset[str]


@dataclass(frozen=True, slots=True)
class _State:
    space: str
    judgements: Sequence[_Judgement]  # M
    embeddings: Embeddings  # (M, D)


class Memory:
    """The memory of a store, and its copy in the process. Safe to use from several threads.

    Attributes:
        is_on: whether anything is remembered, and what is remembered used.
        version: grows with every change; the same version recalls the same.
    """

    def __init__(self, table: MemoryTable, encoding: Callable[[], tuple[Encode, str, int]], *, is_on: bool) -> None:
        """Reads the store.

        Args:
            table: of the store.
            encoding: says what embeds questions now, its embedding space, and D.
            is_on: see above.
        """
        self._table, self._encoding, self.is_on = table, encoding, is_on
        self._lock = threading.Lock()
        self._state: _State | None = None
        self._uses = Counter[int]()
        self.version = 0
        self.refresh()

    def refresh(self) -> None:
        """Follows what was written or deleted, and embeds questions that have no embedding yet."""
        if not self.is_on:
            return
        with self._lock:
            self._write_uses()
            encode, space, dimension = self._encoding()
            try:
                self._table.embed_missing(encode, space)
            except AgentError as error:  # what was judged is on disk, and embedded when there is room
                log.warning("some of what is remembered does not count yet: %s", error)
            rows, embeddings = self._table.embedded(space, dimension)
            self._state = _State(space, [_judgement(row) for row in rows], embeddings)
            self.version += 1

    def all(self, *, after: int = 0, limit: int = MOST_REMEMBERED) -> list[Remembered]:
        """Judgements in the order they were given, those with a later id than `after`, at most `limit`."""
        return self._table.all(after=after, limit=limit)

    def recall(self, text: str, embedding: Embeddings, space: str, *, now: datetime) -> Recalled:
        """Judgements that are remembered for a question.

        Args:
            text: of the question.
            embedding: its own, (D,), not adapted to documents.
            space: of the embedding.
            now: when it is asked.
        """
        if self._state is not None and self._state.space != space:  # another bundle was promoted
            self.refresh()
        state = self._state
        if state is None or state.space != space or not state.judgements:
            return Recalled()
        cosines = state.embeddings @ embedding  # (M,)
        near = np.flatnonzero(cosines >= NEAR).tolist()
        stems = stems_of(text) if near else frozenset[str]()
        said = defaultdict[str, list[tuple[_Judgement, float]]](list)
        for row in near:
            judgement = state.judgements[row]
            if asks_alike(stems, judgement.stems):
                age_days = max(0.0, now.timestamp() - judgement.given_at) / _DAY_S
                weight = nearness(float(cosines[row])) * 0.5 ** (age_days / HALVED_AFTER_DAYS)
                said[judgement.document_id].append((judgement, weight))
        moves = {document_id: moved_by(judged) for document_id, judged in said.items()}
        memory_ids = {document_id: [j.memory_id for j, _ in judged] for document_id, judged in said.items()}
        return Recalled(moves, memory_ids).within({document_id for document_id, move in moves.items() if move})

    def note_uses(self, memory_ids: Sequence[int]) -> None:
        """Counts that judgements took part in a ranking; written down with the next change, and at the end."""
        with self._lock:
            self._uses.update(memory_ids)

    def close(self) -> None:
        """Writes down how often judgements were used."""
        with self._lock:
            self._write_uses()

    def _write_uses(self) -> None:
        with contextlib.suppress(AgentError):  # only counts are lost; whoever closes or deletes is not held up by them
            self._table.note_uses(self._uses)
        self._uses.clear()


def nearness(cosine: float) -> float:
    """The weight in (0, 1] of a remembered question for one that it is near to."""
    share = min(1.0, (cosine - NEAR) / (SAME - NEAR))
    return _FIRST_WEIGHT + (1 - _FIRST_WEIGHT) * share


def asks_alike(stems: frozenset[str], others: frozenset[str]) -> bool:
    """Whether two questions share enough words, and name the same figures where both name some."""
    figures, other_figures = ({stem for stem in each if any(c.isdigit() for c in stem)} for each in (stems, others))
    if figures and other_figures and not figures & other_figures:
        return False
    shared = len(stems & others)
    return shared > 0 and shared >= SHARED_WORDS * min(len(stems), len(others))


def moved_by(judged: Sequence[tuple[_Judgement, float]]) -> float:
    """The amount that judgements of a document, with their weights, move it by, within ±`MOST_MOVED`.

    A person counts at most once, whatever they say how often; without a pseudonym all are one person. One person moves
    it by half of the most, two that agree by two thirds; those that disagree cancel each other out.
    """
    people = defaultdict[str | None, float](float)
    for judgement, weight in judged:
        people[judgement.customer] += weight if judgement.is_right else -weight
    total = sum(min(1.0, max(-1.0, each)) for each in people.values())
    return MOST_MOVED * total / (1 + abs(total))


def stems_of(text: str) -> frozenset[str]:
    """The first letters of a text's content words; figures whole; without what masking put in their place."""
    terms = content_terms(_MASKED.sub(" ", text), limit=None)
    return frozenset(term if any(c.isdigit() for c in term) else term[:_STEM] for term in terms)


_MASKED = re.compile(r"\[[A-Z]+_\d+\]")


def _judgement(row: Remembered) -> _Judgement:
    return _Judgement(
        row.memory_id,
        datetime.fromisoformat(row.at).timestamp(),
        row.document_id,
        row.is_right,
        row.customer,
        stems_of(row.text),
    )
