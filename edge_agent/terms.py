"""The words of a question that search looks for, besides its meaning: content words of both languages, folded.

SQLite's FTS5 ranks by BM25 (Robertson & Zaragoza 2009); its tokenizer folds case and accents, and so does this.
"""

import re
import unicodedata
from difflib import SequenceMatcher

from edge_agent.language import LITTLE_WORDS

MAX_TERMS = 32
_WORD = re.compile(r"\w+")


def fold(text: str) -> str:
    """Lower case without accents: what `unicode61 remove_diacritics 2` compares."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


_STOP_WORDS = frozenset(fold(word) for word in LITTLE_WORDS)


def content_terms(text: str) -> list[str]:
    """The words of a text that are not little ones, each once, at most `MAX_TERMS`; all words when all are little."""
    words = list(dict.fromkeys(_WORD.findall(fold(text))))
    content = [word for word in words if word not in _STOP_WORDS]
    return (content or words)[:MAX_TERMS]


def longest_run(text: str, other: str) -> int:
    """How many words of a text stand in a row in another, folded, wherever they do."""
    words, others = _WORD.findall(fold(text)), _WORD.findall(fold(other))
    return SequenceMatcher(None, words, others, autojunk=False).find_longest_match().size


def match_any(terms: list[str]) -> str:
    """An FTS5 expression that matches what holds any of the terms; quoted, so that nothing in them is syntax."""
    return " OR ".join('"' + term.replace('"', '""') + '"' for term in terms)


def content_words(text: str) -> list[tuple[int, int]]:
    """Where the content words of a text stand, (start, end) in code points; repeated ones each time."""
    terms = set(content_terms(text))
    return [match.span() for match in _WORD.finditer(text) if fold(match[0]) in terms]
