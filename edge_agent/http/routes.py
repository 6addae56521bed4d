"""What the server can be asked, one function a group of routes."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, File, Form, Header, Query, Response, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

import edge_agent
from edge_agent.agent import Agent
from edge_agent.answering.results import Answer, Ingested, Outcome, Readiness
from edge_agent.feedback.log import NewFeedback
from edge_agent.http.bodies import (
    ClassifyRequest,
    ClassifyResponse,
    DocumentList,
    DocumentRequest,
    DocumentWithText,
    FeedbackAccepted,
    FeedbackRequest,
    Health,
    JobResponse,
    QueryRequest,
    RecommendRequest,
    RecommendResponse,
    ReviewList,
    SearchRequest,
    SearchResponse,
)
from edge_agent.http.metrics import Metrics
from edge_agent.http.problems import describe
from edge_agent.ingest.jobs import Jobs
from edge_agent.ingest.parsing.extraction import require_size
from edge_agent.ingest.parsing.formats import format_of
from edge_agent.ingest.tags import checked_tags
from edge_agent.text import checked_source

BAD, LARGE, TYPE, INVALID = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


def add_question_routes(app: FastAPI, agent: Agent, metrics: Metrics) -> None:
    """Answers, search, recommendations, intents."""
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


def add_feedback_routes(app: FastAPI, agent: Agent) -> None:
    """What people say of answers, and what waits to be labelled."""
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


def add_document_routes(app: FastAPI, agent: Agent, turns: CapacityLimiter) -> None:
    """Documents given as text, listed, shown, deleted."""
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


def add_upload_routes(app: FastAPI, agent: Agent, jobs: Jobs, turns: CapacityLimiter) -> None:
    """Documents given as files, at once or as jobs."""
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


def add_operation_routes(app: FastAPI, agent: Agent, metrics: Metrics) -> None:
    """Health, readiness, metrics."""

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
