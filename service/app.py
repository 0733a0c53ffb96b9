"""The composition root: settings and database in, application out; nothing is built at import."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from service import documentation_api, errors_api, health, manifest_schema_api, metrics
from service.access import accounts_api as accounts
from service.access import api as access
from service.access import exchange_api as exchanges
from service.access.ci.exchange import Exchanges
from service.catalog import api as catalog
from service.catalog import details_api as details
from service.catalog import history_api as histories
from service.catalog import succession_api as succession
from service.catalog.pages import Pager
from service.db import Database, translated
from service.deployments import api as deployments
from service.documentation import Documented
from service.edge import Edge, answer_catalog_error, rendered
from service.errors import (
    BadRequest,
    CatalogError,
    Invalid,
    MethodNotAllowed,
    NotFound,
    TooLarge,
)
from service.exports import api as exports
from service.exports import reports_api as reports
from service.exports import review_api as review_files
from service.exports.jobs import api as bundles
from service.exports.jobs import schedules_api as schedules
from service.exports.jobs.builder import Bundler
from service.exports.negotiation import Negotiated
from service.hooks import api as hooks
from service.hooks.admission import LANES, Admission
from service.ingest import api as ingest
from service.ingest import claims_api as claims
from service.ingest import ending_api as ending
from service.ingest import identity_api as identity
from service.ingest import operations_api as operations
from service.ingest import preview_api as previews
from service.ingest import quarantine_api as quarantine
from service.ingest import sources_api as sources
from service.invalid import field_problems
from service.ledger import api as ledger
from service.ledger import exports_api as changes
from service.ledger import keys_api as keys
from service.ledger.notes import read_keys
from service.ledger.sealer import Sealer
from service.limits import Limited, Limits
from service.lineage import graph_api as lineage
from service.lineage import intake_api as lineage_intake
from service.outgoing import api as receivers
from service.outgoing.courier import Courier
from service.outgoing.post import Sender, make_sender
from service.people import api as people
from service.people import conflicts_api as conflicts
from service.people import pins_api as pins
from service.risk.attestations import api as attestations
from service.risk.concessions import api as concessions
from service.risk.controls import api as controls_api
from service.risk.figures import api as kpis
from service.risk.findings import api as findings
from service.risk.reviews import absences_api, legal_holds_api
from service.risk.reviews import api as reviews
from service.risk.rules import control_packs_api as control_packs
from service.risk.rules import policies_api as rule_sets
from service.risk.samples import api as samples
from service.risk.tiers import api as tier_api
from service.settings import Settings

ROUTERS: Final = (
    health.router,
    metrics.router,
    errors_api.router,
    documentation_api.router,
    manifest_schema_api.router,
    access.router,
    exchanges.router,
    accounts.router,
    sources.router,
    operations.router,
    quarantine.router,
    ending.router,
    identity.router,
    claims.router,
    ingest.router,
    previews.router,
    lineage_intake.router,
    catalog.router,
    exports.router,
    reports.router,
    review_files.router,
    bundles.router,
    schedules.router,
    deployments.router,
    tier_api.router,
    controls_api.router,
    details.router,
    histories.router,
    lineage.router,
    succession.router,
    ledger.router,
    changes.router,
    keys.router,
    people.router,
    pins.router,
    conflicts.router,
    hooks.router,
    reviews.router,
    absences_api.router,
    legal_holds_api.router,
    rule_sets.router,
    control_packs.router,
    findings.router,
    concessions.router,
    attestations.router,
    receivers.router,
    samples.router,
    kpis.router,
)
THREADS: Final = 12  # for 10 connections: more would only wait in the pool
HTTP_ERRORS: Final[dict[int, type[CatalogError]]] = {
    400: BadRequest,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
}


def create_app(settings: Settings, database: Database, *, seals: bool = False) -> metrics.Measured:
    """The application: every route behind its policy, everything behind limits and the edge.

    With `seals` it seals the ledger, sends events and builds bundles beside it. Raises
    `KeyRefused`.
    """
    app = build(settings, database)
    app.state.seals = seals
    https = urlsplit(settings.base_url).scheme == "https"
    edge = Edge(Limited(app, app.state.limits), hosts=settings.hosts, https=https)
    return metrics.Measured(edge, app.state.metrics)


def build(settings: Settings, database: Database) -> FastAPI:
    """The routes and what they share, without the edge."""
    app = Documented(
        title="Model catalog",
        version=health.release(),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"logs": False, "tracing": False, "metrics": False, "auto_configure": False},
        lifespan=_lifespan,
    )
    app.state.settings, app.state.database, app.state.seals = settings, database, False
    app.state.keys = read_keys(settings.export_signing_key_file)
    app.state.pager = Pager(settings.secret_key.get_secret_value())
    limits = Limits(settings.requests_per_second, settings.requests_burst)
    app.state.limits = limits
    app.state.admission = Admission(settings.hook_requests_per_second, settings.hook_requests_burst)
    app.state.inbox = database.beside(LANES)
    app.state.exchanges = Exchanges.by(settings)
    app.state.exchange_admission = exchanges.Admission()
    app.state.metrics = metrics.Metrics(
        database, limits, release=health.release(), blueprints=settings.blueprints
    )
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(Negotiated, of=app)
    for kind, answer in (
        (CatalogError, _answer_catalog_error),
        (RequestValidationError, _answer_invalid),
        (HTTPException, _answer_http_error),
        (DBAPIError, _answer_database_error),
        (PoolTimeout, _answer_database_error),
        (Exception, _answer_unexpected),
    ):
        app.add_exception_handler(kind, answer)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    with ExitStack() as beside:
        if app.state.seals:
            beside.enter_context(Sealer(app.state.database, app.state.keys))
            beside.enter_context(Courier(app.state.database, _sender(app.state.settings)))
            days = app.state.settings.export_days
            beside.enter_context(Bundler(app.state.database, app.state.keys, days=days))
        yield
    app.state.database.dispose()
    app.state.inbox.dispose()


def _sender(settings: Settings) -> Sender:
    key = settings.secret_key.get_secret_value()
    return make_sender(secret_key=key, source=settings.base_url, allow=settings.outbound_allow)


async def _answer_catalog_error(request: Request, error: Any) -> Response:
    return answer_catalog_error(request, error)


async def _answer_unexpected(request: Request, _error: Any) -> Response:
    return rendered(request, CatalogError())  # what it was is raised again, and the edge logs it


async def _answer_invalid(request: Request, error: Any) -> Response:
    body = getattr(request.scope.get("route"), "body_field", None)
    model = body.field_info.annotation if body else None
    known = sorted(getattr(model, "model_fields", ()))
    found = field_problems(error.errors(), known=known)
    return answer_catalog_error(request, Invalid(*found))


async def _answer_http_error(request: Request, error: Any) -> Response:
    others = BadRequest if error.status_code < 500 else CatalogError  # noqa: PLR2004  # HTTP's line
    kind = HTTP_ERRORS.get(error.status_code, others)
    answer = answer_catalog_error(request, kind())
    if kind is MethodNotAllowed:
        answer.headers["Allow"] = ", ".join(sorted(_methods(request)))
    return answer


def _methods(request: Request) -> set[str]:
    """What the address knows: several routes may share it."""
    routes = iter_route_contexts(request.app.routes)
    matching = (c for c in routes if c.original_route.matches(request.scope)[0] is not Match.NONE)
    return {method for context in matching for method in context.methods or ()}


async def _answer_database_error(request: Request, error: Any) -> Response:
    try:
        with translated():
            raise error
    except CatalogError as meaning:
        return answer_catalog_error(request, meaning)
