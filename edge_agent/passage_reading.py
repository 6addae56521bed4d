"""Reads the nearest passages together with the question: what similarity cannot tell, whether the answer is there."""

import threading
from collections.abc import Sequence

import numpy as np
from cachetools import LRUCache

from edge_agent.records import Passage
from student.encoder import Encoder, TokenEmbeddings
from student.reader import Reader

TOKEN_BYTES = 32_000_000


class PassageReading:
    """A bundle's reader and the tokens of the passages it read lately. Safe to use from several threads.

    A passage's tokens are good for ever, since passages never change and their ids are never used again.
    """

    def __init__(self, encoder: Encoder, reader: Reader, *, size_bytes: int = TOKEN_BYTES) -> None:
        self._encoder, self._reader, self._lock = encoder, reader, threading.Lock()
        self._tokens: LRUCache[int, tuple[TokenEmbeddings, TokenEmbeddings]] = LRUCache(size_bytes, getsizeof=_bytes)

    def logits(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """How much each passage answers the question, by the reader; above 0 where it more likely does than not."""
        with self._lock:
            known = {p.passage_id: self._tokens.get(p.passage_id) for p in passages}
        missing = [p for p in passages if known[p.passage_id] is None]
        texts = [text for p in missing for text in (headings(p), p.text)]
        asked, *made = self._encoder.encode_each_tokens([question, *texts])
        tokens = {p.passage_id: (made[2 * i], made[2 * i + 1]) for i, p in enumerate(missing)}
        with self._lock:
            for passage_id, pair in tokens.items():
                if _bytes(pair) <= self._tokens.maxsize:
                    self._tokens[passage_id] = pair
        tokens |= {passage_id: pair for passage_id, pair in known.items() if pair is not None}
        return [self._reader.read(asked, *tokens[p.passage_id]) for p in passages]


def headings(passage: Passage) -> str:
    """What the reader sees above a passage's text: its title and headings, a line each."""
    return "\n".join(part for part in (passage.title, passage.heading) if part) or "-"


def _bytes(tokens: tuple[TokenEmbeddings, TokenEmbeddings]) -> int:
    return int(np.sum([part.embeddings.nbytes for part in tokens]))
