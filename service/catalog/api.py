"""Routes of the catalog: models and versions, as pages and as CSV."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from schemas.catalog import (
    DetailQuery,
    EntryDetail,
    ModelExport,
    ModelQuery,
    ModelRow,
    Page,
    VersionExport,
    VersionQuery,
    VersionRow,
)
from schemas.columns import MODELS, VERSIONS
from service.catalog import detail, rows, select
from service.db import ReadSession
from service.errors import problems
from service.exports.csv import stream_csv
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["models"], route_class=CatalogRoute)
Asked = Annotated[DetailQuery, Query()]


@router.get("/models")
@policy("entries:read")
def list_models(
    caller: Requester, query: Annotated[ModelQuery, Query()], session: ReadSession, request: Request
) -> Page[ModelRow]:
    """List the models that match, by name."""
    found = select.select_models(query, visible_to=caller)
    return request.app.state.pager.read_page(
        session, found, asked=query, caller=caller, order=select.MODEL_ORDER, as_row=rows.model_row
    )


@router.get("/models.csv", response_class=StreamingResponse)
@policy("exports:read")
def export_models(
    caller: Requester, query: Annotated[ModelExport, Query()], session: ReadSession
) -> StreamingResponse:
    """Every model that matches, as CSV: the rows of the list."""
    found = select.select_models(query, visible_to=caller)
    return stream_csv(
        session, found, name="models", columns=MODELS, as_row=rows.model_row, dialect=query.dialect
    )


@router.get("/versions")
@policy("entries:read")
def list_versions(
    caller: Requester, query: Annotated[VersionQuery, Query()], session: ReadSession,
    request: Request,
) -> Page[VersionRow]:  # fmt: skip
    """List the versions that match, by model and number."""
    found = select.select_versions(query, visible_to=caller)
    return request.app.state.pager.read_page(
        session, found, asked=query, caller=caller, order=select.VERSION_ORDER,
        as_row=rows.version_row,
    )  # fmt: skip


@router.get("/versions.csv", response_class=StreamingResponse)
@policy("exports:read")
def export_versions(
    caller: Requester, query: Annotated[VersionExport, Query()], session: ReadSession
) -> StreamingResponse:
    """Every version that matches, as CSV: the rows of the list."""
    found = select.select_versions(query, visible_to=caller)
    return stream_csv(
        session, found, name="versions", columns=VERSIONS, as_row=rows.version_row,
        dialect=query.dialect,
    )  # fmt: skip


@router.get("/models/{namespace}/{name}", responses=problems(detail.ModelNotFound))
@policy("entries:read")
def get_model(
    caller: Requester, namespace: str, name: str, query: Asked, session: ReadSession
) -> EntryDetail:
    """One model; `provenance=true` says where each field comes from."""
    return detail.get_model(
        session, namespace, name, caller=caller, provenance=query.provenance
    )


@router.get("/models/{namespace}/{name}/versions", responses=problems(detail.ModelNotFound))
@policy("entries:read")
def list_model_versions(
    caller: Requester, namespace: str, name: str, session: ReadSession, request: Request
) -> Page[VersionRow]:
    """The versions of one model; `/versions?model=` lists many models' and pages."""
    model = detail.get_model(session, namespace, name, caller=caller, provenance=False)
    query = VersionQuery.model_construct(model=(model.name,), page_size="1000", page_token=None)
    found = select.select_versions(query, visible_to=caller)
    return request.app.state.pager.read_page(
        session, found, asked=query, caller=caller, order=select.VERSION_ORDER,
        as_row=rows.version_row,
    )  # fmt: skip


@router.get(
    "/models/{namespace}/{name}/versions/{version}", responses=problems(detail.VersionNotFound)
)
@policy("entries:read")
def get_version(  # noqa: PLR0917
    caller: Requester, namespace: str, name: str, version: str, query: Asked, session: ReadSession
) -> EntryDetail:
    """One version, by number or `@alias`."""
    return detail.get_version(
        session, namespace, name, version, caller=caller, provenance=query.provenance
    )
