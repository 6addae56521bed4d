"""Heads: small linear classifiers on the sentence embedding, applied in numpy.

`probabilities = softmax((weight @ embedding + bias) / temperature)`; the temperature calibrates them
(Guo et al. 2017, arXiv 1706.04599). A text whose best probability is under the threshold is out of scope
(the baseline of Hendrycks & Gimpel 2017, arXiv 1610.02136). A head may have a blend: what the text's words, and the
answers of another head, add to the logits. The embedding's part stays a head in its own right, which is what the
federation trains.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from student.bundle.folder import Bundle
from student.bundle.lexical_features import LEXICAL_SIZE, LEXICAL_VERSION, lexical_features
from student.bundle.manifest import HeadEntry
from student.embeddings import Embeddings
from student.errors import BundleTooNew, BundleUnusable

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
class Blend:
    """Additions to a head's logits, beside the embedding's part.

    Attributes:
        lexical: float32 (columns, C), of `lexical_features`.
        basis_weight: float32 (B, C), of the square roots of the basis's probabilities; None without a basis.
        basis: a head of B labels on the same embeddings, whose answers help to tell the labels of this one apart.
    """

    lexical: NDArray[np.float32]
    basis_weight: NDArray[np.float32] | None = None
    basis: "LinearHead | None" = None

    def logits(self, embeddings: Embeddings, texts: Sequence[str]) -> NDArray[np.float32]:
        """Additions to the logits (N, C) of N texts and their embeddings (N, D)."""
        found = [lexical_features(text) for text in texts]
        added = np.stack([values @ self.lexical[columns] for columns, values in found])
        if self.basis and self.basis_weight is not None:
            added = added + basis_features(self.basis, embeddings, texts) @ self.basis_weight
        return np.asarray(added, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class LinearHead:
    """A linear head.

    Attributes:
        weight: float32 (C, D).
        bias: float32 (C,).
        labels: C names.
        temperature: > 0, divides the logits.
        threshold: probability under which a text is out of scope.
        blend: what is added to the logits before the temperature; None for a head of the embedding alone.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    labels: tuple[str, ...]
    temperature: float
    threshold: float
    blend: Blend | None = None

    def probabilities(self, embeddings: Embeddings, texts: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Calibrated probabilities (N, C) of embeddings (N, D); without the texts, of the embedding's part alone."""
        return softmax(self.logits(embeddings, texts).astype(np.float64))

    def logits(self, embeddings: Embeddings, texts: Sequence[str] | None = None) -> NDArray[np.float32]:
        """Logits (N, C) of embeddings (N, D), divided by the temperature; without texts, of the embedding's part."""
        logits = embeddings @ self.weight.T + self.bias
        if self.blend and texts is not None:
            logits = logits + self.blend.logits(embeddings, texts)
        return np.asarray(logits / np.float32(self.temperature), dtype=np.float32)

    def classify(self, embedding: Embeddings, text: str | None = None, *, alternatives: int = 3) -> Classification:
        """The label of one embedding (D,), with the next most probable ones.

        Args:
            embedding: of the text.
            text: itself; only a head without a blend does without it.
            alternatives: how many of the most probable labels to return.

        Raises:
            ValueError: a head with a blend was given no text.
        """
        if self.blend and text is None:
            raise ValueError("this head reads the words of a text too; expected the text beside its embedding")
        probabilities = self.probabilities(embedding[None], None if text is None else [text])[0]  # (C,)
        best = np.argsort(-probabilities, kind="stable")[:alternatives]
        ranked = [LabelProbability(self.labels[i], float(probabilities[i])) for i in best]
        top = ranked[0]
        label = top.label if top.probability >= self.threshold else None
        return Classification(label, top.probability, ranked)


def pack_head(weight: NDArray[np.float32], bias: NDArray[np.float32]) -> bytes:
    """The bytes of a head's file in a bundle (safetensors)."""
    return save({"weight": np.ascontiguousarray(weight), "bias": np.ascontiguousarray(bias)})


def pack_blend(blend: Blend) -> bytes:
    """The bytes of a blend's file in a bundle (safetensors); lexical weights are halved in precision."""
    tensors: dict[str, NDArray[Any]] = {"lexical": np.ascontiguousarray(blend.lexical, dtype=np.float16)}
    if blend.basis_weight is not None:
        tensors["basis"] = np.ascontiguousarray(blend.basis_weight)
    return save(tensors)


def basis_features(basis: LinearHead, embeddings: Embeddings, texts: Sequence[str]) -> NDArray[np.float32]:
    """The square roots of a head's probabilities (N, B): of length 1 each, as embeddings are."""
    return np.asarray(np.sqrt(basis.probabilities(embeddings, texts)), dtype=np.float32)


def softmax(logits: NDArray[_Floating]) -> NDArray[_Floating]:
    """Probabilities (N, C) of logits (N, C), in the precision of these."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), dtype=logits.dtype)


def read_head(bundle: Bundle, name: str) -> LinearHead:
    """Reads a head from a verified bundle. Raises `BundleUnusable`, `BundleTooNew`: see `read_head_among`."""
    return read_head_among(bundle.manifest.heads, name, bundle.manifest.encoder.dimension, bundle.read)


def read_head_among(
    entries: Mapping[str, HeadEntry], name: str, dimension: int, read: Callable[[str], bytes]
) -> LinearHead:
    """Reads one of several heads.

    Args:
        entries: the heads, as a manifest describes them.
        name: of the one that is wanted.
        dimension: of the embeddings.
        read: file's name → its bytes.

    Raises:
        BundleUnusable: the file is not safetensors, or its shapes do not fit the labels and the encoder.
        BundleTooNew: words are counted by a later rule.
    """
    entry = entries[name]
    try:
        tensors = load(read(entry.file))
    except SafetensorError as error:
        raise BundleUnusable(f"head {name!r} of the bundle is not safetensors; get the bundle again") from error
    weight, bias = tensors.get("weight"), tensors.get("bias")
    expected = (len(entry.labels), dimension)
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
        _read_blend(entries, name, dimension, read),
    )


def _read_blend(
    entries: Mapping[str, HeadEntry], name: str, dimension: int, read: Callable[[str], bytes]
) -> Blend | None:
    entry = entries[name].blend
    if entry is None:
        return None
    if entry.lexical_version != LEXICAL_VERSION:
        raise BundleTooNew(
            f"head {name!r} of the bundle counts words by version {entry.lexical_version} of the rule; this program "
            f"knows version {LEXICAL_VERSION}; upgrade orilla, or use an earlier bundle"
        )
    try:
        tensors = load(read(entry.file))
    except SafetensorError as error:
        raise BundleUnusable(f"the blend of head {name!r} is not safetensors; get the bundle again") from error
    count = len(entries[name].labels)
    expected = {"lexical": (LEXICAL_SIZE, count)}
    if entry.basis:
        expected["basis"] = (len(entries[entry.basis].labels), count)
    shapes = {key: tensor.shape for key, tensor in tensors.items()}
    if shapes != expected or not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise BundleUnusable(
            f"the blend of head {name!r} holds {shapes}, expected finite numbers of {expected}; get the bundle again"
        )
    weights = {key: tensor.astype(np.float32) for key, tensor in tensors.items()}
    basis = read_head_among(entries, entry.basis, dimension, read) if entry.basis else None
    return Blend(weights["lexical"], weights.get("basis"), basis)
