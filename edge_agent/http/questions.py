"""Asking over HTTP: answers, search, recommendations, intents; their routes and what requests and responses hold."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import FastAPI
from pydantic import AfterValidator, BaseModel, Field

from edge_agent.agent import Agent
from edge_agent.answering.results import Answer, Citation, NearestDocument
from edge_agent.http.metrics import Metrics
from edge_agent.http.problems import Request, describe
from edge_agent.ingest.tags import checked_tags
from edge_agent.models.identity import BundleIdentity, HeadIdentity
from edge_agent.storage.records import Filter
from edge_agent.text import require_text
from student.bundle.linear_head import Classification

_PROBLEMS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("it lies outside the years 1 to 9999 in UTC") from None


class _FilteredRequest(Request):
    language: Literal["en", "es"] | None = Field(default=None, description="Only documents in this language.")
    source_prefix: str | None = Field(
        default=None, max_length=500, description="Only documents whose source begins so."
    )
    root: str | None = Field(
        default=None, max_length=255, description='Only documents of this folder; "" for those given by the API.'
    )
    added_since: Annotated[datetime, AfterValidator(_in_utc)] | None = Field(
        default=None, description="Only documents changed then or later."
    )
    tags: Annotated[list[str], Field(max_length=20, description="Only documents that have all of these.")] = []

    def where(self) -> Filter:
        """The documents to look in."""
        if self.source_prefix is not None:
            require_text(self.source_prefix, "source_prefix")
        since = self.added_since.isoformat(timespec="seconds") if self.added_since else None
        if self.root is not None:
            require_text(self.root, "root")
        tags = checked_tags(self.tags) if self.tags else ()
        return Filter(self.language, self.source_prefix, since, tags, self.root)


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


class SearchResponse(BaseModel):
    """Passages found, nearest first."""

    results: list[Citation]
    remembered: list[int] = Field(description="Ids of what is remembered that moved the ranking; see GET /v1/memory.")
    bundle: BundleIdentity


class ClassifyRequest(Request):
    """A customer's message."""

    text: str = Field(examples=["I want my money back"])
    alternatives: Annotated[int, Field(ge=1, le=20, description="Labels wanted, best first.")] = 3


class ClassifyResponse(BaseModel):
    """The intent of a message, and the head that says so; null when there is no intent head."""

    intent: Classification | None
    intent_head: HeadIdentity | None
    bundle: BundleIdentity


class RecommendRequest(Request):
    """Texts, a document, or both, from which recommendations start."""

    texts: Annotated[list[str], Field(max_length=50, description="A ticket or a history, the latest last.")] = []
    source: str | None = Field(default=None, description="The source of a document, which is not offered itself.")
    root: str | None = Field(default=None, description="Its root, where documents of several roots have that source.")
    count: Annotated[int, Field(ge=1, le=50, description="Documents wanted.")] = 5
    diversity: Annotated[float, Field(ge=0, le=1, description="Above 0, unlike documents before the next best.")] = 0.2


class RecommendResponse(BaseModel):
    """Documents to offer, the best first."""

    documents: list[NearestDocument]
    bundle: BundleIdentity


def add_question_routes(app: FastAPI, agent: Agent, metrics: Metrics) -> None:
    """Answers, search, recommendations, intents."""
    responses = describe(*_PROBLEMS)

    @app.post("/v1/query", tags=["questions"], responses=responses)
    def query(request: QueryRequest) -> Answer:
        """Answers a question with cited sentences, or abstains and offers the nearest documents."""
        answer = agent.questions.query(request.text, session=request.session, where=request.where())
        _count(metrics, answer)
        return answer

    @app.post("/v1/search", tags=["questions"], responses=responses)
    def search(request: SearchRequest) -> SearchResponse:
        """Finds the passages that fit a text best, by meaning and by words."""
        results, remembered = agent.lookup.search_remembering(
            request.text, count=request.count, where=request.where(), diversity=request.diversity
        )
        return SearchResponse(results=results, remembered=remembered, bundle=agent.models.active.bundle)

    @app.post("/v1/recommend", tags=["questions"], responses=describe(HTTPStatus.NOT_FOUND, *_PROBLEMS))
    def recommend(request: RecommendRequest) -> RecommendResponse:
        """Offers the next documents for a ticket, a customer's history, or a document."""
        start = {"source": request.source, "root": request.root}
        documents = agent.lookup.recommend(request.texts, **start, count=request.count, diversity=request.diversity)
        return RecommendResponse(documents=documents, bundle=agent.models.active.bundle)

    @app.post("/v1/classify", tags=["questions"], responses=responses)
    def classify(request: ClassifyRequest) -> ClassifyResponse:
        """Names the intent of a message, with alternatives; the label is null when the message is out of scope."""
        intent, model = agent.lookup.classify(request.text, alternatives=request.alternatives)
        head = model.head.identity if model.head else None
        return ClassifyResponse(intent=intent, intent_head=head, bundle=model.bundle)


def _count(metrics: Metrics, answer: Answer) -> None:
    """Counts an answered question, and times its stages where it was not answered before."""
    metrics.answers.labels("abstained" if answer.abstained else "answered").inc()
    metrics.cache.labels("hit" if answer.is_repeated else "miss").inc()
    if not answer.is_repeated:
        timings = answer.timings
        stages = {"encode": timings.encode_ms, "search": timings.search_ms, "answer": timings.answer_ms}
        for stage, milliseconds in stages.items():
            metrics.stages.labels(stage).observe(milliseconds / 1000)
