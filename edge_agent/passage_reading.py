"""Reads the nearest passage together with the question: what similarity cannot tell, whether the answer is there."""

import threading

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

    def logit(self, question: TokenEmbeddings, passage: Passage) -> float:
        """How much the passage answers the question, by the reader; above 0 where it more likely does than not."""
        with self._lock:
            parts = self._tokens.get(passage.passage_id)
        if parts is None:
            heading, text = self._encoder.encode_each_tokens([headings(passage), passage.text])
            parts = heading, text
            if _bytes(parts) <= self._tokens.maxsize:
                with self._lock:
                    self._tokens[passage.passage_id] = parts
        return self._reader.read(question, *parts)


def headings(passage: Passage) -> str:
    """What the reader sees above a passage's text: its title and headings, a line each."""
    return "\n".join(part for part in (passage.title, passage.heading) if part) or "-"


def _bytes(tokens: tuple[TokenEmbeddings, TokenEmbeddings]) -> int:
    return int(np.sum([part.embeddings.nbytes for part in tokens]))
