"""Linear heads as trained parts: the built-in intent head, and what any other linear head of the bundle needs.

The head is a linear map of features x (D,), which are centered and of unit norm, without bias: W (D, C), trained by
cross-entropy. The gradient of example i is the outer product of x_i and r_i = softmax(x_i W) - onehot(y_i); a
customer's is the sum over its examples. Its squared norm is sum_ij (x_i . x_j)(r_i . r_j), so that no gradient is ever
formed for one customer alone: clipping factors weigh the rows of one product of matrices. A test compares the result
with that of Opacus.

Sampling: none. Every customer takes part in every round, so nothing depends on a private count and no amplification is
claimed (docs/adr/0031).

Guarantees:
    One customer's data moves the sum by at most the bound, whatever the data and the weights.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from federation.errors import ExamplesInvalid
from federation.learning.clipping import check_weights, clip_factors
from federation.learning.evaluation import baseline_predictions, count_correct
from federation.learning.examples import (
    LabelledText,
    bound_contributions,
    number_customers,
    read_lines,
    read_tickets,
)
from federation.learning.features import FeatureMap, Weights
from federation.learning.part import (
    BranchData,
    Calibrate,
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
from student.bundle.linear_head import INTENT, LinearHead, pack_head, read_head, softmax
from student.embeddings import Embeddings, Encode

Features = NDArray[np.float32]
"""Centered embeddings (n, D), each of unit norm."""
NAME_STRENGTH = 8.0
"""Of a start from labels' names alone (docs/log.md)."""
_WHITENING = -0.25
"""Exponent of variances in the feature map (docs/log.md)."""


@dataclass(frozen=True, slots=True)
class HeadExamples:
    """Examples of a linear head at a branch.

    Attributes:
        embeddings: (n, D).
        labels: n names; those that a round does not list are left out of it.
        customers: n names.
        embedding_space: of the embeddings.
        part: that they are for.
        served: the head that the branch serves now, for an evaluation; None where its bundle has none.
    """

    embeddings: Embeddings
    labels: tuple[str, ...]
    customers: tuple[str, ...]
    embedding_space: str
    part: str = "head"
    served: LinearHead | None = None

    def take(self, rows: NDArray[np.int64]) -> "HeadExamples":
        """Those at some rows."""
        labels, customers = (tuple(names[i] for i in rows) for names in (self.labels, self.customers))
        return replace(self, embeddings=self.embeddings[rows], labels=labels, customers=customers)


