"""Reads where a passage fits best together with the question: what similarity cannot tell, is the answer there?"""

import threading

import numpy as np
from cachetools import LRUCache

from edge_agent.storage.records import Passage
from student.embeddings import TokenEmbeddings
from student.runtime.encoder import Encoder
from student.runtime.verifier import Verifier

TOKEN_BYTES = 32_000_000
_Parts = tuple[TokenEmbeddings, TokenEmbeddings]


class PassageReading:
    """A bundle's reader and the tokens of what it read lately. Safe to use from several threads.

    Tokens are good for ever, since passages never change and their ids are never used again.
    """

    def __init__(self, encoder: Encoder, verifier: Verifier, *, size_bytes: int = TOKEN_BYTES) -> None:
        self._encoder, self._verifier, self._lock = encoder, verifier, threading.Lock()
        self._tokens: LRUCache[tuple[int, int, int], _Parts] = LRUCache(size_bytes, getsizeof=_bytes)

    def logit(self, question: TokenEmbeddings, passage: Passage, start: int, end: int) -> float:
        """How much `start:end` of the document, in a passage of it, answers the question, by the reader.

        Above 0 where it more likely does than not.
        """
        key = passage.passage_id, start, end
        with self._lock:
            parts = self._tokens.get(key)
        if parts is None:
            text = passage.text[start - passage.start : end - passage.start]
            heading, body = self._encoder.encode_each_tokens([headings(passage), text])
            parts = heading, body
            if _bytes(parts) <= self._tokens.maxsize:
                with self._lock:
                    self._tokens[key] = parts
        return self._verifier.logit(question, *parts)


def headings(passage: Passage) -> str:
    """What the reader sees above a passage's text: its title and headings, a line each."""
    return "\n".join(part for part in (passage.title, passage.heading) if part) or "-"


def _bytes(tokens: _Parts) -> int:
    return int(np.sum([part.embeddings.nbytes for part in tokens]))
