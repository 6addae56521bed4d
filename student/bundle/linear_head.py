"""Heads: small linear classifiers on the sentence embedding, applied in numpy.

`probabilities = softmax((weight @ embedding + bias) / temperature)`; the temperature calibrates them
(Guo et al. 2017, arXiv 1706.04599). A text whose best probability is under the threshold is out of scope
(the baseline of Hendrycks & Gimpel 2017, arXiv 1610.02136).
"""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from student.bundle.folder import Bundle
from student.embeddings import Embeddings
from student.errors import BundleUnusable

_Floating = TypeVar("_Floating", bound=np.floating[Any])

INTENT = "intent"
"""Name of the head that classifies what a message is about: the one that the federation trains."""


@dataclass(frozen=True, slots=True)
class LabelProbability:
    """A label and its calibrated probability in [0, 1]."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Classification:
    """A head's answer for one text.

    Attributes:
        label: the most probable label, or None when the text is out of the head's scope.
        probability: of the most probable label.
        alternatives: the most probable labels, best first (the best one included).
    """

    label: str | None
    probability: float
    alternatives: list[LabelProbability]


@dataclass(frozen=True, slots=True)
class LinearHead:
    """A linear head.

    Attributes:
        weight: float32 (C, D).
        bias: float32 (C,).
        labels: C names.
        temperature: > 0, divides the logits.
        threshold: probability under which a text is out of scope.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    labels: tuple[str, ...]
    temperature: float
    threshold: float

    def probabilities(self, embeddings: Embeddings) -> NDArray[np.float64]:
        """Calibrated probabilities (N, C) of embeddings (N, D)."""
        return softmax(self.logits(embeddings).astype(np.float64))

    def logits(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """Logits (N, C) of embeddings (N, D), divided by the temperature."""
        return np.asarray((embeddings @ self.weight.T + self.bias) / np.float32(self.temperature), dtype=np.float32)

    def classify(self, embedding: Embeddings, *, alternatives: int = 3) -> Classification:
        """The label of one embedding (D,), with the next most probable ones."""
        probabilities = self.probabilities(embedding[None])[0]  # (C,)
        best = np.argsort(-probabilities, kind="stable")[:alternatives]
        ranked = [LabelProbability(self.labels[i], float(probabilities[i])) for i in best]
        top = ranked[0]
        label = top.label if top.probability >= self.threshold else None
        return Classification(label, top.probability, ranked)


def pack_head(weight: NDArray[np.float32], bias: NDArray[np.float32]) -> bytes:
    """The bytes of a head's file in a bundle (safetensors)."""
    return save({"weight": np.ascontiguousarray(weight), "bias": np.ascontiguousarray(bias)})


def softmax(logits: NDArray[_Floating]) -> NDArray[_Floating]:
    """Probabilities (N, C) of logits (N, C), in the precision of these."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), dtype=logits.dtype)


def read_head(bundle: Bundle, name: str) -> LinearHead:
    """Reads a head from a verified bundle.

    Raises:
        BundleUnusable: the file is not safetensors, or its shapes do not fit the labels and the encoder.
    """
    entry = bundle.manifest.heads[name]
    try:
        tensors = load(bundle.read(entry.file))
    except SafetensorError as error:
        raise BundleUnusable(f"head {name!r} of the bundle is not safetensors; get the bundle again") from error
    weight, bias = tensors.get("weight"), tensors.get("bias")
    expected = (len(entry.labels), bundle.manifest.encoder.dimension)
    if weight is None or bias is None or weight.shape != expected or bias.shape != expected[:1]:
        shapes = {key: tensor.shape for key, tensor in tensors.items()}
        raise BundleUnusable(
            f"head {name!r} holds {shapes}, expected weight {expected} and bias {expected[:1]}; get the bundle again"
        )
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise BundleUnusable(f"head {name!r} holds numbers that are not finite; get the bundle again")
    return LinearHead(
        weight.astype(np.float32),
        bias.astype(np.float32),
        tuple(entry.labels),
        entry.temperature,
        entry.threshold,
    )
