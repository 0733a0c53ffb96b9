"""The composition root: settings and database in, application out; nothing is built at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service import health
from service.access import api as access
from service.catalog import api as catalog
from service.catalog.pages import Pager
from service.db import Database, translated
from service.edge import Edge, answer_catalog_error
from service.errors import (
    BadRequest,
    CatalogError,
    Invalid,
    MethodNotAllowed,
    NotFound,
    TooLarge,
)
from service.ingest import api as ingest
from service.ingest import sources_api as sources
from service.invalid import field_problems
from service.ledger import api as ledger
from service.settings import Settings

ROUTERS: Final = (
    health.router,
    access.router,
    sources.router,
    ingest.router,
    catalog.router,
    ledger.router,
)
THREADS: Final = 12  # for 10 connections: more would only wait in the pool
HTTP_ERRORS: Final[dict[int, type[CatalogError]]] = {
    400: BadRequest,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
}


def create_app(settings: Settings, database: Database) -> Edge:
    """The application: every route behind its policy, everything behind the edge."""
    app = build(settings, database)
    https = urlsplit(settings.base_url).scheme == "https"
    return Edge(app, hosts=settings.hosts, https=https)


def build(settings: Settings, database: Database) -> FastAPI:
    """The routes and what they share, without the edge."""
    app = FastAPI(
        title="Model catalog",
        version=health.release(),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"logs": False, "tracing": False, "metrics": False, "auto_configure": False},
        lifespan=_lifespan,
    )
    app.state.settings, app.state.database = settings, database
    app.state.pager = Pager(settings.secret_key.get_secret_value())
    for router in ROUTERS:
        app.include_router(router)
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
    yield
    app.state.database.dispose()


async def _answer_catalog_error(request: Request, error: Any) -> Response:
    return answer_catalog_error(request, error)


async def _answer_unexpected(request: Request, _error: Any) -> Response:
    return answer_catalog_error(request, CatalogError())


async def _answer_invalid(request: Request, error: Any) -> Response:
    known = {
        name for problem in error.errors() if problem["loc"][:1] == ("query",)
        for name in _parameters(request)
    }  # fmt: skip
    found = field_problems(error.errors(), known=sorted(known))
    return answer_catalog_error(request, Invalid(*found))


def _parameters(request: Request) -> list[str]:
    """The query parameters that the matched route knows."""
    fields = getattr(request.scope.get("route"), "dependant", None)
    models = [parameter.field_info.annotation for parameter in getattr(fields, "query_params", ())]
    return [name for model in models for name in getattr(model, "model_fields", ())]


async def _answer_http_error(request: Request, error: Any) -> Response:
    kind = HTTP_ERRORS.get(error.status_code, CatalogError)
    answer = answer_catalog_error(request, kind())
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer


async def _answer_database_error(request: Request, error: Any) -> Response:
    try:
        with translated():
            raise error
    except CatalogError as meaning:
        return answer_catalog_error(request, meaning)
