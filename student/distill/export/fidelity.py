"""Fidelity of the exported and the quantized encoder to the original."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from student.distill.encoder.recipe import Bounds
from student.distill.pretrained import Pretrained
from student.embeddings import Embeddings, Encode
from student.errors import OrillaError


class FidelityLost(OrillaError):
    """Export or quantization changed the embeddings more than allowed; nothing was written."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Embeddings compared with a reference on the same N texts.

    Attributes:
        texts: N.
        max_difference: largest absolute difference of a coordinate.
        mean_similarity, min_similarity: cosine between the two embeddings of a text.
        top10_overlap: share of the ten nearest other texts that stay among the ten nearest, averaged.
    """

    texts: int
    max_difference: float
    mean_similarity: float
    min_similarity: float
    top10_overlap: float

    def as_metrics(self) -> dict[str, float]:
        """The figures, rounded for a manifest."""
        return {name: round(value, 6) for name, value in asdict(self).items()}


def open_reference(pretrained: Pretrained) -> Encode:
    """The reference: texts to embeddings (N, D) by sentence-transformers on torch, one text at a time."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415  (seconds to import)

    model = SentenceTransformer(str(pretrained.path), device="cpu", local_files_only=True)

    def encode(texts: list[str]) -> Embeddings:
        embeddings = model.encode(texts, prompt="", batch_size=1, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(embeddings, dtype=np.float32)

    return encode


def compare_embeddings(embeddings: Embeddings, reference: Embeddings) -> Fidelity:
    """Compares embeddings (N, D) with reference embeddings (N, D) of the same texts; N > 10."""
    similarities = (embeddings * reference).sum(axis=1)  # (N,)
    mine, theirs = _nearest(embeddings, 10), _nearest(reference, 10)
    overlap = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(mine, theirs, strict=True)])
    return Fidelity(
        texts=len(embeddings),
        max_difference=float(np.abs(embeddings - reference).max()),
        mean_similarity=float(similarities.mean()),
        min_similarity=float(similarities.min()),
        top10_overlap=float(overlap),
    )


def require_fidelity(export: Fidelity, int8: Fidelity, bounds: Bounds) -> None:
    """Refuses an export or a quantization outside its bounds.

    Raises:
        FidelityLost: with the figure, the bound and what to try.
    """
    checks = [
        ("ONNX against torch, largest difference", -export.max_difference, -bounds.export_max_difference),
        ("int8 against float32, mean similarity", int8.mean_similarity, bounds.int8_mean_similarity),
        ("int8 against float32, lowest similarity", int8.min_similarity, bounds.int8_min_similarity),
        ("int8 against float32, top-10 overlap", int8.top10_overlap, bounds.int8_top10_overlap),
    ]
    for what, value, bound in checks:
        if not value >= bound:
            raise FidelityLost(
                f"{what} is {abs(value):.6f}, allowed is {abs(bound)}; nothing was written: quantize less, or compare "
                "on texts that the encoder is meant for"
            )


def require_teacher_similarity(log: Sequence[Mapping[str, float]], bounds: Bounds) -> None:
    """Refuses a student whose run ended further from its teacher than its recipe allows.

    Raises:
        FidelityLost: with the figure, the bound and what to try.
    """
    similarity = log[-1]["similarity"] if log else -1.0
    if not similarity >= bounds.teacher_similarity:
        raise FidelityLost(
            f"the student's similarity to its teacher is {similarity}, its recipe asks for "
            f"{bounds.teacher_similarity}; nothing was written: train longer or on more texts, or lower "
            "bounds.teacher_similarity and say why"
        )


def _nearest(embeddings: Embeddings, count: int) -> NDArray[np.int64]:
    similarities = embeddings @ embeddings.T  # (N, N)
    np.fill_diagonal(similarities, -np.inf)
    return np.argsort(-similarities, axis=1, kind="stable")[:, :count]
