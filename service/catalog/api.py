"""Routes of the catalog: models and versions, as pages and as CSV."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.catalog import (
    DetailQuery,
    ModelDetail,
    ModelExport,
    ModelQuery,
    ModelRow,
    OwnVersionQuery,
    Page,
    VersionDetail,
    VersionExport,
    VersionQuery,
    VersionRow,
)
from schemas.columns import MODELS, VERSIONS
from service.access.policy import Caller
from service.catalog import detail, rows, select
from service.catalog.pages import Paged, Pages
from service.db import ReadSession
from service.errors import problems
from service.etag import answer_tagged
from service.exports.csv import stream_csv
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["models"], route_class=CatalogRoute)
Asked = Annotated[DetailQuery, Query()]


@router.get("/models")
@policy("entries:read")
def list_models(
    caller: Requester, query: Annotated[ModelQuery, Query()], session: ReadSession, pages: Paged
) -> Page[ModelRow]:
    """List the models that match, by name."""
    found = select.select_models(query, visible_to=caller)
    return pages.read_page(
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
    caller: Requester, query: Annotated[VersionQuery, Query()], session: ReadSession, pages: Paged
) -> Page[VersionRow]:
    """List the versions that match, by model and number."""
    return read_versions(session, pages, query, caller=caller)


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


@router.get(
    "/models/{namespace}/{name}",
    response_model=ModelDetail,
    responses=problems(detail.ModelNotFound),
)
@policy("entries:read")
def get_model(
    caller: Requester,
    namespace: str,
    name: str,
    query: Asked,
    session: ReadSession,
    request: Request,
) -> Response:
    """One model; `provenance=true` says where each field comes from."""
    found = detail.get_model(
        session, namespace, name=name, caller=caller, provenance=query.provenance
    )
    return answer_tagged(request, found)


@router.get("/models/{namespace}/{name}/versions", responses=problems(detail.ModelNotFound))
@policy("entries:read")
def list_model_versions(
    caller: Requester,
    namespace: str,
    name: str,
    query: Annotated[OwnVersionQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> Page[VersionRow]:
    """List the versions of one model, by number."""
    model = detail.find_model(session, namespace, name=name, caller=caller)
    within = VersionQuery.model_construct(model=(model["natural_key"],), **dict(query))
    return read_versions(session, pages, within, caller=caller)


@router.get(
    "/models/{namespace}/{name}/versions/{version}",
    response_model=VersionDetail,
    responses=problems(detail.VersionNotFound),
)
@policy("entries:read")
def get_version(
    caller: Requester,
    namespace: str,
    name: str,
    version: str,
    query: Asked,
    session: ReadSession,
    request: Request,
) -> Response:
    """One version, by number or `@alias`."""
    found = detail.get_version(
        session, namespace, name=name, label=version, caller=caller, provenance=query.provenance
    )
    return answer_tagged(request, found)


def read_versions(
    session: Session, pages: Pages, query: VersionQuery, *, caller: Caller
) -> Page[VersionRow]:
    """A page of the versions that match and that the caller may see."""
    found = select.select_versions(query, visible_to=caller)
    order = select.VERSION_ORDER
    return pages.read_page(
        session, found, asked=query, caller=caller, order=order, as_row=rows.version_row
    )
