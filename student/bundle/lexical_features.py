"""Lexical features: the words of a short message as numbers, for what its embedding does not tell apart.

Words, pairs of words and pieces of words are hashed into a fixed number of columns, which is public: no vocabulary of
the examples is kept (feature hashing, Weinberger et al. 2009, arXiv 0902.2206). Accents and case are folded, so that
messages typed in a hurry meet the same columns. The features of a text have length 1, as its embedding has.
"""

import itertools
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEXICAL_VERSION = 1
"""Of the rule by which texts become columns: another rule is another version."""
LEXICAL_SIZE = 1 << 14
"""Columns, of every head: a number that says nothing about the examples."""

_WORD = re.compile(r"\w+")
_PIECES = (3, 4, 5)
_MAX_WORDS = 400


def lexical_features(text: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The columns of a text, ascending, and their values, of length 1 together; none for a text without words."""
    words = _WORD.findall(fold(text))[:_MAX_WORDS]
    names = [f"w:{word}" for word in words]
    names += [f"b:{first} {second}" for first, second in itertools.pairwise(words)]
    for word in words:
        padded = f" {word} "
        names += [padded[i : i + size] for size in _PIECES for i in range(len(padded) - size + 1)]
    counts: Counter[int] = Counter()
    for name, count in Counter(names).items():
        digest = zlib.crc32(name.encode())
        counts[digest % LEXICAL_SIZE] += count if digest >> 31 else -count  # collisions cancel out on average
    columns = np.array(sorted(column for column, count in counts.items() if count), dtype=np.int64)
    found = np.array([counts[int(column)] for column in columns], dtype=np.float32)
    values = np.sign(found) * np.sqrt(np.abs(found))
    return columns, np.asarray(values / max(float(np.linalg.norm(values)), 1e-6), dtype=np.float32)


def lexical_matrix(texts: Sequence[str]) -> NDArray[np.float32]:
    """The features of N texts, (N, columns)."""
    matrix = np.zeros((len(texts), LEXICAL_SIZE), dtype=np.float32)
    for row, text in zip(matrix, texts, strict=True):
        columns, values = lexical_features(text)
        row[columns] = values
    return matrix


def fold(text: str) -> str:
    """A text in lower case without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
