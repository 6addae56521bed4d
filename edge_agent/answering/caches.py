"""What is kept of the answers to earlier questions: whole answers, and the embeddings of sentences they looked at.

Both live in memory only and are bounded. An answer is good for one revision of the base (`Revision`); the embeddings of
a passage's sentences are good for ever, since passages never change and their ids are never used again.
"""

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np
from cachetools import LRUCache

from edge_agent.answering.evidence import Candidate
from edge_agent.answering.results import Answer
from student.embeddings import Embeddings

ANSWERS = 1_000
SENTENCE_BYTES = 32_000_000


class Revision:
    """Counts the changes of a base, so that what was made from it is known to be of before or after each.

    Guarantees:
        What was read under a number holds nothing of before the change that made it.
    """

    def __init__(self) -> None:
        self._number = 0
        self._lock = threading.Lock()

    @property
    def number(self) -> int:
        """How many changes have ended; read it before what is to be kept under it."""
        return self._number

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Around a change of store and index. It counts at the end, when both have changed, and also if it fails."""
        with self._lock:
            try:
                yield
            finally:
                self._number += 1

    @contextlib.contextmanager
    def steady(self) -> Iterator[None]:
        """Around what must not meet a change half made: store and index agree while it lasts."""
        with self._lock:
            yield


class AnswerCache:
    """The latest answers of a revision. Safe to use from several threads."""

    def __init__(self, revision: Revision) -> None:
        self._revision, self._lock = revision, threading.Lock()
        self._answers: LRUCache[Hashable, Answer] = LRUCache(ANSWERS)

    def get(self, question: Hashable, make: Callable[[], Answer]) -> tuple[Answer, bool]:
        """The answer to a question, and whether it was there already; made and kept when it was not."""
        key = (self._revision.number, question)  # before anything is read: see `Revision`
        with self._lock:
            kept = self._answers.get(key)
        if kept is not None:
            return kept, True
        made = make()
        with self._lock:
            self._answers[key] = made
        return made, False


class SentenceCache:
    """The embeddings of the sentences of passages looked at lately. Safe to use from several threads."""

    def __init__(
        self,
        stored: Callable[[Sequence[int]], dict[int, Embeddings]],
        encode: Callable[[Sequence[str]], Embeddings],
        *,
        size_bytes: int = SENTENCE_BYTES,
    ) -> None:
        """An empty cache.

        Args:
            stored: by passage, the embeddings that the store has.
            encode: for passages whose sentences have none there, or have been cut by other rules.
            size_bytes: at most kept.
        """
        self._stored, self._encode, self._lock = stored, encode, threading.Lock()
        self._passages: LRUCache[int, Embeddings] = LRUCache(size_bytes, getsizeof=lambda rows: rows.nbytes)

    def embeddings(self, candidates: Sequence[Candidate]) -> Embeddings:
        """The embeddings (K, D) of K > 0 sentences: all those of some passages, passage by passage."""
        texts: dict[int, list[str]] = {}
        for candidate in candidates:
            texts.setdefault(candidate.passage.passage_id, []).append(candidate.text)
        with self._lock:
            rows = {passage_id: self._passages.get(passage_id) for passage_id in texts}
        new = self._stored([passage_id for passage_id, kept in rows.items() if kept is None])
        new = {passage_id: made for passage_id, made in new.items() if len(made) == len(texts[passage_id])}
        missing = [passage_id for passage_id, kept in rows.items() if kept is None and passage_id not in new]
        made = self._encode([text for passage_id in missing for text in texts[passage_id]])
        ends = np.cumsum([len(texts[passage_id]) for passage_id in missing])
        new |= dict(zip(missing, np.split(made, ends[:-1]), strict=True)) if missing else {}
        with self._lock:
            for passage_id, embeddings in new.items():
                if embeddings.nbytes <= self._passages.maxsize:
                    self._passages[passage_id] = embeddings.copy()
        rows |= new
        return np.concatenate([rows[passage_id] for passage_id in texts])  # (K, D)
