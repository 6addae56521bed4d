"""The audit log over HTTP, for the scope `admin`."""

from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Self

from fastapi import FastAPI, Query
from pydantic import BaseModel, Field

from edge_agent.audit.files import read_page
from edge_agent.audit.lines import Action, AuditLine
from edge_agent.http.problems import describe

_MAX_SERIAL = 2**53


class ShownLine(BaseModel):
    """Something that was done, by whom, with what."""

    serial: int
    previous: str = Field(description="SHA-256 of the line before.")
    at: str
    actor: str = Field(description="`key ID`, `token ID`, `this machine` or `commands`.")
    action: Action
    subject: str = Field(description="Id of the document, key or head, or the root's label.")
    root: str = Field(description="Label of a document's root.")
    digest: str = Field(description="SHA-256 of the content, or of the bundle that is active from then on.")
    bundle: str = Field(description="SHA-256 of the active bundle's manifest.")
    counts: dict[str, int] = Field(description="How many things were done away with, by their kind.")

    @classmethod
    def of(cls, line: AuditLine) -> Self:
        """The line as it is shown."""
        return cls(**line.model_dump())


class AuditPage(BaseModel):
    """Lines of the audit log, the newest first; `next` is the value of `before` for the next page, null on the last."""

    lines: list[ShownLine]
    next: int | None


def add_audit_routes(app: FastAPI, store: Path) -> None:
    """Adds the route of the audit log."""

    @app.get(
        "/v1/audit",
        tags=["operation"],
        responses=describe(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def list_audit(
        before: Annotated[int | None, Query(ge=0, le=_MAX_SERIAL, description="Lines with a smaller serial.")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> AuditPage:
        """Lists who did what, the newest first. `orilla edge audit` verifies all of it."""
        lines = read_page(store, limit=limit, before=before)
        return AuditPage(
            lines=[ShownLine.of(line) for line in lines], next=lines[-1].serial if len(lines) == limit else None
        )
