"""The HTTP application over an agent. What comes in is validated here; what goes out are the agent's own classes."""

from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal, Self

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, File, Form, Header, Query, Response, UploadFile
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

import edge_agent
from edge_agent.agent import Agent
from edge_agent.answer import Citation
from edge_agent.checking import checked_source, require_text
from edge_agent.feedback import NewFeedback, Review
from edge_agent.http import problems
from edge_agent.http.body_limit import BodyLimitMiddleware
from edge_agent.http.metrics import Metrics, MetricsMiddleware
from edge_agent.http.problems import Problem, describe, problem_of
from edge_agent.jobs import Job, Jobs, JobState
from edge_agent.reading.extraction import require_size
from edge_agent.reading.formats import DocumentFormat, format_of
from edge_agent.records import Document, Filter
from edge_agent.results import Answer, BundleIdentity, Ingested, NearestDocument, Outcome, Readiness
from edge_agent.tags import checked_tags
from student.heads import Classification

BAD, LARGE, TYPE, INVALID = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


_TAKEN_IN_AT_ONCE = 4
"""Documents; more wait for their turn, in no thread that a question needs."""


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


def create_app(agent: Agent, jobs: Jobs) -> FastAPI:
    """The application that serves an agent and its jobs; whoever made them closes them."""
    app = FastAPI(
        title="Orilla edge agent",
        version=edge_agent.VERSION,
        summary="Answers from a branch's own documents, with citations, offline.",
        docs_url=None,  # the pages would load scripts from the internet
        redoc_url=None,
    )
    metrics = Metrics(agent, jobs)
    limits = agent.settings.limits
    app.add_middleware(BodyLimitMiddleware, max_bytes=limits.max_request_bytes)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    problems.install(app)
    _add_question_routes(app, agent, metrics)
    _add_feedback_routes(app, agent)
    turns = CapacityLimiter(_TAKEN_IN_AT_ONCE)
    _add_document_routes(app, agent, turns)
    _add_upload_routes(app, agent, jobs, turns)
    _add_operation_routes(app, agent, metrics)
    _document_problems(app)
    return app


def _add_question_routes(app: FastAPI, agent: Agent, metrics: Metrics) -> None:
    responses = describe(BAD, LARGE, TYPE, INVALID)

    @app.post("/v1/query", tags=["questions"], responses=responses)
    def query(request: QueryRequest) -> Answer:
        """Answers a question with cited sentences, or abstains and offers the nearest documents."""
        answer = agent.query(request.text, session=request.session, where=request.where())
        metrics.count_answer(answer)
        return answer

    @app.post("/v1/search", tags=["questions"], responses=responses)
    def search(request: SearchRequest) -> SearchResponse:
        """Finds the passages that fit a text best, by meaning and by words."""
        results = agent.search(request.text, count=request.count, where=request.where(), diversity=request.diversity)
        return SearchResponse(results=results, bundle=agent.bundle)

    @app.post("/v1/recommend", tags=["questions"], responses=describe(BAD, HTTPStatus.NOT_FOUND, LARGE, TYPE, INVALID))
    def recommend(request: RecommendRequest) -> RecommendResponse:
        """Offers the next documents for a ticket, a customer's history, or a document."""
        documents = agent.recommend(
            request.texts, source=request.source, count=request.count, diversity=request.diversity
        )
        return RecommendResponse(documents=documents, bundle=agent.bundle)

    @app.post("/v1/classify", tags=["questions"], responses=responses)
    def classify(request: ClassifyRequest) -> ClassifyResponse:
        """Names the intent of a message, with alternatives; the label is null when the message is out of scope."""
        intent = agent.classify(request.text, alternatives=request.alternatives)
        return ClassifyResponse(intent=intent, bundle=agent.bundle)


