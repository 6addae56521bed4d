"""Documents over HTTP: given as text or uploaded as files, at once or as jobs; listed, shown, changed, deleted."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Self

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, File, Form, Header, Query, Response, UploadFile
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from edge_agent.agent import Agent
from edge_agent.http.problems import Problem, Request, describe, problem_of
from edge_agent.ingest.jobs import Job, Jobs, JobState
from edge_agent.ingest.outcome import Ingested, Outcome
from edge_agent.ingest.parsing.document_format import FORMAT_OF_SUFFIX, DocumentFormat, format_of
from edge_agent.ingest.parsing.extraction import require_size
from edge_agent.ingest.tags import checked_tags
from edge_agent.storage.records import Document, PassageSpan
from edge_agent.storage.snapshot import StoreSnapshot
from edge_agent.text import checked_source

BAD, LARGE, TYPE, INVALID = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
DOCUMENT_BODIES = ("/v1/documents", "/v1/documents/upload")
"""Paths whose bodies hold a document."""


class DocumentRequest(Request):
    """A document given as text."""

    source: str = Field(description="Your own name for it; the same source replaces.", examples=["faq/refunds.md"])
    text: str = Field(description="The document.", examples=["# Refunds\n\nPaid back within 10 working days."])
    format: DocumentFormat = DocumentFormat.MARKDOWN
    title: str | None = Field(default=None, description="For a document without a title of its own.")
    tags: Annotated[list[str], Field(max_length=20, description="What to sort it by, beside those it carries.")] = []
    root: str = Field(default="", description="Label of the folder that it comes from, as GET /v1/roots lists them.")
    file_date: str = Field(default="", description="YYYY-MM-DD, for a document that does not say its own date.")


class DocumentChange(Request):
    """A change of a document."""

    source: str = Field(description="Its new name; id, passages and attachments stay.")


class RefusedUpdate(Request):
    """A later version of a document that was refused before it came here."""

    source: str
    root: str = Field(default="", description="Label of the folder that it comes from.")
    reason: str = Field(description="Why, as staff should read it.")


class DocumentList(BaseModel):
    """A page of documents by root and source; `next` is the value of `after` for the next page, null on the last."""

    documents: list[Document]
    total: int
    next: str | None


class DocumentWithText(BaseModel):
    """A document, its text, and its passages: offsets, as those of citations, count code points of the text."""

    document: Document
    text: str
    passages: list[PassageSpan]


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
        """The response for a job."""
        problem = problem_of(job.refusal, job.detail or "") if job.refusal else None
        shown = {name: getattr(job, name) for name in cls.model_fields if name != "problem"}
        return cls(**shown, problem=problem)


def add_document_routes(app: FastAPI, agent: Agent, limiter: CapacityLimiter) -> None:
    """Adds the routes of documents: given as text, listed, shown, changed, deleted."""
    added = {201: {"model": Ingested, "description": "A new document was added."}}
    responses = added | describe(BAD, LARGE, TYPE, INVALID)

    @app.post("/v1/documents", tags=["documents"], responses=responses)
    async def add_document(request: DocumentRequest, response: Response) -> Ingested:
        """Ingests a document given as text. When this answers, the document is durable and can be found."""
        content = request.text.encode("utf-8", errors="surrogatepass")
        add = partial(agent.add_document, request.source, content, request.format, title=request.title)
        add = partial(add, tags=request.tags, root=request.root, file_date=request.file_date)
        return _with_status(await to_thread.run_sync(add, limiter=limiter), response)

    @app.get("/v1/documents", tags=["documents"], responses=describe(INVALID))
    def list_documents(
        after: Annotated[str, Query(max_length=3000, description="`next` of the page before.")] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        root: Annotated[
            str | None, Query(max_length=255, description='Only documents of this folder; "" for those without one.')
        ] = None,
    ) -> DocumentList:
        """Lists documents by root and source."""
        page = partial(_page, after=after, limit=limit, root=root)
        return agent.store.snapshots.read(page)

    @app.get("/v1/documents/{document_id}", tags=["documents"], responses=describe(HTTPStatus.NOT_FOUND, INVALID))
    def get_document(document_id: str) -> DocumentWithText:
        """A document, its text and the places of its passages."""
        shown = agent.shown_document(document_id)
        return DocumentWithText(document=shown.document, text=shown.text, passages=shown.passages)

    @app.patch("/v1/documents/{document_id}", tags=["documents"], responses=describe(HTTPStatus.NOT_FOUND, INVALID))
    def move_document(document_id: str, request: DocumentChange) -> Document:
        """Gives a document another source, as when its file was renamed."""
        agent.move_document(document_id, request.source)
        return agent.store.snapshots.read(lambda snapshot: snapshot.document(document_id))

    @app.post("/v1/documents/stale", tags=["documents"], status_code=204, responses=describe(LARGE, INVALID))
    def mark_stale(request: RefusedUpdate) -> None:
        """Says that a later version of a document could not be read; the one that is here says so from then on."""
        agent.mark_stale(request.root, request.source, request.reason)

    @app.delete(
        "/v1/documents/{document_id}",
        tags=["documents"],
        status_code=204,
        responses=describe(HTTPStatus.NOT_FOUND, INVALID),
    )
    def delete_document(document_id: str) -> None:
        """Deletes a document, its passages, embeddings and attachments."""
        agent.delete_document(document_id)


def add_upload_routes(app: FastAPI, agent: Agent, jobs: Jobs, limiter: CapacityLimiter) -> None:
    """Adds the routes of uploads: at once or as jobs."""
    answers: dict[int | str, dict[str, Any]] = {
        201: {"model": Ingested, "description": "A new document was added."},
        202: {"model": JobResponse, "description": "Accepted, on disk; the job says how far it is."},
    }
    responses = answers | describe(BAD, LARGE, TYPE, INVALID, HTTPStatus.SERVICE_UNAVAILABLE)

    @app.post("/v1/documents/upload", tags=["documents"], responses=responses, response_model=Ingested)
    async def upload_document(
        *,
        response: Response,
        file: Annotated[
            UploadFile,
            File(description=f"Its name's suffix says its format: {', '.join(FORMAT_OF_SUFFIX)}."),
        ],
        source: Annotated[str | None, Form(description="Your own name for it. [default: the file's name]")] = None,
        tags: Annotated[list[str] | None, Form(description="What to sort it by; the field may be repeated.")] = None,
        title: Annotated[str | None, Form(description="For a document without a title of its own.")] = None,
        root: Annotated[str, Form(description="Label of the folder that it comes from; see GET /v1/roots.")] = "",
        file_date: Annotated[str, Form(description="YYYY-MM-DD, for a document that does not say its own date.")] = "",
        prefer: Annotated[str, Header(description="`respond-async` (RFC 7240) to get a job at once.")] = "",
    ) -> Any:
        """Ingests a document uploaded as a file, at once or, with `Prefer: respond-async`, as a job.

        In both cases what was acknowledged is on disk, whatever happens to the server.
        """
        name = checked_source(source or file.filename or "")
        document_format, content = format_of(file.filename or name), await file.read()
        given = checked_tags(tags or ())
        if "respond-async" not in {part.strip().lower() for part in prefer.split(",")}:
            add = partial(agent.add_document, name, content, document_format, title=title, tags=given)
            add = partial(add, root=root, file_date=file_date)
            return _with_status(await to_thread.run_sync(add, limiter=limiter), response)
        require_size(content, agent.settings.limits.parsing)
        accept = partial(jobs.accept, name, content, document_format, title=title, tags=given)
        job = await run_in_threadpool(accept, root=root, file_date=file_date)
        headers = {
            "Location": f"{app.root_path}/v1/jobs/{job.job_id}",
            "Preference-Applied": "respond-async",
            "Retry-After": "1",
        }
        body = JobResponse.of(job).model_dump(mode="json")
        return JSONResponse(body, status_code=HTTPStatus.ACCEPTED, headers=headers)

    @app.get("/v1/jobs/{job_id}", tags=["documents"], responses=describe(HTTPStatus.NOT_FOUND, INVALID))
    def get_job(job_id: str) -> JobResponse:
        """The state of a job, its progress and its result. The latest 200 that ended are kept."""
        return JobResponse.of(jobs.get(job_id))


def _page(snapshot: StoreSnapshot, *, after: str, limit: int, root: str | None) -> DocumentList:
    """Documents after a cursor: a root's label, which holds no slash, a slash, and a source."""
    last_root, _, last_source = after.partition("/")
    documents = snapshot.documents(after=(last_root, last_source), limit=limit, root=root)
    is_last = len(documents) < limit
    return DocumentList(
        documents=documents,
        total=snapshot.counts().documents if root is None else snapshot.count_documents(root),
        next=None if is_last else f"{documents[-1].root}/{documents[-1].source}",
    )


def _with_status(ingested: Ingested, response: Response) -> Ingested:
    if ingested.outcome is Outcome.ADDED:
        response.status_code = HTTPStatus.CREATED
    return ingested
