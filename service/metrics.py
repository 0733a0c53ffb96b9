"""Figures for monitoring, in the form of Prometheus: this process's, and the catalog's."""

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from service.db import Database
from service.figures import DatabaseFigures
from service.limits import Limits
from service.routing import CatalogRoute, policy

router = APIRouter(tags=["health"], route_class=CatalogRoute)

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
OTHER: Final = "other"  # what nobody declared: as a label it could be anything
METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


@router.get("/metrics", response_class=Response)
@policy("metrics:read")
def get_metrics(request: Request) -> Response:
    """Figures for monitoring; docs/operate.md lists them."""
    metrics: Metrics = request.app.state.metrics
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


class Metrics:
    """What is counted, in a registry of its own: the global one belongs to the whole process."""

    def __init__(
        self,
        database: Database,
        limits: Limits,
        *,
        release: str,
        blueprints: Sequence[str] = (),
    ) -> None:
        """Nothing was asked yet; `blueprints` are the approved ones."""
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "model_catalog_http_request_duration_seconds",
            "From a request to the end of its answer.",
            ("method", "route", "status"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.registry.register(ProcessFigures(database, limits, release=release))
        self.registry.register(DatabaseFigures(database, blueprints=blueprints))
        ProcessCollector(registry=self.registry)


class ProcessFigures:
    """A collector of what this process is, and of how much it has to do."""

    def __init__(self, database: Database, limits: Limits, *, release: str) -> None:
        """Looks only when it is asked."""
        self.pool: Any = database.engine.pool
        self.limits, self.release = limits, release

    def collect(self) -> Iterator[Metric]:
        """The release, the database connections, and what runs and was refused."""
        built = GaugeMetricFamily(
            "model_catalog_build_info", "The release that runs.", labels=("version",)
        )
        built.add_metric((self.release,), 1)
        connections = GaugeMetricFamily(
            "model_catalog_database_connections", "Connections of the pool.", labels=("state",)
        )
        connections.add_metric(("in_use",), self.pool.checkedout())
        connections.add_metric(("idle",), self.pool.checkedin())
        size = GaugeMetricFamily(
            "model_catalog_database_connections_max", "Connections that the pool may have."
        )
        size.add_metric((), self.pool.size())
        running = GaugeMetricFamily(
            "model_catalog_requests_running", "Requests under way; batches wait for lanes.",
            labels=("what",),
        )  # fmt: skip
        running.add_metric(("all",), self.limits.running)
        running.add_metric(("batch",), self.limits.batches)
        refused = CounterMetricFamily(
            "model_catalog_requests_refused", "Requests that were one too many.", labels=("why",)
        )
        for why, count in self.limits.refused.items():
            refused.add_metric((why,), count)
        yield from (built, connections, size, running, refused)


class Measured:
    """The outermost ASGI wrapper: how long each request took, by its route's template."""

    def __init__(self, app: Any, metrics: Metrics) -> None:
        """Outside the edge, whose own refusals count too."""
        self.app, self.requests = app, metrics.requests

    async def __call__(  # noqa: PLR0917  # ASGI servers call it like this
        self, scope: Any, receive: Any, send: Any
    ) -> None:
        """Serve one request and note its time."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = monotonic(), "none"

        async def noting(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            method = scope["method"] if scope["method"] in METHODS else OTHER
            route = getattr(scope.get("route"), "path", OTHER)
            self.requests.labels(method, route, status).observe(monotonic() - begun)
