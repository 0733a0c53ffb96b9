"""Routes that say whether the service lives, is ready, and what it is."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from service import migrations
from service.db import Store
from service.errors import Unavailable, problems
from service.routing import CatalogRoute, policy

router = APIRouter(tags=["health"], route_class=CatalogRoute)
UNRELEASED = "0.1.0"


class SchemaDiffers(Unavailable):
    """The database's schema is not that of this release.

    Run `model-catalog db upgrade` with this release, or start the release that the schema is of.
    """


@router.get("/livez")
@policy("public")
async def get_liveness() -> dict[str, str]:
    """The process lives; needs no thread and no database."""
    return {"status": "alive"}


@router.get("/readyz", responses=problems(SchemaDiffers))
@policy("public")
def get_readiness(store: Store) -> dict[str, str]:
    """The database answers and has this release's schema."""
    found = migrations.status(store)
    if not found.ready:
        has = found.current or "none"
        raise SchemaDiffers(detail=f"It has {has}, this release needs {found.expected}.")
    return {"status": "ready", "schema": found.expected}


@router.get("/version")
@policy("metrics:read")
def get_version_of_service(store: Store) -> dict[str, str]:
    """What runs here."""
    with store.reading() as session:
        server = session.execute(sa.text("SHOW server_version")).scalar_one()
    return {"model_catalog": release(), "postgresql": server}


@router.get("/api/v1/openapi.json", include_in_schema=False)
@policy("public")
def get_openapi(request: Request) -> JSONResponse:
    """The interface, for programs."""
    document: dict[str, Any] = request.app.openapi()
    return JSONResponse(document)


def release() -> str:
    """The installed distribution's version; a checkout says the one it will be."""
    try:
        return version("model-catalog")
    except PackageNotFoundError:
        return UNRELEASED
