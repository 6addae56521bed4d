"""Encoding of passages before they are stored: the embedding of each, and those of its units."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.ingest.chunking import passage_input
from edge_agent.ingest.units import unit_inputs
from edge_agent.storage.records import PassageKind
from student.embeddings import Embeddings
from student.runtime.encoder import Encoder
from student.runtime.work_queue import Priority


@dataclass(frozen=True, slots=True)
class PassageText:
    """The parts of a passage that are encoded: its document's title, the headings above it, its own text."""

    title: str
    heading: str
    text: str
    kind: PassageKind = PassageKind.PARAGRAPH


def encode_passages(encoder: Encoder, passages: Sequence[PassageText]) -> tuple[NDArray[np.float16], list[Embeddings]]:
    """Encodes passages and their units; questions go before them.

    Returns:
        Their embeddings (N, D), in the precision that the store keeps, so that a restart changes nothing; and for each
        the embeddings (K, D) of its units, in order.
    """
    units = [unit_inputs(p.heading, p.text, p.kind) for p in passages]
    texts = [passage_input(p.title, p.heading, p.text) for p in passages] + [text for group in units for text in group]
    places = {text: n for n, text in enumerate(dict.fromkeys(texts))}  # a line that stands twice is encoded once
    rows = encoder.encode(list(places), priority=Priority.INGEST)[[places[text] for text in texts]]
    ends = len(passages) + np.cumsum([len(group) for group in units], dtype=np.int64)
    groups = np.split(rows, [len(passages), *ends[:-1]])[1:] if passages else []
    return rows[: len(passages)].astype(np.float16), groups
