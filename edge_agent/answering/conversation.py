"""Conversations: the question before, by session, kept in memory for a while, and when a follow-up leans on it.

A follow-up ("and on the Oleaje plan?", "¿y en el plan Oleaje?") leaves out what the question before it named. It is
searched together with that question; a question that stands on its own is not.
"""

import re
import threading
import time
from collections.abc import Callable

from cachetools import TTLCache

from edge_agent.text import content_terms, fold

MAX_SESSIONS = 1_000
KEPT_S = 1_800
MAX_TERMS, MAX_TERMS_POINTING = 1, 3
"""Content words that a follow-up has at most, without and with a word that points back; chosen on the development half
of `demo/conversations.jsonl`."""
MAX_CONTEXT_CHARS = 500
_OPENING = re.compile(
    r"^\W*(?:(?:y|e|o|and|or|but|pero|also|tambien|entonces|then|so)\b"
    r"|(?:what|how) about\b|que (?:pasa|tal|hay) (?:con|en|si)\b|si no\b|en ese caso\b|in that case\b)"
)
_POINTING = re.compile(
    r"\b(?:it|that|this|those|these|they|them|there|one|ones|same"
    r"|eso|esa|ese|esos|esas|esto|este|ahi|alli|mismo|misma|la otra|el otro)\b"
)


def is_follow_up(text: str) -> bool:
    """Whether a question seems to lean on the one before it: how it opens, what it points at, how little it says."""
    folded = fold(text)
    if _OPENING.search(folded):
        return True
    count = len(content_terms(text))
    return count <= MAX_TERMS or (count <= MAX_TERMS_POINTING and bool(_POINTING.search(folded)))


class Conversations:
    """The latest conversations by session id. Safe to use from several threads; nothing is written."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._questions: TTLCache[str, str] = TTLCache(MAX_SESSIONS, KEPT_S, timer=clock)

    def forget(self) -> None:
        """Forgets all conversations."""
        with self._lock:
            self._questions.clear()

    def resolve(self, session: str, text: str) -> str:
        """The text to search for: a follow-up with the question before it, any other as it is, kept for later."""
        with self._lock:
            before = self._questions.get(session)
            if before is not None and is_follow_up(text):
                self._questions[session] = before  # for as long again
                return f"{before} {text}"
            self._questions[session] = text[:MAX_CONTEXT_CHARS]
        return text
