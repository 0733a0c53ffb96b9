"""Routes of bundles: ask for one, see how far it is, take it, cancel it; and their list."""

from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from schemas.catalog import Page
from schemas.exports import ExportQuery, ExportsExport, ExportShown, RequestExport
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.keyset import read_keyset
from service.catalog.moments import MomentUnsettled
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.exports.answer import TooManyStreams
from service.exports.api import NAMED, Suffix
from service.exports.export import FormUnknown, read_form
from service.exports.jobs import asking, rights
from service.exports.jobs.asking import ExportOver, TooManyExports
from service.exports.jobs.download import ZIP, BundleNotReady, answer_bundle
from service.exports.jobs.rights import BundleNotYours, ExportNotFound
from service.exports.reports_api import answer_list
from service.exports.sheet import TooManyRows
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["exports"], route_class=CatalogRoute)
ONE: Final = "/exports/{export:uuid}"


@router.post(
    "/exports",
    status_code=202,
    response_model=ExportShown,
    responses=problems(TooManyExports, MomentUnsettled, *REPEATED),
)
@policy("exports:read")
def request_export(
    caller: Requester, asked: RequestExport, repeat: Repeat, trace: Trace
) -> Response:
    """Ask for a bundle: a ZIP with every file of one moment, which a worker builds."""
    work = partial(asking.request_export, caller=caller, asked=asked, request=trace)
    return repeatable(repeat, work, status=202)


@router.get("/exports")
@policy("exports:read")
def list_exports(
    caller: Requester, query: Annotated[ExportQuery, Query()], session: ReadSession, pages: Paged
) -> Page[ExportShown]:
    """Your bundles, the newest first; auditors and admins see all."""
    found = rights.select_exports(query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get(
    "/exports.{form}",
    response_class=StreamingResponse,
    responses=problems(FormUnknown, TooManyRows) | {200: NAMED[200]},
)
@policy("exports:read")
def export_exports(
    caller: Requester, form: Suffix, query: Annotated[ExportsExport, Query()], session: ReadSession
) -> StreamingResponse:
    """The same as a file."""
    found = rights.select_exports(query, caller=caller)
    return answer_list(session, found, name="exports", asked=query, caller=caller,
                       form=read_form(form))  # fmt: skip


@router.get(ONE, responses=problems(ExportNotFound))
@policy("exports:read")
def get_export(caller: Requester, export: UUID, session: ReadSession) -> ExportShown:
    """One bundle, and how far it is."""
    return rights.get_export(session, export, caller=caller)


@router.get(
    "/exports/{export:uuid}/bundle.zip",
    response_class=StreamingResponse,
    responses=problems(ExportNotFound, BundleNotYours, BundleNotReady, TooManyStreams)
    | {200: {"content": {ZIP: {}}}},
)
@policy("exports:read")
def get_bundle(caller: Requester, export: UUID, session: ReadSession) -> StreamingResponse:
    """The file, for whoever may read now what stands in it."""
    return answer_bundle(session, export, caller=caller)


@router.post(
    "/exports/{export:uuid}:cancel",
    response_model=ExportShown,
    responses=problems(ExportNotFound, ExportOver, *REPEATED),
)
@policy("exports:read")
def cancel_export(caller: Requester, export: UUID, repeat: Repeat, trace: Trace) -> Response:
    """End a bundle that is not finished; the worker stops at the next few hundred records."""
    work = partial(asking.cancel_export, export_id=export, caller=caller, request=trace)
    return repeatable(repeat, work)
