"""Whether what was found speaks of every word of a question: a base that lacks one can hardly answer.

A whole question is near to a passage when most of it is; the word that makes it another question ("does the mail work
**with Outlook 2003**") is lost in the mean. So each word is compared on its own, in the context of its question.
"""

import numpy as np

from edge_agent.text import content_words
from student.embeddings import Embeddings, TokenEmbeddings


def least_spoken_of(text: str, tokens: TokenEmbeddings, sentences: Embeddings) -> float:
    """The similarity to its nearest sentence of the content word that has the least, in [-1, 1].

    Args:
        text: a question.
        tokens: its own; words beyond them, which the encoder does not see, do not count.
        sentences: (K, D), K > 0.

    Returns:
        0 for a question without a word: nothing speaks of it.
    """
    if not len(tokens.embeddings):
        return 0.0
    rows = tokens.embeddings / np.linalg.norm(tokens.embeddings, axis=1, keepdims=True)  # (T, D)
    nearest = (rows @ sentences.T).max(axis=1)  # (T,)
    starts, ends = tokens.offsets.T
    words = [nearest[(starts < end) & (ends > start)] for start, end in content_words(text)]
    return float(min((word.mean() for word in words if len(word)), default=0.0))
