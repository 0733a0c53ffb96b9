"""Routes of what is exported by itself, and of the log of everything that went out."""

from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from schemas.catalog import Page, Paging
from schemas.exports import (
    ExportLogExport,
    ExportLogQuery,
    ExportLogRow,
    PutSchedule,
    ScheduleName,
    ScheduleShown,
)
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.exports.api import NAMED, Suffix
from service.exports.export import FormUnknown, read_form
from service.exports.jobs import log, scheduling
from service.exports.jobs.scheduling import ScheduleNotFound, ScheduleTaken, TooManySchedules
from service.exports.reports_api import answer_list
from service.exports.sheet import TooManyRows
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["exports"], route_class=CatalogRoute)
ONE: Final = "/export-schedules/{schedule}"
Name = Annotated[ScheduleName, Path()]


@router.get("/export-schedules")
@policy("exports:read")
def list_export_schedules(
    caller: Requester, query: Annotated[Paging, Query()], session: ReadSession, pages: Paged
) -> Page[ScheduleShown]:
    """Your schedules by name; auditors and admins see all."""
    found = scheduling.select_schedules(caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get(ONE, responses=problems(ScheduleNotFound))
@policy("exports:read")
def get_export_schedule(caller: Requester, schedule: Name, session: ReadSession) -> ScheduleShown:
    """One schedule, and its last bundle."""
    return scheduling.get_schedule(session, schedule, caller=caller)


@router.put(
    ONE,
    response_model=ScheduleShown,
    responses=problems(ScheduleTaken, TooManySchedules, *REPEATED),
)
@policy("exports:read")
def put_export_schedule(
    caller: Requester, schedule: Name, asked: PutSchedule, repeat: Repeat, trace: Trace
) -> Response:
    """Let a bundle be built at the end of each period, with the rights of this token."""
    work = partial(
        scheduling.put_schedule, name=schedule, asked=asked, caller=caller, request=trace
    )
    return repeatable(repeat, work)


@router.delete(ONE, status_code=204, responses=problems(ScheduleNotFound, *REPEATED))
@policy("exports:read")
def remove_export_schedule(
    caller: Requester, schedule: Name, repeat: Repeat, trace: Trace
) -> Response:
    """End a schedule; the bundles that it made stay."""
    work = partial(scheduling.remove_schedule, name=schedule, caller=caller, request=trace)
    return repeatable(repeat, work)


@router.get("/export-log")
@policy("exports:read")
def list_export_log(
    caller: Requester, query: Annotated[ExportLogQuery, Query()], session: ReadSession, pages: Paged
) -> Page[ExportLogRow]:
    """What you took out of the catalog, the newest first; auditors and admins see everybody's."""
    found = log.select_log(query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get(
    "/export-log.{form}",
    response_class=StreamingResponse,
    responses=problems(FormUnknown, TooManyRows) | {200: NAMED[200]},
)
@policy("exports:read")
def export_export_log(
    caller: Requester,
    form: Suffix,
    query: Annotated[ExportLogExport, Query()],
    session: ReadSession,
) -> StreamingResponse:
    """The same as a file."""
    found = log.select_log(query, caller=caller)
    return answer_list(session, found, name="export-log", asked=query, caller=caller,
                       form=read_form(form))  # fmt: skip
