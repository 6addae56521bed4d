"""Errors as RFC 9457 problem+json. No problem repeats what was sent: it may be a customer's text."""

import errno
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import fastapi
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from edge_agent.errors import (
    AgentError,
    AuditBroken,
    ContentTooLarge,
    DocumentUnknown,
    DocumentUnreadable,
    ExamplesInvalid,
    FormatUnsupported,
    HeadUnknown,
    HeadUnusable,
    InputInvalid,
    JobQueueFull,
    JobUnknown,
    KeysExposed,
    KeyUnknown,
    MemoryUnknown,
    ReviewUnknown,
    RootUnknown,
    StoreDamaged,
    StoreFull,
    StoreUnavailable,
    TextUndecodable,
)

log = logging.getLogger(__name__)

STATUS_OF: Mapping[type[Exception], HTTPStatus] = {
    InputInvalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    TextUndecodable: HTTPStatus.BAD_REQUEST,
    ContentTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    FormatUnsupported: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    DocumentUnknown: HTTPStatus.NOT_FOUND,
    ReviewUnknown: HTTPStatus.NOT_FOUND,
    RootUnknown: HTTPStatus.NOT_FOUND,
    MemoryUnknown: HTTPStatus.NOT_FOUND,
    JobUnknown: HTTPStatus.NOT_FOUND,
    KeyUnknown: HTTPStatus.NOT_FOUND,
    ExamplesInvalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    HeadUnknown: HTTPStatus.NOT_FOUND,
    HeadUnusable: HTTPStatus.CONFLICT,
    JobQueueFull: HTTPStatus.SERVICE_UNAVAILABLE,
    DocumentUnreadable: HTTPStatus.UNPROCESSABLE_ENTITY,
    KeysExposed: HTTPStatus.SERVICE_UNAVAILABLE,
    AuditBroken: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreDamaged: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreFull: HTTPStatus.INSUFFICIENT_STORAGE,
}
RETRY_AFTER_S = "5"
_MAX_SHOWN = 20  # errors of fields


class Request(BaseModel):
    """A request body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class FieldProblem(BaseModel):
    """The problem of one field."""

    field: str = Field(description="Where, as a JSON path such as body.text.")
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="urn:orilla:problem:NAME, stable; NAMEs are listed in docs/http-api.md.")
    title: str = Field(description="The kind of problem, the same for each of its type.")
    status: int
    detail: str = Field(description="What was expected, what came, what to do.")
    errors: list[FieldProblem] = Field(default=[], description="By field, for invalid-request.")


def problem(status: int, name: str, detail: str, errors: list[FieldProblem] | None = None) -> JSONResponse:
    """A problem+json response; `name` is the last part of its type."""
    body = _problem(status, name, detail, errors)
    headers = {"Retry-After": RETRY_AFTER_S} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return JSONResponse(
        body.model_dump(exclude_defaults=True),
        status_code=status,
        media_type="application/problem+json",
        headers=headers,
    )


def problem_of_error(error: Exception) -> JSONResponse:
    """The response for an error of the agent; those of the server itself are logged."""
    status = STATUS_OF.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s", error)
    return problem(status, _name_of(type(error).__name__), str(error))


def problem_of(refusal: str, detail: str) -> Problem:
    """The answer that an error of this class, met by a job, would have been given."""
    status = next((s for kind, s in STATUS_OF.items() if kind.__name__ == refusal), HTTPStatus.INTERNAL_SERVER_ERROR)
    return _problem(status, _name_of(refusal), detail)


def _problem(status: int, name: str, detail: str, errors: list[FieldProblem] | None = None) -> Problem:
    return Problem(
        type=f"urn:orilla:problem:{name}",
        title=name.replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        errors=errors or [],
    )


def _name_of(class_name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in class_name).lstrip("-").replace("utf8", "utf-8")


def describe(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """OpenAPI `responses` of an operation that can give these statuses."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status.value: {"description": status.phrase, "content": content} for status in sorted(statuses)}


def install(app: FastAPI) -> None:
    """Makes every error of an app a problem."""
    app.add_exception_handler(AgentError, _agent_error)
    app.add_exception_handler(RequestValidationError, _request_invalid)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(Exception, _unexpected)


def _agent_error(request: fastapi.Request, error: Exception) -> JSONResponse:
    return problem_of_error(error)


def _request_invalid(request: fastapi.Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return problem(HTTPStatus.BAD_REQUEST, "json-invalid", "the body is not valid JSON; send UTF-8 JSON")
    problems = _field_problems(error.errors())
    detail = f"{len(error.errors())} field(s) of the request are not as expected; see errors and /openapi.json"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, problems)


def _field_problems(errors: Sequence[Mapping[str, Any]]) -> list[FieldProblem]:
    """The first errors, those of unknown fields as one: their names may be a customer's text."""
    known = [item for item in errors if item["type"] != "extra_forbidden"]
    shown = [
        FieldProblem(field=".".join(str(part) for part in item["loc"]), message=item["msg"])
        for item in known[:_MAX_SHOWN]
    ]
    if len(known) < len(errors):
        message = f"{len(errors) - len(known)} unknown; see /openapi.json for those that are known"
        shown = [*shown[: _MAX_SHOWN - 1], FieldProblem(field="body", message=message)]
    return shown


def _http_exception(request: fastapi.Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENOSPC:  # while a file came in
        detail = "no space is left on the disk of the store for the files that come in; free some there, then try again"
        return problem(HTTPStatus.INSUFFICIENT_STORAGE, "store-full", detail)
    if error.status_code == HTTPStatus.BAD_REQUEST:  # raised by FastAPI alone, when it cannot parse a body
        return problem(error.status_code, "body-unreadable", "the body is neither UTF-8 JSON nor a form; check it")
    phrase = HTTPStatus(error.status_code).phrase.lower()
    detail = f"{phrase}; the operations are listed in /openapi.json"
    return problem(error.status_code, phrase.replace(" ", "-"), detail)


def _unexpected(request: fastapi.Request, error: Exception) -> JSONResponse:
    log.error("unexpected %s while serving %s", type(error).__name__, request.scope.get("path"))
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal-error",
        "the server failed; the administrator finds it in the log",
    )
