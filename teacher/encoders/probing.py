"""Probes: an encoder shows with a few texts that it can be used, before anything is labelled."""

import numpy as np
from numpy.typing import NDArray

from student.embeddings import Embeddings
from teacher.encoders.encoder import EncodeRaw
from teacher.errors import EncoderRefused
from teacher.roles import Role

PROBE_TEXTS = (
    "How do I reset my password?",
    "red",
    "¿Cómo puedo recuperar las copias de seguridad de mi página? Mañana caduca el dominio.",
    ".",
    "A backup of every site is kept for thirty days; the plan decides how often one is made. " * 6,
    "The invoice is sent by mail on the first day of the month.",
)
"""Short, one word, Spanish, almost nothing, long, a sentence."""

_SAME = 0.9999
"""Cosine above which two probes count as one text: an encoder that says so of all of them says nothing."""
_REPEATED = 0.999
"""Cosine that a text has with itself in a second run; servers on GPUs stay above it, dropout does not."""
_BESIDE_OTHERS = 0.9
"""Cosine that a text has with itself encoded alone; graphs quantized by batch stay above it, wrong padding does not."""
_ZEROS_OF_SPARSE = 0.5


def probe(encode: EncodeRaw, name: str, dimensions: int | None) -> Embeddings:
    """Embeddings (2 · probes, D) of the probes as queries and as passages.

    Raises:
        EncoderRefused: they are not finite, zero, sparse, all the same, change between two runs or with what is encoded
            beside them, or have fewer numbers than asked for.
    """
    texts = list(PROBE_TEXTS)
    raw = np.concatenate([encode(texts, role) for role in Role])
    _require_dense(raw, name)
    embeddings = unit_rows(raw, name, dimensions)
    again = unit_rows(np.concatenate([encode(texts, role) for role in Role]), name, dimensions)
    lowest = float((embeddings * again).sum(axis=1).min())
    if lowest < _REPEATED:
        raise EncoderRefused(
            f"{name}: embeddings change between two runs, similarity {lowest:.4f}, expected {_REPEATED} or more; "
            "switch dropout or sampling off, or see whether weights are missing and made up at random"
        )
    own = embeddings[: len(texts)]
    similarities = own @ own.T
    if float(similarities.min()) > _SAME:
        raise EncoderRefused(
            f"{name}: constant embeddings, {len(texts)} different texts all have similarity above {_SAME}; check "
            "weights, tokenizer and pooling"
        )
    by_itself = unit_rows(np.concatenate([encode([text], Role.QUERY) for text in texts]), name, dimensions)
    lowest = float((own * by_itself).sum(axis=1).min())
    if lowest < _BESIDE_OTHERS:
        raise EncoderRefused(
            f"{name}: a text's embedding depends on the texts beside it, similarity {lowest:.4f} to itself alone, "
            f"expected {_BESIDE_OTHERS} or more; check padding and attention mask, or set batch_size to 1 and pooling "
            "to what the encoder was made for"
        )
    return embeddings


def unit_rows(raw: NDArray[np.float32], name: str, dimensions: int | None) -> Embeddings:
    """Embeddings (N, D) of unit norm: the first `dimensions` numbers, or all.

    Raises:
        EncoderRefused: there are fewer, or they are not finite, or all zero.
    """
    if raw.ndim != 2 or raw.shape[1] < 2:
        raise EncoderRefused(
            f"{name}: gives {raw.shape[1:]} numbers a text, expected one embedding of at least 2; a classifier or "
            "cross-encoder cannot be a teacher of embeddings"
        )
    if dimensions is not None and dimensions > raw.shape[1]:
        raise EncoderRefused(
            f"{name}: wrong dimension, embeddings have {raw.shape[1]} numbers, dimensions asks for {dimensions}; "
            "lower it"
        )
    cut = raw[:, :dimensions].astype(np.float32)
    if not np.isfinite(cut).all():
        bad = int((~np.isfinite(cut).all(axis=1)).sum())
        raise EncoderRefused(
            f"{name}: {bad} of {len(cut)} embeddings are not finite (NaN or infinite); the weights are damaged or the "
            "precision is too low: try precision float32"
        )
    norms = np.linalg.norm(cut, axis=1, keepdims=True)  # (N, 1)
    if (norms < 1e-9).any():
        raise EncoderRefused(
            f"{name}: {int((norms < 1e-9).sum())} of {len(cut)} embeddings are zero; the tokenizer may not know these "
            "texts' language, or the weights are damaged"
        )
    return np.asarray(cut / norms, dtype=np.float32)


def _require_dense(raw: NDArray[np.float32], name: str) -> None:
    if raw.ndim == 2 and raw.shape[1] > 64 and (raw != 0).any() and (raw == 0).mean() > _ZEROS_OF_SPARSE:
        raise EncoderRefused(
            f"{name}: a sparse encoder, {(raw == 0).mean():.0%} of its {raw.shape[1]} numbers are zero; a student "
            "learns dense embeddings: name an encoder that gives them"
        )
