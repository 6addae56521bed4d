"""The OpenAPI document: FastAPI's own, with our problems, and for each operation the scopes that open it."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from edge_agent.http.admission.route_scopes import scopes_of
from edge_agent.http.problems import Problem, describe

_KEY = "key"
_OF_EVERY_OPERATION = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.MISDIRECTED_REQUEST)
_OF_BODIES = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.UNPROCESSABLE_ENTITY)
_OF_KEYED_OPERATIONS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def describe_api(app: FastAPI) -> None:
    """Makes an app describe itself so: `Problem` in the place of FastAPI's error schema, and who may do what."""

    def openapi() -> dict[str, object]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            schemas = schema["components"]["schemas"]
            schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schemas["Problem"].pop("$defs"))
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            schema["components"]["securitySchemes"] = {_KEY: {"type": "http", "scheme": "bearer"}}
            for path, operations in schema["paths"].items():
                for method, operation in operations.items():
                    _describe_access(operation, method.upper(), path)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _describe_access(operation: dict[str, Any], method: str, path: str) -> None:
    scopes, statuses = scopes_of(method, path), list(_OF_EVERY_OPERATION)
    if "requestBody" in operation:
        statuses += _OF_BODIES
    if scopes is not None:
        statuses += _OF_KEYED_OPERATIONS
        operation["security"] = [{_KEY: [scope]} for scope in sorted(scopes)]
    for status, response in describe(*statuses).items():
        operation["responses"].setdefault(str(status), response)
