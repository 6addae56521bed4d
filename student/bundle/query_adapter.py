"""The query adapter: a low-rank map of questions towards the documents that answer them, applied in numpy.

`q' = normalize(q + (q Aᵀ) B)`, with A and B of shape (r, D). It is learned at branches from the documents that staff
named (`federation.learning.query_adapter`). Documents keep their embeddings, so an index stays as it is; heads read
the embedding that the encoder gave.

Guarantees:
    An adapter whose B is zero changes no question.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from student.bundle.folder import Bundle
from student.embeddings import Embeddings
from student.errors import BundleUnusable

_MIN_NORM = 1e-6


@dataclass(frozen=True, slots=True)
class QueryAdapter:
    """An adapter; `a` and `b` are float32 (r, D)."""

    a: NDArray[np.float32]
    b: NDArray[np.float32]

    def adapt(self, embeddings: Embeddings) -> Embeddings:
        """Questions' embeddings (N, D), mapped, unit norm; one that the map would erase stays as it is."""
        mapped = embeddings + (embeddings @ self.a.T) @ self.b  # (N, D)
        norms = np.linalg.norm(mapped, axis=1, keepdims=True)
        return np.where(norms > _MIN_NORM, mapped / np.maximum(norms, _MIN_NORM), embeddings).astype(np.float32)


def pack_adapter(adapter: QueryAdapter) -> bytes:
    """The bytes of an adapter's file (safetensors)."""
    return save({"a": np.ascontiguousarray(adapter.a), "b": np.ascontiguousarray(adapter.b)})


def parse_adapter(content: bytes, rank: int, dimension: int) -> QueryAdapter:
    """Reads an adapter's file.

    Raises:
        ValueError: not safetensors, of other shapes, or with numbers that are not finite.
    """
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise ValueError("it is not safetensors") from error
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    if shapes != {"a": (rank, dimension), "b": (rank, dimension)}:
        raise ValueError(f"it holds {shapes}, expected a and b of {(rank, dimension)}")
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise ValueError("it holds numbers that are not finite")
    return QueryAdapter(tensors["a"].astype(np.float32), tensors["b"].astype(np.float32))


def read_adapter(bundle: Bundle) -> QueryAdapter | None:
    """The adapter of a verified bundle; None where it has none.

    Raises:
        BundleUnusable: the file is not what the manifest says.
    """
    entry = bundle.manifest.adapter
    if entry is None:
        return None
    try:
        return parse_adapter(bundle.read(entry.file), entry.rank, bundle.manifest.encoder.dimension)
    except ValueError as error:
        raise BundleUnusable(f"the bundle's query adapter cannot be used: {error}; get the bundle again") from error
