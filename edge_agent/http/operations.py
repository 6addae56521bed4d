"""Operation over HTTP: health, readiness, metrics."""

from http import HTTPStatus

from fastapi import FastAPI, Response
from pydantic import BaseModel
from starlette.responses import JSONResponse

import edge_agent
from edge_agent.agent import Agent, Readiness
from edge_agent.http.metrics import Metrics


class Health(BaseModel):
    """The process answers."""

    status: str = "ok"


def add_operation_routes(app: FastAPI, agent: Agent, metrics: Metrics) -> None:
    """Adds the routes of health, readiness and metrics."""

    @app.get("/healthz", tags=["operation"])
    async def healthz() -> Health:
        """A sign that the process answers."""
        return Health()

    @app.get("/readyz", tags=["operation"], responses={503: {"model": Readiness, "description": "Not ready."}})
    def readyz(response: Response) -> Readiness:
        """The agreement of store and index, and the result of the bundle's probes."""
        readiness = agent.readiness()
        if not readiness.is_ready:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return readiness

    @app.get("/metrics", tags=["operation"], response_class=Response)
    def metrics_text() -> Response:
        """Prometheus metrics."""
        return Response(metrics.render(), media_type="text/plain; version=0.0.4")

    @app.get("/", include_in_schema=False)
    async def index() -> JSONResponse:
        return JSONResponse({"name": "Orilla edge agent", "version": edge_agent.VERSION, "openapi": "/openapi.json"})
