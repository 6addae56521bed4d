"""What requests and responses hold. What comes in is validated here; most answers are the agent's own classes."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.answering.evidence import Citation
from edge_agent.answering.results import BundleIdentity, Ingested, NearestDocument
from edge_agent.feedback.log import Review
from edge_agent.http.problems import Problem, problem_of
from edge_agent.ingest.jobs import Job, JobState
from edge_agent.ingest.parsing.formats import DocumentFormat
from edge_agent.ingest.tags import checked_tags
from edge_agent.storage.records import Document, Filter
from edge_agent.text import require_text
from student.bundle.linear_head import Classification


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _FilteredRequest(_Request):
    language: Literal["en", "es"] | None = Field(default=None, description="Only documents in this language.")
    source_prefix: str | None = Field(
        default=None, max_length=500, description="Only documents whose source begins so."
    )
    added_since: datetime | None = Field(default=None, description="Only documents changed then or later.")
    tags: Annotated[list[str], Field(max_length=20, description="Only documents that have all of these.")] = []

    def where(self) -> Filter:
        """What to look in."""
        if self.source_prefix is not None:
            require_text(self.source_prefix, "source_prefix")
        since = self.added_since.astimezone(UTC).isoformat(timespec="seconds") if self.added_since else None
        return Filter(self.language, self.source_prefix, since, checked_tags(self.tags))


class QueryRequest(_FilteredRequest):
    """A question."""

    text: str = Field(description="The question, in Spanish or English.", examples=["How long are backups kept?"])
    session: Annotated[
        str | None, Field(min_length=1, max_length=100, description="Your own id of a conversation, for follow-ups.")
    ] = None


class SearchRequest(_FilteredRequest):
    """A text to find passages for."""

    text: str = Field(examples=["certificate expired"])
    count: Annotated[int, Field(ge=1, le=100, description="Passages wanted.")] = 10
    diversity: Annotated[float, Field(ge=0, le=1, description="Above 0, unlike passages before the next best.")] = 0.0


class ClassifyRequest(_Request):
    """A customer's message."""

    text: str = Field(examples=["I want my money back"])
    alternatives: Annotated[int, Field(ge=1, le=20, description="Labels wanted, best first.")] = 3


class RecommendRequest(_Request):
    """What to start from: texts, a document, or both."""

    texts: Annotated[list[str], Field(max_length=50, description="A ticket or a history, the latest last.")] = []
    source: str | None = Field(default=None, description="The source of a document, which is not offered itself.")
    count: Annotated[int, Field(ge=1, le=50, description="Documents wanted.")] = 5
    diversity: Annotated[float, Field(ge=0, le=1, description="Above 0, unlike documents before the next best.")] = 0.2


class RecommendResponse(BaseModel):
    """Documents to offer, the best first."""

    documents: list[NearestDocument]
    bundle: BundleIdentity


class FeedbackRequest(_Request):
    """What someone says of an answer; at least one of is_helpful, intent and source."""

    text: str = Field(description="The question or message, as it was asked; identifiers are masked before writing.")
    is_helpful: bool | None = Field(default=None, description="Whether the answer was.")
    intent: str | None = Field(default=None, description="The right intent; a new one may be named.")
    source: str | None = Field(default=None, description="The source of the right document.")
    customer: str | None = Field(default=None, description="A pseudonym, the same for the same customer.")
    review_id: int | None = Field(default=None, description="The queued item that this settles.")


class FeedbackAccepted(BaseModel):
    """The feedback is on disk."""

    feedback_id: int


class ReviewList(BaseModel):
    """Queued items, oldest first; `next` is the value of `after` for the next page, null on the last."""

    reviews: list[Review]
    next: int | None


class DocumentRequest(_Request):
    """A document given as text."""

    source: str = Field(description="Your own name for it; the same source replaces.", examples=["faq/refunds.md"])
    text: str = Field(description="The document.", examples=["# Refunds\n\nPaid back within 10 working days."])
    format: DocumentFormat = DocumentFormat.MARKDOWN
    title: str | None = Field(default=None, description="For a document without a title of its own.")
    tags: Annotated[list[str], Field(max_length=20, description="What to sort it by, beside those it carries.")] = []


class SearchResponse(BaseModel):
    """Passages found, nearest first."""

    results: list[Citation]
    bundle: BundleIdentity


class ClassifyResponse(BaseModel):
    """The intent of a message; null when the bundle has no intent head."""

    intent: Classification | None
    bundle: BundleIdentity


class DocumentList(BaseModel):
    """A page of documents by source; `next` is the value of `after` for the next page, null on the last."""

    documents: list[Document]
    total: int
    next: str | None


class DocumentWithText(BaseModel):
    """A document and the text that offsets of passages and citations point into, in code points."""

    document: Document
    text: str


class JobResponse(BaseModel):
    """A document on its way in; `result` when it is done, `problem` when it failed."""

    job_id: str
    state: JobState
    source: str
    size_bytes: int
    accepted_at: str
    passages: int | None = Field(description="How many it has; null until it is read.")
    passages_done: int
    result: Ingested | None
    problem: Problem | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """What is shown of a job."""
        problem = problem_of(job.refusal, job.detail or "") if job.refusal else None
        shown = {name: getattr(job, name) for name in cls.model_fields if name != "problem"}
        return cls(**shown, problem=problem)


class Health(BaseModel):
    """The process answers."""

    status: str = "ok"
