"""Term counts: in how many passages a word stands, which decides the words of a question that are worth looking for."""

import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

from cachetools import TTLCache

from edge_agent.text import fold

MAX_MATCHES = 2_000
"""Passages that the words of a question may match together, a microsecond each; see `StoreSnapshot.bm25`."""
_REMEMBERED, _REMEMBERED_S = 20_000, 600
_WORD = re.compile(r"[^\W_]+")  # as FTS5 divides a text
Rows = Callable[[str, Sequence[object]], list[dict[str, Any]]]
"""The rows of a query of one moment of the store: `StoreSnapshot.rows`."""


class TermCounts:
    """In how many passages a word stands, remembered for some minutes: it decides which words of a question to use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: TTLCache[str, int] = TTLCache(_REMEMBERED, _REMEMBERED_S)

    def selective(self, rows: Rows, terms: Sequence[str]) -> list[str]:
        """The rarest of these words, until together they match `MAX_MATCHES` passages; one at least."""
        counts = self._passages_holding(rows, terms)
        chosen: list[str] = []
        matches = 0
        for term in sorted(counts, key=counts.__getitem__):
            matches += counts[term]
            if chosen and matches > MAX_MATCHES:
                break
            chosen.append(term)
        return [term for term in terms if term in chosen]

    def is_rare(self, rows: Rows, phrase: str) -> bool:
        """Whether a word of a phrase stands in few passages, and every word in one at least."""
        counts = self._passages_holding(rows, _WORD.findall(fold(phrase)))
        return bool(counts) and 0 < min(counts.values()) <= MAX_MATCHES

    def _passages_holding(self, rows: Rows, terms: Sequence[str]) -> dict[str, int]:
        with self._lock:
            counts = {term: self._counts[term] for term in terms if term in self._counts}
        for term in terms:
            if term not in counts:
                found = rows("SELECT doc FROM passage_vocabulary WHERE term = ?", [term])
                counts[term] = int(found[0]["doc"]) if found else 0
                with self._lock:
                    self._counts[term] = counts[term]
        return counts
