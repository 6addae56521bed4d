"""What the agent says: the classes that HTTP shows and the client reads, the same ones on both sides."""

from dataclasses import dataclass
from enum import StrEnum

from edge_agent.answering.evidence import Citation
from edge_agent.storage.records import Document
from student.bundle.linear_head import Classification


class Outcome(StrEnum):
    """What taking in a document did."""

    ADDED = "added"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Ingested:
    """A document that was taken in, durably."""

    outcome: Outcome
    document: Document


@dataclass(frozen=True, slots=True)
class NearestDocument:
    """A document offered when there is no answer in it that is good enough."""

    document_id: str
    source: str
    title: str
    similarity: float


@dataclass(frozen=True, slots=True)
class BundleIdentity:
    """The bundle that something was answered with; `digest` is the SHA-256 of its manifest."""

    name: str
    serial: int
    digest: str


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of a question went."""

    encode_ms: float
    search_ms: float
    answer_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the agent says to a question.

    Attributes:
        answer: the cited sentences joined, or None when it abstains.
        abstained: whether the documents seem not to hold the answer.
        confidence: in [0, 1].
        citations: where each sentence of the answer stands, in order; empty when it abstains.
        nearest_documents: what to look at instead, or as well; nearest first.
        intent: of the question, None when the bundle has no such head.
        bundle: what answered.
        is_follow_up: whether the question was searched together with the one before it in its session.
        question_language: `es`, `en`, or "" where it is neither.
        answer_language: of the cited document, which may be another than the question's; None when it abstains.
        is_repeated: whether the same was asked before and nothing has changed since: that answer is given again.
        timings: how long it took.
    """

    answer: str | None
    abstained: bool
    confidence: float
    citations: list[Citation]
    nearest_documents: list[NearestDocument]
    intent: Classification | None
    bundle: BundleIdentity
    is_follow_up: bool
    question_language: str
    answer_language: str | None
    is_repeated: bool
    timings: Timings


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the agent can serve, and on what.

    Attributes:
        is_ready: index and store agree.
        documents, passages: in the store.
        indexed_passages: in the index.
        is_search_exact: whether search scans all passages; a graph answers for large bases.
        passages_to_reembed: that a bundle of another embedding space is being made ready for, while the former answers.
        probe_min_similarity: of the bundle's probes on this CPU.
        bundle: that answers.
    """

    is_ready: bool
    documents: int
    passages: int
    indexed_passages: int
    is_search_exact: bool
    passages_to_reembed: int
    probe_min_similarity: float
    bundle: BundleIdentity
