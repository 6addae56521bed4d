"""Operation over HTTP: health, readiness, metrics, the report on the base."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel
from starlette.responses import HTMLResponse, JSONResponse

from edge_agent.agent import Agent
from edge_agent.errors import StoreDamaged, StoreUnavailable
from edge_agent.http.admission.authentication import CALLER
from edge_agent.http.metrics import Metrics
from edge_agent.http.problems import describe
from edge_agent.http.response_headers import PAGE_POLICY
from edge_agent.readiness import Readiness
from edge_agent.reporting.base_report import BaseReport
from edge_agent.reporting.page import report_page
from edge_agent.reporting.words import ReportLanguage

log = logging.getLogger(__name__)


class Health(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """The server can answer, or cannot yet."""

    is_ready: bool


def add_operation_routes(app: FastAPI, agent: Agent, metrics: Metrics) -> None:
    """Adds the routes of health, readiness, metrics and the report."""

    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz", tags=["operation"])
    async def healthz() -> Health:
        """A sign that the process answers."""
        return Health()

    @app.head("/readyz", include_in_schema=False)
    @app.get("/readyz", tags=["operation"], responses={503: {"model": Readiness | Ready, "description": "Not ready."}})
    def readyz(request: Request, response: Response) -> Readiness | Ready:
        """The agreement of store and index, and the bundle's probes; without a key, whether they are so and no more."""
        try:
            readiness = agent.readiness()
        except (StoreDamaged, StoreUnavailable) as error:
            if request.scope.get(CALLER):
                raise
            log.error("not ready: %s", error)
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
            return Ready(is_ready=False)
        if not readiness.is_ready:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return readiness if request.scope.get(CALLER) else Ready(is_ready=readiness.is_ready)

    @app.get("/v1/report", tags=["operation"])
    def report() -> BaseReport:
        """The state of the base: documents by format, language and age, what was refused or lost, what to mend."""
        return agent.report()

    @app.get(
        "/report",
        tags=["operation"],
        response_class=HTMLResponse,
        responses=describe(HTTPStatus.UNPROCESSABLE_ENTITY),
    )
    def report_as_page(language: ReportLanguage = "en") -> HTMLResponse:
        """The same as a page, in Spanish or English."""
        return HTMLResponse(report_page(agent.report(), language), headers={"Content-Security-Policy": PAGE_POLICY})

    @app.get("/metrics", tags=["operation"], response_class=Response)
    def metrics_text() -> Response:
        """Prometheus metrics."""
        return Response(metrics.render(), media_type="text/plain; version=0.0.4")

    @app.get("/", include_in_schema=False)
    async def index() -> JSONResponse:
        return JSONResponse({"name": "Orilla edge agent", "openapi": f"{app.root_path}/openapi.json"})
