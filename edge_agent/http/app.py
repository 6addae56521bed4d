"""The HTTP application over an agent: routes, limits, metrics and problems put together."""

from anyio import CapacityLimiter
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

import edge_agent
from edge_agent.access.authentication import Authentication
from edge_agent.access.key_file import KeyFile
from edge_agent.access.rates import Rates
from edge_agent.agent import Agent
from edge_agent.http import problems
from edge_agent.http.admission.authentication import AuthenticationMiddleware
from edge_agent.http.admission.body_limit import BodyLimitMiddleware
from edge_agent.http.admission.json_bodies import JsonBodyRoute
from edge_agent.http.admission.load import LoadMiddleware
from edge_agent.http.admission.origins import HostAndOriginMiddleware
from edge_agent.http.audit import add_audit_routes
from edge_agent.http.documents import DOCUMENT_BODIES, add_document_routes, add_upload_routes
from edge_agent.http.feedback import add_feedback_routes
from edge_agent.http.intents import EXAMPLE_BODIES, add_intent_routes
from edge_agent.http.keys import add_key_routes
from edge_agent.http.memory import add_memory_routes
from edge_agent.http.metrics import Metrics, MetricsMiddleware
from edge_agent.http.openapi import describe_api
from edge_agent.http.operations import add_operation_routes
from edge_agent.http.questions import add_question_routes
from edge_agent.http.response_headers import ResponseHeadersMiddleware
from edge_agent.http.roots import add_root_routes
from edge_agent.ingest.jobs import Jobs
from edge_agent.intents.learning import HeadLearning
from edge_agent.settings import HttpSettings

_INGESTS_AT_ONCE = 4
"""Documents; more wait, in no thread that a question needs."""


def create_app(
    agent: Agent, jobs: Jobs, learning: HeadLearning, settings: HttpSettings, authentication: Authentication
) -> ASGIApp:
    """The application that serves an agent and its jobs to callers with a key; whoever made them closes them."""
    metrics = Metrics(agent, jobs)
    app = create_routes(agent, jobs, learning, metrics, settings=settings, keys=authentication.keys)
    limits = agent.settings.limits
    max_bytes_of = dict.fromkeys(DOCUMENT_BODIES, limits.max_document_request_bytes)
    max_bytes_of |= dict.fromkeys(EXAMPLE_BODIES, limits.max_examples_request_bytes)
    app.add_middleware(BodyLimitMiddleware, max_bytes=limits.max_request_bytes, max_bytes_of=max_bytes_of)
    app.add_middleware(
        LoadMiddleware,
        requests_at_once=limits.requests_at_once,
        document_bytes_at_once=limits.document_bytes_at_once,
        max_bytes_of=max_bytes_of,
    )
    app.add_middleware(
        AuthenticationMiddleware,
        routes=app.router.routes,
        authentication=authentication,
        rates=Rates(settings.requests_per_minute) if settings.requests_per_minute else None,
        trusts_machine=settings.trusts_machine,
    )
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


def create_routes(
    agent: Agent, jobs: Jobs, learning: HeadLearning, metrics: Metrics, *, settings: HttpSettings, keys: KeyFile
) -> FastAPI:
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
    add_memory_routes(app, agent)
    limiter = CapacityLimiter(_INGESTS_AT_ONCE)
    add_document_routes(app, agent, limiter)
    add_upload_routes(app, agent, jobs, limiter)
    add_root_routes(app, agent)
    add_intent_routes(app, agent, learning)
    add_operation_routes(app, agent, metrics)
    add_key_routes(app, keys)
    add_audit_routes(app, agent.settings.store)
    describe_api(app)
    return app
