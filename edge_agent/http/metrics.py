"""Prometheus metrics of one server. Labels are routes and outcomes, never anything a user wrote."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_agent.agent import Agent
from edge_agent.ingest.jobs import Jobs
from edge_agent.storage.records import Counts

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics, in a registry of their own."""

    def __init__(self, agent: Agent, jobs: Jobs) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "orilla_http_requests", "HTTP requests.", ["method", "route", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "orilla_http_request_seconds",
            "Time to answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.answers = Counter("orilla_answers", "Questions.", ["outcome"], registry=self._registry)
        self.cache = Counter(
            "orilla_answer_cache", "Questions asked before (hit) or not (miss).", ["outcome"], registry=self._registry
        )
        self.stages = Histogram(
            "orilla_query_stage_seconds",
            "Time of a stage.",
            ["stage"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        gauges = {
            "orilla_jobs_pending": ("Documents that wait to be ingested.", lambda: jobs.pending),
            "orilla_documents": ("Documents in the store.", lambda: _counts(agent).documents),
            "orilla_passages": ("Passages in the store.", lambda: _counts(agent).passages),
            "orilla_indexed_passages": ("Passages in the index.", lambda: len(agent.models.active.index)),
        }
        for name, (help_text, read) in gauges.items():
            Gauge(name, help_text, registry=self._registry).set_function(read)
        bundle = agent.models.active.bundle
        info = Gauge("orilla_bundle", "1 for the bundle served.", ["name", "serial", "digest"], registry=self._registry)
        info.labels(bundle.name, str(bundle.serial), bundle.digest).set(1)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class MetricsMiddleware:
    """Counts and times requests by route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.requests.labels(scope["method"], route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - started)


def _counts(agent: Agent) -> Counts:
    return agent.store.snapshots.read(lambda snapshot: snapshot.counts())
