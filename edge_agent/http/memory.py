"""The memory over HTTP: what people said of documents, by which rankings move, shown and deleted."""

from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel, Field

from edge_agent.agent import Agent
from edge_agent.http.problems import describe
from edge_agent.storage.memory import MOST_REMEMBERED, Remembered
from edge_agent.storage.records import MAX_ID


class RememberedList(BaseModel):
    """Remembered judgements, the oldest first; `next` is the value of `after` for the next page, null on the last."""

    is_on: bool = Field(description="Whether it moves rankings; not where the server runs with `--no-memory`.")
    remembered: list[Remembered]
    next: int | None


class Cleared(BaseModel):
    """The memory is empty."""

    deleted: int


def add_memory_routes(app: FastAPI, agent: Agent) -> None:
    """Adds the routes of the memory."""

    @app.get("/v1/memory", tags=["feedback"], responses=describe(HTTPStatus.UNPROCESSABLE_ENTITY))
    def list_remembered(
        after: Annotated[int, Query(ge=0, le=MAX_ID, description="What has a later id.")] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_REMEMBERED)] = 100,
    ) -> RememberedList:
        """Lists what feedback said of documents: each moves its document for the same and similar questions."""
        rows = agent.memory.all(after=after, limit=limit)
        return RememberedList(
            is_on=agent.memory.is_on, remembered=rows, next=rows[-1].memory_id if len(rows) == limit else None
        )

    responses = describe(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)

    @app.delete("/v1/memory/{memory_id}", tags=["feedback"], status_code=204, responses=responses)
    def delete_remembered(memory_id: int) -> None:
        """Forgets one for good; the feedback that it came from stays."""
        agent.forget_remembered(memory_id)

    @app.delete("/v1/memory", tags=["feedback"])
    def clear_memory() -> Cleared:
        """Forgets all for good; feedback stays."""
        return Cleared(deleted=agent.forget_remembered())
