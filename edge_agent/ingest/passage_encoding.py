"""Encoding of passages before they are stored: the embedding of each, and those of its sentences."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.ingest.chunking import passage_input
from edge_agent.text import split_sentences
from student.embeddings import Embeddings
from student.runtime.encoder import Encoder


def encode_passages(
    encoder: Encoder, passages: Sequence[tuple[str, str, str]]
) -> tuple[NDArray[np.float16], list[Embeddings]]:
    """Encodes passages, given by title, heading and text.

    Returns:
        Their embeddings (N, D), in the precision that the store keeps, so that a restart changes nothing; and for each
        the embeddings (K, D) of its sentences, in order.
    """
    sentences = [[text[start:end] for start, end in split_sentences(text)] for _, _, text in passages]
    texts = [passage_input(*passage) for passage in passages] + [text for group in sentences for text in group]
    rows = encoder.encode(texts)
    ends = len(passages) + np.cumsum([len(group) for group in sentences], dtype=np.int64)
    groups = np.split(rows, [len(passages), *ends[:-1]])[1:] if passages else []
    return rows[: len(passages)].astype(np.float16), groups