@dataclass(frozen=True, slots=True)
class LinearHeadPart:
    """A linear head of the bundle as a trained part (`federation.learning.part.Part`).

    Attributes:
        name: of the part.
        title: what reports and model cards call it.
        head: its name in the bundle's manifest.
        read_labelled: reads a branch's labelled texts.
        label_column: of the center's validation file.
    """

    name: str
    title: str
    head: str
    read_labelled: Callable[[BranchData], list[LabelledText]]
    label_column: str = "intent"
    figure: str = "Accuracy"
    is_evaluated: bool = True
    is_audited: bool = True

    def check_settings(self, settings: PartSettings) -> None:
        """Raises `ValueError` for a recipe with a rank."""
        if settings.rank:
            raise ValueError("a run of the head has no rank")

    def check_shape(self, shape: PublicShape) -> None:
        """Raises `ValueError` unless there are two labels or more, no rank, and a feature map."""
        _check_labels(shape)
        if shape.feature_map_digest is None:
            raise ValueError("a head needs a feature map, an adapter none")

    def weights_shape(self, shape: PublicShape) -> tuple[int, int]:
        """(D, C)."""
        return shape.dimension, len(shape.labels)

    def make_examples(self, data: BranchData) -> HeadExamples:
        """Embeds the branch's labelled texts."""
        texts = self.read_labelled(data)
        return HeadExamples(
            data.encode([row.text for row in texts]),
            tuple(row.label for row in texts),
            tuple(row.customer for row in texts),
            data.bundle.manifest.embedding_space,
            self.name,
            _read_head(data.bundle, self.head),
        )

    def clipped_sum(
        self, parameters: SumParameters, weights: Weights, examples: HeadExamples, feature_map: FeatureMap | None
    ) -> NDArray[np.float64]:
        """The clipped gradients (D, C), or the counts (groups, 3) of an evaluation."""
        assert feature_map is not None  # noqa: S101 - its digest has been compared
        columns = {label: i for i, label in enumerate(parameters.labels)}
        usable = [i for i, label in enumerate(examples.labels) if label in columns]
        kept = bound_contributions([examples.customers[i] for i in usable], parameters.contributions)
        rows = np.array(usable, dtype=np.int64)[kept]
        features = feature_map.apply(examples.embeddings[rows])
        targets = np.array([columns[examples.labels[i]] for i in rows], dtype=np.int64)
        customers = number_customers(examples.customers[i] for i in rows)
        if parameters.purpose == "train":
            return head_sum(weights, features, targets, customers, parameters.clip_norm)
        shape = parameters.counts_shape
        return count_correct(
            baseline_predictions(examples.served, examples.embeddings[rows], parameters.labels),
            (features @ weights).argmax(axis=1),
            targets,
            customers,
            groups=(targets >= parameters.known_labels).astype(np.int64) * (shape[0] - 1),
            shape=shape,
        )

    def prepare(self, settings: PartSettings, bundle: Bundle, encode: Encode) -> PreparedPart:
        """Starts from the bundle's head and, for new labels, from what their names mean."""
        public = [row["text"] for row in read_lines(settings.public_texts, "text")]
        validation = read_tickets(settings.validation, label=self.label_column)
        head = _read_head(bundle, self.head)
        kept = head.labels if head and settings.keeps_labels else ()
        labels = tuple(dict.fromkeys((*kept, *settings.new_labels)))
        _check_texts(settings, public, {row.label for row in validation}, labels)
        names = [label.replace("_", " ") for label in labels]
        embeddings = encode([*public, *(row.text for row in validation), *names])
        on_public, held_out, of_names = np.split(embeddings, [len(public), len(public) + len(validation)])
        dimension = min(settings.feature_dimension, bundle.manifest.encoder.dimension)
        feature_map = FeatureMap.fit(on_public, dimension, power=_WHITENING)
        targets = np.array([labels.index(row.label) for row in validation], dtype=np.int64)
        shape = PublicShape(
            part=self.name,
            labels=labels,
            dimension=feature_map.projection.shape[1],
            embedding_space=bundle.manifest.embedding_space,
            feature_map_digest=feature_map.digest,
        )
        return PreparedPart(
            shape,
            _start(feature_map, head, labels, of_names, on_public),
            ValidationSet(held_out, targets, np.empty((0, held_out.shape[1]), dtype=np.float32)),
            _accuracy(head, held_out, [row.label for row in validation]) if head else 0.0,
            feature_map,
            len(kept),
        )

    def measure(self, weights: Weights, prepared: PreparedPart) -> float:
        """Share of the validation texts whose label the weights name."""
        assert prepared.feature_map is not None  # noqa: S101 - `prepare` has made it
        features, targets = prepared.feature_map.apply(prepared.validation.embeddings), prepared.validation.targets
        return float(((features @ weights).argmax(axis=1) == targets).mean())

    def check_facts(self, facts: LearnedFacts) -> None:
        """Raises `ValueError` unless there are two labels or more, and no rank."""
        _check_labels(facts)

    def pack(self, weights: Weights, prepared: PreparedPart, calibrate: Calibrate) -> PackedPart:
        """The head over the bundle's own embeddings, calibrated on the validation set."""
        assert prepared.feature_map is not None  # noqa: S101 - `prepare` has made it
        weight, bias = prepared.feature_map.to_head(weights)
        raw = LinearHead(weight, bias, prepared.shape.labels, 1.0, 0.0)
        head = calibrate(raw, prepared.validation.embeddings, prepared.validation.targets)
        facts = LearnedFacts(part=self.name, labels=head.labels, temperature=head.temperature, threshold=head.threshold)
        return PackedPart(pack_head(head.weight, head.bias), facts)

    def parse(self, content: bytes, facts: LearnedFacts) -> LinearHead:
        """The head of a release's file."""
        try:
            tensors: dict[str, NDArray[Any]] = load(content)
            weight, bias = tensors["weight"].astype(np.float32), tensors["bias"].astype(np.float32)
        except (SafetensorError, KeyError) as error:
            raise ValueError("it holds no head; get it again") from error
        count = len(facts.labels)
        if weight.ndim != 2 or len(weight) != count or bias.shape != (count,) or not np.isfinite(weight).all():
            raise ValueError(f"its head is {weight.shape}, {bias.shape} or not finite; expected {count} labels")
        return LinearHead(weight, bias, facts.labels, facts.temperature, facts.threshold)

    def put_into_bundle(
        self, learned: LinearHead, facts: LearnedFacts, bundle: Bundle, files: dict[str, bytes]
    ) -> Mapping[str, Any]:
        """Writes the head's file, and the labels that it gives to the bundle's probes."""
        manifest = bundle.manifest
        before = manifest.heads.get(self.head)
        if before and before.blend:  # it was fitted to the weights of before
            del files[before.blend.file]
        file = manifest.heads[self.head].file if self.head in manifest.heads else f"{self.head}.safetensors"
        files[file] = pack_head(learned.weight, learned.bias)
        files[manifest.probes.file] = _relabel(files[manifest.probes.file], self.head, learned)
        entry = {
            "file": file,
            "labels": list(facts.labels),
            "temperature": facts.temperature,
            "threshold": facts.threshold,
        }
        heads: dict[str, Any] = manifest.model_dump(mode="json")["heads"]
        return {"heads": heads | {self.head: entry}}


