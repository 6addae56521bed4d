"""The loss of quantization at a task: finding a text by its beginning, in int8 and in float32."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from student.distill.encoder.recipe import Bounds
from student.distill.export.fidelity import FidelityLost
from student.embeddings import Embeddings, Encode

MIN_TEXTS = 50
"""Texts without which the figure says nothing."""
_WORDS, _QUERY_SHARE = 16, 0.35
_SURE = 2.33
"""Standard errors: chance alone loses as much once in a hundred exports."""


@dataclass(frozen=True, slots=True)
class Finding:
    """N texts, each found among the rest of all by its beginning.

    Attributes:
        texts: N.
        float_ndcg, int8_ndcg: nDCG@10, in [0, 1].
        loss: of int8; below 0 where it gains.
        standard_error: of the loss, over texts.
    """

    texts: int
    float_ndcg: float
    int8_ndcg: float
    loss: float
    standard_error: float

    def as_metrics(self) -> dict[str, float]:
        """The figures, rounded for a manifest."""
        return {name: round(value, 5) for name, value in asdict(self).items()}


def split_texts(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """The beginnings of texts of at least sixteen words, about a third of each, and the rest of the same texts."""
    words = [text.split() for text in texts]
    long = [each for each in words if len(each) >= _WORDS]
    cuts = [math.ceil(len(each) * _QUERY_SHARE) for each in long]
    queries = [" ".join(each[:cut]) for each, cut in zip(long, cuts, strict=True)]
    return queries, [" ".join(each[cut:]) for each, cut in zip(long, cuts, strict=True)]


def compare_at_finding(texts: Sequence[str], encode_float: Encode, encode_int8: Encode) -> Finding | None:
    """Measures both encoders on the same texts; None where too few of them are long enough."""
    queries, passages = split_texts(texts)
    if len(queries) < MIN_TEXTS:
        return None
    of_float, of_int8 = (gains(encode(queries), encode(passages)) for encode in (encode_float, encode_int8))
    losses = of_float - of_int8  # (N,)
    return Finding(
        texts=len(queries),
        float_ndcg=float(of_float.mean()),
        int8_ndcg=float(of_int8.mean()),
        loss=float(losses.mean()),
        standard_error=float(losses.std() / math.sqrt(len(losses))),
    )


def gains(queries: Embeddings, passages: Embeddings) -> NDArray[np.float64]:
    """nDCG@10 (N,) of each query (N, D) whose only right passage (N, D) is that of its row."""
    similarities = queries @ passages.T  # (N, N)
    ranks = (similarities > np.diag(similarities)[:, None]).sum(axis=1)
    return np.where(ranks < 10, 1 / np.log2(ranks + 2), 0.0)


def require_finding(finding: Finding | None, bounds: Bounds) -> None:
    """Refuses an int8 encoder that surely finds less than its recipe allows.

    Raises:
        FidelityLost: with the figure, the bound and what to try.
    """
    if finding is None or finding.loss <= max(bounds.int8_ndcg_loss, _SURE * finding.standard_error):
        return
    raise FidelityLost(
        f"int8 finds {finding.int8_ndcg:.4f} (nDCG@10) of {finding.texts} texts by their beginnings, float32 "
        f"{finding.float_ndcg:.4f}; allowed is a loss of {bounds.int8_ndcg_loss}, or what chance loses; nothing was "
        "written: train longer, or raise bounds.int8_ndcg_loss in the student's recipe and say why"
    )
