"""Roots over HTTP: the folders that documents come from."""

from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, Field

from edge_agent.agent import Agent
from edge_agent.http.problems import Request, describe
from edge_agent.storage.records import Root

FolderPath = Annotated[
    str, Field(max_length=4096, description="Absolute path of the folder; it is a name here, and is never opened.")
]


class RootRequest(Request):
    """A folder that documents come from, or the place where it stands now."""

    path: FolderPath


class RootLabel(BaseModel):
    """The label of a root: the folder's name, made unique."""

    label: str


class RootList(BaseModel):
    """All roots, by label."""

    roots: list[Root]


def add_root_routes(app: FastAPI, agent: Agent) -> None:
    """Adds the routes of roots: listed, added, moved, forgotten."""
    unknown = describe(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)

    @app.get("/v1/roots", tags=["documents"])
    def list_roots() -> RootList:
        """Lists the folders that documents come from."""
        return RootList(roots=agent.roots())

    @app.post("/v1/roots", tags=["documents"], responses=describe(HTTPStatus.UNPROCESSABLE_ENTITY))
    def add_root(request: RootRequest) -> RootLabel:
        """The label of a folder, to upload its documents with; the same path again has the same one."""
        return RootLabel(label=agent.changes.add_root(request.path))

    @app.patch("/v1/roots/{label}", tags=["documents"], responses=unknown)
    def move_root(label: str, request: RootRequest) -> RootLabel:
        """Says that a folder stands at another path now; its documents stay."""
        agent.changes.move_root(label, request.path)
        return RootLabel(label=label)

    @app.delete("/v1/roots/{label}", tags=["documents"], status_code=204, responses=unknown)
    def forget_root(label: str) -> None:
        """Deletes a root and all its documents."""
        agent.forget_root(label)
