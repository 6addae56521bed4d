"""The public map from the bundle's embeddings to the features that heads are trained on, and back to a bundle's head.

`x = normalize((embedding - center) @ projection)`: center and projection are computed from public text alone, so they
cost no privacy. Centering spreads texts of one trade out, a projection to fewer dimensions leaves out directions that
would hold noise and little else, and unit norm bounds gradients. All of it is linear but for the length of x, which no
choice of a label depends on: the head that goes back into the bundle names the same labels.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from federation.errors import UpdateInvalid
from student.artifacts.digests import digest_bytes
from student.embeddings import Embeddings

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """The public map.

    Attributes:
        center: float32 (D,).
        projection: float32 (D, K).
    """

    center: NDArray[np.float32]
    projection: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Refuses what is no map.

        Raises:
            UpdateInvalid: shapes that do not fit, or numbers that are not finite.
        """
        fits = self.center.ndim == 1 and self.projection.ndim == 2 and len(self.center) == len(self.projection)
        if not (fits and np.isfinite(self.center).all() and np.isfinite(self.projection).all()):
            raise UpdateInvalid(
                f"a feature map has a center of shape {self.center.shape} and a projection of shape "
                f"{self.projection.shape}; expected finite (D,) and (D, K)"
            )

    @classmethod
    def fit(cls, public: Embeddings, dimension: int | None = None, *, power: float = 0.0) -> Self:
        """Of public texts' embeddings (N, D).

        Args:
            public: of texts like those at the branches, none of them from a branch.
            dimension: K, the directions of most variance; None for all.
            power: exponent of (variance + mean variance) that each is weighed with; -0.25 whitens softly.
        """
        center = public.mean(axis=0, dtype=np.float64)
        variances, directions = np.linalg.eigh(np.cov((public - center).T))
        kept = slice(None, None if dimension is None else -dimension - 1, -1)
        weighed = directions[:, ::-1] * (variances[::-1] + variances.mean()) ** power
        return cls(center.astype(np.float32), weighed[:, : len(variances[kept])].astype(np.float32))

    @property
    def digest(self) -> str:
        """Names the map in a round's parameters."""
        return digest_bytes((digest_array(self.center) + digest_array(self.projection)).encode())

    def apply(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """Features (N, K) of embeddings (N, D), of unit norm."""
        mapped = (embeddings.astype(np.float64) - self.center) @ self.projection
        norms = np.maximum(np.linalg.norm(mapped, axis=1, keepdims=True), 1e-12)
        return np.asarray(mapped / norms, dtype=np.float32)

    def to_head(self, weights: Weights) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The weight (C, D) and bias (C,) of a bundle's head that chooses as these weights (K, C) do."""
        weight = (self.projection.astype(np.float64) @ weights).T
        return weight.astype(np.float32), (-weight @ self.center).astype(np.float32)

    def from_head(self, weight: NDArray[np.float32], bias: NDArray[np.float32], public: Embeddings) -> Weights:
        """Weights (K, C) that answer most like a bundle's head on public texts (ridge regression on its logits)."""
        logits = public.astype(np.float64) @ weight.T + bias
        logits -= logits.mean(axis=1, keepdims=True)
        x = self.apply(public).astype(np.float64)
        gram = x.T @ x + 1e-3 * len(x) / x.shape[1] * np.eye(x.shape[1])
        return np.asarray(np.linalg.solve(gram, x.T @ logits), dtype=np.float32)

    def from_names(self, names: Embeddings, strength: float) -> Weights:
        """Weights (K, C) from the embeddings (C, D) of the labels' names alone: a start that costs no privacy."""
        x = self.apply(names)
        return np.asarray(strength * (x - x.mean(axis=0)).T, dtype=np.float32)

    def to_bytes(self) -> bytes:
        """Its file (safetensors)."""
        return save({"center": self.center, "projection": np.ascontiguousarray(self.projection)})

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The map of a file.

        Raises:
            UpdateInvalid: it is no map's.
        """
        try:
            tensors = load(content)
            return cls(tensors["center"].astype(np.float32), tensors["projection"].astype(np.float32))
        except (SafetensorError, KeyError) as error:
            raise UpdateInvalid("this is no feature map; expected safetensors with center and projection") from error


def digest_array(array: NDArray[Any]) -> str:
    """SHA-256 of an array's values as little-endian float32 with their shape: how parameters name arrays."""
    values = np.ascontiguousarray(array, dtype="<f4")
    return digest_bytes(f"{values.shape}".encode() + values.tobytes())
