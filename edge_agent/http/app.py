"""The HTTP application over an agent: routes, limits, metrics and problems put together."""

from anyio import CapacityLimiter
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

import edge_agent
from edge_agent.agent import Agent
from edge_agent.http import problems
from edge_agent.http.body_limit import BodyLimitMiddleware
from edge_agent.http.documents import DOCUMENT_BODIES, add_document_routes, add_upload_routes
from edge_agent.http.feedback import add_feedback_routes
from edge_agent.http.json_bodies import JsonBodyRoute
from edge_agent.http.metrics import Metrics, MetricsMiddleware
from edge_agent.http.operations import add_operation_routes
from edge_agent.http.origins import HostAndOriginMiddleware
from edge_agent.http.problems import Problem
from edge_agent.http.questions import add_question_routes
from edge_agent.http.response_headers import ResponseHeadersMiddleware
from edge_agent.http.roots import add_root_routes
from edge_agent.ingest.jobs import Jobs
from edge_agent.settings import HttpSettings

_INGESTS_AT_ONCE = 4
"""Documents; more wait, in no thread that a question needs."""


def create_app(agent: Agent, jobs: Jobs, settings: HttpSettings) -> ASGIApp:
    """The application that serves an agent and its jobs; whoever made them closes them."""
    metrics = Metrics(agent, jobs)
    app = create_routes(agent, jobs, metrics, settings)
    limits = agent.settings.limits
    max_bytes_of = dict.fromkeys(DOCUMENT_BODIES, limits.max_document_request_bytes)
    app.add_middleware(BodyLimitMiddleware, max_bytes=limits.max_request_bytes, max_bytes_of=max_bytes_of)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Prefer"],
            expose_headers=["Location", "Retry-After"],
        )
    app.add_middleware(HostAndOriginMiddleware, settings=settings)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    return ResponseHeadersMiddleware(app)


def create_routes(agent: Agent, jobs: Jobs, metrics: Metrics, settings: HttpSettings) -> FastAPI:
    """The routes by themselves, with the problems that they answer."""
    app = FastAPI(
        title="Orilla edge agent",
        version=edge_agent.VERSION,
        summary="Answers from a branch's own documents, with citations, offline.",
        root_path=settings.root_path,
        docs_url=None,  # the pages would load scripts from the internet
        redoc_url=None,
    )
    app.router.route_class = JsonBodyRoute
    problems.install(app)
    add_question_routes(app, agent, metrics)
    add_feedback_routes(app, agent)
    limiter = CapacityLimiter(_INGESTS_AT_ONCE)
    add_document_routes(app, agent, limiter)
    add_upload_routes(app, agent, jobs, limiter)
    add_root_routes(app, agent)
    add_operation_routes(app, agent, metrics)
    _document_problems(app)
    return app


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
