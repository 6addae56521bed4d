"""The contract of a trained part: what runs, branches and releases ask of one thing in the bundle.

`federation.learning.parts` lists the parts. The intent head (`intent_head.py`) and the query adapter
(`query_adapter.py`) are built in; another one is one more module that fulfils `Part`, and its registration there.

The contract has two halves. `TrainedPart` is for rounds, at the branch and at the center. `ReleasedPart` is for
releases: the learned numbers as bytes, and their place in a bundle. All of it is numpy, without torch or Flower.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from federation.learning.evaluation import COUNTS
from federation.learning.examples import FoundDocument, LabelledText, Passages
from federation.learning.features import FeatureMap, Weights
from federation.learning.run_settings import Label, PartChoice, PartSettings, SumSettings
from student.artifacts.digests import Digest, digest_bytes
from student.bundle.folder import Bundle
from student.bundle.linear_head import LinearHead
from student.embeddings import Embeddings, Encode

Calibrate = Callable[[LinearHead, Embeddings, NDArray[np.int64]], LinearHead]
"""A head with temperature and threshold that fit texts with embeddings (N, D) and right columns (N,)."""
Purpose = Literal["train", "evaluate"]


class PartShape(PartChoice):
    """Which part, and what its numbers stand for.

    Attributes:
        labels: C names in the order of a head's columns; empty for parts without labels.
    """

    labels: Annotated[tuple[Label, ...], Field(max_length=10_000, strict=False)] = ()


class PublicShape(PartShape):
    """All that fixes the shape and the meaning of a run's weights; public.

    Attributes:
        dimension: D of what the part reads: the feature map's for heads, the encoder's for the adapter.
        embedding_space: of the bundle that the examples are embedded with.
        feature_map_digest: of the public map from embeddings to features; None for parts that need none.
    """

    dimension: Annotated[int, Field(ge=1, le=8192)]
    embedding_space: Digest
    feature_map_digest: Digest | None = None


class SumParameters(PublicShape, SumSettings):
    """Parameters of one branch's sum.

    Attributes:
        purpose: "train", or "evaluate": count what the weights get right, of customers that are not trained on.
        known_labels: so many of the first labels are of the bundle's head, the others are counted apart.
    """

    purpose: Purpose = "train"
    known_labels: Annotated[int, Field(ge=0)] = 0

    @property
    def counts_shape(self) -> tuple[int, int]:
        """Of an evaluation's sum: (groups of labels, 3)."""
        return (2 if 0 < self.known_labels < len(self.labels) else 1), COUNTS


class LearnedFacts(PartShape):
    """Facts that a release states of the numbers that it carries.

    Attributes:
        temperature, threshold: of a head.
    """

    temperature: Annotated[float, Field(gt=0)] = 1.0
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.0


@dataclass(frozen=True, slots=True)
class ValidationSet:
    """The center's own texts, embedded.

    Attributes:
        embeddings: (n, D).
        targets: int64 (n,) right columns of the weights, or right rows of `passages`.
        passages: (m, D) for parts that find passages; (0, D) for others.
    """

    embeddings: Embeddings
    targets: NDArray[np.int64]
    passages: Embeddings


@dataclass(frozen=True, slots=True)
class PreparedPart:
    """A part before its first round.

    Attributes:
        shape: of the weights.
        start: weights of the first round, of `TrainedPart.weights_shape`.
        validation: what the figure is measured on.
        baseline: figure of what the bundle has now.
        feature_map: public; None where the part needs none.
        known_labels: so many of the first labels are of the bundle's head.
    """

    shape: PublicShape
    start: Weights
    validation: ValidationSet
    baseline: float
    feature_map: FeatureMap | None = None
    known_labels: int = 0


@dataclass(frozen=True, slots=True)
class PackedPart:
    """A trained part as a release carries it: the bytes of its file, and the facts about them."""

    content: bytes
    facts: LearnedFacts

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return digest_bytes(self.content)