def _add_feedback_routes(app: FastAPI, agent: Agent) -> None:
    responses = describe(BAD, HTTPStatus.NOT_FOUND, LARGE, TYPE, INVALID)

    @app.post("/v1/feedback", tags=["feedback"], status_code=201, responses=responses)
    def add_feedback(request: FeedbackRequest) -> FeedbackAccepted:
        """Takes what someone says of an answer. When this answers, it is on disk, masked, and never changed again."""
        return FeedbackAccepted(feedback_id=agent.add_feedback(NewFeedback(**request.model_dump())))

    @app.get("/v1/review", tags=["feedback"], responses=describe(INVALID))
    def list_reviews(
        after: Annotated[int, Query(ge=0, description="Items with a later id.")] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> ReviewList:
        """Lists what the agent was unsure of and nobody has settled; feedback with its review_id settles an item."""
        reviews = agent.feedback.pending(after=after, limit=limit)
        return ReviewList(reviews=reviews, next=reviews[-1].review_id if len(reviews) == limit else None)


def _add_document_routes(app: FastAPI, agent: Agent, turns: CapacityLimiter) -> None:
    added = {201: {"model": Ingested, "description": "A new document was added."}}
    responses = added | describe(BAD, LARGE, TYPE, INVALID)

    @app.post("/v1/documents", tags=["documents"], responses=responses)
    async def add_document(request: DocumentRequest, response: Response) -> Ingested:
        """Takes in a document given as text. When this answers, the document is durable and can be found."""
        content = request.text.encode("utf-8", errors="surrogatepass")
        add = partial(agent.add_document, request.source, content, request.format, title=request.title)
        return _with_status(await to_thread.run_sync(partial(add, tags=request.tags), limiter=turns), response)

    @app.get("/v1/documents", tags=["documents"], responses=describe(INVALID))
    def list_documents(
        after: Annotated[str, Query(max_length=500, description="Documents with a later source.")] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> DocumentList:
        """Lists documents by source."""
        documents = agent.store.documents(after=after, limit=limit)
        last = documents[-1].source if len(documents) == limit else None
        return DocumentList(documents=documents, total=agent.counts().documents, next=last)

    @app.get("/v1/documents/{document_id}", tags=["documents"], responses=describe(HTTPStatus.NOT_FOUND, INVALID))
    def get_document(document_id: str) -> DocumentWithText:
        """A document and its text."""
        document, text = agent.store.document_with_text(document_id)
        return DocumentWithText(document=document, text=text)

    @app.delete(
        "/v1/documents/{document_id}",
        tags=["documents"],
        status_code=204,
        responses=describe(HTTPStatus.NOT_FOUND, INVALID),
    )
    def delete_document(document_id: str) -> None:
        """Deletes a document, its passages and embeddings."""
        agent.delete_document(document_id)


def _add_upload_routes(app: FastAPI, agent: Agent, jobs: Jobs, turns: CapacityLimiter) -> None:
    answers: dict[int | str, dict[str, Any]] = {
        201: {"model": Ingested, "description": "A new document was added."},
        202: {"model": JobResponse, "description": "Accepted, on disk; the job tells what becomes of it."},
    }
    responses = answers | describe(BAD, LARGE, TYPE, INVALID, HTTPStatus.SERVICE_UNAVAILABLE)

    @app.post("/v1/documents/upload", tags=["documents"], responses=responses, response_model=Ingested)
    async def upload_document(
        response: Response,
        file: Annotated[
            UploadFile,
            File(description="Its name's suffix says its format: .md, .txt, .html, .pdf, .docx, .csv or .jsonl."),
        ],
        source: Annotated[str | None, Form(description="Your own name for it. [default: the file's name]")] = None,
        tags: Annotated[list[str] | None, Form(description="What to sort it by; the field may be repeated.")] = None,
        prefer: Annotated[str, Header(description="`respond-async` (RFC 7240) to get a job at once.")] = "",
    ) -> Any:
        """Takes in a document uploaded as a file, at once or, with `Prefer: respond-async`, as a job.

        In both cases what was acknowledged is on disk, whatever happens to the server.
        """
        name = checked_source(source or file.filename or "")
        document_format, given = format_of(file.filename or name), checked_tags(tags or ())
        content = await file.read()
        if "respond-async" not in {part.strip().lower() for part in prefer.split(",")}:
            add = partial(agent.add_document, name, content, document_format, tags=given)
            return _with_status(await to_thread.run_sync(add, limiter=turns), response)
        require_size(content, agent.settings.limits.reading)
        job = await run_in_threadpool(jobs.accept, name, content, document_format, tags=given)
        headers = {
            "Location": f"/v1/jobs/{job.job_id}",
            "Preference-Applied": "respond-async",
            "Retry-After": "1",
        }
        body = JobResponse.of(job).model_dump(mode="json")
        return JSONResponse(body, status_code=HTTPStatus.ACCEPTED, headers=headers)

    @app.get("/v1/jobs/{job_id}", tags=["documents"], responses=describe(HTTPStatus.NOT_FOUND, INVALID))
    def get_job(job_id: str) -> JobResponse:
        """Where a job is, how far it has come, and what became of it. The latest 200 that ended are kept."""
        return JobResponse.of(jobs.get(job_id))


def _add_operation_routes(app: FastAPI, agent: Agent, metrics: Metrics) -> None:
    @app.get("/healthz", tags=["operation"])
    async def healthz() -> Health:
        """Whether the process answers."""
        return Health()

    @app.get("/readyz", tags=["operation"], responses={503: {"model": Readiness, "description": "Not ready."}})
    def readyz(response: Response) -> Readiness:
        """Whether store and index agree and the bundle's probes held."""
        readiness = agent.readiness()
        if not readiness.is_ready:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return readiness

    @app.get("/metrics", tags=["operation"], response_class=Response)
    def metrics_text() -> Response:
        """Prometheus metrics."""
        return Response(metrics.render(), media_type="text/plain; version=0.0.4")

    @app.get("/", include_in_schema=False)
    async def index() -> JSONResponse:
        return JSONResponse({"name": "Orilla edge agent", "version": edge_agent.VERSION, "openapi": "/openapi.json"})


def _with_status(ingested: Ingested, response: Response) -> Ingested:
    if ingested.outcome is Outcome.ADDED:
        response.status_code = HTTPStatus.CREATED
    return ingested


def _document_problems(app: FastAPI) -> None:
    """Puts `Problem` into the OpenAPI document in the place of FastAPI's own error schema."""

    def openapi() -> dict[str, object]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            schemas = schema["components"]["schemas"]
            schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schemas["Problem"].pop("$defs"))
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
