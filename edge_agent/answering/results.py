"""The answer to a question and its parts; HTTP shows these classes, and the client reads the same ones."""

from dataclasses import dataclass, field

from edge_agent.models.identity import BundleIdentity, HeadIdentity
from edge_agent.storage.records import PassageKind
from student.bundle.linear_head import Classification


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote and where it stands: `quote` equals code points `start:end` of the document's text.

    The document is the one with this `content_sha256`: where it has another by now, it was replaced since.
    `page` counts from 1 where the document has pages, else it is 0; `language` is the document's, "" where unknown.
    `root` is the label of the folder that the document came from, `date` its date (`YYYY-MM-DD`), both "" where there
    is none; `is_stale` says that a later version of it was refused. `kind` is the passage's.
    """

    document_id: str
    content_sha256: str
    passage_id: int
    source: str
    title: str
    language: str
    heading: str
    page: int
    start: int
    end: int
    quote: str
    similarity: float
    root: str = ""
    date: str = ""
    is_stale: bool = False
    kind: PassageKind = PassageKind.PARAGRAPH


@dataclass(frozen=True, slots=True)
class NearestDocument:
    """A document offered when there is no answer in it that is good enough."""

    document_id: str
    source: str
    title: str
    similarity: float
    root: str = ""


@dataclass(frozen=True, slots=True)
class Timings:
    """The time of a question, stage by stage."""

    encode_ms: float
    search_ms: float
    answer_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question, or the refusal to give one.

    Attributes:
        answer: the cited units as Markdown (CommonMark), or None when it abstains.
        answer_text: the same as plain text.
        abstained: whether the documents seem not to hold the answer.
        confidence: in [0, 1].
        citations: where each part of the answer stands, in order; empty when it abstains.
        nearest_documents: what to look at instead, or as well; nearest first.
        intent: of the question, None when there is no such head.
        intent_head: the head that says so.
        bundle: what answered.
        is_follow_up: whether the question was searched together with the one before it in its session.
        question_language: `es`, `en`, or "" where it is neither.
        answer_language: of the cited document, which may be another than the question's; None when it abstains.
        is_disputed: whether versions of a document say different things: each is quoted, the newest first.
        is_repeated: whether the same was asked before and nothing has changed since: that answer is given again.
        timings: how long it took.
        remembered: ids of what people said of documents for this question or similar ones, by which the ranking moved.
    """

    answer: str | None
    answer_text: str | None
    abstained: bool
    confidence: float
    citations: list[Citation]
    nearest_documents: list[NearestDocument]
    intent: Classification | None
    intent_head: HeadIdentity | None
    bundle: BundleIdentity
    is_follow_up: bool
    question_language: str
    answer_language: str | None
    is_disputed: bool
    is_repeated: bool
    timings: Timings
    remembered: list[int] = field(default_factory=list)