class BranchData(Protocol):
    """A branch's own data, as parts ask for it. Nothing of it leaves the branch but through a noisy sum."""

    @property
    def bundle(self) -> Bundle:
        """The bundle that the branch serves."""

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embeddings (N, D) of N texts; each text is encoded once."""

    def confirmed_intents(self) -> list[LabelledText]:
        """Messages whose right intent staff named, oldest first."""

    def found_documents(self) -> list[FoundDocument]:
        """Questions whose right document staff named, oldest first."""

    def tickets(self, *, label: str) -> list[LabelledText]:
        """Labelled tickets from the branch's files; `label` names the column that is the label."""

    def passages(self) -> Passages:
        """The passages of the branch's own documents."""


class PartExamples(Protocol):
    """A branch's examples of one part."""

    @property
    def part(self) -> str:
        """Name of the part."""

    @property
    def embedding_space(self) -> str:
        """Of their embeddings."""

    @property
    def customers(self) -> tuple[str, ...]:
        """The customer of each example (n,)."""

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Those at some rows."""


Examples = TypeVar("Examples", bound=PartExamples)
Learned = TypeVar("Learned")


class TrainedPart(Protocol[Examples]):
    """The half of the contract that the rounds of a run need."""

    @property
    def name(self) -> str:
        """Name in recipes, policies, ledgers and releases; also that of its file in a release."""

    @property
    def is_evaluated(self) -> bool:
        """True where branches can count what it gets right."""

    @property
    def is_audited(self) -> bool:
        """True where canaries can be put into a run of it: it is a linear head over features."""

    def check_settings(self, settings: PartSettings) -> None:
        """Raises `ValueError` unless a run can be made from these settings."""

    def check_shape(self, shape: PublicShape) -> None:
        """Raises `ValueError` unless the public shape of a run is one of this part."""

    def weights_shape(self, shape: PublicShape) -> tuple[int, int]:
        """Of the weights."""

    def make_examples(self, data: BranchData) -> Examples:
        """Turns a branch's data into examples.

        Raises:
            ExamplesInvalid: data cannot be read. NothingToTrain: the branch keeps no data of this kind at all.
        """

    def clipped_sum(
        self, parameters: SumParameters, weights: Weights, examples: Examples, feature_map: FeatureMap | None
    ) -> NDArray[np.float64]:
        """The sum over these examples' customers of their gradients, each clipped; or the counts of an evaluation.

        The center divides the sum by the expected number of customers and steps against it: weights become weights
        minus the learning rate times that. Gradients are those of a loss at `weights`, of a customer's newest
        `parameters.contributions` examples (`federation.learning.clipping`). Where `parameters.purpose` is "evaluate"
        the sum is of `parameters.counts_shape`, as `federation.learning.evaluation.count_correct` makes it.

        Guarantees:
            One customer's data moves it by at most `parameters.clip_norm`.
        """

    def prepare(self, settings: PartSettings, bundle: Bundle, encode: Encode) -> PreparedPart:
        """Prepares a run at the center: start weights, validation set, baseline and feature map.

        Raises:
            ExamplesInvalid, ParametersInvalid, BundleError: a file, the settings or the bundle do not fit.
        """

    def measure(self, weights: Weights, prepared: PreparedPart) -> float:
        """The figure of weights on the validation set, in [0, 1]."""


class ReleasedPart(Protocol[Learned]):
    """The half of the contract that a release needs."""

    @property
    def title(self) -> str:
        """Its name in reports and model cards: "intent head"."""

    @property
    def figure(self) -> str:
        """The name of its figure on the validation set: "Accuracy"."""

    def check_facts(self, facts: LearnedFacts) -> None:
        """Raises `ValueError` unless a release of this part can say so."""

    def pack(self, weights: Weights, prepared: PreparedPart, calibrate: Calibrate) -> PackedPart:
        """Turns trained weights into what the bundle needs for its own embeddings."""

    def parse(self, content: bytes, facts: LearnedFacts) -> Learned:
        """Reads what `pack` wrote. Raises `ValueError`: it is something else."""

    def put_into_bundle(
        self, learned: Learned, facts: LearnedFacts, bundle: Bundle, files: dict[str, bytes]
    ) -> Mapping[str, Any]:
        """Puts what was learned among a bundle's files; returns the fields of the manifest that change with it."""


class Part(TrainedPart[Examples], ReleasedPart[Learned], Protocol[Examples, Learned]):
    """Both halves: what can be registered."""