def head_sum(
    weights: NDArray[np.float32],
    features: Features,
    targets: NDArray[np.int64],
    customers: NDArray[np.int64],
    clip_norm: float,
) -> NDArray[np.float64]:
    """The sum over customers of clip(sum over their examples of the cross-entropy's gradient).

    Args:
        weights: (D, C), public.
        features: (n, D).
        targets: (n,) columns of the weights.
        customers: (n,) any numbers, equal for the same customer.
        clip_norm: L2 bound on each customer's part.

    Returns:
        (D, C); zeros where there is no example.

    Raises:
        UpdateInvalid: weights that are not finite or past 1e6, or shapes that do not fit together.
    """
    check_weights(weights, (features.shape[1], weights.shape[1]))
    x = features.astype(np.float64)
    residuals = softmax(x @ weights.astype(np.float64))  # (n, C)
    residuals[np.arange(len(x)), targets] -= 1
    factors = clip_factors([(x, residuals)], customers, clip_norm)
    return np.asarray(x.T @ (residuals * factors[:, None]), dtype=np.float64)


def _check_labels(shape: PartShape) -> None:
    if len(shape.labels) < 2 or shape.rank:
        raise ValueError("a head needs two labels or more and rank 0")


def _read_head(bundle: Bundle, name: str) -> LinearHead | None:
    return read_head(bundle, name) if name in bundle.manifest.heads else None


def _check_texts(settings: PartSettings, public: list[str], used: set[str], labels: tuple[str, ...]) -> None:
    if len(public) < 2 * settings.feature_dimension:
        raise ExamplesInvalid(
            f"{settings.public_texts} holds {len(public)} texts, expected at least twice feature_dimension, "
            f"{2 * settings.feature_dimension}; add texts, or lower feature_dimension"
        )
    if len(labels) < 2:
        raise ExamplesInvalid("the run has fewer than two labels; use a bundle with such a head, or name new_labels")
    if not used or not used <= set(labels):
        raise ExamplesInvalid(
            f"{settings.validation} uses {len(used - set(labels))} labels that neither the bundle's head nor "
            f"new_labels has, and {len(used & set(labels))} that one of them has; name the rest in new_labels"
        )


def _start(
    feature_map: FeatureMap, head: LinearHead | None, labels: tuple[str, ...], names: Embeddings, public: Embeddings
) -> Weights:
    """Weights (K, C) of what the head knows, and from the names of what it does not.

    Beside new labels the head's columns are brought to the length of theirs: which of its labels it chooses stays the
    same, and its certainty, which nothing has taught it about the new ones, does not drown them.
    """
    start = feature_map.from_names(names, NAME_STRENGTH)
    known = {label: i for i, label in enumerate(head.labels)} if head else {}
    columns = [i for i, label in enumerate(labels) if label in known]
    if head and columns:
        taught = feature_map.from_head(head.weight, head.bias, public)[:, [known[labels[i]] for i in columns]]
        longest = float(np.linalg.norm(taught, axis=0).mean())
        start[:, columns] = taught if len(columns) == len(labels) else taught * min(1.0, NAME_STRENGTH / longest)
    return start


def _accuracy(head: LinearHead, embeddings: Embeddings, labels: list[str]) -> float:
    chosen = head.probabilities(embeddings).argmax(axis=1)
    return float(np.mean([head.labels[i] == label for i, label in zip(chosen, labels, strict=True)]))


def _relabel(probes: bytes, name: str, head: LinearHead) -> bytes:
    """The probes with the labels that the new head gives to their embeddings; embeddings stay as they are."""
    lines = []
    for value in json.loads(probes):
        embedding = np.array(value["embedding"], dtype=np.float32)
        labels = value.get("labels", {}) | {name: head.classify(embedding, value["text"]).label}
        lines.append(json.dumps(value | {"labels": labels}, ensure_ascii=False))
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


INTENT_HEAD = LinearHeadPart(
    name="head",
    title="intent head",
    head=INTENT,
    read_labelled=lambda data: [*data.confirmed_intents(), *data.tickets(label="intent")],
)
