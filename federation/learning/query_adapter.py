"""The low-rank query adapter as a trained part, `q' = normalize(q + B A q)`. No torch.

A (r, D) starts as directions of public text, B (D, r) at zero, so an untrained adapter changes nothing. It is trained
on questions whose right document staff have named, to bring the question nearer to that document's passage than to
other passages of the branch's own documents:

    loss = -log(exp(q' . d_0 / t) / sum_k exp(q' . d_k / t)),  t = 0.05   (InfoNCE, arXiv 1807.03748)

Documents keep their embeddings, so no index is rebuilt. Only A and B, summed over branches under noise, leave. The
center's validation set is questions, each with the passage that answers it; the figure is the share of questions whose
own passage is nearest among all of them.

Guarantees:
    One customer's data moves the sum by at most the bound, whatever the data and the weights.
    An adapter whose B is zero changes no query.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from federation.errors import ExamplesInvalid, ParametersInvalid
from federation.learning.clipping import check_weights, clip_factors
from federation.learning.examples import bound_contributions, number_customers, read_lines
from federation.learning.features import FeatureMap, Weights
from federation.learning.part import (
    BranchData,
    Calibrate,
    Encode,
    LearnedFacts,
    PackedPart,
    PartShape,
    PreparedPart,
    PublicShape,
    SumParameters,
    ValidationSet,
)
from federation.learning.run_settings import PartSettings
from student.bundle.folder import Bundle
from student.bundle.linear_head import softmax
from student.bundle.query_adapter import QueryAdapter, pack_adapter, parse_adapter, read_adapter
from student.embeddings import Embeddings

TEMPERATURE = 0.05
CANDIDATES = 16
"""Passages that a question is compared with at a branch; the first answers it."""
_FILE = "adapter.safetensors"
_MIN_NORM = 1e-6
"""A question that the adapter has all but erased gives no direction: its gradient is left out."""


@dataclass(frozen=True, slots=True)
class AdapterExamples:
    """Examples of the query adapter at a branch.

    Attributes:
        queries: (n, D).
        candidates: (n, K, D); of each, the first is of the right document, the others of wrong ones.
        customers: n names.
        embedding_space: of the embeddings.
        part: that they are for.
    """

    queries: Embeddings
    candidates: NDArray[np.float32]
    customers: tuple[str, ...]
    embedding_space: str
    part: str = "adapter"

    def take(self, rows: NDArray[np.int64]) -> "AdapterExamples":
        """Those at some rows."""
        customers = tuple(self.customers[i] for i in rows)
        return AdapterExamples(self.queries[rows], self.candidates[rows], customers, self.embedding_space, self.part)


@dataclass(frozen=True, slots=True)
class QueryAdapterPart:
    """The query adapter as a trained part (`federation.learning.part.Part`)."""

    name: str = "adapter"
    title: str = "query adapter"
    figure: str = "Right passage first"
    is_evaluated: bool = False
    is_audited: bool = False

    def check_settings(self, settings: PartSettings) -> None:
        """Raises `ValueError` unless there is a rank, and no new labels."""
        if settings.rank < 1 or settings.new_labels:
            raise ValueError("a run of the adapter needs a rank of 1 or more, and no new_labels")

    def check_shape(self, shape: PublicShape) -> None:
        """Raises `ValueError` unless there is a rank, no label and no feature map."""
        _check_rank(shape)
        if shape.feature_map_digest is not None:
            raise ValueError("a head needs a feature map, an adapter none")

    def weights_shape(self, shape: PublicShape) -> tuple[int, int]:
        """(2, rank * D): A, and B transposed."""
        return 2, shape.rank * shape.dimension

    def make_examples(self, data: BranchData) -> AdapterExamples:
        """Embeds questions and picks their candidates from the branch's own documents; see `make_adapter_examples`."""
        return make_adapter_examples(data)

    def clipped_sum(
        self, parameters: SumParameters, weights: Weights, examples: AdapterExamples, feature_map: FeatureMap | None
    ) -> NDArray[np.float64]:
        """The clipped gradients (2, rank * D)."""
        kept = bound_contributions(examples.customers, parameters.contributions)
        customers = number_customers(examples.customers[i] for i in kept)
        return adapter_sum(weights, examples.queries[kept], examples.candidates[kept], customers, parameters.clip_norm)

    def prepare(self, settings: PartSettings, bundle: Bundle, encode: Encode) -> PreparedPart:
        """Starts from the bundle's adapter, or from a new one that changes nothing."""
        public = [row["text"] for row in read_lines(settings.public_texts, "text")]
        pairs = read_pairs(settings.validation)
        passages = list(dict.fromkeys(passage for _, passage in pairs))
        embeddings = encode([*public, *(text for text, _ in pairs), *passages])
        on_public, questions, answers = np.split(embeddings, [len(public), len(public) + len(pairs)])
        start = _start(bundle, settings.rank, on_public)
        rows = {passage: row for row, passage in enumerate(passages)}
        targets = np.array([rows[passage] for _, passage in pairs], dtype=np.int64)
        shape = PublicShape(
            part=self.name,
            rank=settings.rank,
            dimension=bundle.manifest.encoder.dimension,
            embedding_space=bundle.manifest.embedding_space,
        )
        baseline = _right_first(start, questions, answers, targets)
        return PreparedPart(shape, start, ValidationSet(questions, targets, answers), baseline)

    def measure(self, weights: Weights, prepared: PreparedPart) -> float:
        """Share of the validation questions to which their own passage is nearest."""
        validation = prepared.validation
        return _right_first(weights, validation.embeddings, validation.passages, validation.targets)

    def check_facts(self, facts: LearnedFacts) -> None:
        """Raises `ValueError` unless there is a rank, and no label."""
        _check_rank(facts)

    def pack(self, weights: Weights, prepared: PreparedPart, calibrate: Calibrate) -> PackedPart:
        """The adapter as the bundle holds it."""
        content = pack_adapter(to_adapter(weights, prepared.shape.dimension))
        return PackedPart(content, LearnedFacts(part=self.name, rank=prepared.shape.rank))

    def parse(self, content: bytes, facts: LearnedFacts) -> QueryAdapter:
        """The adapter of a release's file."""
        try:
            return parse_adapter(content, facts.rank, load(content)["a"].shape[-1])
        except (SafetensorError, KeyError, IndexError, ValueError) as error:
            raise ValueError(f"it holds no adapter of rank {facts.rank}") from error

    def put_into_bundle(
        self, learned: QueryAdapter, facts: LearnedFacts, bundle: Bundle, files: dict[str, bytes]
    ) -> Mapping[str, Any]:
        """Writes the adapter's file."""
        files[_FILE] = pack_adapter(learned)
        return {"adapter": {"file": _FILE, "rank": facts.rank}}


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Questions with their passages, from `{"text": …, "passage": …}` lines.

    Raises:
        ExamplesInvalid: not readable as such, or fewer than two.
    """
    pairs = [(row["text"], row["passage"]) for row in read_lines(path, "text", "passage")]
    if len({passage for _, passage in pairs}) < 2:
        raise ExamplesInvalid(f"{path} holds fewer than two passages; expected questions on several")
    return pairs


def make_adapter_examples(data: BranchData, *, candidates: int = CANDIDATES) -> AdapterExamples:
    """Embeds questions and picks their candidates from the branch's own documents.

    The right candidate is the passage of the right document nearest to the question; the wrong ones are the nearest
    passages of other documents. Questions whose document is no longer there are left out, and all of them where the
    branch has fewer than `candidates` passages.

    Raises:
        ExamplesInvalid: the branch's data cannot be read. NothingToTrain: it has no documents of its own.
    """
    passages = data.passages()
    sources = set(passages.sources)
    known = [row for row in data.found_documents() if row.source in sources]
    if len(passages.sources) < candidates:
        known = []
    queries = data.encode([row.text for row in known])  # (n, D)
    chosen = pick_candidates(queries, [row.source for row in known], passages.embeddings, passages.sources, candidates)
    space = data.bundle.manifest.embedding_space
    return AdapterExamples(queries, chosen, tuple(row.customer for row in known), space)


def pick_candidates(
    queries: Embeddings, right: Sequence[str], passages: Embeddings, sources: NDArray[Any], count: int
) -> NDArray[np.float32]:
    """Candidates (n, count, D) of queries (n, D): the nearest passage of the right document, then of wrong ones.

    Args:
        queries: (n, D).
        right: of each, the source of the right document, which has a passage.
        passages: (N, D), N of at least `count`.
        sources: (N,) of each passage.
        count: of candidates.
    """
    chosen = np.zeros((len(queries), count, passages.shape[1]), dtype=np.float32)
    for i, source in enumerate(right):
        ranked = np.argsort(-(passages @ queries[i]), kind="stable")
        is_right = sources[ranked] == source
        picked = np.concatenate([ranked[is_right][:1], ranked[~is_right][: count - 1]])
        chosen[i, : len(picked)] = passages[picked]
    return chosen


def new_adapter(public: Embeddings, rank: int) -> NDArray[np.float32]:
    """The start, from embeddings (N, D) of public text: weights (2, rank * D), A's rows, then those of B transposed.

    A's rows are the directions of most variance. Random ones would let a twentieth of a question through at this size,
    so that noise would drown what is learned, and mix up questions that are far apart.
    """
    directions = np.linalg.eigh(np.cov(public.T.astype(np.float64)))[1][:, ::-1][:, :rank].T
    return np.stack([directions.reshape(-1), np.zeros(directions.size)]).astype(np.float32)


def adapt(weights: NDArray[np.float32], queries: Embeddings) -> Embeddings:
    """Queries (n, D) adapted, unit norm."""
    a, b = _matrices(weights, queries.shape[1])
    moved = queries.astype(np.float64) + queries.astype(np.float64) @ a.T @ b
    norms = np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), _MIN_NORM)
    return np.asarray(moved / norms, dtype=np.float32)


def adapter_sum(
    weights: NDArray[np.float32],
    queries: Embeddings,
    candidates: NDArray[np.float32],
    customers: NDArray[np.int64],
    clip_norm: float,
) -> NDArray[np.float64]:
    """The sum over customers of clip(sum over their questions of the loss's gradient).

    Args:
        weights: (2, rank * D), public.
        queries: (n, D), unit norm.
        candidates: (n, K, D), unit norm; of each, the first is the right one.
        customers: (n,) any numbers, equal for the same customer.
        clip_norm: L2 bound on each customer's part, A and B together.

    Returns:
        (2, rank * D); zeros where there is no example.

    Raises:
        UpdateInvalid: weights that are not finite or past 1e6.
    """
    check_weights(weights, weights.shape)
    q, d = queries.astype(np.float64), candidates.astype(np.float64)
    a, b = _matrices(weights, q.shape[1])
    low = q @ a.T  # (n, r)
    moved = q + low @ b  # (n, D)
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    unit = moved / np.maximum(length, _MIN_NORM)
    residuals = softmax(np.einsum("nkd,nd->nk", d, unit) / TEMPERATURE)  # (n, K)
    residuals[:, 0] -= 1
    to_unit = np.einsum("nk,nkd->nd", residuals, d) / TEMPERATURE
    to_moved = (to_unit - (to_unit * unit).sum(axis=1, keepdims=True) * unit) / np.maximum(length, _MIN_NORM)
    to_moved[length[:, 0] <= _MIN_NORM] = 0
    to_low = to_moved @ b.T  # (n, r): the gradient of A is to_low x q, that of B transposed low x to_moved
    factors = clip_factors([(to_low, q), (low, to_moved)], customers, clip_norm)[:, None]
    return np.stack([(to_low.T @ (q * factors)).reshape(-1), (low.T @ (to_moved * factors)).reshape(-1)])


def _matrices(weights: NDArray[np.float32], dimension: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A (r, D) and B transposed (r, D)."""
    a, b = weights.astype(np.float64).reshape(2, -1, dimension)
    return a, b


def to_adapter(weights: Weights, dimension: int) -> QueryAdapter:
    """The adapter of a run's weights."""
    a, b = weights.reshape(2, -1, dimension)
    return QueryAdapter(a.astype(np.float32), b.astype(np.float32))


def _check_rank(shape: PartShape) -> None:
    if shape.rank < 1 or shape.labels:
        raise ValueError("an adapter needs a rank and no labels")


def _start(bundle: Bundle, rank: int, public: Embeddings) -> Weights:
    """Weights (2, rank * D): the bundle's own adapter, or a new one along the directions of public texts (N, D)."""
    adapter = read_adapter(bundle)
    if adapter is None:
        if len(public) <= rank:
            raise ExamplesInvalid(f"{len(public)} public texts have no {rank} directions; add texts, or lower rank")
        return new_adapter(public, rank)
    if len(adapter.a) != rank:
        raise ParametersInvalid(f"the bundle's adapter has rank {len(adapter.a)}, the recipe {rank}; write that rank")
    return np.stack([adapter.a.reshape(-1), adapter.b.reshape(-1)])


def _right_first(weights: Weights, questions: Embeddings, passages: Embeddings, targets: NDArray[np.int64]) -> float:
    """The share of questions (n, D) to which, of the passages (m, D), the one of `targets` (n,) is nearest."""
    similarities = adapt(weights, questions) @ passages.T  # (n, m)
    return float((similarities.argmax(axis=1) == targets).mean())


QUERY_ADAPTER = QueryAdapterPart()
