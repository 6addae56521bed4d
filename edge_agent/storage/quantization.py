"""Quantization of the embeddings of sentences, as the store keeps them: int8 with a scale each."""

import numpy as np

from student.embeddings import Embeddings


def quantized_type(dimension: int) -> np.dtype[np.void]:
    """How the embedding (D,) of a sentence is stored: a float16 scale and int8 numbers."""
    return np.dtype([("scale", "<f2"), ("values", "i1", (dimension,))])


def dequantize(stored: bytes, dimension: int) -> Embeddings:
    """The embeddings (K, D) of stored sentences; cosines differ by less than 0.01 from what was written."""
    quantized = np.frombuffer(stored, dtype=quantized_type(dimension))
    scales = quantized["scale"].astype(np.float32)[:, None] / 127  # (K, 1)
    return np.asarray(quantized["values"] * scales, dtype=np.float32)


def quantize(rows: Embeddings) -> bytes:
    """Embeddings (K, D) as a float16 scale and int8 numbers each; cosines change by less than 0.01."""
    quantized = np.empty(len(rows), dtype=quantized_type(rows.shape[1]))
    scales = np.maximum(np.abs(rows).max(axis=1, initial=0), 1e-3).astype("<f2")  # (K,)
    quantized["scale"] = scales
    quantized["values"] = np.clip(np.rint(rows / scales[:, None].astype(np.float32) * 127), -127, 127)
    return quantized.tobytes()
