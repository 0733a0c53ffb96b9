"""Routes of what controls found: of one model, of all, and how a result came about."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from schemas.catalog import Page
from schemas.control_results import (
    ControlExport,
    ControlHistory,
    ControlQuery,
    ControlRow,
    OfModelQuery,
)
from service.catalog.detail import ModelNotFound
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.exports.api import Suffix
from service.risk.controls import results
from service.risk.files_api import RESPONSES, answer_file
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["controls"], route_class=CatalogRoute)
MODEL = "/models/{namespace}/{name}/controls"


@router.get("/controls")
@policy("entries:read")
def list_controls(
    caller: Requester, query: Annotated[ControlQuery, Query()], session: ReadSession, pages: Paged
) -> Page[ControlRow]:
    """What every control found about every model, with what is missing and how to mend it."""
    found = results.results(query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/controls.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_controls(
    caller: Requester, form: Suffix, query: Annotated[ControlExport, Query()], session: ReadSession
) -> StreamingResponse:
    """The same as a file."""
    found = results.results(query, caller=caller)
    return answer_file(session, found, name="controls", asked=query, caller=caller,
                       form=str(form), flat=results.flat)  # fmt: skip


@router.get(MODEL, responses=problems(ModelNotFound))
@policy("entries:read")
def list_model_controls(  # the parts of an address
    namespace: str, name: str, caller: Requester, query: Annotated[OfModelQuery, Query()],
    session: ReadSession, pages: Paged,
) -> Page[ControlRow]:  # fmt: skip
    """What every control found about a model."""
    found = results.of_model(session, (namespace, name), asked=query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get(MODEL + "/{control}/history", responses=problems(ModelNotFound, results.ControlUnknown))
@policy("entries:read")
def get_control_history(
    namespace: str, name: str, control: str, caller: Requester, session: ReadSession
) -> ControlHistory:
    """How one control stood for a model, and since when."""
    return results.history(session, (namespace, name), control=control, caller=caller)
