"""Intents of the branch's own over HTTP, for the scope `admin`: heads learned from examples, put to work, gone back."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, Response, UploadFile
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from edge_agent.agent import Agent
from edge_agent.http.problems import Problem, Request, describe, problem_of
from edge_agent.ingest.jobs import JobState
from edge_agent.intents.example_rows import LIST, SUFFIXES, rows_of_file
from edge_agent.intents.learning import HeadLearning, Progress
from edge_agent.intents.own_head import LearningOptions, OwnHead
from edge_agent.models.identity import HeadIdentity
from student.intents.examples import MAX_EXAMPLES
from student.intents.table_files import Row

EXAMPLE_BODIES = ("/v1/intents", "/v1/intents/upload")
"""Paths whose bodies hold examples."""
_CONFLICT, _UNKNOWN, _INVALID, _BUSY = (
    HTTPStatus.CONFLICT,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_REPLACE = "Only the labels of the examples; else they are added to those of the head at work."
_FROM_SCRATCH = "With `replace`: learn nothing from the head before."
_FALSE_REFUSALS = "Share of messages with a known label that may be refused, at most 0.5."


class ExampleRow(Request):
    """A message and its label."""

    text: str = Field(examples=["my invoice shows the old address"])
    label: str = Field(examples=["invoice_change"], description="`out_of_scope` for a message of none.")
    language: str | None = Field(default=None, description="`en` or `es`, where it is known.")


class LearnRequest(Request):
    """Examples to learn a head from."""

    examples: Annotated[list[ExampleRow], Field(min_length=1, max_length=MAX_EXAMPLES)]
    replace: Annotated[bool, Field(description=_REPLACE)] = False
    from_scratch: Annotated[bool, Field(description=_FROM_SCRATCH)] = False
    false_refusals: Annotated[float, Field(ge=0, le=0.5, description=_FALSE_REFUSALS)] = 0.05


class ShownHead(BaseModel):
    """An own head: on its way, made, or refused."""

    head_id: str
    state: JobState
    accepted_at: str
    examples: int = Field(description="Rows that were given.")
    digest: str | None = Field(description="By which answers name it, once it is made.")
    embedding_space: str | None = Field(description="It answers over bundles of this space alone.")
    labels: list[str]
    is_at_work: bool
    progress: Progress | None = Field(description="While it is made.")
    problem: Problem | None = Field(description="Why it could not be made.")


class HeadWithReport(ShownHead):
    """An own head with its report: figures by cross-validation, as `orilla student intents` writes them."""

    report: dict[str, Any] | None


class HeadList(BaseModel):
    """The intent heads of the branch, the oldest first."""

    active: HeadIdentity | None = Field(description="The head that classifies now, the bundle's or an own one.")
    before: list[str] = Field(description="Ids of the heads that `revert` goes back to, the next one last.")
    heads: list[ShownHead]


class ActiveHead(BaseModel):
    """The head that classifies now; null where the bundle has none."""

    active: HeadIdentity | None


def add_intent_routes(app: FastAPI, agent: Agent, learning: HeadLearning) -> None:
    """Adds the routes of own intents."""
    _add_learning_routes(app, agent, learning)
    own_heads = agent.models.own_heads

    @app.get("/v1/intents", tags=["intents"])
    def list_heads() -> HeadList:
        """Lists the heads that were made here, and says which classifies."""
        head = agent.models.active.head
        return HeadList(
            active=head.identity if head else None,
            before=list(own_heads.put_to_work[:-1]),
            heads=[ShownHead(**_shown(agent, learning, each)) for each in own_heads.all()],
        )

    @app.get("/v1/intents/{head_id}", tags=["intents"], responses=describe(_UNKNOWN, _INVALID))
    def get_head(head_id: str) -> HeadWithReport:
        """A head: how far it is, and when it is made, how well it does."""
        own = own_heads.get(head_id)
        report = own_heads.report(head_id) if own.state is JobState.DONE else None
        return HeadWithReport(**_shown(agent, learning, own), report=report)

    @app.post("/v1/intents/{head_id}/activate", tags=["intents"], responses=describe(_UNKNOWN, _CONFLICT, _INVALID))
    def activate_head(head_id: str) -> ActiveHead:
        """Puts a head to work. Messages that are being classified keep the former, the next ones have this one."""
        return ActiveHead(active=agent.models.activate_head(head_id))

    @app.post("/v1/intents/revert", tags=["intents"], responses=describe(_CONFLICT))
    def revert_head() -> ActiveHead:
        """Puts the head before to work again; before the first own head this is the bundle's."""
        return ActiveHead(active=agent.models.revert_head())

    @app.delete(
        "/v1/intents/{head_id}", tags=["intents"], status_code=204, responses=describe(_UNKNOWN, _CONFLICT, _INVALID)
    )
    def delete_head(head_id: str) -> None:
        """Deletes a head that is not at work, with all that was learned."""
        own_heads.delete(head_id)


def _add_learning_routes(app: FastAPI, agent: Agent, learning: HeadLearning) -> None:
    accepted = describe(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _INVALID, _BUSY)

    def accept(response: Response, rows: list[Row], row: str, options: LearningOptions) -> ShownHead:
        own = learning.accept(rows, row, options)
        response.headers["Location"] = f"{app.root_path}/v1/intents/{own.head_id}"
        response.headers["Retry-After"] = "1"
        return ShownHead(**_shown(agent, learning, own))

    @app.post("/v1/intents", tags=["intents"], status_code=202, responses=accepted)
    def learn_head(request: LearnRequest, response: Response) -> ShownHead:
        """Learns a head from examples, in the background. They are on disk when this answers; it is not at work yet."""
        rows = [
            Row(number, {name: value.strip() for name, value in each.model_dump(exclude_none=True).items()})
            for number, each in enumerate(request.examples, start=1)
        ]
        options = LearningOptions(request.replace, request.from_scratch, request.false_refusals)
        return accept(response, rows, LIST.row, options)

    @app.post("/v1/intents/upload", tags=["intents"], status_code=202, responses=accepted)
    async def upload_examples(
        *,
        response: Response,
        file: Annotated[UploadFile, File(description=f"A header and a message a row: {', '.join(SUFFIXES)}.")],
        replace: Annotated[bool, Form(description=_REPLACE)] = False,
        from_scratch: Annotated[bool, Form(description=_FROM_SCRATCH)] = False,
        false_refusals: Annotated[float, Form(ge=0, le=0.5, description=_FALSE_REFUSALS)] = 0.05,
    ) -> ShownHead:
        """The same from a file, as `orilla student intents` reads it."""
        content, name = await file.read(), file.filename or ""
        options = LearningOptions(replace, from_scratch, false_refusals)
        return await run_in_threadpool(lambda: accept(response, rows_of_file(content, name), "line", options))


def _shown(agent: Agent, learning: HeadLearning, own: OwnHead) -> dict[str, Any]:
    """The fields of `ShownHead`."""
    head = agent.models.active.head
    return {
        "head_id": own.head_id,
        "state": own.state,
        "accepted_at": own.accepted_at,
        "examples": own.examples,
        "digest": own.digest,
        "embedding_space": own.embedding_space,
        "labels": list(own.labels),
        "is_at_work": head is not None and head.identity.head_id == own.head_id,
        "progress": learning.progress(own.head_id),
        "problem": problem_of(own.refusal, own.detail or "") if own.refusal else None,
    }
